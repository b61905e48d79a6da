package config_test

import (
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

func date(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestMergeMethods(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
tide:
  merge_method:
    org: {repo: {main: squash}, "*": rebase, empty: ""}
    o2: squash
    o2/r@main: rebase
    o2/short: merge
    o3: {r: {"^rel-": squash, ".*": rebase}}
`))
	for at, want := range map[string]prow.MergeMethod{
		"org/repo main": "squash", "org/repo other": "merge", "org/x main": "rebase", "org/empty main": "merge",
		"o2/r main": "rebase", "o2/r dev": "squash", "o2/short main": "merge", "o3/r rel-1": "rebase", "o4/r main": "merge",
	} {
		name, branch, _ := strings.Cut(at, " ")
		r, _ := prow.ParseRepo(name)
		if got := c.Tide.MergeMethods.For(r, branch); got != want {
			t.Errorf("%s: %s; want %s", at, got, want)
		}
	}
}

func TestTideLookups(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
tide:
  queries:
  - {repos: [a/b], labels: [x, z], missingLabels: [w]}
  - {repos: [c/d], labels: [z, x], missingLabels: [w]}
  - {orgs: [e], excludedRepos: [e/f], labels: [x, z], missingLabels: [other]}
  batch_size_limit: {"*": 5, org: -1, org/repo: 3}
  prioritize_existing_batches: {org: false}
  github_merge_blocks_policy: {org/repo: block}
  target_url: https://tide
  pr_status_base_urls: {"*": "https://all", org: "https://org"}
  merge_commit_template: {org: {title: "{{.Title}} (#{{.Number}})"}}
`))
	other := prow.Repo{Owner: "x", Name: "y"}
	inOrg := prow.Repo{Owner: "org", Name: "y"}
	td := &c.Tide
	if len(td.Queries) != 2 || strings.Join(td.Queries[1].Repos, " ")+strings.Join(td.Queries[0].Repos, " ") != "a/b c/d" {
		t.Errorf("queries %+v", td.Queries)
	}
	for name, want := range map[string]int{"a/b": 1, "e/x": 1, "e/f": 0, "a/c": 0} {
		r, _ := prow.ParseRepo(name)
		if got := len(td.QueriesFor(r)); got != want {
			t.Errorf("%d queries for %s; want %d", got, name, want)
		}
	}
	if td.BatchLimit(repo) != 3 || td.BatchLimit(inOrg) != -1 || td.BatchLimit(other) != 5 {
		t.Error("batch limits")
	}
	if td.PrioritizeBatches(repo) || !td.PrioritizeBatches(other) {
		t.Error("priority of batches")
	}
	if td.MergeBlocks(repo) != "block" || td.MergeBlocks(other) != "permit" {
		t.Error("merge blocks")
	}
	if td.TargetURLFor(repo) != "https://tide" || td.PRStatusURLFor(repo) != "https://org" || td.PRStatusURLFor(other) != "https://all" {
		t.Error("addresses")
	}
	if td.Template(repo).Title == nil || td.Template(repo).Body != nil || td.Template(other).Title != nil {
		t.Error("templates")
	}
}

func TestMergeContexts(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
tide:
  context_options:
    skip-unknown-contexts: true
    optional-regex-contexts: ["^opt-"]
    orgs:
      org:
        required-contexts: [cla]
        repos:
          repo:
            skip-unknown-contexts: false
            branches:
              main: {optional-contexts: [flaky], from-branch-protection: true}
              bad: {optional-contexts: [unit]}
branch-protection:
  orgs: {org: {protect: true, required_status_checks: {contexts: [protected]}}}
presubmits:
  org/repo:
  - {name: unit, always_run: true, `+pod+`}
  - {name: changed, run_if_changed: x, `+pod+`}
  - {name: manual, `+pod+`}
  - {name: optional, always_run: true, optional: true, `+pod+`}
  - {name: silent, always_run: true, skip_report: true, `+pod+`}
  - {name: elsewhere, always_run: true, branches: [other], `+pod+`}
`))
	m, err := c.MergeContexts(repo, "main", c.Presubmits(repo))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(m.Required, " "); got != "cla protected unit" {
		t.Errorf("required %q", got)
	}
	if got := strings.Join(m.RequiredIfPresent, " "); got != "changed manual" {
		t.Errorf("required if present %q", got)
	}
	if got := strings.Join(m.MissingRequired([]string{"unit", "x"}), " "); got != "cla protected" {
		t.Errorf("missing %q", got)
	}
	for context, want := range map[string]bool{
		"optional": true, "silent": true, "flaky": true, "opt-x": true, "unit": false, "changed": false, "unknown": false,
	} {
		if m.IsOptional(context) != want {
			t.Errorf("%s is optional: %v", context, !want)
		}
	}
	if _, err := c.MergeContexts(repo, "bad", c.Presubmits(repo)); err == nil || !strings.Contains(err.Error(), `"unit" is both required and optional`) {
		t.Errorf("a contradiction is %v", err)
	}
	free, err := c.MergeContexts(prow.Repo{Owner: "x", Name: "y"}, "main", nil)
	if err != nil || !free.IsOptional("anything") || len(free.Required) > 0 {
		t.Errorf("elsewhere: %+v, %v", free, err)
	}
}

func TestProtection(t *testing.T) {
	t.Parallel()
	const jobs = `
presubmits:
  org/repo:
  - {name: unit, always_run: true, ` + pod + `}
  - {name: manual, ` + pod + `}
`
	for _, c := range []struct{ name, text, want string }{
		{"nothing said", "{}", "contexts unit"},
		{"tested repos", "{protect-tested-repos: true}", "protected contexts unit"},
		{"levels", "{enforce_admins: true, required_status_checks: {contexts: [top]}, orgs: {org: {protect: true, required_status_checks: {contexts: [org], strict: true}, repos: {repo: {branches: {main: {enforce_admins: false}}}}}}}", "protected contexts org top unit strict"},
		{"manual jobs", "{require_manually_triggered_jobs: true, protect: true}", "protected contexts unit manual"},
		{"unmanaged", "{protect: true, orgs: {org: {unmanaged: true}}}", "left alone"},
		{"excluded", "{protect: true, exclude: ['^main$']}", "left alone"},
		{"included", "{protect: true, include: ['^ma']}", "protected contexts unit"},
		{"off, but jobs", "{protect: false}", "error: protect is false, but there are required jobs"},
		{"off, allowed", "{protect: false, allow_disabled_job_policies: true}", "left alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := load(t, mainFile("branch-protection: "+c.text+jobs))
			p, err := cfg.Protection(repo, "main", cfg.Presubmits(repo))
			got := "left alone"
			switch {
			case err != nil:
				got = "error: " + err.Error()
			case p != nil:
				got = ""
				if p.Protect != nil && *p.Protect {
					got = "protected "
				}
				got += "contexts " + strings.Join(p.RequiredStatusChecks.Contexts, " ")
				if s := p.RequiredStatusChecks.Strict; s != nil && *s {
					got += " strict"
				}
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q; want %q", got, c.want)
			}
		})
	}
}
