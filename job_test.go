package prow_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
	"pgregory.net/rapid"
)

func TestAdvanceFollowsTheArrows(t *testing.T) {
	all := []prow.State{"", prow.Scheduling, prow.Triggered, prow.Pending, prow.Success, prow.Failure, prow.Aborted, prow.Error}
	arrows := map[prow.State]string{
		"":              "scheduling triggered aborted error",
		prow.Scheduling: "scheduling triggered aborted error",
		prow.Triggered:  "pending aborted error",
		prow.Pending:    "success failure aborted error",
	}
	for _, from := range all {
		for _, to := range all[1:] {
			j := prowtest.Job("a", func(j *prow.Job) { j.Status.State = from })
			err := j.Advance(to, prowtest.Epoch, "because")
			allowed := strings.Contains(" "+arrows[from]+" ", " "+string(to)+" ")
			if (err == nil) != allowed {
				t.Errorf("%q to %q: %v", from, to, err)
			}
			if err != nil && (j.Status.State != from || j.Status.Description != "" || j.Complete()) {
				t.Errorf("%q to %q was refused, yet changed the job", from, to)
			}
			if err == nil && j.Complete() != (to == prow.Success || to == prow.Failure || to == prow.Error) {
				t.Errorf("%q to %q: complete = %v", from, to, j.Complete())
			}
		}
		if from.Final() != (arrows[from] == "") {
			t.Errorf("Final(%q) = %v", from, from.Final())
		}
	}
}

func TestAnAbortedJobIsFinishedByItsAgent(t *testing.T) {
	j := prowtest.Job("a")
	if err := j.Finish(prowtest.Epoch); err == nil {
		t.Error("a triggered job was finished")
	}
	if err := j.Advance(prow.Aborted, prowtest.Epoch, "closed"); err != nil || j.Complete() {
		t.Fatalf("Advance = %v, complete %v; want incomplete until the run is stopped", err, j.Complete())
	}
	if err := j.Finish(prowtest.Epoch.Add(time.Minute)); err != nil || !j.Complete() {
		t.Fatalf("Finish = %v", err)
	}
	before := *j.Status.CompletionTime
	if err := j.Finish(prowtest.Epoch.Add(time.Hour)); err != nil || !j.Status.CompletionTime.Equal(&before) {
		t.Error("finishing twice moved the time")
	}
}

func TestDirAndPointers(t *testing.T) {
	gcs := func(c prow.GCSConfiguration) func(*prow.Job) {
		return func(j *prow.Job) { j.Spec.DecorationConfig = &prow.DecorationConfig{GCSConfiguration: &c} }
	}
	kind := func(k prow.Type) func(*prow.Job) { return func(j *prow.Job) { j.Spec.Type = k } }
	gerrit := func(j *prow.Job) { j.Spec.Refs.Org, j.Spec.Refs.Repo = "https://g.example.com", "a/b" }
	for _, c := range []struct {
		name              string
		change            []func(*prow.Job)
		dir, alias, files string
	}{
		{"presubmit", nil, "pr-logs/pull/o_r/5/unit/9", "pr-logs/directory/unit/9.txt", "pr-logs/directory/unit/latest-build.txt pr-logs/pull/o_r/5/unit/latest-build.txt"},
		{"batch", []func(*prow.Job){kind(prow.Batch)}, "pr-logs/pull/batch/unit/9", "", "pr-logs/directory/unit/latest-build.txt"},
		{"postsubmit", []func(*prow.Job){kind(prow.Postsubmit)}, "logs/unit/9", "", "logs/unit/latest-build.txt"},
		{"periodic", []func(*prow.Job){kind(prow.Periodic)}, "logs/unit/9", "", "logs/unit/latest-build.txt"},
		{"single, default", []func(*prow.Job){gcs(prow.GCSConfiguration{PathStrategy: "single", DefaultOrg: "o", DefaultRepo: "r"})}, "pr-logs/pull/5/unit/9", "pr-logs/directory/unit/9.txt", "pr-logs/directory/unit/latest-build.txt pr-logs/pull/5/unit/latest-build.txt"},
		{"legacy, default org", []func(*prow.Job){gcs(prow.GCSConfiguration{PathStrategy: "legacy", DefaultOrg: "o", DefaultRepo: "x"})}, "pr-logs/pull/r/5/unit/9", "pr-logs/directory/unit/9.txt", "pr-logs/directory/unit/latest-build.txt pr-logs/pull/r/5/unit/latest-build.txt"},
		{"legacy, other org", []func(*prow.Job){gcs(prow.GCSConfiguration{PathStrategy: "legacy", DefaultOrg: "k", DefaultRepo: "r"})}, "pr-logs/pull/o_r/5/unit/9", "pr-logs/directory/unit/9.txt", "pr-logs/directory/unit/latest-build.txt pr-logs/pull/o_r/5/unit/latest-build.txt"},
		{"prefix, in the run path alone", []func(*prow.Job){kind(prow.Periodic), gcs(prow.GCSConfiguration{PathStrategy: "explicit", PathPrefix: "p/q"})}, "p/q/logs/unit/9", "", "logs/unit/latest-build.txt"},
		{"gerrit", []func(*prow.Job){gerrit}, "pr-logs/pull/g.example.com_a_b/5/unit/9", "pr-logs/directory/unit/9.txt", "pr-logs/directory/unit/latest-build.txt pr-logs/pull/g.example.com_a_b/5/unit/latest-build.txt"},
	} {
		j := prowtest.Job("id", append(c.change, func(j *prow.Job) { j.Status.BuildID = "9" })...)
		if got := prow.Dir(j); got != c.dir {
			t.Errorf("%s: Dir = %q, want %q", c.name, got, c.dir)
		}
		if got := prow.AliasFile(j); got != c.alias {
			t.Errorf("%s: AliasFile = %q, want %q", c.name, got, c.alias)
		}
		if got := strings.Join(prow.LatestBuildFiles(j), " "); got != c.files {
			t.Errorf("%s: LatestBuildFiles = %q, want %q", c.name, got, c.files)
		}
	}
}

func TestEnv(t *testing.T) {
	env := func(change ...func(*prow.Job)) map[string]string {
		j := prowtest.Job("id", append(change, func(j *prow.Job) { j.Status.BuildID = "9" })...)
		e, err := j.Env("/home", "/art")
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := env()
	for k, want := range map[string]string{
		"CI": "true", "JOB_NAME": "unit", "JOB_TYPE": "presubmit", "BUILD_ID": "9", "BUILD_NUMBER": "9", "PROW_JOB_ID": "id",
		"REPO_OWNER": "o", "REPO_NAME": "r", "SRC_HOST": "github.com", "SRC_BASE": "o/r", "PULL_BASE_REF": "main", "PULL_BASE_SHA": "b0",
		"PULL_REFS": "main:b0,5:h1", "PULL_NUMBER": "5", "PULL_PULL_SHA": "h1",
	} {
		if e[k] != want {
			t.Errorf("%s = %q, want %q", k, e[k], want)
		}
	}
	if _, ok := e["ARTIFACTS"]; ok {
		t.Error("a job without decoration has ARTIFACTS")
	}
	var spec prow.JobSpec
	if err := json.Unmarshal([]byte(e["JOB_SPEC"]), &spec); err != nil || spec.Refs.Pulls[0].SHA != "h1" || spec.BuildID != "9" {
		t.Errorf("JOB_SPEC = %s, %v", e["JOB_SPEC"], err)
	}
	e = env(func(j *prow.Job) { j.Spec.Type = prow.Batch; j.Spec.Refs.PathAlias = "k8s.io" })
	if _, ok := e["PULL_NUMBER"]; ok || e["SRC_HOST"] != "k8s.io" || e["SRC_BASE"] != "o/r" {
		t.Errorf("batch with an alias without slash: %v", e)
	}
	e = env(prowtest.Script("true"))
	if _, ok := e["PULL_REFS"]; ok || e["ARTIFACTS"] != "/art" || e["GOPATH"] != "/home" {
		t.Errorf("decorated periodic: %v", e)
	}
}

func TestTheTextOfACheckCarriesItsBase(t *testing.T) {
	sha := strings.Repeat("ab12", 10)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		got := prow.WithBase(text, sha)
		if len(got) > 140 {
			t.Fatalf("%d bytes: %q", len(got), got)
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Fatalf("a character was split: %q", got)
		}
		if c := (prow.Check{Text: got}); c.BaseSHA() != sha {
			t.Fatalf("BaseSHA of %q = %q", got, c.BaseSHA())
		}
	})
	c := prow.Check{Text: prow.WithBase("Job succeeded.", sha)}
	if c.Plain() != "Job succeeded." {
		t.Errorf("Plain = %q", c.Plain())
	}
	if old := (prow.Check{Text: "ok Basesha:" + sha}); old.BaseSHA() != sha {
		t.Error("the older spelling is not read")
	}
	if none := (prow.Check{Text: "ok BaseSHA:xyz"}); none.BaseSHA() != "" {
		t.Errorf("BaseSHA = %q of no commit", none.BaseSHA())
	}
	if s := (prow.Check{Text: prow.WithBase(prow.StickyText("Overridden by alice"), sha)}); !s.SkipRetest() || s.BaseSHA() != sha {
		t.Errorf("%q is not sticky", s.Text)
	}
}

func TestParsing(t *testing.T) {
	for text, want := range map[string]prow.Repo{
		"o/r": {Owner: "o", Name: "r"}, "https://g.example.com/a/b/": {Owner: "https://g.example.com", Name: "a/b"},
	} {
		if got, err := prow.ParseRepo(text); err != nil || got != want {
			t.Errorf("ParseRepo(%q) = %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "o", "/r", "o/", "a/b/c", "https://host"} {
		if got, err := prow.ParseRepo(bad); err == nil {
			t.Errorf("ParseRepo(%q) = %v", bad, got)
		}
	}
	if id, err := prow.ParseIssueID("o/r#17"); err != nil || id.String() != "o/r#17" {
		t.Errorf("ParseIssueID = %v, %v", id, err)
	}
	for _, bad := range []string{"o/r", "o/r#", "o/r#0", "o/r#-1", "#5", "o/r#5x"} {
		if id, err := prow.ParseIssueID(bad); err == nil {
			t.Errorf("ParseIssueID(%q) = %v", bad, id)
		}
	}
}

func TestQueryText(t *testing.T) {
	q := prow.Query{Orgs: []string{"k"}, Repos: []string{"o/r"}, ExcludedRepos: []string{"k/x"}, Author: "bot", Labels: []string{"lgtm", "a,b c"},
		MissingLabels: []string{"do-not-merge/hold"}, Branches: []string{"main"}, Milestone: "v1", ReviewApproved: true}
	want := `is:pr state:open archived:false author:"bot" base:"main" label:"lgtm" label:"a","b c" -label:"do-not-merge/hold" milestone:"v1" review:approved org:"k" repo:"o/r" -repo:"k/x"`
	if got := q.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{`"1h30m"`: 90 * time.Minute, `5000000000`: 5 * time.Second} {
		var d prow.Duration
		if err := json.Unmarshal([]byte(text), &d); err != nil || d.Duration != want {
			t.Errorf("%s: %v, %v", text, d, err)
		}
	}
	for _, bad := range []string{`"soon"`, `true`, `{}`} {
		var d prow.Duration
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s: %v", bad, d)
		}
	}
}

func TestPlace(t *testing.T) {
	for bucket, want := range map[string]string{
		"":         "logs/j/7",
		"b":        "gs:b/logs/j/7",
		"gs://b":   "gs:b/logs/j/7",
		"s3://b.c": "s3:b.c/logs/j/7",
		"/shared":  "file:%2Fshared/logs/j/7",
	} {
		j := &prow.Job{Spec: prow.Spec{Type: prow.Periodic, Job: "j"}, Status: prow.Status{BuildID: "7"}}
		if bucket != "" {
			j.Spec.DecorationConfig = &prow.DecorationConfig{GCSConfiguration: &prow.GCSConfiguration{Bucket: bucket}}
		}
		if got := prow.Place(j); got != want {
			t.Errorf("%q: %s, want %s", bucket, got, want)
		}
		if address, rest := prow.SplitPlace(prow.Place(j)); address != prow.Bucket(j) || rest != prow.Dir(j) {
			t.Errorf("%q: split into %q and %q", bucket, address, rest)
		}
	}
	for name, want := range map[string][2]string{"gs:b": {"gs://b", "."}, "a/gs:b": {"", "a/gs:b"}, ":b/x": {"", ":b/x"}, "x:": {"", "x:"}} {
		if address, rest := prow.SplitPlace(name); address != want[0] || rest != want[1] {
			t.Errorf("%s: %q and %q", name, address, rest)
		}
	}
}
