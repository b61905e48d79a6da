package crier

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
)

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: make it with UPDATE_GOLDEN=1", err)
	}
	if string(want) != got+"\n" {
		t.Errorf("%s differs:\n%s\nwant:\n%s", name, got, want)
	}
}

// failed makes a finished job of a context.
func failed(context string, change ...func(*prow.Job)) *prow.Job {
	return prowtest.Job(context, append([]func(*prow.Job){func(j *prow.Job) {
		j.Spec.Context, j.Spec.Job, j.Spec.RerunCommand = context, context, "/test "+context
		j.Labels[prow.LabelOptional] = "false"
		j.Status.State, j.Status.CompletionTime = prow.Failure, j.Status.StartTime.DeepCopy()
		j.Status.URL = "https://prow.example.com/run/" + context
	}}, change...)...)
}

func passed(j *prow.Job) { j.Status.State = prow.Success }

func TestCommentText(t *testing.T) {
	t.Parallel()
	one := merge(nil, []*prow.Job{failed("unit")})
	golden(t, "one.md", commentBody("alice", one, ""))
	many := merge(nil, []*prow.Job{
		failed("lint", func(j *prow.Job) { j.Labels[prow.LabelOptional] = "true" }),
		failed("e2e", func(j *prow.Job) { delete(j.Labels, prow.LabelOptional) }),
		failed("unit"),
	})
	golden(t, "many.md", commentBody("alice", many, "Ask in **#help** if you are stuck."))
	golden(t, "none.md", commentBody("alice", nil, ""))
	nasty := failed("a | b\n<script>", func(j *prow.Job) {
		j.Spec.RerunCommand, j.Status.URL = "/test `x` | y", "https://x/(a) b|c<d>\n"
	})
	golden(t, "nasty.md", commentBody("alice", merge(nil, []*prow.Job{nasty}), ""))
}

func TestRowsComeBackOut(t *testing.T) {
	t.Parallel()
	rows := merge(nil, []*prow.Job{failed("a | b\n<script>"), failed("ci/b"), failed("ci/a c")})
	body := commentBody("alice", rows, "para | graph\n---\nno | row")
	if got := parseRows(strings.ReplaceAll(body, "\n", "\r\n"))[:3]; !slices.Equal(got, rows) {
		t.Errorf("parsed %q\nwant %q", got, rows)
	}
	for _, other := range []string{"", "no marker\n---\na | b", "<!-- test report -->", "---\na\n<!-- test report -->"} {
		for _, r := range parseRows(other) {
			if r.SHA != "" {
				t.Errorf("parsed %q out of %q", r, other)
			}
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	old := func(contexts ...string) (rows []row) {
		for _, c := range contexts {
			rows = append(rows, row{Context: c, SHA: "old"})
		}
		return rows
	}
	for _, c := range []struct {
		name string
		old  []row
		jobs []*prow.Job // newest first
		want string
	}{
		{"a failure", nil, []*prow.Job{failed("a")}, "a"},
		{"a failure again, beside another's row", old("ci/a", "ci/b"), []*prow.Job{failed("ci/a")}, "ci/b(old) ci/a"},
		{"success takes its row away", old("ci/a", "ci/b"), []*prow.Job{failed("ci/a", passed)}, "ci/b(old)"},
		{"an abort takes its row away", old("ci/a"), []*prow.Job{failed("ci/a", func(j *prow.Job) { j.Status.State = prow.Aborted })}, ""},
		{"an error has no row", nil, []*prow.Job{failed("ci/a", func(j *prow.Job) { j.Status.State = prow.Error })}, ""},
		{"of two old rows the later", append(old("a"), row{Context: "a", SHA: "h0"}), nil, "a(h0)"},
		{"in the order they failed", nil, []*prow.Job{failed("c"), failed("b", passed), failed("a")}, "a c"},
		{"nothing", nil, nil, ""},
	} {
		var got []string
		for _, r := range merge(c.old, c.jobs) {
			if r.SHA != "h1" {
				r.Context += "(" + r.SHA + ")"
			}
			got = append(got, r.Context)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: rows %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzParseRows(f *testing.F) {
	f.Add(commentBody("alice", merge(nil, []*prow.Job{failed("unit")}), "text"))
	f.Add("---\n | | | \n\n---\n<!-- test report -->")
	f.Fuzz(func(t *testing.T, body string) {
		rows := parseRows(body)
		for i := range rows { // what was read once is read the same again
			rows[i].Context = cell(strings.ReplaceAll(rows[i].Context, `\`, ""))
		}
		_ = commentBody("alice", rows, "")
	})
}
