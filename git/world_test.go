package git_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/git"
)

// place is a remote with one repository o/r, served over HTTP, a work tree of it
// to make commits in, and a store that mirrors it.
type place struct {
	t     testing.TB
	dir   string // of the work tree
	bare  string
	url   string
	store *git.Store
	repo  *git.Repo
	allow atomic.Pointer[allowed]
}

type allowed func(req *http.Request, repo, service string) ([]string, int)

func (p *place) allowing(a allowed) { p.allow.Store(&a) }

func newPlace(t testing.TB) *place {
	t.Helper()
	root := t.TempDir()
	p := &place{t: t, dir: filepath.Join(root, "work"), bare: filepath.Join(root, "remote", "o", "r.git")}
	p.allowing(func(*http.Request, string, string) ([]string, int) { return nil, 200 })
	h := git.Handler(filepath.Join(root, "remote"), func(req *http.Request, repo, service string) ([]string, int) {
		return (*p.allow.Load())(req, repo, service)
	})
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	p.sh("", "git init -q --bare -b main '{}' && git init -q -b main '{}'", p.bare, p.dir)
	p.sh(p.dir, "git remote add origin '{}'", p.bare)
	p.store = &git.Store{Dir: filepath.Join(root, "mirrors"), Remote: func(r prow.Repo) git.Remote {
		return git.Remote{URL: srv.URL + "/" + r.String() + ".git"}
	}}
	t.Cleanup(func() { p.store.Close() })
	p.repo = p.store.Repo(prow.Repo{Owner: "o", Name: "r"})
	return p
}

// sh runs a shell line in dir, with each {} replaced by the next argument, and
// returns its output without the last newline.
func (p *place) sh(dir, line string, args ...string) string {
	p.t.Helper()
	for _, a := range args {
		line = strings.Replace(line, "{}", a, 1)
	}
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=bob", "GIT_COMMITTER_EMAIL=b@x",
		"GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files on a branch, made from start if it is new, pushes it and
// returns the commit.
func (p *place) commit(branch, start string, files ...string) string {
	p.t.Helper()
	p.sh(p.dir, "git checkout -q '{}' 2>/dev/null || git checkout -q -b '{}' {}", branch, branch, start)
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(p.dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	p.sh(p.dir, "git add -A && git commit -q --allow-empty -m 'a change' && git push -q origin HEAD")
	return p.sh(p.dir, "git rev-parse HEAD")
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
