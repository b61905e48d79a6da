package sandbox_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
)

// clone is a work tree of somebody's.
type clone struct {
	t   *testing.T
	dir string
}

// git runs git there; fails "" means that it must work, else what it complains of.
func (c clone) git(fails string, args ...string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "git", args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if (err == nil) != (fails == "") || !strings.Contains(out.String(), fails) {
		c.t.Errorf("git %s: %v\n%s\nwant %q", strings.Join(args, " "), err, out.String(), fails)
	}
	return strings.TrimSpace(out.String())
}

func (c clone) change(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.git("", "add", name)
	c.git("", "commit", "-q", "-m", "Change "+name)
}

func (r *rest) address(as string, at prow.Repo) string {
	if as == "" {
		return r.Hub.CloneURL(at)
	}
	return strings.Replace(r.Hub.CloneURL(at), "://", "://"+as+":"+world.Token(as)+"@", 1)
}

// git itself is told what people may not do.
func TestPush(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	c := clone{t, t.TempDir()}
	c.git("", "clone", "-q", r.address("bob", at), ".")
	c.change("b.txt", "b\n")
	c.git("403", "push", r.address("carol", at), "HEAD:refs/heads/x")
	c.git("could not read Username", "push", r.address("", at), "HEAD:refs/heads/x")
	c.git("hidden ref", "push", "origin", "HEAD:refs/pull/7/head")
	r.ok("alice", "PUT", "/repos/alice/r/branches/main/protection", `{"required_status_checks":{"strict":false,"contexts":["unit"]},"enforce_admins":true,"required_pull_request_reviews":null,"restrictions":null}`)
	c.git("403", "push", "origin", "HEAD:main")
	c.git("", "push", "-q", "origin", "HEAD:refs/heads/topic", "HEAD:refs/tags/v1")
	sha := c.git("", "rev-parse", "HEAD")
	r.ok("bob", "POST", "/repos/alice/r/statuses/"+sha, `{"state":"success","context":"unit"}`)
	r.ok("bob", "POST", pulls, `{"title":"t","head":"topic","base":"main"}`)
	c.git("", "push", "-q", "origin", "HEAD:main")
	p := r.ok("", "GET", pulls+"/1", nil)
	r.want(p.get("merged"), true)
	r.want(p.get("merged_by.login"), "bob")
	r.want(r.ok("", "GET", "/repos/alice/r/tags", nil).get("0.name"), "v1")
	r.ok("alice", "PATCH", "/repos/alice/r", `{"private":true}`)
	other := clone{t, t.TempDir()}
	other.git("could not read Username", "clone", "-q", r.address("", at), "no")
	other.git("not found", "clone", "-q", r.address("dave", at), "no")
	other.git("Authentication failed", "clone", "-q", strings.Replace(r.address("dave", at), "token-of", "wrong", 1), "no")
	other.git("", "clone", "-q", "--depth", "1", "--filter=blob:none", r.address("carol", at), "yes")
	r.ok("alice", "PATCH", "/repos/alice/r", `{"archived":true}`)
	c.git("403", "push", "origin", "HEAD:refs/heads/y")
}

// Odd and broken requests break nothing.
func TestPushHostile(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	for _, body := range []string{"", "0000", "zzzz", "0003", "ffff", "00ff" + strings.Repeat("x", 20), strings.Repeat("0004", 300_000)} {
		res := r.do("bob", "POST", r.URL+"/alice/r.git/git-receive-pack", body, "Content-Type", "application/x-git-receive-pack-request")
		if res.code >= 500 {
			t.Errorf("%.20q: %d %s", body, res.code, res.text)
		}
	}
	for _, path := range []string{"/../../etc/passwd/info/refs?service=git-upload-pack", "/alice/..%2f..%2fr/info/refs?service=git-upload-pack", "/alice/none.git/info/refs?service=git-upload-pack"} {
		if res := r.do("bob", "GET", r.URL+path, nil); res.code != 404 {
			t.Errorf("%s: %d", path, res.code)
		}
	}
	if _, err := r.Hub.Commit(t.Context(), at, "a b\nM", "alice", "m", map[string]string{"x": "y"}); err == nil {
		t.Error("a branch of two lines was made")
	}
	if _, err := r.Hub.Commit(t.Context(), at, "odd", "alice", "m", map[string]string{"a\"b\\c\nd ü": "y\n"}); err != nil {
		t.Error(err)
	}
	for _, login := range []string{"", "a/b", "..", "repos", "a--b", "-a", strings.Repeat("x", 60), "<b>"} {
		if err := r.Hub.CreateUser(t.Context(), login, "t"); err == nil {
			t.Errorf("there is a user %q", login)
		}
	}
}
