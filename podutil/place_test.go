package podutil_test

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

// place is a server of repositories and a work tree to make commits in.
type place struct {
	t     testing.TB
	root  string
	work  string // of o/r
	url   string
	allow atomic.Pointer[allowed]
}

type allowed func(req *http.Request, repo, service string) ([]string, int)

func (p *place) allowing(a allowed) { p.allow.Store(&a) }

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{t: t, root: t.TempDir()}
	p.allowing(func(*http.Request, string, string) ([]string, int) { return nil, 0 })
	srv := httptest.NewServer(git.Handler(filepath.Join(p.root, "remote"), func(req *http.Request, repo, service string) ([]string, int) {
		return (*p.allow.Load())(req, repo, service)
	}))
	t.Cleanup(srv.Close)
	p.url, p.work = srv.URL, p.repo("o/r")
	return p
}

// repo makes a repository and returns its work tree.
func (p *place) repo(name string) string {
	p.t.Helper()
	bare, work := filepath.Join(p.root, "remote", name+".git"), filepath.Join(p.root, "work", name)
	p.sh("", "git init -q --bare -b main '"+bare+"' && git init -q -b main '"+work+"'")
	p.sh(work, "git remote add origin '"+bare+"'")
	return work
}

func (p *place) sh(dir, line string) string {
	p.t.Helper()
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

// commit makes a commit on a branch of a work tree, pushes it to ref and returns
// its id. files are names and texts in turn.
func (p *place) commit(work, branch, start, ref string, files ...string) string {
	p.t.Helper()
	p.sh(work, "git checkout -q "+branch+" 2>/dev/null || git checkout -q -b "+branch+" "+start)
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(work, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	p.sh(work, "git add -A && git commit -q --allow-empty -m 'a change' && git push -q -f origin HEAD:"+ref)
	return p.sh(work, "git rev-parse HEAD")
}

// refs are those of o/r at base.
func (p *place) refs(base string, pulls ...prow.PullRef) prow.Refs {
	return prow.Refs{Org: "o", Repo: "r", BaseRef: "main", BaseSHA: base, CloneURI: p.url + "/o/r.git", Pulls: pulls}
}
