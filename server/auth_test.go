package server

import (
	"net/http/httptest"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/prowtest"
)

func TestLoopbackIsThisMachineAlone(t *testing.T) {
	for _, c := range []struct {
		remote, host, header string
		want                 bool
	}{
		{"127.0.0.1:5", "127.0.0.1:8080", "", true},
		{"[::1]:5", "localhost:8080", "", true},
		{"127.0.0.1:5", "localhost", "", true},
		{"10.0.0.1:5", "127.0.0.1:8080", "", false},
		{"127.0.0.1:5", "prow.example.com", "", false}, // a name that was pointed here
		{"127.0.0.1:5", "127.0.0.1:8080", "X-Forwarded-For", false},
		{"127.0.0.1:5", "127.0.0.1:8080", "Via", false},
		{"", "", "", false},
	} {
		r := httptest.NewRequest("POST", "/rerun", nil)
		r.RemoteAddr, r.Host = c.remote, c.host
		if c.header != "" {
			r.Header.Set(c.header, "x")
		}
		if got := loopback(r); got != c.want {
			t.Errorf("%+v: loopback = %v", c, got)
		}
	}
}

func TestTheLastMatchingRerunConfigCounts(t *testing.T) {
	anyone, nobody := &prow.RerunAuthConfig{AllowAnyone: true}, &prow.RerunAuthConfig{}
	j := prowtest.Job("a")
	for _, c := range []struct {
		name    string
		entries []config.RerunAuthEntry
		want    bool
	}{
		{"none", nil, false},
		{"everywhere", []config.RerunAuthEntry{{OrgRepo: "*", Config: anyone}}, true},
		{"taken back for the repository", []config.RerunAuthEntry{{Config: anyone}, {OrgRepo: "o/r", Config: nobody}}, false},
		{"of another cluster", []config.RerunAuthEntry{{Cluster: "build", Config: anyone}}, false},
	} {
		cfg := &config.Config{}
		cfg.Deck.DefaultRerunAuthConfigs = c.entries
		if got := rerunByAnyone(cfg, j); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	own := prowtest.Job("b", func(j *prow.Job) { j.Spec.RerunAuthConfig = anyone })
	if !rerunByAnyone(&config.Config{}, own) {
		t.Error("the job's own allow_anyone does not count")
	}
}
