package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// auth says who we are. The token goes to the host of base only, whatever a
// redirect says, and into no error.
type auth struct {
	next  http.RoundTripper
	token func(ctx context.Context) (string, error)
	agent string
	base  string
}

func (a *auth) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Set("User-Agent", a.agent)
	base, err := url.Parse(a.base)
	if err == nil && a.token != nil && base.Host == req.URL.Host {
		token, err := a.token(req.Context())
		if err != nil {
			return nil, fmt.Errorf("reading the token: %w", err)
		}
		if token != "" {
			out.Header.Set("Authorization", "Bearer "+token)
		}
	}
	return a.next.RoundTrip(out)
}
