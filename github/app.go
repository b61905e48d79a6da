package github

import (
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
	"time"

	prow "github.com/prow-ci/prow"
)

// App is the identity of a GitHub App.
type App struct {
	ID string // the App's id or client id
	// Key returns its private key as GitHub gives it, PEM; it is asked again for
	// every token, so that a key may be replaced.
	Key func(ctx context.Context) (string, error)
}

// signer makes the tokens by which an App speaks as itself, by a clock that skew is
// added to. They are good for what is about the App, not for repositories.
func (a *App) signer(clock prow.Clock) func(ctx context.Context, skew time.Duration) (string, error) {
	return func(ctx context.Context, skew time.Duration) (string, error) {
		text, err := a.Key(ctx)
		if err != nil {
			return "", err
		}
		private, err := appKey([]byte(text))
		if err != nil {
			return "", err
		}
		// Clocks differ a little, and ten minutes is the longest that GitHub takes.
		now := clock().Add(skew)
		claims, err := json.Marshal(map[string]any{"iss": a.ID, "iat": now.Add(-time.Minute).Unix(), "exp": now.Add(9 * time.Minute).Unix()})
		if err != nil {
			return "", err
		}
		enc := base64.RawURLEncoding.EncodeToString
		signed := enc([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc(claims)
		sum := sha256.Sum256([]byte(signed))
		sig, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum[:])
		if err != nil {
			return "", fmt.Errorf("github: signing as the App: %w", err)
		}
		return signed + "." + enc(sig), nil
	}
}

func appKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("github: the private key of the App is not PEM; download it from the App's settings")
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("github: the private key of the App cannot be read: %w", err)
	}
	private, ok := k.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("github: the private key of the App is %T; want an RSA key", k)
	}
	return private, nil
}

// Installations lists the organisations and users that installed the App that f is;
// installations that are suspended are left out.
func (f *Forge) Installations(ctx context.Context) ([]string, error) {
	type installation struct {
		Account struct {
			Login string `json:"login"`
		} `json:"account"`
		SuspendedAt *time.Time `json:"suspended_at"`
	}
	all, err := collect(ctx, f, "app/installations", func(w *installation) installation { return *w })
	var out []string
	for _, i := range all {
		if i.SuspendedAt == nil {
			out = append(out, i.Account.Login)
		}
	}
	return out, err
}
