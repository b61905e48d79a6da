package sandbox_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sandbox"
)

// ear is a receiver of webhooks; down makes it answer 503.
type ear struct {
	*httptest.Server
	mu    sync.Mutex
	heard []string // event.action
	ids   []string
	bad   []string
	down  bool
}

func listen(t *testing.T) *ear {
	e := &ear{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m := hmac.New(sha256.New, []byte("s3cret"))
		m.Write(body)
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		event, id := r.Header.Get("X-GitHub-Event"), r.Header.Get("X-GitHub-Delivery")
		if r.Header.Get("X-Hub-Signature-256") != "sha256="+hex.EncodeToString(m.Sum(nil)) || r.Header.Get("Content-Type") != "application/json" ||
			!strings.HasPrefix(r.Header.Get("User-Agent"), "GitHub-Hookshot/") || id == "" {
			e.bad = append(e.bad, fmt.Sprint(r.Header))
		}
		if _, err := github.ParseEvents(event, id, body); err != nil {
			e.bad = append(e.bad, err.Error())
		}
		heard(t, event, body)
		var p struct{ Action string }
		_ = json.Unmarshal(body, &p)
		if p.Action != "" {
			event += "." + p.Action
		}
		e.heard, e.ids = append(e.heard, event), append(e.ids, id)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *ear) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

func (e *ear) setDown(down bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

func idle(w *world.World) func() bool {
	return func() bool {
		ok, err := w.Hub.Idle(w.T.Context())
		if err != nil {
			w.T.Fatal(err)
		}
		return ok
	}
}

// Whatever happens is told, signed, in order, and can be told again.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	e := listen(t)
	hook := r.ok("alice", "POST", "/repos/alice/r/hooks", map[string]any{"events": []string{"*"}, "config": map[string]string{"url": e.URL, "content_type": "json", "secret": "s3cret"}}).get("id")
	hooks := fmt.Sprintf("/repos/alice/r/hooks/%.0f", hook)
	r.want(strings.Contains(r.ok("alice", "GET", hooks, nil).text, "s3cret"), false)
	r.no("alice", "POST", "/repos/alice/r/hooks", map[string]any{"config": map[string]string{"url": "ftp://x"}}, 422, "url")
	id := pullFrom(r, at, "topic", "x\n")
	r.Say(id, "bob", "/lgtm")
	r.ok("carol", "POST", "/repos/alice/r/issues/1/labels", `["lgtm"]`)
	r.ok("bob", "POST", pulls+"/1/reviews", `{"event":"APPROVE"}`)
	sha := r.Commit(prow.Repo{Owner: "dave", Name: "r"}, "topic", "dave", map[string]string{"z": "z"})
	r.ok("bob", "POST", "/repos/alice/r/statuses/"+sha, `{"state":"success","context":"unit"}`)
	if _, err := r.Hub.RunWorkflow(t.Context(), at, "dave", sha, prow.WorkflowRun{Name: "lint", Event: "pull_request", Conclusion: "success"}); err != nil {
		t.Fatal(err)
	}
	r.ok("bob", "PUT", pulls+"/1/merge", nil)
	r.Eventually("all is delivered", idle(r.World))
	want := []string{"ping", "fork", "pull_request.opened", "issue_comment.created", "pull_request.labeled", "pull_request_review.submitted", "pull_request.synchronize", "status", "check_run.completed", "workflow_run.completed", "push", "pull_request.closed"}
	if got := e.all(); !slices.Equal(got, want) {
		t.Errorf("heard %v\nwant  %v", got, want)
	}
	if len(e.bad) > 0 {
		t.Errorf("unfit deliveries: %v", e.bad)
	}
	list := r.ok("alice", "GET", hooks+"/deliveries?per_page=4", nil)
	r.want(list.get("0.event"), "pull_request")
	r.want(list.get("0.status_code"), 200)
	if l := list.header.Get("Link"); !strings.Contains(l, "cursor=") {
		t.Errorf("Link = %q", l)
	}
	one := fmt.Sprintf("%s/deliveries/%.0f", hooks, list.get("0.id"))
	r.want(r.ok("alice", "GET", one, nil).get("request.payload.action"), "closed")
	r.ok("alice", "POST", one+"/attempts", nil)
	r.Eventually("it is told again", func() bool { return len(e.all()) == len(want)+1 })
	if n := len(e.ids); e.ids[n-1] != e.ids[n-2] {
		t.Error("a redelivery has another id")
	}
	r.ok("alice", "PATCH", hooks, `{"active":false}`)
	r.Say(id, "bob", "unheard")
	r.ok("alice", "DELETE", hooks, nil)
	r.no("alice", "GET", hooks, nil, 404, "Not Found")
}

// A receiver that is down misses nothing in trial, also when the sandbox itself
// starts again meanwhile; and all else is still there.
func TestRestart(t *testing.T) {
	t.Parallel()
	e := listen(t)
	e.setDown(true)
	dir, ctx := t.TempDir(), t.Context()
	start := func() *sandbox.Forge {
		f, err := sandbox.Open(ctx, sandbox.Options{Dir: dir, URL: "http://sandbox", Retry: true})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := start()
	at := prow.Repo{Owner: "alice", Name: "r"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.CreateUser(ctx, "alice", "a"))
	must(f.CreateRepo(ctx, at, map[string]string{"a": "1\n"}, sandbox.RepoOptions{}))
	must(f.SetHook(ctx, e.URL, "s3cret"))
	if _, err := f.Commit(ctx, at, "topic", "alice", "m", map[string]string{"a": "2\n"}); err != nil {
		t.Fatal(err)
	}
	id, err := f.OpenPull(ctx, "alice", prow.NewPull{Repo: at, Head: "topic", Base: "main", Title: "t"})
	must(err)
	must(f.Label(ctx, id, "alice", "lgtm"))
	must(f.Comment(ctx, id, "alice", "hello"))
	head, err := f.Head(at, "topic")
	must(err)
	run, err := f.RunWorkflow(ctx, at, "alice", head, prow.WorkflowRun{Name: "lint", Event: "pull_request", Conclusion: "failure"})
	must(err)
	must(f.Close())
	f = start()
	defer f.Close()
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("/api/v3/repos/alice/r/actions/runs/%d", run), nil))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"conclusion":"failure"`) {
		t.Errorf("the workflow's run after the restart: %d %s", w.Code, w.Body)
	}
	e.setDown(false)
	for len(e.all()) < 7 {
		time.Sleep(time.Millisecond)
	}
	if got, want := e.all(), []string{"push", "create", "pull_request.opened", "pull_request.labeled", "issue_comment.created", "check_run.completed", "workflow_run.completed"}; !slices.Equal(got, want) {
		t.Errorf("heard %v, want %v", got, want)
	}
	must(f.CreateUser(ctx, "alice", "a"))
	must(f.CreateRepo(ctx, at, map[string]string{"other": ""}, sandbox.RepoOptions{}))
	if got := f.Search("label:lgtm hello", "alice"); len(got) != 1 || got[0] != id {
		t.Errorf("found %v after the restart", got)
	}
	if _, err := f.Merge(ctx, id, "alice", prow.MergeRebase); err != nil {
		t.Error(err)
	}
}

func TestParseFault(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"POST /repos/*/statuses/* 502 0.1", "* * cut", "get /x delay=10s 1", "WEBHOOK * duplicate 0.05", "WEBHOOK pull_request reorder"} {
		if _, err := sandbox.ParseFault(s); err != nil {
			t.Error(err)
		}
	}
	for s, words := range map[string]string{
		"": "0 words", "POST /x": "2 words", "POST x 502": "slash", "POST /x 200": "no effect", "POST /x 502 2": "from 0 to 1", "POST /x delay=5": "duration", "POST /x duplicate": "no effect",
		"WEBHOOK * 502": "no effect", "POST /x 502 NaN": "from 0 to 1", "POST /x delay=-1s": "duration",
	} {
		if _, err := sandbox.ParseFault(s); err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "for example") {
			t.Errorf("ParseFault(%q) = %v; want %q and an example", s, err, words)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	f.Add("POST /repos/*/statuses/* 502 0.1")
	f.Add("WEBHOOK * delay=1s")
	f.Fuzz(func(t *testing.T, s string) {
		if x, err := sandbox.ParseFault(s); err == nil && (x.Chance < 0 || x.Chance > 1 || x.Delay < 0) {
			t.Errorf("%+v", x)
		}
	})
}

// Faults strike where they are told to, as often, and the same with the same seed.
func TestFaults(t *testing.T) {
	t.Parallel()
	var runs []string
	for range 2 {
		r, at := town(t, world.Faults(t, "POST /repos/*/statuses/* 502 0.5", "GET /repos/alice/r/labels cut", "GET /zen delay=1ms", "WEBHOOK status duplicate"),
			func(s *world.Setup) { s.Seed = 7 })
		e := listen(t)
		if err := r.Hub.SetHook(t.Context(), e.URL, "s3cret"); err != nil {
			t.Fatal(err)
		}
		sha, err := r.Hub.Head(at, "main")
		if err != nil {
			t.Fatal(err)
		}
		got, good := "", 0
		for range 30 {
			res := r.do("bob", "POST", "/repos/alice/r/statuses/"+sha, `{"state":"success"}`)
			got += fmt.Sprint(res.code, " ")
			if res.code == 201 {
				good++
			}
		}
		runs = append(runs, got)
		if good < 5 || good > 25 || strings.Count(got, "502") != 30-good {
			t.Errorf("answers: %s", got)
		}
		r.ok("bob", "GET", "/zen", nil)
		if _, err := http.Get(r.Hub.API() + "/repos/alice/r/labels"); err == nil {
			t.Error("the connection was not cut")
		}
		r.Eventually("duplicates arrive", func() bool { return len(e.all()) == 2*good })
	}
	if runs[0] != runs[1] {
		t.Errorf("the same seed:\n%s\n%s", runs[0], runs[1])
	}
}

// The sandbox can be reached over a unix socket too, and ends with its context.
func TestServe(t *testing.T) {
	t.Parallel()
	r, _ := town(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Hub.Serve(ctx, l) }()
	// Without prefix, as on api.github.com.
	r.want(r.do("bob", "GET", "http://"+l.Addr().String()+"/user", nil).get("login"), "bob")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
