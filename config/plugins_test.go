package config_test

import (
	"fmt"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

func TestPlugins(t *testing.T) {
	t.Parallel()
	c := load(t, `
-- plugins.yaml --
plugins:
  org: {plugins: [trigger, hold], excluded_repos: [repo]}
  org/repo: {plugins: [lgtm]}
external_plugins:
  org: [{name: needs-rebase, events: [pull_request]}]
  org/repo: [{name: refresh, endpoint: "http://r:1"}]
owners: {mdyamlrepos: [org], labels_denylist: []}
triggers:
- repos: [org]
  trusted_org: 123
size: {s: 1}
`)
	p := c.Plugins
	if got := strings.Join(p.For(repo), " "); got != "lgtm" {
		t.Errorf("plugins of the repository: %q", got)
	}
	if got := strings.Join(p.For(prow.Repo{Owner: "org", Name: "x"}), " "); got != "trigger hold" {
		t.Errorf("plugins of another: %q", got)
	}
	if got := fmt.Sprint(p.ExternalFor(repo, "push")); got != "[{refresh http://r:1 []}]" {
		t.Errorf("external plugins of a push: %s", got)
	}
	if got := fmt.Sprint(p.ExternalFor(repo, "pull_request")); got != "[{needs-rebase http://needs-rebase [pull_request]} {refresh http://r:1 []}]" {
		t.Errorf("external plugins of a pull request: %s", got)
	}
	if p.Owners.LabelsDenyList == nil || len(p.Owners.LabelsDenyList) > 0 || p.Owners.MDYAMLRepos[0] != "org" {
		t.Errorf("owners: %+v", p.Owners)
	}
	if got := string(p.Sections["triggers"]); got != `[{"trusted_org":123,"repos":["org"]}]` {
		t.Errorf("triggers: %s", got)
	}
	if p.Where["size"].Line != 11 {
		t.Errorf("size stands at %v", p.Where["size"])
	}
	if l := load(t, "-- config.yaml --\n{}").Plugins.Owners.LabelsDenyList; strings.Join(l, " ") != "approved lgtm" {
		t.Errorf("labels denied by default: %v", l)
	}
}

func TestOldPlugins(t *testing.T) {
	t.Parallel()
	c := load(t, "-- plugins.yaml --\nplugins:\n  org: [trigger, hold]\n")
	if got := strings.Join(c.Plugins.For(repo), " "); got != "trigger hold" || len(c.Warnings) != 1 {
		t.Errorf("plugins %q, warnings %v", got, c.Warnings)
	}
}

// A plugin decodes its own section; what is wrong has its place.
func TestDecodeSection(t *testing.T) {
	t.Parallel()
	dir := write(t, `
-- plugins.yaml --
plugins: {org: {plugins: [trigger]}}
triggers:
- repos: [org]
  trusted_org: 123
  only_org_member: true
  ignore_ok_to_test: maybe
size: {s: 1}
-- shards/x_pluginconfig.yaml --
lgtm: [{repos: [org], store_tree_hash: 1}]
`)
	c, err := config.Load(paths(dir))
	if err != nil {
		t.Fatal(err)
	}
	type options struct {
		Repos          []string `json:"repos"`
		TrustedOrg     string   `json:"trusted_org"`
		OnlyOrgMembers bool     `json:"only_org_members"`
		Ignore         bool     `json:"ignore_ok_to_test"`
		Store          bool     `json:"store_tree_hash"`
	}
	var v []options
	found := c.Plugins.Decode("triggers", &v)
	found = append(found, c.Plugins.Decode("lgtm", &v)...)
	found = append(found, c.Plugins.Decode("approve", &v)...)
	got := strings.ReplaceAll(found.Error(), dir+"/", "")
	want := `plugins.yaml:5:3: triggers[0].only_org_member: is not a key that means anything here (did you mean "only_org_members"?)
plugins.yaml:6:22: triggers[0].ignore_ok_to_test: is the text "maybe"; want true or false
shards/x_pluginconfig.yaml: lgtm[0].store_tree_hash: is the number 1; want true or false`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var o []options
	if c.Plugins.Decode("triggers", &o); o[0].TrustedOrg != "123" || o[0].Repos[0] != "org" || found[1].Snippet == "" {
		t.Errorf("decoded %+v, found %+v", o, found)
	}
}

func TestUnknownPlugins(t *testing.T) {
	t.Parallel()
	dir := write(t, "-- plugins.yaml --\nplugins:\n  a: {plugins: [hold, aprove]}\n  b: {plugins: [golint]}\n")
	c, err := config.Load(paths(dir))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(c.Plugins.Unknown([]string{"hold", "approve"}).Error(), dir+"/", "")
	want := `plugins.yaml:2:23: plugins.a.plugins[1]: there is no plugin "aprove" (did you mean "approve"?)
plugins.yaml:3:17: plugins.b.plugins[0]: there is no plugin "golint"`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPluginShards(t *testing.T) {
	t.Parallel()
	const main = `
-- plugins.yaml --
plugins: {org: {plugins: [trigger]}}
lgtm: [{repos: [org]}]
label:
  additional_labels: [a]
  restricted_labels: {org: [{label: x}]}
bugzilla: {orgs: {org: {repos: {r: {branches: {main: {}}}}}}}
`
	c := load(t, main+`
-- shards/a/x_pluginconfig.yaml --
plugins: {other: {plugins: [hold]}}
lgtm: [{repos: [other]}]
triggers: [{repos: [other]}]
label: {restricted_labels: {org: [{label: z}], other: [{label: x}]}}
bugzilla: {orgs: {org: {repos: {s: {branches: {main: {}}}}}}}
-- shards/a/unrelated.yaml --
nonsense: [
`)
	for key, want := range map[string]string{
		"lgtm":     `[{"repos":["org"]},{"repos":["other"]}]`,
		"triggers": `[{"repos":["other"]}]`,
		"label":    `{"additional_labels":["a"],"restricted_labels":{"org":[{"label":"x"},{"label":"z"}],"other":[{"label":"x"}]}}`,
		"bugzilla": `{"orgs":{"org":{"repos":{"r":{"branches":{"main":{}}},"s":{"branches":{"main":{}}}}}}}`,
	} {
		if got := string(c.Plugins.Sections[key]); got != want {
			t.Errorf("%s: %s; want %s", key, got, want)
		}
	}
	if got := c.Plugins.For(prow.Repo{Owner: "other", Name: "x"}); strings.Join(got, " ") != "hold" {
		t.Errorf("plugins from a shard: %v", got)
	}
	for shard, want := range map[string]string{
		"plugins: {org: {plugins: [hold]}}":               "shards/x_pluginconfig.yaml:1:11: plugins.org: is set in another file too",
		"label: {additional_labels: [b]}":                 "label.additional_labels: is not for shards",
		"label: {restricted_labels: {org: [{label: x}]}}": "label.restricted_labels.org[0].label: is restricted in another file too",
		"size: {s: 1}":               "size: is not for shards",
		"owners: {mdyamlrepos: [a]}": "owners: is not for shards",
		"bugzilla: {orgs: {org: {repos: {r: {branches: {dev: {}}}}}}}": "bugzilla.orgs.org.repos.r.branches: is set in another file too",
		"external_plugins: {a: [{name: x}]}\nlgtm: nonsense":           "lgtm: is not a list",
	} {
		if got := problems(t, main+"-- shards/x_pluginconfig.yaml --\n"+shard); !strings.Contains(got, want) {
			t.Errorf("%s: got %q; want %q", shard, got, want)
		}
	}
}

func TestShards(t *testing.T) {
	t.Parallel()
	const main = `
-- config.yaml --
branch-protection: {orgs: {org: {protect: true}}}
tide:
  queries: [{repos: [a/b]}]
  merge_method: {org: squash}
slack_reporter_configs: {org: {channel: c}}
`
	c := load(t, main+`
-- shards/org/x_prowconfig.yaml --
branch-protection: {orgs: {org: {repos: {repo: {enforce_admins: true}}}, other: {protect: true}}}
tide:
  queries: [{repos: [c/d]}, {repos: [e/f], labels: [x]}]
  merge_method: {org/repo: rebase}
slack_reporter_configs: {other: {channel: d}}
presubmits: {ignored: here}
`)
	if m := c.Tide.MergeMethods; m.For(repo, "main") != "rebase" || m.For(prow.Repo{Owner: "org", Name: "x"}, "main") != "squash" {
		t.Error("merge methods")
	}
	if len(c.Tide.Queries) != 2 || len(c.SlackReporterConfigs) != 2 {
		t.Errorf("%d queries, %d slack entries", len(c.Tide.Queries), len(c.SlackReporterConfigs))
	}
	if p, err := c.Protection(repo, "main", nil); err != nil || !*p.Protect || !*p.Admins {
		t.Errorf("protection %+v, %v", p, err)
	}
	for shard, want := range map[string]string{
		"plank: {max_concurrency: 1}":                                 "shards/x_prowconfig.yaml:1:1: plank: is not for shards",
		"tide: {max_goroutines: 1}":                                   "tide.max_goroutines: is not for shards",
		"branch-protection: {orgs: {org: {enforce_admins: true}}}":    "branch-protection.orgs.org: is set in another file too",
		"tide: {merge_method: {org: merge}}":                          "tide.merge_method.org: is set in another file too",
		"slack_reporter_configs: {org: {channel: x}}":                 "slack_reporter_configs.org: is set in another file too",
		"branch-protection: {orgs: {org: {repos: {r: {admins: 1}}}}}": "admins: is not a key that means anything here",
	} {
		if got := problems(t, main+"-- shards/x_prowconfig.yaml --\n"+shard); !strings.Contains(got, want) {
			t.Errorf("%s: got %q; want %q", shard, got, want)
		}
	}
}
