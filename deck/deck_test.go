package deck_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestEveryPageIsThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, full)
	s.story()
	for _, p := range []string{
		"/", "/?me=alice", "/jobs", "/jobs?repo=acme/boats&state=failed", "/run/run-unit-7b", "/run/run-e2e-7", "/run/run-e2e-9", "/run/run-nightly", "/pr/acme/boats/7", "/pr/acme/boats/8",
		"/tide", "/tide/acme/boats/main", "/repo/acme/boats", "/job/unit", "/job/unit?repo=acme/boats", "/commands", "/commands?repo=acme/boats", "/plugins", "/plugins?repo=acme/boats",
		"/deliveries", "/delivery/d-5", "/system", "/api",
	} {
		body := s.page(p)
		if !strings.Contains(body, "</html>") || strings.Contains(body, "ZgotmplZ") || strings.Contains(body, "<no value>") || len(body) > 100<<10 {
			t.Errorf("%s: %d bytes, end %q", p, len(body), body[max(0, len(body)-60):])
		}
	}
	for _, p := range []string{"/nothing", "/run/none", "/pr/acme/boats/x", "/job/none", "/tide/acme/boats/none", "/delivery/none", "/repo/no/where"} {
		if code, body := s.get(p); code != http.StatusNotFound || !strings.Contains(body, "</html>") {
			t.Errorf("%s = %d", p, code)
		}
	}
}
