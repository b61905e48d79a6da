package sandbox_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sandbox"
)

// Many at once: people comment, label, push, merge and look, and nothing is lost.
func TestCrowd(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	const people, changes = 6, 5
	var wg sync.WaitGroup
	for n := range people {
		wg.Go(func() {
			who := fmt.Sprint("p", n)
			r.Users(who)
			for k := range changes {
				id := r.Pull(at, who, fmt.Sprint("b", k), map[string]string{fmt.Sprint(who, "-", k): "x\n"})
				r.Say(id, who, "hello")
				r.ok("carol", "POST", fmt.Sprintf("/repos/alice/r/issues/%d/labels", id.Number), `["lgtm"]`)
				r.Hub.Search("is:open label:lgtm", who)
				r.ok(who, "GET", fmt.Sprintf("%s/%d", pulls, id.Number), nil)
				if _, err := r.Hub.Merge(t.Context(), id, "bob", prow.MergeSquash); err != nil {
					t.Errorf("merge %s: %v", id, err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(r.Hub.Search("is:merged label:lgtm hello", "alice")); got != people*changes {
		t.Errorf("%d merged, want %d", got, people*changes)
	}
	if got := r.ok("", "GET", "/repos/alice/r/commits?per_page=100", nil).len(); got != people*changes+1 {
		t.Errorf("%d commits, want %d", got, people*changes+1)
	}
}

// A process killed between the merge of a pull request and what follows from it
// leaves that to the next one.
func TestMergeCutOff(t *testing.T) {
	t.Parallel()
	dir, ctx := t.TempDir(), t.Context()
	at := prow.Repo{Owner: "alice", Name: "r"}
	start := func() *sandbox.Forge {
		f, err := sandbox.Open(ctx, sandbox.Options{Dir: dir, URL: "http://sandbox"})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := start()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.CreateUser(ctx, "alice", "a"))
	must(f.CreateRepo(ctx, at, map[string]string{"a": "1\n"}, sandbox.RepoOptions{}))
	_, err := f.Commit(ctx, at, "topic", "alice", "m", map[string]string{"a": "2\n"})
	must(err)
	id, err := f.OpenPull(ctx, "alice", prow.NewPull{Repo: at, Head: "topic", Base: "main", Title: "t"})
	must(err)
	// The context ends as soon as the branch moved: nothing is written after it.
	sha, err := f.MergeCutOff(ctx, id, "alice", prow.MergeSquash)
	must(err)
	if got := f.Search("is:merged", "alice"); len(got) != 0 {
		t.Fatal("it was not cut off")
	}
	must(f.Close())
	f = start()
	defer f.Close()
	if got := f.Search("is:merged "+sha, "alice"); len(got) != 1 {
		t.Error("the merge was forgotten")
	}
}

func BenchmarkREST(b *testing.B) {
	w := world.New(b)
	r := w.Repo("o/r", map[string]string{"a": "b\n"})
	id := w.Pull(r, "alice", "topic", map[string]string{"a": "c\n"})
	sha := w.PullNow(id).HeadSHA
	call := func(b *testing.B, method, path, body string) {
		req, err := http.NewRequestWithContext(context.WithoutCancel(b.Context()), method, w.Hub.API()+path, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+world.Token(world.Bot))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode >= 300 {
			b.Fatal(res.Status)
		}
	}
	for _, c := range []struct{ name, method, path, body string }{
		{"pull", "GET", "/repos/o/r/pulls/1", ""},
		{"comment", "POST", "/repos/o/r/issues/1/comments", `{"body":"x"}`},
		{"comments", "GET", "/repos/o/r/issues/1/comments", ""},
		{"status", "POST", "/repos/o/r/statuses/" + sha, `{"state":"success"}`},
		{"search", "POST", "/graphql", `{"query":"{search(type: ISSUE, query: \"is:pr label:none\", first: 5) {issueCount}}"}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				call(b, c.method, c.path, c.body)
			}
		})
	}
}
