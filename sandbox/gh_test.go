//go:build acceptance

package sandbox_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
)

// ghBinary finds GitHub's command-line client.
func ghBinary(t *testing.T) string {
	t.Helper()
	if p, err := exec.LookPath(cmp.Or(os.Getenv("PROW_TEST_GH"), "gh")); err == nil {
		return p
	}
	p, err := filepath.Abs("../.cache/gh/usr/bin/gh")
	if err == nil {
		_, err = os.Stat(p)
	}
	if err != nil {
		t.Fatalf("%v; run scripts/install, or name gh in $PROW_TEST_GH", err)
	}
	return p
}

// client is gh as one user, speaking to a sandbox over a unix socket.
type client struct {
	t            *testing.T
	binary, conf string
}

func openClient(t *testing.T, w *world.World) *client {
	t.Helper()
	dir, err := os.MkdirTemp("", "gh") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.Hub.Serve(t.Context(), l) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(dir+"/config.yml", []byte("http_unix_socket: "+dir+"/s\nprompt: disabled\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &client{t, ghBinary(t), dir}
}

// run runs gh and returns what it prints; want "" means it must succeed, else what
// its complaint must contain.
func (c *client) run(as, fails string, args ...string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), c.binary, args...)
	cmd.Dir = c.conf
	cmd.Env = append(os.Environ(), "GH_TOKEN="+world.Token(as), "GH_CONFIG_DIR="+c.conf, "GH_NO_UPDATE_NOTIFIER=1", "NO_COLOR=1", "GH_DEBUG="+os.Getenv("GH_DEBUG"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	switch {
	case fails == "" && err != nil:
		c.t.Fatalf("gh %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	case fails != "" && (err == nil || !strings.Contains(out.String()+errs.String(), fails)):
		c.t.Fatalf("gh %s: %v\n%s%s\nwant it to fail with %q", strings.Join(args, " "), err, out.String(), errs.String(), fails)
	}
	return out.String() + errs.String()
}

func (c *client) want(text string, args ...string) {
	c.t.Helper()
	if got := c.run("alice", "", args...); !strings.Contains(got, text) {
		c.t.Errorf("gh %s says\n%s\nwant %q in it", strings.Join(args, " "), got, text)
	}
}

// GitHub's own client takes a change from pull request to merge.
func TestGH(t *testing.T) {
	w := world.New(t)
	w.Users("alice", "bob")
	r := w.Repo("alice/r", map[string]string{"README.md": "hello\n"})
	ctx := t.Context()
	if err := w.Hub.AddCollaborator(ctx, r, "bob", "write"); err != nil {
		t.Fatal(err)
	}
	if err := w.Hub.AddLabels(ctx, r, "bug"); err != nil {
		t.Fatal(err)
	}
	w.Commit(r, "topic", "alice", map[string]string{"a.txt": "a\n"})
	c := openClient(t, w)
	const R = "alice/r"
	c.want("alice", "api", "user", "--jq", ".login")
	c.want("/alice/r/pull/1", "pr", "create", "-R", R, "--head", "topic", "--base", "main", "--title", "Add a", "--body", "Please.", "--label", "bug", "--reviewer", "bob")
	c.want("Add a", "pr", "list", "-R", R)
	c.want("Add a", "pr", "list", "-R", R, "--search", "label:bug", "--json", "number,title,labels,statusCheckRollup,reviewDecision,mergeable,commits,files,headRefOid")
	c.want("Please.", "pr", "view", "1", "-R", R)
	c.want("#issuecomment-", "pr", "comment", "1", "-R", R, "--body", "/test all")
	c.want("/test all", "pr", "view", "1", "-R", R, "--comments")
	c.run("bob", "", "pr", "review", "1", "-R", R, "--approve", "--body", "fine")
	c.run("alice", "Can not approve your own pull request", "pr", "review", "1", "-R", R, "--approve")
	sha := w.PullNow(prow.IssueID{Repo: r, Number: 1}).HeadSHA
	if err := w.Hub.SetStatus(ctx, r, world.Bot, sha, prow.Check{Name: "unit", State: prow.CheckFailure, Text: "no", URL: "http://ci/1"}); err != nil {
		t.Fatal(err)
	}
	c.run("alice", "unit", "pr", "checks", "1", "-R", R)
	if err := w.Hub.SetStatus(ctx, r, world.Bot, sha, prow.Check{Name: "unit", State: prow.CheckSuccess, URL: "http://ci/1"}); err != nil {
		t.Fatal(err)
	}
	c.want("pass", "pr", "checks", "1", "-R", R)
	c.want("+a", "pr", "diff", "1", "-R", R)
	c.want("#1  Add a", "pr", "status", "-R", R)
	c.run("alice", "", "pr", "edit", "1", "-R", R, "--title", "Add a, really", "--add-label", "bug", "--add-assignee", "alice")
	c.run("alice", "", "label", "create", "needs-help", "-R", R, "--color", "ff0000", "--description", "help")
	c.want("needs-help", "label", "list", "-R", R)
	c.want("/alice/r/issues/2", "issue", "create", "-R", R, "--title", "It breaks", "--body", "so", "--label", "needs-help")
	c.want("It breaks", "issue", "list", "-R", R)
	c.want("It breaks", "issue", "view", "2", "-R", R)
	c.run("alice", "", "issue", "comment", "2", "-R", R, "--body", "mine")
	c.run("alice", "", "issue", "close", "2", "-R", R)
	c.run("alice", "", "pr", "ready", "1", "-R", R)
	c.run("alice", "", "pr", "merge", "1", "-R", R, "--squash", "--delete-branch=false")
	c.want("MERGED", "pr", "view", "1", "-R", R, "--json", "state,mergedBy,mergeCommit")
	c.want("alice/r", "repo", "view", R, "--json", "nameWithOwner,defaultBranchRef,isPrivate")
	c.want("alice/r", "repo", "list", "alice")
	c.want("It breaks", "search", "issues", "--repo", R, "breaks")
	var v struct{ State, MergeCommit any }
	if err := json.Unmarshal([]byte(c.run("bob", "", "pr", "view", "1", "-R", R, "--json", "state,mergeCommit,latestReviews,reviews,comments,commits,files,assignees,author,milestone,projectCards,headRepository,headRepositoryOwner,isCrossRepository,isDraft,maintainerCanModify,potentialMergeCommit,reactionGroups,reviewRequests,url")), &v); err != nil {
		t.Error(err)
	}
}
