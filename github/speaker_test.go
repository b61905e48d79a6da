package github

import (
	"net/http"
	"net/url"
	"testing"
)

// A request's address says in whose name it is sent, on GitHub and on an
// enterprise's server.
func TestSpeakerOf(t *testing.T) {
	t.Parallel()
	acme, itself := speaker{owner: "acme"}, speaker{app: true}
	for _, base := range []string{"/", "/api/v3/"} {
		for path, want := range map[string]speaker{
			"repos/Acme/pump":                         acme,
			"repos/acme/pump/contents/installation":   acme,
			"repos/acme/installation":                 acme, // a repository of that name
			"repos/acme/pump/installation":            itself,
			"orgs/ACME/teams/a%2Fb/members":           acme,
			"orgs/acme/installation":                  itself,
			"users/acme/repos":                        acme,
			"users/acme/installation":                 itself,
			"app":                                     itself,
			"app/installations/17/access_tokens":      itself,
			"repos/acme/pump/git/refs/heads/app/repo": acme,
		} {
			got, err := speakerOf(request(t, base+path), base)
			if err != nil || got != want {
				t.Errorf("%s%s is asked by %+v, %v; want %+v", base, path, got, err, want)
			}
		}
		moved := request(t, base+"repositories/17/pulls/1")
		moved.Response = &http.Response{Request: request(t, base+"repos/acme/old/pulls/1")}
		if got, err := speakerOf(moved, base); err != nil || got != acme {
			t.Errorf("after a redirect %+v, %v", got, err)
		}
		search := request(t, base+"graphql")
		search = search.WithContext(inNameOf(t.Context(), "Acme"))
		if got, err := speakerOf(search, base); err != nil || got != acme {
			t.Errorf("a search is asked by %+v, %v", got, err)
		}
		if got, err := speakerOf(request(t, base+"user"), base); err == nil {
			t.Errorf("nobody's address is asked by %+v", got)
		}
	}
}

func request(t *testing.T, path string) *http.Request {
	t.Helper()
	u, err := url.Parse("https://github.example.com" + path)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Request{Method: http.MethodGet, URL: u}
}
