package podutil

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// app makes tokens as a GitHub app that is installed where the code is.
type app struct {
	endpoints []string
	id        string
	key       *rsa.PrivateKey
	now       prow.Clock
	tokens    map[string]string // by owner
}

func newApp(o *prow.CloneRefsOptions, now prow.Clock) (*app, error) {
	b, err := os.ReadFile(o.GitHubAppPrivateKeyFile)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.GitHubAppPrivateKeyFile, err)
	}
	return &app{o.GitHubAPIEndpoints, o.GitHubAppID, key, now, map[string]string{}}, nil
}

func parseKey(b []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("want an RSA key in PEM, as GitHub gives it for an app")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if key, ok := any.(*rsa.PrivateKey); ok && err == nil {
		return key, nil
	}
	return nil, errors.New("want an RSA key in PEM, as GitHub gives it for an app")
}

// token returns a token that may read the repositories of r's owner.
func (a *app) token(ctx context.Context, r prow.Repo) (string, error) {
	if t, ok := a.tokens[r.Owner]; ok {
		return t, nil
	}
	var errs []error
	for _, e := range a.endpoints {
		t, err := a.from(ctx, strings.TrimSuffix(e, "/"), r)
		if err == nil {
			a.tokens[r.Owner] = t
			return t, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("token of the app %s for %s: %w", a.id, r, errors.Join(errs...))
}

func (a *app) from(ctx context.Context, endpoint string, r prow.Repo) (string, error) {
	var installation struct{ ID int64 }
	if err := a.call(ctx, http.MethodGet, endpoint+"/repos/"+url.PathEscape(r.Owner)+"/"+url.PathEscape(r.Name)+"/installation", nil, &installation); err != nil {
		return "", err
	}
	var made struct{ Token string }
	// It is to clone with: no more is asked for.
	want := map[string]any{"permissions": map[string]string{"contents": "read"}}
	if err := a.call(ctx, http.MethodPost, fmt.Sprintf("%s/app/installations/%d/access_tokens", endpoint, installation.ID), want, &made); err != nil {
		return "", err
	}
	if made.Token == "" {
		return "", errors.New("GitHub answered without a token")
	}
	return made.Token, nil
}

func (a *app) call(ctx context.Context, method, address string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	jwt, err := a.jwt()
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+jwt)
	req.Header.Set("Accept", "application/vnd.github+json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.200s", method, address, res.Status, b)
	}
	return json.Unmarshal(b, out)
}

// jwt says for a few minutes that we are the app.
func (a *app) jwt() (string, error) {
	now := a.now()
	claims, err := json.Marshal(map[string]any{"iss": a.id, "iat": now.Add(-time.Minute).Unix(), "exp": now.Add(8 * time.Minute).Unix()})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	sign, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sign), nil
}
