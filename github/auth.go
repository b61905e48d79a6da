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
	app   *installations // instead of token
	base  string         // path of the API
	agent string
	hosts []string
}

func (a *auth) RoundTrip(req *http.Request) (*http.Response, error) {
	ours := slices.Contains(a.hosts, req.URL.Host)
	if a.app != nil && ours {
		return a.asApp(req)
	}
	token := ""
	if a.token != nil && ours {
		var err error
		if token, err = a.token(req.Context()); err != nil {
			return nil, fmt.Errorf("reading the token: %w", err)
		}
	}
	return a.next.RoundTrip(a.signed(req, speaker{}, token))
}

// asApp sends req with the token of who speaks. One that GitHub no longer takes is
// replaced once.
func (a *auth) asApp(req *http.Request) (*http.Response, error) {
	who, err := speakerOf(req, a.base)
	if err != nil {
		return nil, err
	}
	for again := false; ; again = true {
		skew := a.app.clock()
		token, err := a.app.token(req.Context(), who)
		if err != nil {
			return nil, err
		}
		resp, err := a.next.RoundTrip(a.signed(req, who, token))
		if err == nil && who.app && req.Method == http.MethodPost && resp.StatusCode < 300 {
			a.app.setClock(resp, skew) // what the token's end is told by
		}
		if err != nil || again || !outdated(resp) || !a.app.refused(who, token, resp, skew) {
			return resp, err
		}
		drop(resp)
	}
}

// outdated reports whether resp says that a token is over: its time has come, or the
// installation was removed or suspended.
func outdated(resp *http.Response) bool {
	return resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden && contains(resp, "installation has been suspended")
}

func (a *auth) signed(req *http.Request, who speaker, token string) *http.Request {
	out := req.Clone(context.WithValue(req.Context(), speakerKey{}, who))
	out.Header.Set("User-Agent", a.agent)
	if token != "" {
		out.Header.Set("Authorization", "Bearer "+token)
	}
	return out
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
