package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// The reference cases of the specification that are about configuration, by
// number: what a file means.
func TestReferenceCases(t *testing.T) {
	t.Parallel()
	const layers = `
plank:
  default_decoration_config_entries:
  - {repo: '*', config: {timeout: 2h, ` + images + `}}
  - {repo: org, config: {timeout: 3h}}
  - {repo: org/repo, config: {timeout: 4h}}
`
	pre := func(repo string) string {
		return "presubmits: {" + repo + ": [{name: a, decorate: true, " + pod + "}]}"
	}
	timeout := func(c *config.Config) string {
		for _, jobs := range c.PresubmitsStatic {
			return jobs[0].DecorationConfig.Timeout.String()
		}
		return c.Periodics[0].DecorationConfig.Timeout.String()
	}
	clusters := func(c *config.Config) string { return strings.Join(c.InRepoClusters(repo), " ") }
	runs := func(branch string) func(*config.Config) string {
		return func(c *config.Config) string { return fmt.Sprint(c.Presubmits(repo)[0].ShouldRun(branch)) }
	}
	for _, c := range []struct {
		number int
		text   string
		get    func(*config.Config) string
		want   string
	}{
		{4, "presubmits: {org/repo: [{name: A, " + pod + "}]}", func(c *config.Config) string {
			p := c.Presubmits(repo)[0]
			return strings.Join([]string{p.Trigger, p.RerunCommand, p.Context, p.Agent, p.Cluster, p.ProwJobDefault.TenantID}, "; ")
		}, `(?m)^/test( | .* )A,?($|\s.*); /test A; A; kubernetes; default; GlobalDefaultID`},
		{5, "presubmits: {org/repo: [{name: A, " + pod + "}]}", func(c *config.Config) string {
			var out []string
			for _, line := range []string{"/test A", "/test B A", "/test A B", "/test A, B", "/testA", "/test AB"} {
				if c.Presubmits(repo)[0].TriggeredBy(line) {
					out = append(out, line)
				}
			}
			return strings.Join(out, "; ")
		}, "/test A; /test B A; /test A B; /test A, B"},
		{7, "presubmits: {org/repo: [{name: A, branches: [main], " + pod + "}]}", runs("maintenance"), "true"},
		{8, "presubmits: {org/repo: [{name: A, branches: [main], " + pod + "}, {name: A, skip_branches: [main], " + pod + "}]}", runs("main"), "true"},
		{10, "presubmits: {org/repo: [{name: A, branches: ['ma.*'], " + pod + "}, {name: A, branches: [main], " + pod + "}]}", runs("main"), "true"},
		{12, layers + pre("org/repo"), timeout, "4h0m0s"},
		{13, layers + "periodics: [{name: a, interval: 1h, decorate: true, extra_refs: [{org: org, repo: repo}], " + pod + "}]", timeout, "4h0m0s"},
		{13, layers + "periodics: [{name: a, interval: 1h, decorate: true, " + pod + "}]", timeout, "2h0m0s"},
		{14, layers + pre("https://foo.googlesource.com/a/b"), timeout, "2h0m0s"},
		{14, layers + "  - {repo: foo.googlesource.com/a/b, config: {timeout: 5h}}\n" + pre("https://foo.googlesource.com/a/b"), timeout, "5h0m0s"},
		{14, layers + "  - {repo: foo.googlesource.com, config: {timeout: 6h}}\n" + pre("https://foo-review.googlesource.com/a/b"), timeout, "6h0m0s"},
		{15, "plank: {default_decoration_config_entries: [{config: {timeout: 7200000000000, " + images + "}}]}\n" + pre("org/repo"), timeout, "2h0m0s"},
		{16, "in_repo_config: {allowed_clusters: {'*': []}}", clusters, ""},
		{17, "in_repo_config: {allowed_clusters: {org: [a]}}", clusters, "a default"},
		{18, "pubsub_triggers: [{project: p, topics: [t]}]", func(c *config.Config) string { return fmt.Sprint(c.PubSubTriggers) }, "[{p [t] [] 10}]"},
		{19, "tide: {queries: [{repos: [o/a], labels: [a, b]}, {repos: [o/b], labels: [b, a]}]}", func(c *config.Config) string {
			return fmt.Sprint(len(c.Tide.Queries), c.Tide.Queries[0].Repos, c.Tide.Queries[0].Labels)
		}, "1 [o/a o/b] [a b]"},
		{20, `tide: {merge_method: {org: {repo: {main: squash}, "*": rebase}, "o2/r@main": rebase}}`, func(c *config.Config) string {
			m := c.Tide.MergeMethods
			return fmt.Sprintf("%s %s %s %s %s", m.For(repo, "main"), m.For(repo, "other"), m.For(prow.Repo{Owner: "org", Name: "x"}, "b"),
				m.For(prow.Repo{Owner: "o2", Name: "r"}, "main"), m.For(prow.Repo{Owner: "o2", Name: "r"}, "b"))
		}, "squash merge rebase rebase merge"},
		{24, "presubmits: {org/repo: [{name: a, agent: foo}]}", func(c *config.Config) string { return c.Warnings[0].Kind }, config.KindUnknownAgent},
		{26, "presets: [{env: [{name: X, value: z}]}]\nperiodics: [{name: a, interval: 1h, " + pod + "}]", func(c *config.Config) string {
			return c.Periodics[0].Spec.Containers[0].Env[0].Name
		}, "X"},
		{29, "postsubmits: {org/repo: [{name: a, always_run: false, " + pod + "}]}", func(c *config.Config) string {
			return fmt.Sprint(*c.Postsubmits(repo)[0].AlwaysRun, c.Postsubmits(repo)[0].Conditional())
		}, "false false"},
	} {
		if got := c.get(load(t, mainFile(c.text))); got != c.want {
			t.Errorf("%d: %s\ngot  %s\nwant %s", c.number, c.text, got, c.want)
		}
	}
}

// Those that are refused.
func TestReferenceCasesRefused(t *testing.T) {
	t.Parallel()
	job := func(text string) string { return mainFile("presubmits: {org/repo: [{" + text + "}]}") }
	two := func(a, b string) string { return job(a + ", " + pod + "}, {" + b + ", " + pod) }
	for number, archive := range map[int]string{
		6:  job("name: a, trigger: /test x, " + pod),
		9:  two("name: a, skip_branches: [x]", "name: a, skip_branches: [y]"),
		11: two("name: a, context: c", "name: b, context: c"),
		21: "-- jobs/x/b.yaml --\n{}\n-- jobs/y/b.yaml --\n{}\n",
		22: job("name: a, spec: {containers: [{name: x}, {name: y}]}"),
		23: job("name: a, spec: {containers: [{env: [{name: JOB_NAME}]}]}"),
		25: job("name: a, job_queue_name: q, " + pod),
		27: "-- jobs/a.yaml --\npresets: [{labels: {a: b}}, {labels: {a: b}}]",
		28: job("name: a, always_run: true, run_if_changed: x, " + pod),
		30: mainFile("periodics: [{name: a, cron: '@daily', interval: 1h, " + pod + "}]"),
		31: mainFile("log_level: loud"),
		32: "-- config.yaml --\n{}\n-- shards/a_prowconfig.yaml --\nplank: {max_concurrency: 1}",
		33: "-- config.yaml --\nbranch-protection: {orgs: {org: {protect: true}}}\n-- shards/a_prowconfig.yaml --\nbranch-protection: {orgs: {org: {protect: false}}}",
		34: mainFile("deck: {additional_allowed_buckets: [b]}"),
		35: mainFile("tide: {pr_status_base_urls: {o: 'https://x'}}"),
	} {
		found := config.Check(paths(write(t, archive)))
		if !slices.ContainsFunc(found, func(p config.Problem) bool { return !p.Warning }) {
			t.Errorf("%d: %s\nis not refused: %v", number, archive, found)
		}
	}
	accepted := "-- config.yaml --\nbranch-protection: {orgs: {org: {protect: true}}}\n-- shards/a_prowconfig.yaml --\nbranch-protection: {orgs: {org: {repos: {r: {protect: false}}}}}"
	if got := problems(t, accepted); got != "" {
		t.Errorf("33: %s", got)
	}
}

const images = "utility_images: {clonerefs: a, initupload: b, entrypoint: c, sidecar: d}, gcs_configuration: {bucket: b, path_strategy: explicit}"

// What Slack hears: the job's settings over those of its repository.
func TestSlackReport(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
slack_reporter_configs:
  '*': {channel: all, job_types_to_report: [presubmit], job_states_to_report: [failure, error]}
  org: {channel: ours, job_types_to_report: [periodic], job_states_to_report: [failure], host: h, report_template: 'T {{.Spec.Job}}'}
`))
	no := false
	for _, x := range []struct {
		name, owner string
		typ         prow.Type
		state       prow.State
		own         *prow.SlackReporterConfig
		want        string
	}{
		{"global", "x", prow.Presubmit, prow.Failure, nil, "* all"},
		{"another state", "x", prow.Presubmit, prow.Success, nil, ""},
		{"another type", "x", prow.Periodic, prow.Failure, nil, ""},
		{"organisation", "org", prow.Periodic, prow.Failure, nil, "h ours"},
		{"own channel, any type", "org", prow.Batch, prow.Failure, &prow.SlackReporterConfig{Channel: "mine"}, "h mine"},
		{"own states", "org", prow.Periodic, prow.Success, &prow.SlackReporterConfig{JobStatesToReport: []prow.State{prow.Success}}, "h ours"},
		{"never", "org", prow.Periodic, prow.Failure, &prow.SlackReporterConfig{JobStatesToReport: []prow.State{}}, ""},
		{"off", "org", prow.Periodic, prow.Failure, &prow.SlackReporterConfig{Report: &no}, ""},
	} {
		j := &prow.Job{Spec: prow.Spec{Type: x.typ, Refs: &prow.Refs{Org: x.owner, Repo: "r"}}, Status: prow.Status{State: x.state}}
		if x.own != nil {
			j.Spec.ReporterConfig = &prow.ReporterConfig{Slack: x.own}
		}
		got := ""
		if r := c.SlackReport(j); r != nil {
			got = r.Host + " " + r.Channel
		}
		if got != x.want {
			t.Errorf("%s: %q; want %q", x.name, got, x.want)
		}
	}
	if r := c.SlackReporterConfigs["*"].ReportTemplate; r != config.DefaultSlackTemplate {
		t.Errorf("default template %q", r)
	}
}

// The defaults of what has no worker yet, and the older form of triggers.
func TestDefaultsOfServices(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
pubsub_subscriptions: {p: [s]}
scheduler: {external: {url: 'http://x'}}
jenkins_operators: [{}]
tide: {gerrit: {queries: [{org: 'https://h/', repos: [r]}]}}
gerrit: {org_repos_config: [{org: 'https://h//', repos: [a/b], filters: {branches: [main], opt_in_by_default: true}}]}
`))
	cache := c.Scheduler.External.Cache
	got := fmt.Sprintln(c.PubSubTriggers, cache.EntryTimeoutInterval.Duration, cache.CacheClearInterval.Duration, c.JenkinsOperators[0].MaxGoroutines,
		c.Gerrit.TickInterval.Duration, c.Gerrit.RateLimit, c.Tide.Gerrit.RateLimit, c.Tide.Gerrit.Queries[0].Org, c.Gerrit.OrgReposConfig[0].Org, c.Gerrit.OrgReposConfig[0].Filters.Branches)
	if want := "[{p [s] [*] 10}] 5m0s 10m0s 20 1m0s 5 5 https://h https://h [main]\n"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	if c.Loaded.IsZero() || c.Loaded.After(time.Now()) {
		t.Errorf("loaded %v", c.Loaded)
	}
}

// Queries of different tenants stay apart.
func TestQueriesOfTenants(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
prowjob_default_entries: [{repo: b, config: {tenant_id: theirs}}]
tide: {queries: [{orgs: [a], labels: [x]}, {orgs: [b], labels: [x]}, {repos: [c/d], labels: [x]}]}
`))
	if len(c.Tide.Queries) != 2 {
		t.Errorf("%d queries: %+v", len(c.Tide.Queries), c.Tide.Queries)
	}
}
