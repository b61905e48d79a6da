package sandbox_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sandbox"
)

var keys = sync.OnceValues(func() ([]*rsa.PrivateKey, error) {
	one, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	two, err := rsa.GenerateKey(rand.Reader, 2048)
	return []*rsa.PrivateKey{one, two}, err
})

// jwt signs claims as an App does.
func jwt(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	signed := enc([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc(text)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + enc(sig)
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// appTown is a town with an organisation whose repositories are private, and an App
// that is installed there.
func appTown(t *testing.T, rights map[string]string, options ...world.Option) (r *rest, at prow.Repo, signed func(iat, exp time.Duration) string) {
	t.Helper()
	r, _ = town(t, options...)
	at = r.Repo("acme/pump", map[string]string{"README.md": "A pump.\n"})
	r.ok(world.Bot, "PATCH", "/repos/acme/pump", `{"private":true}`)
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	id, _, err := r.Hub.CreateApp(t.Context(), sandbox.AppOptions{Slug: "robot", Owner: "alice", Permissions: rights, Keys: []*rsa.PublicKey{&k[0].PublicKey}})
	if err == nil {
		err = r.Hub.InstallApp(t.Context(), "robot", "acme")
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, at, func(iat, exp time.Duration) string {
		return jwt(t, k[0], map[string]any{"iss": fmt.Sprint(id), "iat": time.Now().Add(iat).Unix(), "exp": time.Now().Add(exp).Unix()})
	}
}

// installationToken asks for one as a client does.
func (r *rest) installationToken(signed, body string) string {
	r.t.Helper()
	id := r.do("", "GET", "/orgs/acme/installation", nil, bearer(signed)...).get("id")
	got := r.do("", "POST", fmt.Sprintf("/app/installations/%.0f/access_tokens", id), body, bearer(signed)...)
	token, _ := got.get("token").(string)
	if got.code != 201 || token == "" {
		r.t.Fatalf("%d %s", got.code, got.text)
	}
	return token
}

// Who an App is, is proved by its key and the time, and by nothing else.
func TestAppSigns(t *testing.T) {
	t.Parallel()
	r, _, signed := appTown(t, map[string]string{"metadata": "read"})
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	good := signed(-time.Minute, 9*time.Minute)
	app := r.do("", "GET", "/app", nil, bearer(good)...)
	r.want(app.get("slug"), "robot")
	client, _ := app.get("client_id").(string)
	byClient := jwt(t, k[0], map[string]any{"iss": client, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()})
	r.want(r.do("", "GET", "/app/installations", nil, bearer(byClient)...).get("0.account.login"), "acme")
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	for token, want := range map[string]string{
		signed(-time.Minute, -time.Second):     "401 'Expiration time' claim",
		signed(-time.Minute, 11*time.Minute):   "401 'Expiration time' claim ('exp') is too far in the future",
		signed(2*time.Minute, 9*time.Minute):   "401 'Issued at' claim",
		parts[0] + "." + parts[1] + ".AAAA":    "401 A JSON web token could not be decoded",
		none:                                   "401 A JSON web token could not be decoded",
		jwt(t, k[1], map[string]any{"iss": 1}): "404 Integration not found",
		jwt(t, k[1], map[string]any{"iss": client, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}): "401 A JSON web token could not be decoded",
		world.Token("alice"): "401 A JSON web token could not be decoded",
	} {
		got := r.do("", "GET", "/app", nil, bearer(token)...)
		if text := fmt.Sprint(got.code, " ", got.get("message")); !strings.HasPrefix(text, want) {
			t.Errorf("%s; want %s", text, want)
		}
	}
	r.want(r.do("", "GET", "/repos/alice/r", nil, bearer(good)...).code, 403)
	r.want(r.do("", "GET", "/users/acme/installation", nil, bearer(good)...).get("target_type"), "Organization")
	r.want(r.do("", "GET", "/repos/acme/pump/installation", nil, bearer(good)...).get("app_slug"), "robot")
	r.want(r.do("", "GET", "/repos/alice/r/installation", nil, bearer(good)...).code, 404)
}

// A token is good for what its installation and its permissions cover.
func TestInstallationToken(t *testing.T) {
	t.Parallel()
	rights := map[string]string{"metadata": "read", "contents": "read", "issues": "write"}
	r, at, signed := appTown(t, rights)
	r.Repo("acme/valve", map[string]string{"README.md": "A valve.\n"})
	good := signed(-time.Minute, 9*time.Minute)
	token := r.installationToken(good, "")
	as := func(method, path, body string) reply {
		t.Helper()
		return r.do("", method, path, body, bearer(token)...)
	}
	r.want(as("POST", "/repos/acme/pump/issues", `{"title":"It leaks"}`).get("user.login"), "robot[bot]")
	r.want(as("GET", "/repos/acme/pump", "").get("private"), true)
	no := as("PUT", "/repos/acme/pump/contents/x", `{"message":"m","content":"eA=="}`)
	r.want(fmt.Sprint(no.code, no.get("message"), no.header.Get("X-Accepted-GitHub-Permissions")), "403Resource not accessible by integrationcontents=write")
	r.want(as("GET", "/user", "").code, 403)
	r.want(as("GET", "/repos/alice/r", "").code, 200)
	r.want(as("POST", "/repos/alice/r/issues", `{"title":"mine"}`).code, 403)
	r.want(as("GET", "/installation/repositories", "").get("total_count"), 2)
	narrow := r.installationToken(good, `{"repositories":["valve"],"permissions":{"metadata":"read"}}`)
	r.want(r.do("", "GET", "/repos/acme/pump", nil, bearer(narrow)...).code, 404)
	r.want(r.do("", "POST", "/repos/acme/valve/issues", `{"title":"x"}`, bearer(narrow)...).code, 403)

	clone := func(token string) error {
		url := strings.Replace(r.Hub.CloneURL(at), "://", "://x-access-token:"+token+"@", 1)
		return exec.CommandContext(t.Context(), "git", "-c", "credential.helper=", "clone", "-q", url, filepath.Join(t.TempDir(), "c")).Run()
	}
	if err := clone(token); err != nil {
		t.Errorf("clone with contents: %v", err)
	}
	if clone(narrow) == nil {
		t.Error("cloned without contents")
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(r.Hub.SuspendApp(t.Context(), "robot", "acme", true))
	r.want(as("GET", "/repos/acme/pump", "").get("message"), "This installation has been suspended")
	do(r.Hub.SuspendApp(t.Context(), "robot", "acme", false))
	r.want(as("DELETE", "/installation/token", "").code, 204)
	r.want(as("GET", "/repos/acme/pump", "").code, 401)
	token = r.installationToken(good, "")
	do(r.Hub.UninstallApp(t.Context(), "robot", "acme"))
	r.want(as("GET", "/repos/acme/pump", "").code, 401)
	r.want(r.do("", "GET", "/orgs/acme/installation", nil, bearer(good)...).code, 404)
}
