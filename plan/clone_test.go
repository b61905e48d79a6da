package plan_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/plan"
)

const ownJobs = jobs + `in_repo_config:
  enabled: {org/repo: true}
`

// work is a clone in which somebody works.
type work struct {
	t   *testing.T
	dir string
}

// newWork makes a clone with a main branch, which origin has too, and a topic branch
// on top of it.
func newWork(t *testing.T) *work {
	t.Helper()
	w := &work{t, t.TempDir()}
	w.git("init", "-q", "-b", "main")
	w.write("a.go", "package a\n\nfunc A() {}\n\nfunc B() {}\n")
	w.write(".gitignore", "*.log\n")
	w.commit()
	w.git("update-ref", "refs/remotes/origin/main", "HEAD")
	w.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
	w.git("checkout", "-q", "-b", "topic")
	return w
}

func (w *work) git(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", w.dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Tess", "GIT_AUTHOR_EMAIL=t@x", "GIT_COMMITTER_NAME=Tess", "GIT_COMMITTER_EMAIL=t@x")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *work) write(name, text string) {
	w.t.Helper()
	name = filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		w.t.Fatal(err)
	}
}

func (w *work) commit() {
	w.t.Helper()
	w.git("add", "-A")
	w.git("commit", "-q", "-m", "change")
}

func (w *work) plan(configuration, base string, dirty bool) (*plan.Plan, error) {
	w.t.Helper()
	clone, err := git.OpenClone(w.t.Context(), w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	defer clone.Close()
	return plan.Clone(w.t.Context(), load(w.t, configuration), clone, plan.Change{Repo: repo, Branch: base}, dirty)
}

func (w *work) must(configuration, base string, dirty bool) *plan.Plan {
	w.t.Helper()
	p, err := w.plan(configuration, base, dirty)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// What counts is what the branch adds, not what main got meanwhile.
func TestClone(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("docs/a.md", "a")
	w.git("mv", "a.go", "b.go")
	w.commit()
	w.git("checkout", "-q", "main")
	w.write("later.go", "package a")
	w.commit()
	w.git("update-ref", "refs/remotes/origin/main", "HEAD")
	w.git("checkout", "-q", "topic")
	w.write("new.txt", "not committed")
	w.write("x.log", "ignored")

	p := w.must(jobs, "", false)
	if got := strings.Join(p.Files, " "); got != "a.go b.go docs/a.md" {
		t.Errorf("changed %s", got)
	}
	if got := names(p.Run); got != "unit lint go docs" || p.Branch != "main" {
		t.Errorf("%s run on %s", got, p.Branch)
	}
	tip := w.git("rev-parse", "origin/main")
	equal(t, strings.Join(p.Notes, "\n"), "compared with origin/main, which is at "+tip[:10]+"\n1 changed file is not committed, and left out; --dirty counts what is not committed")
	if p.Head != w.git("rev-parse", "HEAD") || p.Base != w.git("merge-base", "HEAD", "origin/main") {
		t.Errorf("from %s to %s", p.Base, p.Head)
	}
	if got := strings.Join(w.must(jobs, "main", true).Files, " "); got != "a.go b.go docs/a.md new.txt" {
		t.Errorf("with what is not committed, changed %s", got)
	}
}

func TestCloneBase(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("c.go", "package a")
	w.commit()
	w.git("branch", "release")
	for base, want := range map[string]string{
		"main":        "main, with origin/main",
		"origin/main": "main, with origin/main",
		"release":     "release, with release",
		"":            "main, with origin/main",
	} {
		p := w.must(jobs, base, false)
		_, with, _ := strings.Cut(p.Notes[0], "compared ")
		with, _, _ = strings.Cut(with, ", which")
		if got := p.Branch + ", " + with; got != want {
			t.Errorf("base %q is %s, want %s", base, got, want)
		}
	}
	if _, err := w.plan(jobs, "trunk", false); err == nil || !strings.Contains(err.Error(), "knows no branch trunk, neither of origin nor its own; fetch it, or name another with --base") {
		t.Errorf("error %v", err)
	}
	w.git("checkout", "-q", "--orphan", "other")
	w.commit()
	if p := w.must(jobs, "main", false); len(p.Notes) != 2 || !strings.Contains(p.Notes[1], "no common ancestor") || strings.Join(p.Files, " ") != "c.go" {
		t.Errorf("changed %v, notes %q", p.Files, p.Notes)
	}
}

// A repository's own jobs count as committed, where they are permitted.
func TestCloneOwnJobs(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write(".prow.yaml", "presubmits:\n- name: mine\n  always_run: true\n  spec: {containers: [{image: x}]}\n")
	w.commit()
	p := w.must(ownJobs, "", false)
	if got := names(p.Run); got != "unit lint mine" {
		t.Errorf("%s run", got)
	}
	if j := p.Run[2]; !j.InRepo || j.File != ".prow.yaml" || j.Line != 2 {
		t.Errorf("the repository's own job is %+v", j)
	}
	if p.Run[0].InRepo || p.InRepo.From != ".prow.yaml at HEAD, "+p.Head[:10] {
		t.Errorf("in-repo jobs: %+v, %+v", p.Run[0], p.InRepo)
	}
	p = w.must(jobs, "", false)
	if got := names(p.Run); got != "unit lint" || p.InRepo.Enabled {
		t.Errorf("without permission %s run", got)
	}
	if n := p.Notes[len(p.Notes)-1]; n != "in_repo_config is off for org/repo, so its .prow.yaml is ignored" {
		t.Errorf("note %q", n)
	}

	w.write(".prow.yaml", "presubmits:\n- name: other\n  always_run: true\n  spec: {containers: [{image: x}]}\n")
	if got := names(w.must(ownJobs, "", false).Run); got != "unit lint mine" {
		t.Errorf("%s run, and what is not committed counted", got)
	}
	if got := names(w.must(ownJobs, "", true).Run); got != "unit lint other" {
		t.Errorf("%s run, as if all were committed", got)
	}
}

// Where they are wrong, what is wrong is said with its place, and the others are
// planned.
func TestCloneBrokenJobs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, want string }{
		"syntax":  {"presubmits: [", ".prow.yaml:2:1: is not YAML"},
		"cluster": {"presubmits:\n- name: mine\n  cluster: trusted\n  spec: {containers: [{image: x}]}\n", `.prow.yaml:3:12: job mine: presubmits[0].cluster: this repository's own jobs may not use cluster "trusted" (allowed here: default)`},
		"twice":   {"presubmits:\n- name: unit\n  spec: {containers: [{image: x}]}\n", ".prow.yaml:2:"},
	} {
		w := newWork(t)
		w.write(".prow.yaml", c.file)
		w.commit()
		p := w.must(ownJobs, "", false)
		if got := names(p.Run); got != "unit lint" {
			t.Errorf("%s: %s run", name, got)
		}
		if !strings.HasPrefix(p.InRepo.Error, c.want) || len(p.InRepo.Problems) == 0 || p.InRepo.Problems[0].Line == 0 {
			t.Errorf("%s: error %q, want %q; problems %+v", name, p.InRepo.Error, c.want, p.InRepo.Problems)
		}
		if got := text(t, p); !strings.Contains(got, "The repository's own jobs cannot be used; only those of the central configuration are planned:\n  .prow.yaml:") {
			t.Errorf("%s: text\n%s", name, got)
		}
	}
}
