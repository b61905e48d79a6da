package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// auth says who we are. The token goes to GitHub's hosts only, whatever a
// redirect says, and into no error.
type auth struct {
	next  http.RoundTripper
	token func(ctx context.Context) (string, error)
	agent string
	hosts []string
}

func (a *auth) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Set("User-Agent", a.agent)
	if a.token != nil && slices.Contains(a.hosts, req.URL.Host) {
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

// hostsOf returns the hosts of addresses.
func hostsOf(addresses ...string) ([]string, error) {
	var out []string
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("github address %q: want one such as https://api.github.com", a)
		}
		out = append(out, u.Host)
	}
	return out, nil
}
