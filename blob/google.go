package blob

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

const googleScope = "https://www.googleapis.com/auth/devstorage.read_write"

// googleKeys finds Google's credentials: in the file, else the machine's own.
type googleKeys struct {
	file *secretFile
	none bool // an emulator asks for none
	world

	mu      sync.Mutex
	tokens  oauth2.TokenSource
	looked  time.Time // for the machine's own, in vain
	account serviceAccount
}

// serviceAccount is what of a service account signs.
type serviceAccount struct {
	Email string `json:"client_email"`
	Key   string `json:"private_key"`
}

// source returns where tokens come from, nil for nowhere.
func (k *googleKeys) source() (oauth2.TokenSource, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, k.client)
	if k.file == nil {
		if k.tokens == nil && !k.none && (k.looked.IsZero() || k.now().Sub(k.looked) > 10*time.Minute) {
			k.looked = k.now()
			found, err := google.FindDefaultCredentials(ctx, googleScope)
			if err == nil {
				k.tokens = found.TokenSource
			}
		}
		return k.tokens, nil
	}
	b, changed, err := k.file.read()
	if err != nil {
		return nil, fmt.Errorf("credentials of Google: %w", err)
	}
	if !changed && k.tokens != nil {
		return k.tokens, nil
	}
	var kind struct{ Type string }
	if err := json.Unmarshal(b, &kind); err != nil {
		return nil, fmt.Errorf("credentials of Google: %s: want JSON as Google gives it for a service account", k.file.name)
	}
	switch t := google.CredentialsType(kind.Type); t {
	case google.ServiceAccount, google.AuthorizedUser, google.ExternalAccount, google.ImpersonatedServiceAccount, google.ExternalAccountAuthorizedUser, google.GDCHServiceAccount:
		found, err := google.CredentialsFromJSONWithType(ctx, b, t, googleScope)
		if err != nil {
			return nil, fmt.Errorf("credentials of Google: %s: %w", k.file.name, err)
		}
		k.tokens, k.account = found.TokenSource, serviceAccount{}
		_ = json.Unmarshal(b, &k.account) // others than service accounts do not sign
		return k.tokens, nil
	}
	return nil, fmt.Errorf("credentials of Google: %s: the type is %q: want service_account or another of Google's", k.file.name, kind.Type)
}

func (k *googleKeys) login(_ context.Context, r *http.Request, _ []byte) error {
	s, err := k.source()
	if err != nil || s == nil {
		return err // without any: a public bucket may be read
	}
	t, err := s.Token()
	if err != nil {
		return tokenError(err)
	}
	t.SetAuthHeader(r)
	return nil
}

// tokenError says whether trying again may help.
func tokenError(err error) error {
	var e *oauth2.RetrieveError
	if errors.As(err, &e) && e.Response != nil && e.Response.StatusCode/100 == 4 {
		return prow.Final(err)
	}
	return err
}

// sign returns an address that anybody may GET for a while, "" without a key.
func (k *googleKeys) sign(path string, life time.Duration) string {
	if _, err := k.source(); err != nil {
		return ""
	}
	k.mu.Lock()
	account := k.account
	k.mu.Unlock()
	block, _ := pem.Decode([]byte(account.Key))
	if block == nil {
		return ""
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return ""
	}
	at := k.now().UTC().Format(amzTime)
	scope := at[:8] + "/auto/storage/goog4_request"
	query := escapeQuery(url.Values{
		"X-Goog-Algorithm": {"GOOG4-RSA-SHA256"}, "X-Goog-Credential": {account.Email + "/" + scope}, "X-Goog-Date": {at},
		"X-Goog-Expires": {strconv.Itoa(int(life.Seconds()))}, "X-Goog-SignedHeaders": {"host"},
	})
	host := strings.TrimPrefix(gcsHost, "https://")
	canonical := strings.Join([]string{"GET", escapePath(path), query, "host:" + host + "\n", "host", "UNSIGNED-PAYLOAD"}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	text := sha256.Sum256([]byte("GOOG4-RSA-SHA256\n" + at + "\n" + scope + "\n" + hex.EncodeToString(sum[:])))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, text[:])
	if err != nil {
		return ""
	}
	return gcsHost + escapePath(path) + "?" + query + "&X-Goog-Signature=" + hex.EncodeToString(signature)
}
