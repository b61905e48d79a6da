package hook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sqlite"
)

func TestPluginHelp(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Repo("o/r", nil)
	w.Repo("o/s", nil)
	var asked string
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/good/help":
			asked = string(body)
			_ = json.NewEncoder(rw).Encode(plugin.PluginHelp{Description: "It helps.", Events: []string{"lies"}})
		case r.URL.Path == "/slow/help":
			<-r.Context().Done()
		default:
			rw.WriteHeader(500)
		}
	}))
	defer srv.Close()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h := worker(t, db, w.Forge())
	cfg := &config.Config{Plugins: &config.Plugins{
		Plugins: map[string]config.OrgPlugins{"o": {Plugins: []string{"marks"}}, "p/q": {Plugins: []string{"marks"}}},
		ExternalPlugins: map[string][]config.ExternalPlugin{
			"o": {{Name: "good", Endpoint: srv.URL + "/good/", Events: []string{"push"}}, {Name: "bad", Endpoint: srv.URL + "/bad"}, {Name: "slow", Endpoint: srv.URL + "/slow"}},
		},
	}}
	h.Config = func() *config.Config { return cfg }

	rec := httptest.NewRecorder()
	h.PluginHelp(rec, httptest.NewRequest(http.MethodPost, "/plugin-help", nil))
	if rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered with %d", rec.Code)
	}
	rec = httptest.NewRecorder()
	h.PluginHelp(rec, httptest.NewRequest(http.MethodGet, "/plugin-help", nil))
	var help plugin.Help
	if err := json.Unmarshal(rec.Body.Bytes(), &help); err != nil || rec.Header().Get("Cache-Control") != "no-cache" {
		t.Fatalf("%v: %s", err, rec.Body)
	}
	if !slices.Equal(help.AllRepos, []string{"o/r", "o/s", "p/q"}) {
		t.Errorf("AllRepos = %v", help.AllRepos)
	}
	if len(help.ExternalPluginHelp) != 1 || help.ExternalPluginHelp["good"].Description != "It helps." || !slices.Equal(help.ExternalPluginHelp["good"].Events, []string{"push"}) {
		t.Errorf("ExternalPluginHelp = %+v", help.ExternalPluginHelp)
	}
	if asked != `[{"Org":"o","Repo":"r"},{"Org":"o","Repo":"s"}]` {
		t.Errorf("the external plugin was asked for %s", asked)
	}
	if !strings.Contains(rec.Body.String(), `"RepoPlugins":{"":["marks"],"o":["marks"],"p/q":["marks"]}`) {
		t.Errorf("RepoPlugins in %s", rec.Body)
	}
}
