package blob

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// noKeys takes from the environment what the machine of the test may have.
func noKeys(t *testing.T) {
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "AZURE_") || strings.HasPrefix(name, "STORAGE_") || strings.HasPrefix(name, "GOOGLE_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", t.TempDir())
}

func secretText(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func provider(t *testing.T, answers map[string]string, asked *[]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*asked = append(*asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+r.Header.Get("X-Aws-Ec2-Metadata-Token")+" "+string(b))
		a, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, a)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestAmbientS3Keys(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	role := `{"AccessKeyId":"ak","SecretAccessKey":"sk","Token":"st","Expiration":"2026-01-02T04:04:05Z"}`
	for name, c := range map[string]struct {
		env  func(t *testing.T, asked *[]string)
		want string
		asks string // some of what was asked
	}{
		"environment": {func(t *testing.T, _ *[]string) {
			t.Setenv("AWS_ACCESS_KEY_ID", "ak")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "sk")
		}, "ak sk ", ""},
		"file of a user": {func(t *testing.T, _ *[]string) {
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", secretText(t, "[default]\naws_access_key_id = no\n[other]\naws_access_key_id = ak\naws_secret_access_key = sk = 1\n"))
			t.Setenv("AWS_PROFILE", "other")
		}, "ak sk = 1 ", ""},
		"role of a service account": {func(t *testing.T, asked *[]string) {
			t.Setenv("AWS_ROLE_ARN", "arn:role")
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", secretText(t, "a-token\n"))
			t.Setenv("AWS_ENDPOINT_URL_STS", provider(t, map[string]string{"POST /": `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
				<Credentials><SessionToken>st</SessionToken><SecretAccessKey>sk</SecretAccessKey><Expiration>2026-01-02T04:04:05Z</Expiration><AccessKeyId>ak</AccessKeyId></Credentials>
				</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`}, asked))
		}, "ak sk st", "WebIdentityToken=a-token"},
		"role of a container": {func(t *testing.T, asked *[]string) {
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", provider(t, map[string]string{"GET /v1/credentials": role}, asked)+"/v1/credentials")
			t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", secretText(t, "a-token\n"))
		}, "ak sk st", "a-token"},
		"role of a machine": {func(t *testing.T, asked *[]string) {
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", provider(t, map[string]string{
				"PUT /latest/api/token": "m-token", "GET /latest/meta-data/iam/security-credentials/": "my-role", "GET /latest/meta-data/iam/security-credentials/my-role": role,
			}, asked))
		}, "ak sk st", "my-role m-token"},
		"none": {func(t *testing.T, asked *[]string) {
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", provider(t, nil, asked))
		}, "  ", "PUT /latest/api/token"},
	} {
		t.Run(name, func(t *testing.T) {
			noKeys(t)
			var asked []string
			c.env(t, &asked)
			s := &s3Keys{world: world{newClient(), func() time.Time { return now }}}
			for range 2 {
				k, err := s.get(t.Context())
				if got := k.AccessKey + " " + k.SecretKey + " " + k.SessionToken; err != nil || got != c.want {
					t.Errorf("%q, %v; want %q", got, err, c.want)
				}
			}
			n := len(asked)
			if !strings.Contains(strings.Join(asked, "\n"), c.asks) {
				t.Errorf("asked %q", asked)
			}
			now := now.Add(59 * time.Minute) // what expires is asked for in time
			s.now = func() time.Time { return now }
			if _, err := s.get(t.Context()); err != nil || n > 0 && len(asked) != 2*n {
				t.Errorf("asked %d times more, %v; want %d", len(asked)-n, err, n)
			}
		})
	}
}

// A bucket says where it is to who looks for it elsewhere.
func TestRegionIsLearned(t *testing.T) {
	t.Parallel()
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=ak/")
		region := strings.Split(scope, "/")[1]
		if asked = append(asked, region); region != "eu-west-9" {
			w.Header().Set("X-Amz-Bucket-Region", "eu-west-9")
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, "text")
	}))
	t.Cleanup(srv.Close)
	name := secretText(t, `{"endpoint":"`+srv.URL+`","access_key":"ak","secret_key":"sk"}`)
	a, err := Open(t.Context(), "s3://bucket", Options{S3Credentials: name})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if b, err := fs.ReadFile(a, "f"); err != nil || string(b) != "text" {
			t.Errorf("%q, %v", b, err)
		}
	}
	if got := strings.Join(asked, " "); got != "us-east-1 eu-west-9 eu-west-9" {
		t.Errorf("asked in %s", got)
	}
}

// Without an endpoint the address is Amazon's own.
func TestS3Addresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"region":"eu-west-1"} b`:                               "https://b.s3.eu-west-1.amazonaws.com/a%20b/c",
		`{"region":"eu-west-1","s3_force_path_style":true} b`:    "https://s3.eu-west-1.amazonaws.com/b/a%20b/c",
		`{"region":"eu-west-1"} with.dots`:                       "https://s3.eu-west-1.amazonaws.com/with.dots/a%20b/c",
		`{"region":"cn-north-1"} b`:                              "https://b.s3.cn-north-1.amazonaws.com.cn/a%20b/c",
		`{"endpoint":"minio:9000","insecure":true} b`:            "http://minio:9000/b/a%20b/c",
		`{"endpoint":"https://minio.test/","insecure":true} b`:   "https://minio.test/b/a%20b/c",
		"[default]\nregion = eu-west-1\naws_access_key_id = x b": "https://b.s3.eu-west-1.amazonaws.com/a%20b/c",
	} {
		cut := strings.LastIndex(in, " ")
		s, err := openS3(Options{S3Credentials: secretText(t, in[:cut])}, in[cut+1:], world{newClient(), time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.address("a b/c", nil); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestAzureWorkloadIdentity(t *testing.T) {
	noKeys(t)
	var asked []string
	t.Setenv("AZURE_STORAGE_ACCOUNT", "acc")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", secretText(t, "a-token"))
	t.Setenv("AZURE_TENANT_ID", "tenant")
	t.Setenv("AZURE_CLIENT_ID", "client")
	t.Setenv("AZURE_AUTHORITY_HOST", provider(t, map[string]string{"POST /tenant/oauth2/v2.0/token": `{"access_token":"bearer-1","expires_in":3599}`}, &asked)+"/")
	now := time.Now()
	a := &azureKeys{world: world{newClient(), func() time.Time { return now }}}
	for range 2 {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://acc.blob.core.windows.net/c", nil)
		if err := a.login(t.Context(), r, nil); err != nil || r.Header.Get("Authorization") != "Bearer bearer-1" || r.Header.Get("X-Ms-Version") == "" {
			t.Errorf("%v, %v", r.Header, err)
		}
	}
	if len(asked) != 1 || !strings.Contains(asked[0], "client_assertion=a-token") || !strings.Contains(asked[0], "client_id=client") {
		t.Errorf("asked %q", asked)
	}
}

func TestConnectionString(t *testing.T) {
	t.Parallel()
	got := connection("DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5==;EndpointSuffix=core.example.net\n")
	if want := (azureSettings{Account: "acc", Key: "a2V5==", Endpoint: "https://acc.blob.core.example.net"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// The golden link was made by Google's own library, cloud.google.com/go/storage.
func TestGoogleLinks(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/google-link.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Account      json.RawMessage
		Time         time.Time
		Bucket, Name string
		Link         string
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	o := Options{GCSCredentials: secretText(t, string(golden.Account))}
	g, err := openGCS(o, golden.Bucket, world{newClient(), func() time.Time { return golden.Time }})
	if err != nil {
		t.Fatal(err)
	}
	g.at = gcsHost
	got, err := url.Parse(g.link(golden.Name))
	if err != nil {
		t.Fatal(err)
	}
	want, err := url.Parse(golden.Link)
	if err != nil {
		t.Fatal(err)
	}
	got.RawQuery, want.RawQuery = got.Query().Encode(), want.Query().Encode()
	if got.String() != want.String() {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	o.CookieLinks = true
	g, err = openGCS(o, golden.Bucket, world{newClient(), time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := g.link("a b/ü.txt"), "https://storage.cloud.google.com/"+golden.Bucket+"/a%20b/%C3%BC.txt"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A service account's token is got once, and again when the file is another's.
func TestGoogleServiceAccount(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/google-link.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Account map[string]string }
	_ = json.Unmarshal(b, &golden) // of the fields, only the account
	var asked []string
	golden.Account["token_uri"] = provider(t, map[string]string{"POST /token": `{"access_token":"bearer-1","expires_in":3599,"token_type":"Bearer"}`}, &asked) + "/token"
	account, err := json.Marshal(golden.Account)
	if err != nil {
		t.Fatal(err)
	}
	name := secretText(t, string(account))
	k := &googleKeys{file: &secretFile{name: name}, world: world{newClient(), time.Now}}
	use := func() {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://x", nil)
		if err := k.login(t.Context(), r, nil); err != nil || r.Header.Get("Authorization") != "Bearer bearer-1" {
			t.Errorf("%v, %v", r.Header, err)
		}
	}
	use()
	use()
	if len(asked) != 1 {
		t.Errorf("asked %d times for a token that is good", len(asked))
	}
	if err := os.WriteFile(name, append(account, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	use()
	if len(asked) != 2 {
		t.Errorf("asked %d times; want again for the new file", len(asked))
	}
	for _, text := range []string{"", "text", "{}", `{"type":"odd"}`} {
		if _, err := openGCS(Options{GCSCredentials: secretText(t, text)}, "b", k.world); err == nil || !strings.Contains(err.Error(), "credentials of Google") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWrongAddresses(t *testing.T) {
	for _, address := range []string{"", "s3://", "ftp://x", "gs://", "http://x/y"} {
		if a, err := Open(context.Background(), address, Options{}); err == nil {
			t.Errorf("%q: %v", address, a)
		}
	}
	noKeys(t)
	if _, err := Open(context.Background(), "azblob://c", Options{}); err == nil || !strings.Contains(err.Error(), "AZURE_STORAGE_ACCOUNT") {
		t.Errorf("azblob without an account: %v", err)
	}
	for name, o := range map[string]Options{"s3://b": {S3Credentials: "/no/such"}, "gs://b": {GCSCredentials: "/no/such"}, "azblob://b": {AzureCredentials: "/no/such"}} {
		if _, err := Open(context.Background(), name, o); err == nil || !strings.Contains(err.Error(), "/no/such") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
