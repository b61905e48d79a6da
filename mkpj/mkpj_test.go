package mkpj_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/mkpj"
	"github.com/prow-ci/prow/prowtest/world"
	"sigs.k8s.io/yaml"
)

func load(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Paths{Config: "testdata/config.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Rows are a contract: other versions of Prow are compared by them.
func TestSample(t *testing.T) {
	t.Parallel()
	cfg := load(t)
	var jobs []mkpj.Found
	for f := range mkpj.Static(cfg) {
		if f.Base().Name != "twice" {
			jobs = append(jobs, f)
		}
	}
	rows := mkpj.Rows(cfg, slices.Values(jobs), mkpj.SampleRefs, mkpj.Sample, true)
	got := write(t, "jsonl", rows)
	const file = "testdata/sample.jsonl"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: make it with UPDATE_GOLDEN=1", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +made):\n%s", file, d)
	}

	// The other formats hold the same objects, as Kubernetes takes them.
	var objects []any
	for row := range rows {
		objects = append(objects, row.ProwJob)
		if row.Pod != nil {
			row.Pod.APIVersion, row.Pod.Kind = "v1", "Pod"
			objects = append(objects, row.Pod)
		}
	}
	var inJSON []json.RawMessage
	for d := json.NewDecoder(strings.NewReader(write(t, "json", rows))); d.More(); {
		var o json.RawMessage
		if err := d.Decode(&o); err != nil {
			t.Fatal(err)
		}
		inJSON = append(inJSON, o)
	}
	inYAML := strings.Split(write(t, "yaml", rows), "\n---\n")
	if len(inJSON) != len(objects) || len(inYAML) != len(objects) {
		t.Fatalf("%d objects in JSON, %d in YAML, want %d", len(inJSON), len(inYAML), len(objects))
	}
	for i, o := range objects {
		want, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		fromYAML, err := yaml.YAMLToJSON([]byte(inYAML[i]))
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range [][]byte{inJSON[i], fromYAML} {
			if d := cmp.Diff(decode(t, want), decode(t, got)); d != "" {
				t.Error(d)
			}
		}
	}
}

func write(t *testing.T, format string, rows iter.Seq[mkpj.Row]) string {
	t.Helper()
	var out bytes.Buffer
	if err := mkpj.Write(&out, format, rows); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func decode(t *testing.T, b []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func many(n int) iter.Seq[mkpj.Found] {
	cfg := &config.Config{}
	for i := range n {
		cfg.Periodics = append(cfg.Periodics, config.Periodic{JobBase: config.JobBase{Name: fmt.Sprintf("job-%d", i)}})
	}
	return mkpj.Static(cfg)
}

func TestFind(t *testing.T) {
	t.Parallel()
	cfg := load(t)
	for _, c := range []struct{ name, repo, want string }{
		{"unit", "", "presubmit org/repo, presubmit org/repo"},
		{"unit", "org/repo", "presubmit org/repo, presubmit org/repo"},
		{"publish", "", "postsubmit org/repo"},
		{"nightly", "", "periodic "},
		{"nightly", "org/repo", "periodic "},
		{"twice", "", "several repositories have a presubmit twice: org/repo, other/repo; say which with --repo"},
		{"twice", "other/repo", "presubmit other/repo"},
		{"nigthly", "", `no job "nigthly" is configured; did you mean "nightly"?`},
		{"unit", "other/repo", `no job "unit" is configured for other/repo; there are: nightly, twice`},
		{"zzzzzz", "", "there are: nightly, old, publish, twice, unit"},
	} {
		found, err := mkpj.Find(mkpj.Static(cfg), c.name, c.repo)
		var got []string
		for _, f := range found {
			got = append(got, string(f.Type())+" "+f.Repo)
		}
		text := strings.Join(got, ", ")
		if err != nil {
			text = err.Error()
		}
		if text != c.want && (err == nil || !strings.HasSuffix(text, c.want)) {
			t.Errorf("%s of %q: %s; want %s", c.name, c.repo, text, c.want)
		}
	}
	if _, err := mkpj.Find(many(4000), "job-39998", ""); err == nil || !strings.Contains(err.Error(), `did you mean "job-3998"?`) {
		t.Errorf("among many jobs the error is %v", err)
	}
	none := mkpj.Static(&config.Config{})
	if _, err := mkpj.Find(none, "unit", ""); err == nil || !strings.Contains(err.Error(), "--job-config-path") {
		t.Errorf("without jobs the error is %v", err)
	}
}

// What is not given of a change is asked of the forge, or of a person.
func TestRefs(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	repo := w.Repo("org/repo", map[string]string{"a.txt": "a\n"})
	id := w.Pull(repo, "alice", "topic", map[string]string{"b.txt": "b\n"})
	p := w.PullNow(id)
	cfg := load(t)
	forge := mkpj.Source{Forge: w.Forge()}
	a40 := strings.Repeat("a", 40)
	for name, c := range map[string]struct {
		job    string
		given  mkpj.Given
		source mkpj.Source
		want   prow.Refs
		err    string
		warned string
	}{
		"all from the forge": {
			job: "unit", given: mkpj.Given{Pull: id.Number}, source: forge,
			want: prow.Refs{
				Org: "org", Repo: "repo", RepoLink: w.URL + "/org/repo", BaseRef: "main", BaseSHA: p.BaseSHA, BaseLink: w.URL + "/org/repo/commit/" + p.BaseSHA,
				Pulls: []prow.PullRef{p.Ref()},
			},
		},
		"what is given wins": {
			job: "unit", given: mkpj.Given{Pull: id.Number, BaseSHA: a40, PullAuthor: "bob"}, source: forge,
			want: prow.Refs{
				Org: "org", Repo: "repo", RepoLink: w.URL + "/org/repo", BaseRef: "main", BaseSHA: a40, BaseLink: w.URL + "/org/repo/commit/" + a40,
				Pulls: []prow.PullRef{{
					Number: 1, Author: "bob", SHA: p.HeadSHA, Title: p.Title, HeadRef: "topic",
					Link: p.URL, CommitLink: p.URL + "/commits/" + p.HeadSHA, AuthorLink: w.URL + "/bob",
				}},
			},
		},
		"all given": {
			job: "unit", given: mkpj.Given{Pull: 9, BaseRef: "release-1.2", BaseSHA: "b", PullSHA: "s", PullAuthor: "me", PullHeadRef: "h"},
			want: prow.Refs{Org: "org", Repo: "repo", BaseRef: "release-1.2", BaseSHA: "b", Pulls: []prow.PullRef{{Number: 9, SHA: "s", Author: "me", HeadRef: "h"}}},
		},
		"nobody knows the head ref": {
			job: "unit", given: mkpj.Given{Pull: 9, BaseRef: "main", BaseSHA: "b", PullSHA: "s", PullAuthor: "me"}, source: forge, warned: "--pull-head-ref gives it",
			want: prow.Refs{Org: "org", Repo: "repo", BaseRef: "main", BaseSHA: "b", Pulls: []prow.PullRef{{Number: 9, SHA: "s", Author: "me"}}},
		},
		"a person knows the number": {
			job: "unit", given: mkpj.Given{BaseRef: "main", BaseSHA: "b", PullSHA: "s", PullAuthor: "me", PullHeadRef: "h"},
			source: mkpj.Source{Ask: func(string) string { return "9" }},
			want:   prow.Refs{Org: "org", Repo: "repo", BaseRef: "main", BaseSHA: "b", Pulls: []prow.PullRef{{Number: 9, SHA: "s", Author: "me", HeadRef: "h"}}},
		},
		"a branch": {
			job: "publish", source: mkpj.Source{Ask: func(string) string { return "release-1.2" }}, given: mkpj.Given{BaseSHA: "b", Pull: 9},
			want: prow.Refs{Org: "org", Repo: "repo", BaseRef: "release-1.2", BaseSHA: "b"},
		},
		"periodic":  {job: "nightly", given: mkpj.Given{BaseRef: "main"}},
		"no number": {job: "unit", source: mkpj.Source{Ask: func(string) string { return "" }}, err: "unit is a presubmit: say which pull request of org/repo it is to test with --pull-number"},
		"no branch": {job: "publish", err: "publish is a postsubmit: say which branch it is to test with --base-ref"},
		"branch left out": {
			job: "publish", given: mkpj.Given{BaseRef: "main", BaseSHA: "b"}, warned: "postsubmit publish of org/repo is not configured to run on branch main",
			want: prow.Refs{Org: "org", Repo: "repo", BaseRef: "main", BaseSHA: "b"},
		},
		"no such branch":    {job: "publish", given: mkpj.Given{BaseRef: "release-1.2"}, source: forge, err: "give --base-sha"},
		"no such number":    {job: "unit", given: mkpj.Given{Pull: 99}, source: forge, err: "pull request org/repo#99: "},
		"no forge":          {job: "unit", given: mkpj.Given{Pull: 1}, err: "there is no forge to ask; to do without the forge, give --base-ref, --base-sha, --pull-sha and --pull-author"},
		"another's branch":  {job: "unit", given: mkpj.Given{Pull: 1, BaseRef: "dev"}, source: forge, err: "branch dev of org/repo", warned: "presubmit unit of org/repo is not configured to run on branch dev"},
		"not a real number": {job: "unit", source: mkpj.Source{Ask: func(string) string { return "x" }}, err: "--pull-number"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := mkpj.Find(mkpj.Static(cfg), c.job, "")
			if err != nil {
				t.Fatal(err)
			}
			warned := ""
			c.source.Warn = func(text string) { warned += text }
			_, got, err := c.given.Refs(t.Context(), c.source, found)
			if !strings.Contains(warned, c.warned) || (warned == "") != (c.warned == "") {
				t.Errorf("warned was %q, want %q", warned, c.warned)
			}
			if c.err != "" || err != nil {
				if err == nil || c.err == "" || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error is %v, want %s", err, c.err)
				}
				return
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// One set of refs for everything leaves out what does not run on its branch.
func TestEach(t *testing.T) {
	t.Parallel()
	cfg := load(t)
	g := mkpj.Given{BaseRef: "main", BaseSHA: "b", Pull: 3, PullSHA: "s", PullAuthor: "me"}
	var got []string
	for r := range mkpj.Rows(cfg, mkpj.Static(cfg), g.Each, mkpj.Sample, false) {
		if r.Pod != nil || len(r.ProwJob.Labels[prow.LabelID]) > 0 {
			t.Errorf("%s has a pod", r.Job)
		}
		n := 0
		if p := r.ProwJob.Pull(); p != nil {
			n = p.Number
		}
		got = append(got, strings.Join([]string{string(r.Type), r.Repo, r.Job, r.Branch, strings.Repeat("#", n)}, " "))
	}
	want := []string{
		"presubmit org/repo unit main ###", "presubmit org/repo old main ###", "presubmit org/repo twice main ###",
		"presubmit other/repo twice main ###", "postsubmit org/repo twice main ", "periodic  nightly  ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	cfg := load(t)
	rows := slices.Values([]mkpj.Row{{Job: "x", ProwJob: &prow.Job{}, PodError: "job x: it has no pod_spec"}})
	if err := mkpj.Write(&bytes.Buffer{}, "yaml", rows); err == nil || !strings.Contains(err.Error(), "no pod_spec") {
		t.Errorf("error is %v", err)
	}
	if err := mkpj.Write(&bytes.Buffer{}, "xml", mkpj.Rows(cfg, mkpj.Static(cfg), mkpj.SampleRefs, mkpj.Sample, false)); err == nil || !strings.Contains(err.Error(), "want yaml, json, jsonl") {
		t.Errorf("error is %v", err)
	}
}
