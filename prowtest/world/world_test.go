package world_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
)

// A change goes the whole way: fork, pull request, comment, label, merge.
func TestAChange(t *testing.T) {
	w := world.New(t)
	r := w.Repo("o/r", map[string]string{"README.md": "hello\n", "run.sh": "#!/bin/sh\n"})
	id := w.Pull(r, "alice", "topic", map[string]string{"a.txt": "a\n"})
	w.Say(id, "alice", "/test all")
	w.Review(id, "bob", "COMMENT", "nice")
	f := w.Forge()
	if err := f.AddLabel(t.Context(), id, "lgtm"); err != nil {
		t.Fatal(err)
	}
	p := w.PullNow(id)
	if p.Author != "alice" || p.HeadRef != "topic" || p.Mergeable != prow.MergeableYes || p.Commits != 1 || p.Additions != 1 || !p.HasLabel("lgtm") {
		t.Errorf("pull = %+v", p)
	}
	if c, err := f.Comments(t.Context(), id); err != nil || len(c) != 1 || c[0].Body != "/test all" {
		t.Errorf("comments = %+v, %v", c, err)
	}
	if err := f.SetCheck(t.Context(), r, p.HeadSHA, prow.Check{Name: "unit", State: prow.CheckSuccess}); err != nil {
		t.Fatal(err)
	}
	if head, err := w.Git.Repo(r).Head(t.Context(), "main"); err != nil || head != p.BaseSHA {
		t.Errorf("head of main = %s, %v; want %s", head, err, p.BaseSHA)
	}
	if err := f.Merge(t.Context(), id, prow.MergeHow{Method: prow.MergeSquash, SHA: p.HeadSHA}); err != nil {
		t.Fatal(err)
	}
	if p = w.PullNow(id); !p.Merged || p.State != "closed" || p.MergeSHA == "" {
		t.Errorf("pull = %+v", p)
	}
}

// What people do with git works: clone, push a branch, fetch a pull request.
func TestGit(t *testing.T) {
	w := world.New(t)
	w.Users("alice")
	r := w.Repo("alice/r", map[string]string{"a": "1\n"})
	dir := t.TempDir()
	url := "http://alice:" + world.Token("alice") + "@" + w.Hub.CloneURL(r)[len("http://"):]
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("clone", "-q", url, ".")
	git("checkout", "-q", "-b", "topic")
	if err := os.WriteFile(filepath.Join(dir, "b"), []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	git("add", "b")
	git("commit", "-q", "-m", "Add b")
	git("push", "-q", "origin", "topic")
	id, err := w.As("alice").OpenPull(t.Context(), prow.NewPull{Repo: r, Head: "topic", Base: "main", Title: "Add b"})
	if err != nil {
		t.Fatal(err)
	}
	before := w.PullNow(id).HeadSHA
	git("commit", "-q", "--amend", "-m", "Add b again")
	git("push", "-q", "-f", "origin", "topic")
	if p := w.PullNow(id); p.HeadSHA == before {
		t.Error("the head did not follow the push")
	}
	git("fetch", "-q", "origin", "pull/1/head:one")
	git("diff", "--exit-code", "one", "topic")
	git("push", "-q", "origin", ":topic")
	if p := w.PullNow(id); p.State != "closed" {
		t.Error("a pull request without branch stays open")
	}
}
