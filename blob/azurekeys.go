package blob

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// azureSettings are what the file with Azure's credentials says.
type azureSettings struct {
	Account  string `json:"account"`
	Key      string `json:"key"`
	SAS      string `json:"sas_token"`
	Endpoint string `json:"endpoint"` // "" for https://<account>.blob.core.windows.net
}

func (k azureSettings) endpoint() string {
	if k.Endpoint != "" {
		return strings.TrimSuffix(k.Endpoint, "/")
	}
	return "https://" + k.Account + ".blob.core.windows.net"
}

// azureKeys finds credentials: in the file, else where Azure's own programs do.
type azureKeys struct {
	file *secretFile
	world

	mu      sync.Mutex
	parsed  azureSettings
	token   string
	expires time.Time
}

func (a *azureKeys) settings() (azureSettings, error) {
	if a.file == nil {
		k := connection(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"))
		k.Account = cmp.Or(k.Account, os.Getenv("AZURE_STORAGE_ACCOUNT"))
		k.Key = cmp.Or(k.Key, os.Getenv("AZURE_STORAGE_KEY"))
		k.SAS = cmp.Or(k.SAS, os.Getenv("AZURE_STORAGE_SAS_TOKEN"))
		if k.Account == "" && k.Endpoint == "" {
			return k, errors.New("no storage account is named: give a file with account and key, or set AZURE_STORAGE_ACCOUNT")
		}
		return k, nil
	}
	b, changed, err := a.file.read()
	if err != nil {
		return azureSettings{}, fmt.Errorf("credentials of Azure: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !changed && a.parsed != (azureSettings{}) {
		return a.parsed, nil
	}
	k := connection(string(b))
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		k = azureSettings{}
		if err := json.Unmarshal(b, &k); err != nil {
			return k, fmt.Errorf("credentials of Azure: %s: %w", a.file.name, err)
		}
	}
	if k.Account == "" {
		return k, fmt.Errorf("credentials of Azure: %s: want JSON with account and key, or a connection string", a.file.name)
	}
	a.parsed, a.token = k, ""
	return k, nil
}

// connection reads a connection string, Name=value;Name=value.
func connection(s string) azureSettings {
	var k azureSettings
	protocol, suffix := "https", "core.windows.net"
	for part := range strings.SplitSeq(strings.TrimSpace(s), ";") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "AccountName":
			k.Account = value
		case "AccountKey":
			k.Key = value
		case "SharedAccessSignature":
			k.SAS = value
		case "BlobEndpoint":
			k.Endpoint = value
		case "DefaultEndpointsProtocol":
			protocol = value
		case "EndpointSuffix":
			suffix = value
		}
	}
	if k.Endpoint == "" && k.Account != "" {
		k.Endpoint = protocol + "://" + k.Account + ".blob." + suffix
	}
	return k
}

func (a *azureKeys) login(ctx context.Context, r *http.Request, body []byte) error {
	k, err := a.settings()
	if err != nil {
		return err
	}
	r.Header.Set("X-Ms-Version", azureVersion)
	r.Header.Set("X-Ms-Date", a.now().UTC().Format(http.TimeFormat))
	switch {
	case k.SAS != "": // in the address
		return nil
	case k.Key != "":
		signature, err := k.hmac(azureCanonical(r, k.Account, len(body)))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "SharedKey "+k.Account+":"+signature)
		return nil
	}
	token, err := a.bearer(ctx)
	if err == nil && token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return err // without any: a public container may be read
}

func (k azureSettings) hmac(text string) (string, error) {
	key, err := base64.StdEncoding.DecodeString(k.Key)
	if err != nil {
		return "", prow.Final(errors.New("credentials of Azure: the key is not base64"))
	}
	return base64.StdEncoding.EncodeToString(hmacSHA256(key, text)), nil
}

// sign makes the query of a link to one blob.
func (k azureSettings) sign(container, key string, from, until time.Time) (url.Values, error) {
	const minute = "2006-01-02T15:04:05Z"
	q := url.Values{
		"sv": {azureVersion}, "sr": {"b"}, "sp": {"r"}, "st": {from.Format(minute)}, "se": {until.Format(minute)},
	}
	text := strings.Join([]string{
		"r", q.Get("st"), q.Get("se"), "/blob/" + k.Account + "/" + container + "/" + key,
		"", "", "", azureVersion, "b", "", "", "", "", "", "", "",
	}, "\n")
	signature, err := k.hmac(text)
	q.Set("sig", signature)
	return q, err
}

// bearer is a token of the workload's or machine's identity, "" if it has none.
func (a *azureKeys) bearer(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now().Add(5 * time.Minute).Before(a.expires) {
		return a.token, nil
	}
	const resource = "https://storage.azure.com/"
	var t struct {
		Token   string      `json:"access_token"`
		Expires json.Number `json:"expires_in"`
	}
	var b []byte
	var err error
	if file := os.Getenv("AZURE_FEDERATED_TOKEN_FILE"); file != "" {
		var assertion []byte
		if assertion, err = os.ReadFile(file); err != nil {
			return "", err
		}
		form := url.Values{
			"client_id": {os.Getenv("AZURE_CLIENT_ID")}, "grant_type": {"client_credentials"}, "scope": {resource + ".default"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {strings.TrimSpace(string(assertion))},
		}
		authority := strings.TrimSuffix(cmp.Or(os.Getenv("AZURE_AUTHORITY_HOST"), "https://login.microsoftonline.com"), "/")
		b, err = ask(ctx, a.client, http.MethodPost, authority+"/"+os.Getenv("AZURE_TENANT_ID")+"/oauth2/v2.0/token", []byte(form.Encode()),
			http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
		if err != nil {
			return "", err
		}
	} else {
		q := url.Values{"api-version": {"2018-02-01"}, "resource": {resource}}
		if id := os.Getenv("AZURE_CLIENT_ID"); id != "" {
			q.Set("client_id", id)
		}
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		b, err = ask(ctx, a.client, http.MethodGet, "http://169.254.169.254/metadata/identity/oauth2/token?"+q.Encode(), nil, http.Header{"Metadata": {"true"}})
		if err != nil { // a machine without identity; asked again later
			a.token, a.expires = "", a.now().Add(10*time.Minute)
			return "", nil
		}
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return "", err
	}
	seconds, _ := t.Expires.Int64() // it is always a number
	a.token, a.expires = t.Token, a.now().Add(time.Duration(seconds)*time.Second)
	return a.token, nil
}
