package github_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prow-ci/prow/github"
)

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// An App shows a token that it signed, and is told who installed it, page by page.
func TestInstallations(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if err := verify(token, &key.PublicKey, now); err != nil || r.URL.Path != "/app/installations" {
			http.Error(w, fmt.Sprint(r.URL, " ", err), http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("page") != "2" {
			w.Header().Set("Link", `<http://`+r.Host+r.URL.Path+`?page=2>; rel="next"`)
			fmt.Fprint(w, `[{"account": {"login": "org"}}, {"account": {"login": "asleep"}, "suspended_at": "2026-01-01T00:00:00Z"}]`)
			return
		}
		fmt.Fprint(w, `[{"account": {"login": "person"}}]`)
	}))
	defer srv.Close()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), pemOf("PRIVATE KEY", pkcs8)} {
		f, err := github.New(github.Options{
			BaseURL: srv.URL, Now: func() time.Time { return now },
			App: &github.App{ID: "17", Key: func(context.Context) (string, error) { return text, nil }},
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Installations(t.Context())
		if want := []string{"org", "person"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("installed by %v, %v; want %v", got, err, want)
		}
	}
}

func verify(token string, key *rsa.PublicKey, now time.Time) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return fmt.Errorf("%d parts", len(parts))
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig); err != nil {
		return err
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct {
		Iss      string
		Iat, Exp int64
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return err
	}
	if claims.Iss != "17" || claims.Iat > now.Unix() || claims.Exp <= now.Unix() || claims.Exp-claims.Iat > 600 {
		return fmt.Errorf("claims %+v", claims)
	}
	return nil
}

// A key that is none says what would be one.
func TestAppKeys(t *testing.T) {
	t.Parallel()
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"secret": "is not PEM", pemOf("PRIVATE KEY", []byte("x")): "cannot be read", pemOf("PRIVATE KEY", der): "want an RSA key",
	} {
		f, err := github.New(github.Options{App: &github.App{ID: "17", Key: func(context.Context) (string, error) { return text, nil }}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Token(t.Context(), "acme"); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), text) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
