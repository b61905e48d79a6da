package config_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

func TestNothingConfigured(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Paths{})
	if err != nil {
		t.Fatal(err)
	}
	if c.PodNamespace != "default" || c.Tide.SyncPeriod.Duration != time.Minute || c.Plugins == nil || c.Version == "" {
		t.Errorf("defaults are missing: %+v", c)
	}
	if r := (prow.Repo{Owner: "o", Name: "r"}); c.InRepoEnabled(r) || c.Tide.MergeMethods.For(r, "main") != prow.MergeCommit {
		t.Error("something is on by default that should not be")
	}
}

func TestDefaultsOfJobs(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
presubmits: {o/r: [{name: A, `+pod+`}]}
postsubmits: {o/r: [{name: B, `+pod+`}]}
periodics: [{name: C, interval: 1h, `+pod+`}]
`))
	p := c.Presubmits(prow.Repo{Owner: "o", Name: "r"})[0]
	if p.Trigger != `(?m)^/test( | .* )A,?($|\s.*)` || p.RerunCommand != "/test A" || p.Context != "A" ||
		p.Agent != "kubernetes" || p.Cluster != "default" || *p.Namespace != "default" || p.ProwJobDefault.TenantID != "GlobalDefaultID" {
		t.Errorf("presubmit has other defaults: %+v", p)
	}
	if p.Source.Line != 2 || filepath.Base(p.Source.File) != "config.yaml" {
		t.Errorf("presubmit is said to be at %v", p.Source)
	}
	if c.Postsubmits(prow.Repo{Owner: "o", Name: "r"})[0].Context != "B" || c.Periodic("C").Every() != time.Hour || c.Periodic("D") != nil {
		t.Error("postsubmit or periodic has other defaults")
	}
	for text, want := range map[string]bool{
		"/test A": true, "/test B A": true, "/test A B": true, "/test A, B": true, "hello\n/test A\r\nbye": true, "/test  A": true,
		"/testA": false, "/test AB": false, "/test a": false, " /test A": false, "/test": false, "/test BA": false, "/test A,B": false,
	} {
		if p.TriggeredBy(text) != want {
			t.Errorf("%q triggers A: %v, want %v", text, !want, want)
		}
	}
}

// Job files: gzip, subdirectories, ..names, .prowignore, and the order in which
// directories are walked.
func TestJobFiles(t *testing.T) {
	t.Parallel()
	dir := write(t, `
-- config.yaml --
prowjob_namespace: jobs
-- jobs/a-b/first.yaml --
periodics: [{name: second, interval: 1h, `+pod+`}]
-- jobs/a/last.yml --
periodics: [{name: first, interval: 1h, `+pod+`}]
-- jobs/..data/x.yaml --
this: is not looked at
-- jobs/hidden.yaml --
nor: this
-- jobs/.prowignore --
# comment
hidden.yaml
/sub/*
!sub/kept.yaml
-- jobs/sub/lost.yaml --
periodics: [{name: lost, interval: 1h, `+pod+`}]
-- jobs/sub/kept.yaml --
periodics: [{name: kept, interval: 1h, `+pod+`}]
-- jobs/README.md --
not YAML: [
-- VERSION --
v17
`)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write([]byte("periodics: [{name: zipped, interval: 1h, " + pod + "}]"))
	_ = w.Close()
	if err := os.WriteFile(filepath.Join(dir, "jobs", "z.yaml"), z.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(paths(dir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range c.Periodics {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "first second kept zipped" {
		t.Errorf("periodics %q", got)
	}
	if c.Version != "v17" || c.ProwJobNamespace != "jobs" {
		t.Errorf("version %q, namespace %q", c.Version, c.ProwJobNamespace)
	}
}

// Everything that is wrong is told at once, each with its place.
func TestEveryProblemWithItsPlace(t *testing.T) {
	t.Parallel()
	got := problems(t, `
-- config.yaml --
log_level: loud
tied: {}
plank:
  max_concurency: 3
  max_concurrency: -1
tide:
  queries:
  - repos: [nonsense]
    labels: [a]
    missingLabels:
    - b
    - a
-- jobs/a.yaml --
presubmits:
  o/r:
  - name: good
    `+pod+`
  - name: bad name
    always_run: true
    run_if_changed: "["
    `+pod+`
  - name: good
    max_concurrency: many
    spec: {containers: [{image: x, env: [{name: JOB_NAME, value: 1}]}]}
-- jobs/b.yaml --
periodics:
- name: when
  `+pod+`
- nam: typo
  interval: 1h
-- jobs/c.yaml --
presubmits:
	o/r: []
`)
	want := `config.yaml:1:12: log_level: "loud" is not a level (want debug, info, warn or error)
config.yaml:5:20: plank.max_concurrency: is -1 (want 0 for no limit, or a number above)
config.yaml:8:13: tide.queries[0].repos[0]: "nonsense" is not a repository; want owner/name
config.yaml:12:7: tide.queries[0].missingLabels[1]: label "a" is both required and forbidden
jobs/a.yaml:5:11: job bad name: presubmits."o/r"[1].name: "bad name" is not a job name (want letters, digits, - . and _)
jobs/a.yaml:6:17: job bad name: presubmits."o/r"[1].always_run: goes not together with run_if_changed (keep one of the two)
jobs/a.yaml:7:21: job bad name: presubmits."o/r"[1].run_if_changed: is not a regular expression: missing closing ]: ` + "`[`" + ` (in [)
jobs/a.yaml:9:11: job good: presubmits."o/r"[2].name: there is another presubmit "good" for the same branches (the other is in jobs/a.yaml at presubmits."o/r"[0])
jobs/a.yaml:10:22: presubmits."o/r"[2].max_concurrency: is the text "many"; want a whole number
jobs/a.yaml:11:49: job good: presubmits."o/r"[2].spec.containers[0].env[0].name: variable "JOB_NAME" is set by Prow itself in a presubmit
jobs/a.yaml:11:66: presubmits."o/r"[2].spec.containers[0].env[0].value: is the number 1; want text (put it in quotes: "1")
jobs/b.yaml:2:3: job when: periodics[0]: says not when it runs (give one of interval, minimum_interval and cron)
jobs/b.yaml:4:3: periodics[1]: has no name (every job needs a name)
jobs/b.yaml:4:3: periodics[1]: has no spec (a job of agent kubernetes needs a pod spec under spec)
jobs/c.yaml:2:1: is not YAML: found character that cannot start any token (indent with blanks: YAML does not take tabs)`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Unknown, doubled and oddly spelled keys do no harm, but are told.
func TestWarnings(t *testing.T) {
	t.Parallel()
	got := problems(t, `
-- config.yaml --
plank:
  max_concurency: 3
log_level: debug
log_level: info
presubmits:
  o/r:
  - name: a
    Always_Run: true
    anotations: {}
    `+pod+`
prow_ignored: {anything: here}
-- plugins.yaml --
plugins: {o: [trigger]}
trigers: []
`)
	want := `config.yaml:2:3: plank.max_concurency: is not a key that means anything here (did you mean "max_concurrency"?)
config.yaml:4:1: log_level: is there twice; this one counts (remove one of the two)
config.yaml:8:5: presubmits."o/r"[0].Always_Run: is read as always_run (write always_run)
config.yaml:9:5: presubmits."o/r"[0].anotations: is not a key that means anything here (did you mean "annotations"?)
plugins.yaml:1:1: plugins: has the old form, a list of names (write plugins: [names] below each entry)
plugins.yaml:2:1: trigers: is not a key that means anything here (did you mean "triggers"?)`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSnippet(t *testing.T) {
	t.Parallel()
	_, err := config.Load(paths(write(t, mainFile("plank:\n  max_concurrency: -1 # oh\n"))))
	p, ok := err.(config.Problems)
	if !ok || len(p) != 1 || p[0].Snippet != "  max_concurrency: -1 # oh" {
		t.Errorf("problems %+v", err)
	}
}

func TestTwoFilesOfOneName(t *testing.T) {
	t.Parallel()
	got := problems(t, "-- jobs/x/b.yaml --\n{}\n-- jobs/y/b.yaml --\n{}\n")
	if !strings.HasPrefix(got, "jobs/y/b.yaml: there is another file named b.yaml: jobs/x/b.yaml") {
		t.Error(got)
	}
}
