package inrepo_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/inrepo"
)

var repo = prow.Repo{Owner: "org", Name: "repo"}

// place is a real repository, and a Source that reads its mirror.
type place struct {
	*inrepo.Source
	t   *testing.T
	dir string
}

func newPlace(t *testing.T) *place {
	p := &place{t: t, dir: t.TempDir()}
	p.git("init", "-q", "-b", "main")
	p.Source = &inrepo.Source{Git: &git.Store{
		Dir:    t.TempDir(),
		Remote: func(prow.Repo) git.Remote { return git.Remote{URL: p.dir} },
	}}
	return p
}

func (p *place) git(args ...string) string {
	p.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@example.com", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files (name, text, name, text…) and returns the commit.
func (p *place) commit(files ...string) string {
	p.t.Helper()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(p.dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o666); err != nil {
			p.t.Fatal(err)
		}
	}
	p.git("add", "-A")
	p.git("commit", "-q", "--allow-empty", "-m", "change")
	return p.git("rev-parse", "HEAD")
}

func load(t *testing.T, text string) *config.Config {
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

const enabled = `
in_repo_config: {enabled: {org: true}}
presubmits:
  org/repo:
  - {name: static, always_run: true, spec: {containers: [{image: x}]}}
`

func job(names ...string) string {
	var b strings.Builder
	b.WriteString("presubmits:\n")
	for _, n := range names {
		b.WriteString("- {name: " + n + ", spec: {containers: [{image: x}]}}\n")
	}
	return b.String()
}

func names(jobs *config.RepoJobs) string {
	var out []string
	for _, j := range jobs.Presubmits {
		out = append(out, j.Name)
	}
	return strings.Join(out, " ")
}

func expect(t *testing.T, jobs *config.RepoJobs, want string) {
	t.Helper()
	if jobs.Broken != nil || names(jobs) != want {
		t.Errorf("jobs %q, broken %v; want %q", names(jobs), jobs.Broken, want)
	}
}

// A pull request is judged by its own version of the files, merged.
func TestJobsOfAPullRequest(t *testing.T) {
	t.Parallel()
	p, cfg := newPlace(t), load(t, enabled)
	start := p.commit(".prow.yaml", job("own"))
	expect(t, p.Jobs(t.Context(), cfg, repo, "main", start), "static own")

	p.git("checkout", "-q", "-b", "topic")
	head := p.commit(".prow.yaml", job("own", "added"))
	p.git("checkout", "-q", "main")
	base := p.commit("README.md", "hello")
	expect(t, p.Jobs(t.Context(), cfg, repo, "main", base), "static own")
	for range 2 { // the second comes from the cache
		expect(t, p.Jobs(t.Context(), cfg, repo, "main", base, head), "static own added")
	}
}

// The directory wins over the file.
func TestDirectory(t *testing.T) {
	t.Parallel()
	p, cfg := newPlace(t), load(t, enabled)
	c := p.commit(".prow.yaml", job("file"), ".prow/a.yaml", job("a"), ".prow/sub/b.yml", job("b"),
		".prow/hidden.yaml", job("hidden"), ".prow/x.txt", "no", ".prowignore", "hidden.yaml\n")
	expect(t, p.Jobs(t.Context(), cfg, repo, "main", c), "static a b")
}

// What cannot be used leaves the static jobs, and says why.
func TestBroken(t *testing.T) {
	t.Parallel()
	p, cfg := newPlace(t), load(t, enabled)
	good := p.commit(".prow.yaml", job("own"))
	p.git("checkout", "-q", "-b", "topic")
	head := p.commit(".prow.yaml", job("other"))
	p.git("checkout", "-q", "main")
	base := p.commit(".prow.yaml", job("third"))
	for _, c := range []struct {
		what string
		jobs *config.RepoJobs
		say  string
	}{
		{"a conflict", p.Jobs(t.Context(), cfg, repo, "main", base, head), ".prow.yaml"},
		{"no such commit", p.Jobs(t.Context(), cfg, repo, "main", strings.Repeat("d", 40)), "dddd"},
		{"a taken name", p.Jobs(t.Context(), cfg, repo, "main", p.commit(".prow.yaml", job("static"))), `another presubmit "static"`},
		{"a foreign cluster", p.Jobs(t.Context(), cfg, repo, "main",
			p.commit(".prow.yaml", "presubmits: [{name: a, cluster: trusted, spec: {containers: [{image: x}]}}]")), `may not use cluster "trusted"`},
		{"no YAML", p.Jobs(t.Context(), cfg, repo, "main", p.commit(".prow.yaml", "presubmits: [")), ".prow.yaml"},
	} {
		if c.jobs.Broken == nil || !strings.Contains(c.jobs.Broken.Error(), c.say) {
			t.Errorf("%s: broken is %v; want it to say %q", c.what, c.jobs.Broken, c.say)
		}
		if names(c.jobs) != "static" {
			t.Errorf("%s: jobs %q; want the static ones", c.what, names(c.jobs))
		}
	}
	expect(t, p.Jobs(t.Context(), cfg, repo, "main", good), "static own")
}

// A repository that may not bring jobs costs nothing: its mirror is not touched.
func TestDisabled(t *testing.T) {
	t.Parallel()
	s := &inrepo.Source{Git: &git.Store{Dir: t.TempDir(), Remote: func(prow.Repo) git.Remote {
		t.Error("the mirror was used")
		return git.Remote{}
	}}}
	cfg := load(t, strings.Replace(enabled, "true}}", "true, org/repo: false}}", 1))
	expect(t, s.Jobs(t.Context(), cfg, repo, "main", strings.Repeat("a", 40)), "static")
}

// Another configuration is applied at once to files that are known already.
func TestOtherConfiguration(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := p.commit(".prow.yaml", "presubmits: [{name: a, cluster: big, spec: {containers: [{image: x}]}}]")
	if jobs := p.Jobs(t.Context(), load(t, enabled), repo, "main", c); jobs.Broken == nil {
		t.Error("cluster big was allowed")
	}
	wider := strings.Replace(enabled, "true}", "true}, allowed_clusters: {org: [big]}", 1)
	expect(t, p.Jobs(t.Context(), load(t, wider), repo, "main", c), "static a")
}

// Many ask at the same time; who leaves does not spoil it for the others.
func TestTogether(t *testing.T) {
	t.Parallel()
	p, cfg := newPlace(t), load(t, enabled)
	c := p.commit(".prow.yaml", job("own"))
	gone, leave := context.WithCancel(t.Context())
	leave()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { p.Jobs(gone, cfg, repo, "main", c) })
		wg.Go(func() { expect(t, p.Jobs(t.Context(), cfg, repo, "main", c), "static own") })
	}
	wg.Wait()
}
