package trigger_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/trigger"
)

const spec = "spec: {containers: [{image: x}]}"

// jobs are of every kind there is.
const jobs = `
presubmits:
  org/repo:
  - {name: unit, always_run: true, ` + spec + `}
  - {name: lint, always_run: true, optional: true, ` + spec + `}
  - {name: go, run_if_changed: '\.go$', ` + spec + `}
  - {name: code, skip_if_only_changed: '^docs/', ` + spec + `}
  - {name: manual, ` + spec + `}
  - {name: extra, optional: true, ` + spec + `}
  - {name: old, always_run: true, branches: [release], ` + spec + `}
  - {name: bench, trigger: '(?m)^/bench$', rerun_command: /bench, run_before_merge: true, ` + spec + `}
postsubmits:
  org/repo:
  - {name: push, ` + spec + `}
  - {name: docs, run_if_changed: '^docs/', ` + spec + `}
  - {name: never, always_run: false, ` + spec + `}
  - {name: release, branches: ['^release-'], skip_branches: ['-rc$'], ` + spec + `}
`

func load(t testing.TB, text string) *config.Config {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Paths{Config: name})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func presubmits(t testing.TB) []config.Presubmit {
	return load(t, jobs).PresubmitsStatic["org/repo"]
}

func change(branch string, files ...string) trigger.Change {
	return trigger.Change{Branch: branch, Files: func() ([]string, error) { return files, nil }}
}

func wants(list []trigger.Want) string {
	var out []string
	for _, w := range list {
		out = append(out, w.Presubmit.Name)
	}
	return strings.Join(out, " ")
}

// story tells of every job why it runs or not, a line each, in the order of the
// configuration.
func story(all []config.Presubmit, w []trigger.Want, s []trigger.Skip) string {
	why := map[string]string{}
	for _, x := range w {
		why[x.Presubmit.Name] = "runs: " + x.Why
	}
	for _, x := range s {
		why[x.Presubmit.Name] = "does not run: " + x.Why
	}
	var b strings.Builder
	for _, j := range all {
		fmt.Fprintf(&b, "%s %s\n", j.Name, why[j.Name])
	}
	return b.String()
}

func TestAutomatic(t *testing.T) {
	t.Parallel()
	all := presubmits(t)
	w, s, err := trigger.Automatic(all, change("main", "docs/a.md", "b.go"))
	if err != nil {
		t.Fatal(err)
	}
	want := `unit runs: it runs on every change
lint runs: it runs on every change
go runs: b.go changed, which its run_if_changed matches
code runs: b.go changed, which its skip_if_only_changed does not cover
manual does not run: it runs only when asked for: /test manual
extra does not run: it runs only when asked for: /test extra
old does not run: it runs on branches release only, and this is main
bench does not run: it runs before the merge, or when asked for: /bench
`
	if got := story(all, w, s); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	w, s, err = trigger.Automatic(all, change("release", "docs/a.md"))
	if err != nil {
		t.Fatal(err)
	}
	got := story(all, w, s)
	for _, line := range []string{
		`go does not run: no changed file matches its run_if_changed: \.go$`,
		`code does not run: all changed files match its skip_if_only_changed: ^docs/`,
		"old runs: it runs on every change",
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("got\n%swant it to say %s", got, line)
		}
	}
	if w, _, _ := trigger.Automatic(all, change("main")); wants(w) != "unit lint" {
		t.Errorf("without files run %s", wants(w))
	}
}

// Files are asked for once, only if somebody needs them, and failing to get them
// is an error, not a no.
func TestFiles(t *testing.T) {
	t.Parallel()
	all := presubmits(t)
	asked := 0
	c := trigger.Change{Branch: "main", Files: func() ([]string, error) { asked++; return []string{"a.go"}, nil }}
	if _, _, err := trigger.Automatic(all, c); err != nil || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	asked = 0
	if _, err := trigger.Commanded(all, "/test unit", c, nil); err != nil || asked != 0 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	down := errors.New("the forge is down")
	c.Files = func() ([]string, error) { return nil, down }
	if _, _, err := trigger.Automatic(all, c); !errors.Is(err, down) {
		t.Errorf("error %v", err)
	}
	if _, err := trigger.Commanded(all, "/retest", change("main"), func() ([]prow.Check, error) { return nil, down }); !errors.Is(err, down) {
		t.Errorf("error %v", err)
	}
}

func TestCommanded(t *testing.T) {
	t.Parallel()
	all := presubmits(t)
	checks := func() ([]prow.Check, error) {
		return []prow.Check{
			{Name: "unit", State: prow.CheckFailure}, {Name: "lint", State: prow.CheckError}, {Name: "code", State: prow.CheckPending},
			{Name: "manual", State: prow.CheckFailure}, {Name: "extra", State: prow.CheckSuccess}, {Name: "old", State: prow.CheckFailure},
		}, nil
	}
	for _, c := range []struct{ body, want, help string }{
		{"/test unit", "unit", ""},
		{"/test unit go", "unit go", ""},
		{"/test unit, go", "unit go", ""},
		{"/test manual\r\n/test extra\r\n", "manual extra", ""},
		{"/bench", "bench", ""},
		{"/test old", "", ""}, // it is for another branch
		{"/test all", "unit lint go code", ""},
		{"/test all, please", "unit lint go code", ""},
		{"/retest", "unit lint go manual", ""},
		{"/retest  ", "unit lint go manual", ""},
		{"/retest-required", "unit go manual", ""},
		{"/test-manual-required", "manual bench", ""},
		{"/ok-to-test", "", ""},
		{"/test unit\n/retest-required", "unit go manual", ""},
		{"/test extra\n/test all", "unit lint go code extra", ""},

		{"/test ?", "", "the jobs of this branch"},
		{"/test", "", "Say after `/test`"},
		{"/test  ", "", "Say after `/test`"},
		{"/test nothing", "", "no job of that name"},
		{"/retest unit", "", "takes no name"},
		{"/test unit nothing", "unit", ""},

		{"/Test unit", "", ""}, // case counts
		{" /test unit", "", ""},
		{"> /test unit", "", ""},
		{"please /test unit", "", ""},
		{"/testunit", "", ""},
		{"```\n/test unit\n```", "", ""},
		{"```\n/test unit\n```\n/test go", "go", ""},
		{"~~~sh\n/test unit\n~~~~\n/test go", "go", ""},
		{"````\n```\n/test unit\n````\n/test go", "go", ""},
		{"```\n/test unit", "", ""},
		{"<!-- /test all\n/test unit\n-->\n/test go", "go", ""},
		{"```inline``` \n/test go", "go", ""},
		{"hello", "", ""},
	} {
		a, err := trigger.Commanded(all, c.body, change("main", "a.go"), checks)
		if err != nil {
			t.Fatal(err)
		}
		if got := wants(a.Wants); got != c.want || c.help == "" && a.Help != "" || !strings.Contains(a.Help, c.help) {
			t.Errorf("%q: %q, help %q; want %q, %q", c.body, got, a.Help, c.want, c.help)
		}
		if len(a.Wants)+len(a.Skips) != len(all) {
			t.Errorf("%q: %d wants and %d skips of %d jobs", c.body, len(a.Wants), len(a.Skips), len(all))
		}
		for _, s := range a.Skips {
			if s.Why == "" {
				t.Errorf("%q: no word on why %s does not run", c.body, s.Presubmit.Name)
			}
		}
	}
}

func TestRelevant(t *testing.T) {
	t.Parallel()
	all := presubmits(t)
	for body, want := range map[string]bool{
		"hello": false, "/lgtm": false, "/test": true, "/test x": true, "/bench": true, "/ok-to-test": true, "/ok-to-test cancel": true,
		"/retest": true, "/retest x": true, "```\n/test all\n```": false, "/ok-to-test please": false,
	} {
		a, err := trigger.Commanded(all, body, change("main"), nil)
		if err != nil || a.Relevant() != want {
			t.Errorf("%q is relevant: %v, %v", body, a.Relevant(), err)
		}
	}
	a, _ := trigger.Commanded(all, "/ok-to-test", trigger.Change{Branch: "main", OKToTest: true}, nil)
	if wants(a.Wants) != "unit lint" || !a.OKToTest || a.Retested {
		t.Errorf("honoured /ok-to-test: %+v", a)
	}
	if a, _ := trigger.Commanded(all, "/test all", change("other"), nil); a.Help != "" {
		t.Errorf("help %q", a.Help)
	}
	if a, _ := trigger.Commanded(all[4:], "/test all", change("main"), nil); a.Help == "" {
		t.Error("/test all found nothing, and nobody says so")
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	all := presubmits(t)
	got := trigger.Help(all, "main")
	want := trigger.Offer{
		Required:  []string{"/bench", "/test code", "/test go", "/test manual", "/test unit"},
		Optional:  []string{"/test extra", "/test lint"},
		Automatic: []string{"code", "go", "lint", "unit"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || got.Empty() {
		t.Errorf("got %v; want %v", got, want)
	}
	if o := trigger.Help(all[:2], "main"); !o.All {
		t.Error("all are automatic")
	}
	if o := trigger.Help(nil, "main"); !o.Empty() || o.All {
		t.Error("there is nothing")
	}
}

func TestPushed(t *testing.T) {
	t.Parallel()
	all := load(t, jobs).PostsubmitsStatic["org/repo"]
	for _, c := range []struct{ branch, files, want string }{
		{"main", "a", "push"},
		{"main", "a docs/b", "push docs"},
		{"release-1", "a", "push release"},
		{"release-1-rc", "a", "push"},
		{"main", "", "push"},
	} {
		w, s := trigger.Pushed(all, c.branch, strings.Fields(c.files))
		var got []string
		for _, x := range w {
			got = append(got, x.Postsubmit.Name)
		}
		if strings.Join(got, " ") != c.want || len(w)+len(s) != len(all) {
			t.Errorf("%s %q: %v; want %s", c.branch, c.files, got, c.want)
		}
		for _, x := range s {
			if x.Why == "" {
				t.Errorf("no word on why %s does not run", x.Postsubmit.Name)
			}
		}
	}
}

func TestJobID(t *testing.T) {
	t.Parallel()
	refs := &prow.Refs{Org: "o", Repo: "r", BaseRef: "main", BaseSHA: "1"}
	id := trigger.JobID("delivery", "job", refs)
	if len(id) != 36 || id != trigger.JobID("delivery", "job", refs) {
		t.Errorf("id %q", id)
	}
	for _, other := range []string{trigger.JobID("x", "job", refs), trigger.JobID("delivery", "x", refs), trigger.JobID("delivery", "job", nil)} {
		if other == id {
			t.Error("different causes, same name")
		}
	}
}

// Labels and annotations, from the reference cases.
func TestMarks(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 62) + "-" + strings.Repeat("b", 20)
	cfg := load(t, "periodics:\n- {name: "+long+", interval: 1h, labels: {prow.k8s.io/refs.org: zz, own: x}, annotations: {prow.k8s.io/job: mine}, extra_refs: [{org: o, repo: r, base_ref: feature/foo}], "+spec+"}\n"+
		"presubmits: {'https://foo.googlesource.com/a/b': [{name: j, context: ci/x y, max_concurrency: 2, "+spec+"}]}\n")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := trigger.PeriodicJob(cfg, &cfg.Periodics[0], "id", now, trigger.Extra{Labels: map[string]string{"own": "y"}, Why: "it is due"})
	for k, want := range map[string]string{
		prow.LabelJob: strings.Repeat("a", 62), prow.LabelOrg: "zz", prow.LabelRepo: "r", prow.LabelBaseRef: "foo", "own": "y",
		prow.LabelContext: "", prow.LabelType: "periodic", prow.LabelCreatedByProw: "true",
	} {
		if got, ok := p.Labels[k]; !ok || got != want {
			t.Errorf("label %s is %q; want %q", k, got, want)
		}
	}
	if p.Annotations[prow.AnnotationJob] != "mine" || p.Annotations[prow.AnnotationWhy] != "it is due" || !p.Spec.Report || p.Status.State != prow.Triggered {
		t.Errorf("periodic %+v", p)
	}
	j := &cfg.PresubmitsStatic["https://foo.googlesource.com/a/b"][0]
	refs := prow.Refs{Org: "https://foo.googlesource.com", Repo: "a/b", BaseRef: "main", Pulls: []prow.PullRef{{Number: 5}}}
	g := trigger.PresubmitJob(cfg, j, refs, "id", now, trigger.Extra{})
	if _, ok := g.Labels[prow.LabelContext]; ok || g.Labels[prow.LabelOrg] != "foo.googlesource.com" || g.Labels[prow.LabelRepo] != "b" || g.Labels[prow.LabelPull] != "5" {
		t.Errorf("labels %v", g.Labels)
	}
	if g.Annotations[prow.AnnotationContext] != "ci/x y" || len(g.Annotations) != 2 || g.Spec.RerunCommand != "/test j" || g.Spec.MaxConcurrency != 2 {
		t.Errorf("job %+v", g)
	}
	b := trigger.BatchJob(cfg, j, refs, "id", now, trigger.Extra{})
	if b.Spec.Report || b.Spec.RerunCommand != "" || b.Spec.Context != "ci/x y" || b.Spec.Type != prow.Batch {
		t.Errorf("batch %+v", b.Spec)
	}
}

// What a job says of its clone goes into its refs, and not into the configuration.
func TestRefs(t *testing.T) {
	t.Parallel()
	cfg := load(t, `
scheduler: {enabled: true}
plank:
  default_decoration_config_entries:
  - config:
      blobless_fetch: true
      sparse_checkout_files: [a]
      utility_images: {clonerefs: a, initupload: b, entrypoint: c, sidecar: d}
      gcs_configuration: {bucket: b, path_strategy: explicit}
postsubmits:
  org/repo:
  - name: j
    decorate: true
    path_alias: k8s.io/api
    clone_uri: https://example.com/x.git
    clone_depth: 3
    skip_submodules: true
    extra_refs: [{org: o, repo: r, base_ref: main}, {org: o, repo: s, base_ref: main, blobless_fetch: false}]
    reporter_config: {slack: {job_states_to_report: []}}
    spec: {containers: [{image: x, args: [z]}]}
`)
	p := &cfg.PostsubmitsStatic["org/repo"][0]
	e := &prow.PushEvent{Header: prow.Header{At: prow.IssueID{Repo: prow.Repo{Owner: "org", Name: "repo"}}}, Branch: "main", After: "abc", CompareURL: "https://c", RepoURL: "https://r"}
	j := trigger.PostsubmitJob(cfg, p, trigger.PushRefs(e), "id", time.Now(), trigger.Extra{})
	r := j.Spec.Refs
	if r.PathAlias != "k8s.io/api" || r.CloneURI != "https://example.com/x.git" || r.CloneDepth != 3 || !r.SkipSubmodules || !*r.BloblessFetch ||
		len(r.SparseCheckoutFiles) != 1 || r.BaseSHA != "abc" || r.BaseLink != "https://c" || r.RepoLink != "https://r" || r.Org != "org" {
		t.Errorf("refs %+v", r)
	}
	if x := j.Spec.ExtraRefs; !*x[0].BloblessFetch || *x[1].BloblessFetch {
		t.Errorf("extra refs %+v", x)
	}
	if p.ExtraRefs[0].BloblessFetch != nil || p.ReporterConfig.Slack.Report != nil {
		t.Error("the configuration was changed")
	}
	if *j.Spec.ReporterConfig.Slack.Report || j.Status.State != prow.Scheduling || !j.Spec.Report {
		t.Errorf("job %+v", j.Spec)
	}
	pull := &prow.Pull{Issue: prow.Issue{ID: prow.IssueID{Repo: prow.Repo{Owner: "org", Name: "repo"}, Number: 5}, URL: "https://github.com/org/repo/pull/5", Author: "me"}, Base: "main", HeadSHA: "h"}
	pr := trigger.PullRefs(pull, "b")
	if pr.RepoLink != "https://github.com/org/repo" || pr.BaseLink != "https://github.com/org/repo/commit/b" || pr.Pulls[0].SHA != "h" || pr.Pulls[0].Number != 5 {
		t.Errorf("refs of a pull request %+v", pr)
	}
}

func FuzzSpoken(f *testing.F) {
	for _, s := range []string{"```\n/test a\n```\n", "~~~\nx", "<!-- a\nb --> c\n/d", "````x\n```\n````", "<!----><!--", "    ```\n/test a"} {
		f.Add(s)
	}
	all := presubmits(f)
	f.Fuzz(func(t *testing.T, body string) {
		if out := trigger.Spoken(body); len(out) > len(body)+1 {
			t.Errorf("%q became %q", body, out)
		}
		if _, err := trigger.Commanded(all, body, change("main", "a.go"), nil); err != nil {
			t.Error(err)
		}
	})
}
