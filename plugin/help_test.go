package plugin

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

func TestHelpOf(t *testing.T) {
	t.Parallel()
	none := func(context.Context, *Call, prow.CommentEvent, []Line) error { return nil }
	plugins := []Plugin{{
		Name: "b", Doc: "Does b.", Snippet: "b: 1\n",
		Commands: []Command{{Name: "b", Run: none, Usage: "/b", Who: "Anyone", Doc: "Says b.", Examples: []string{"/b"}, Featured: true}, {Name: "bee", Run: none}},
		Help: func(_ *config.Config, r prow.Repo) string {
			if r.IsZero() {
				return "for all"
			}
			return "for " + r.String()
		},
	}, {
		Name: "a", OnPull: func(context.Context, *Call, prow.PullEvent) error { return nil },
	}}
	cfg := &config.Config{Plugins: &config.Plugins{
		Plugins:         map[string]config.OrgPlugins{"o": {Plugins: []string{"a"}}, "o/r": {Plugins: []string{"b"}}},
		ExternalPlugins: map[string][]config.ExternalPlugin{"o": {{Name: "x"}}},
	}}
	h := HelpOf(plugins, cfg, []prow.Repo{{Owner: "o", Name: "s"}, {Owner: "o", Name: "r"}, {Owner: "o", Name: "r"}})
	got, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"AllRepos":["o/r","o/s"],"RepoPlugins":{"":["a","b"],"o":["a"],"o/r":["b"]},"RepoExternalPlugins":{"":["x"],"o":["x"]},
		"PluginHelp":{"a":{"Description":"","Events":["pull_request"],"Commands":[]},
		"b":{"Description":"Does b.","Config":{"":"for all","o/r":"for o/r"},"Snippet":"b: 1\n","Events":["GenericCommentEvent (any event for user text)"],
		"Commands":[{"Usage":"/b","Featured":true,"Description":"Says b.","Examples":["/b"],"WhoCanUse":"Anyone"}]}},"ExternalPluginHelp":{}}`
	var a, b any
	if err := json.Unmarshal([]byte(want), &a); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(got, &b)
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("help:\n%s\nwant:\n%s", y, x)
	}
}

func TestEnabled(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{Plugins: &config.Plugins{Plugins: map[string]config.OrgPlugins{"o": {Plugins: []string{"a", "typo"}, ExcludedRepos: []string{"s"}}, "o/r": {Plugins: []string{"b", "a"}}}}}
	plugins := []Plugin{{Name: "a"}, {Name: "b"}}
	on, unknown := Enabled(plugins, cfg, prow.Repo{Owner: "o", Name: "r"})
	if len(on) != 2 || on[0].Name != "a" || on[1].Name != "b" || len(unknown) != 1 || unknown[0] != "typo" {
		t.Errorf("on %v, unknown %v", on, unknown)
	}
	if on, _ := Enabled(plugins, cfg, prow.Repo{Owner: "o", Name: "s"}); len(on) != 0 {
		t.Errorf("excluded, but on: %v", on)
	}
}

func TestCheckSections(t *testing.T) {
	t.Parallel()
	type size struct{ S int }
	plugins := []Plugin{{Name: "size", Sections: []AnySection{&Section[size]{Key: "size"}}}}
	check := func(sections ...string) error {
		p := &config.Plugins{Sections: map[string]json.RawMessage{}, Where: map[string]config.Position{}}
		for i := 0; i < len(sections); i += 2 {
			p.Sections[sections[i]] = json.RawMessage(sections[i+1])
			p.Where[sections[i]] = config.Position{File: "plugins.yaml", Line: i + 3}
		}
		return CheckSections(plugins, &config.Config{Plugins: p})
	}
	if err := check("size", `{"s": 3}`, "triggers", `[{"repos":["o"]},{"repos":["o/r"]}]`, "other", `1`); err != nil {
		t.Error(err)
	}
	err := check("size", `{"s": "x"}`, "triggers", `[{"repos":["o"]},{"repos":["o"]}]`, "replies", `[]`)
	for _, want := range []string{"plugins.yaml:3: size.s: is the text", "plugins.yaml:5: triggers: o is listed in entries 1 and 2", "plugins.yaml:7: replies: is a list"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in: %v", want, err)
		}
	}
}
