package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// isJWT tells the tokens that Apps sign from those that we gave out.
func isJWT(token string) bool { return strings.Count(token, ".") == 2 }

// appOf finds the App that signed a token, and holds it against the clock as
// GitHub does. Call it with the state held.
func (f *Forge) appOf(token string) (*app, error) {
	bad := refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
	part := strings.Split(token, ".")
	if len(part) != 3 {
		return nil, bad
	}
	var head struct{ Alg string }
	var claims struct {
		Iss      any
		Iat, Exp *float64
	}
	if !jwtPart(part[0], &head) || !jwtPart(part[1], &claims) || head.Alg != "RS256" {
		return nil, bad
	}
	a := f.issuer(claims.Iss)
	if a == nil {
		return nil, refuse(http.StatusNotFound, "Integration not found")
	}
	if !a.signed(part[0]+"."+part[1], part[2]) {
		return nil, bad
	}
	now := f.o.Now()
	switch {
	case claims.Exp == nil || !unix(*claims.Exp).After(now):
		return nil, refuse(http.StatusUnauthorized, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case unix(*claims.Exp).After(now.Add(10*time.Minute + 5*time.Second)):
		return nil, refuse(http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future")
	case claims.Iat == nil || unix(*claims.Iat).After(now.Add(5*time.Second)):
		return nil, refuse(http.StatusUnauthorized, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	return a, nil
}

func unix(s float64) time.Time { return time.Unix(int64(s), 0) }

func jwtPart(text string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && json.Unmarshal(b, into) == nil
}

// issuer finds an App by its id or client id.
func (f *Forge) issuer(iss any) *app {
	for _, a := range f.st.apps {
		switch id := iss.(type) {
		case string:
			if id == a.ClientID || id == itoa(a.ID) {
				return a
			}
		case float64:
			if int64(id) == a.ID {
				return a
			}
		}
	}
	return nil
}

// signed reports whether one of the App's keys made the signature.
func (a *app) signed(text, signature string) bool {
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(text))
	for _, der := range a.Keys {
		key, err := x509.ParsePKIXPublicKey(der)
		if public, ok := key.(*rsa.PublicKey); err == nil && ok && rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], sig) == nil {
			return true
		}
	}
	return false
}

// identify finds who asks: a user, the bot of an installation, or an App.
func (f *Forge) identify(r *http.Request) (*account, *app, error) {
	token, given := tokenOf(r)
	if !given {
		return nil, nil, nil
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if isJWT(token) {
		a, err := f.appOf(token)
		return nil, a, err
	}
	hash := hashToken(token)
	if a := f.st.tokens[hash]; a != nil {
		return a, nil, nil
	}
	g := f.st.grants[hash]
	if g == nil || !f.o.Now().Before(g.Expires) {
		return nil, nil, refuse(http.StatusUnauthorized, "Bad credentials")
	}
	if !g.installation.Suspended.IsZero() {
		return nil, nil, suspendedError()
	}
	bot := *f.account(f.st.apps[g.installation.App].Bot)
	bot.as = g
	return &bot, nil, nil
}

func suspendedError() error {
	return refuse(http.StatusForbidden, "This installation has been suspended")
}

// who is identify for those who serve no Apps.
func (f *Forge) who(r *http.Request) (*account, error) {
	user, app, err := f.identify(r)
	if app != nil {
		return nil, refuse(http.StatusUnauthorized, "Bad credentials")
	}
	return user, err
}
