package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

var repo = prow.Repo{Owner: "o", Name: "r"}

// wire is GitHub as the handler says, and a Forge that is quick to try again.
func wire(t *testing.T, h http.HandlerFunc, change ...func(*Options)) *Forge {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	o := Options{
		BaseURL: srv.URL, Token: func(context.Context) (string, error) { return "tok-en", nil }, UserAgent: "prow/test",
		Timeout: 2 * time.Second,
	}
	for _, c := range change {
		c(&o)
	}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.retry.pause, f.retry.longest = time.Millisecond, 2*time.Millisecond
	return f
}

func reply(w http.ResponseWriter, code int, body string, headers ...string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	for i := 0; i+1 < len(headers); i += 2 {
		w.Header().Set(headers[i], headers[i+1])
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body)
}

func TestEveryRequestSaysWhoAsks(t *testing.T) {
	t.Parallel()
	tokens := []string{"one", "two"}
	var got []string
	f := wire(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization")+" "+r.Header.Get("User-Agent")+" "+r.Header.Get("X-GitHub-Api-Version"))
		reply(w, 200, `{"name":"r","owner":{"login":"o"}}`)
	}, func(o *Options) {
		o.Token = func(context.Context) (string, error) { defer func() { tokens = tokens[1:] }(); return tokens[0], nil }
	})
	for range 2 {
		if _, err := f.Repository(t.Context(), repo); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"Bearer one prow/test 2022-11-28", "Bearer two prow/test 2022-11-28"}
	if !slices.Equal(got, want) {
		t.Errorf("requests said %q", got)
	}
}

// What may be tried again is, and nothing else.
func TestPatience(t *testing.T) {
	t.Parallel()
	ok := func(w http.ResponseWriter) { reply(w, 200, `{"name":"r","owner":{"login":"o"}}`) }
	for name, c := range map[string]struct {
		first func(w http.ResponseWriter, r *http.Request) // answers all but the last
		tries int32
	}{
		"502": {func(w http.ResponseWriter, _ *http.Request) { reply(w, 502, "<html>Unicorn!</html>") }, 4},
		"a cut connection": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close()
		}, 4},
		"an answer that is cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			reply(w, 200, `{"name":"r`)
		}, 3},
		"Retry-After 0": {func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 429, `{"message":"slow down"}`, "Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT")
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			f := wire(t, func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) < c.tries {
					c.first(w, r)
					return
				}
				ok(w)
			})
			if _, err := f.Repository(t.Context(), repo); err != nil || n.Load() != c.tries {
				t.Errorf("after %d requests: %v", n.Load(), err)
			}
		})
	}
}

func TestAStalledAnswerIsGivenUpAndAskedForAgain(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	f := wire(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			<-r.Context().Done()
			return
		}
		reply(w, 200, `{"name":"r","owner":{"login":"o"}}`)
	}, func(o *Options) { o.Timeout = 50 * time.Millisecond })
	if _, err := f.Repository(t.Context(), repo); err != nil {
		t.Error(err)
	}
}

// An answer that is no answer is one clear error, without the token.
func TestGarbage(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`<html>Sign in</html>`: "it is text/html, not JSON; is the address that of the API?",
		`{"name":"r"`:          "it is not whole JSON (11 bytes)",
		`["a"]`:                "it holds a array where github.wireRepo was expected",
		`{"name":5}`:           `it holds a number where string was expected (at "name")`,
		``:                     "it is empty, where JSON was expected",
	} {
		f := wire(t, func(w http.ResponseWriter, _ *http.Request) {
			if strings.HasPrefix(body, "<") {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, body)
				return
			}
			reply(w, 200, body)
		})
		_, err := f.Repository(t.Context(), repo)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "GET repos/o/r") || strings.Contains(err.Error(), "tok-en") {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code    int
		body    string
		headers []string
		kind    error
		text    string
	}{
		{404, `{"message":"Not Found"}`, nil, fs.ErrNotExist, "github: GET repos/o/r: 404 Not Found"},
		{410, `{"message":"This issue was deleted"}`, nil, fs.ErrNotExist, "410 This issue was deleted"},
		{401, `{"message":"Bad credentials"}`, nil, prow.ErrForbidden, "401 Bad credentials. Is the token right, and not expired?"},
		{403, `{"message":"Must have admin rights"}`, []string{"X-Accepted-OAuth-Scopes", "repo, admin:org", "X-OAuth-Scopes", "gist"}, prow.ErrForbidden, `The token needs one of the scopes repo, admin:org; it has "gist"`},
		{403, `{"message":"Resource not accessible"}`, []string{"X-Accepted-OAuth-Scopes", "repo", "X-OAuth-Scopes", "repo, gist"}, prow.ErrForbidden, "403 Resource not accessible"},
		{422, `{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"},{"message":"really"}]}`, nil, nil, "422 Validation Failed; title missing_field; really"},
		{500, `oops`, nil, nil, "500 internal server error"},
	} {
		f := wire(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, c.code, c.body, c.headers...) })
		_, err := f.Repository(t.Context(), repo)
		if err == nil || !strings.Contains(err.Error(), c.text) || c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("%d %s: %v", c.code, c.body, err)
		}
	}
}

// Short waits are slept, long ones are the caller's.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	reset := time.Now().Add(10 * time.Minute).Truncate(time.Second)
	for name, headers := range map[string][]string{
		"the hour is spent": {"X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", fmt.Sprint(reset.Unix())},
		"a number":          {"Retry-After", "600"},
		"a date":            {"Retry-After", reset.UTC().Format(http.TimeFormat)},
	} {
		for _, code := range []int{403, 429} {
			n := 0
			f := wire(t, func(w http.ResponseWriter, _ *http.Request) { n++; reply(w, code, `{"message":"limit"}`, headers...) })
			for range 3 {
				_, err := f.Repository(t.Context(), repo)
				var later *prow.RetryAfter
				if !errors.As(err, &later) || later.At.Before(reset.Add(-2*time.Second)) || later.At.After(reset.Add(5*time.Second)) {
					t.Errorf("%s, %d: %v", name, code, err)
				}
			}
			if n != 1 {
				t.Errorf("%s, %d: asked %d times although told to wait", name, code, n)
			}
		}
	}
}

func TestASecondaryLimitHoldsEverybody(t *testing.T) {
	t.Parallel()
	n := 0
	f := wire(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		reply(w, 403, `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}`)
	}, func(o *Options) { o.MaxWait = time.Second })
	for range 2 {
		_, err := f.Issue(t.Context(), prow.IssueID{Repo: repo, Number: 1})
		var later *prow.RetryAfter
		if !errors.As(err, &later) || errors.Is(err, prow.ErrForbidden) {
			t.Errorf("secondary limit: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// The hour of one resource being spent keeps nobody from the others.
func TestLimitsAreByResource(t *testing.T) {
	t.Parallel()
	reset := fmt.Sprint(time.Now().Add(time.Hour / 2).Unix())
	f := wire(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/graphql" {
			reply(w, 403, `{"message":"API rate limit exceeded"}`, "X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", reset, "X-RateLimit-Resource", "graphql")
			return
		}
		reply(w, 200, `{"name":"r","owner":{"login":"o"}}`)
	})
	var later *prow.RetryAfter
	for _, err := range f.FindPulls(t.Context(), prow.Query{}) {
		if !errors.As(err, &later) {
			t.Errorf("FindPulls: %v", err)
		}
	}
	if _, err := f.Repository(t.Context(), repo); err != nil {
		t.Errorf("Repository: %v", err)
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	f := wire(t, func(w http.ResponseWriter, r *http.Request) {
		reply(w, 200, `{}`, "X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4999", "X-RateLimit-Reset", "1767322000", "X-RateLimit-Resource", "core")
	})
	if _, err := f.Repository(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	want := []Budget{{Resource: "core", Limit: 5000, Remaining: 4999, Reset: time.Unix(1767322000, 0)}}
	if got := f.Budget(); !slices.Equal(got, want) {
		t.Errorf("Budget = %+v", got)
	}
}

// What GitHub confirms with 304 is not sent again, and belongs to who asked.
func TestMemory(t *testing.T) {
	t.Parallel()
	token, full, confirmed := "a", 0, 0
	f := wire(t, func(w http.ResponseWriter, r *http.Request) {
		etag := `"` + r.Header.Get("Authorization") + `"`
		if r.Header.Get("If-None-Match") == etag {
			confirmed++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		full++
		reply(w, 200, `{"name":"r","owner":{"login":"o"},"default_branch":"`+token+`"}`, "ETag", etag)
	}, func(o *Options) { o.Token = func(context.Context) (string, error) { return token, nil } })
	for _, token = range []string{"a", "a", "b", "a", "b"} {
		r, err := f.Repository(t.Context(), repo)
		if err != nil || r.DefaultBranch != token {
			t.Errorf("as %s: %+v, %v", token, r, err)
		}
	}
	if full != 2 || confirmed != 3 {
		t.Errorf("%d full answers and %d confirmed, want 2 and 3", full, confirmed)
	}
	if s := f.Cache(); s.Hits != 3 || s.Misses != 2 {
		t.Errorf("Cache = %+v", s)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	f := wire(t, func(w http.ResponseWriter, r *http.Request) {
		reply(w, 200, `{"name":"`+strings.Repeat("x", 1000)+`"}`, "ETag", `"e"`)
	}, func(o *Options) { o.CacheBytes = 20 << 10 })
	for i := range 100 {
		if _, err := f.Repository(t.Context(), prow.Repo{Owner: "o", Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if s := f.Cache(); s.Bytes > 20<<10 || s.Bytes == 0 {
		t.Errorf("the memory holds %d bytes", s.Bytes)
	}
	if len(f.cache.byKey) != f.cache.order.Len() {
		t.Errorf("%d keys and %d answers", len(f.cache.byKey), f.cache.order.Len())
	}
}

// Equal questions under way at one time are asked once, unless something was
// written in between.
func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	f := wire(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			reply(w, 200, `[]`)
			return
		}
		asked.Add(1)
		arrived <- struct{}{}
		<-release
		reply(w, 200, `{"number":1}`)
	})
	id := prow.IssueID{Repo: repo, Number: 1}
	var all sync.WaitGroup
	ask := func() {
		all.Go(func() {
			if i, err := f.Issue(t.Context(), id); err != nil || i.ID.Number != 1 {
				t.Errorf("%+v, %v", i, err)
			}
		})
	}
	ask()
	<-arrived
	if err := f.AddLabel(t.Context(), id, "l"); err != nil {
		t.Fatal(err)
	}
	ask()
	<-arrived // asks for itself: something was written
	for range 10 {
		ask()
	}
	close(release)
	all.Wait()
	if n := asked.Load(); n < 2 || n > 11 {
		t.Errorf("asked %d times", n)
	}
}

// Who asked first may go away; those who waited for the answer get theirs.
func TestTheFirstToAskMayLeave(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	f := wire(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
			reply(w, 200, `{"number":1}`)
		case <-r.Context().Done():
		}
	})
	id := prow.IssueID{Repo: repo, Number: 1}
	first, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := f.Issue(first, id); !errors.Is(err, context.Canceled) {
			t.Errorf("the first got %v", err)
		}
	})
	<-arrived
	for range 3 {
		all.Go(func() {
			if i, err := f.Issue(t.Context(), id); err != nil || i.ID.Number != 1 {
				t.Errorf("%+v, %v", i, err)
			}
		})
	}
	leave()
	<-arrived // one of the others asks again
	close(release)
	all.Wait()
}

// The answer to a new comment may be lost: it is there once all the same.
func TestACommentWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	var comments []map[string]any
	posts := 0
	f := wire(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/user":
			reply(w, 200, `{"login":"robot"}`)
		case r.Method == http.MethodPost:
			posts++
			body, _ := io.ReadAll(r.Body)
			var c struct{ Body string }
			_ = json.Unmarshal(body, &c)
			if posts != 2 { // the second does not even arrive
				comments = append(comments, map[string]any{"id": posts, "user": map[string]any{"login": "robot"}, "body": c.Body})
			}
			if posts < 4 {
				conn, _, _ := w.(http.Hijacker).Hijack()
				conn.Close()
			}
		default:
			text, _ := json.Marshal(comments)
			reply(w, 200, string(text))
		}
	})
	id := prow.IssueID{Repo: repo, Number: 1}
	for _, key := range []string{"a", "b"} {
		if err := f.Comment(t.Context(), id, key, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	if posts != 3 || len(comments) != 2 {
		t.Errorf("%d posts made %d comments: %v", posts, len(comments), comments)
	}
}

func TestMergeRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code int
		text string
		want error
	}{
		{409, "Head branch was modified. Review and try the merge again.", prow.ErrHeadMoved},
		{405, "Base branch was modified. Review and try the merge again.", prow.ErrBaseMoved},
		{405, "You're not authorized to push to this branch. Visit https://docs.github.com/", prow.ErrPushForbidden},
		{405, "Merge commits are not allowed on this repository.", prow.ErrMergeForbidden},
		{405, "Squash merges are not allowed on this repository.", prow.ErrMergeForbidden},
		{405, "Pull Request is not mergeable", prow.ErrNotMergeable},
		{403, "Resource not accessible by integration", prow.ErrForbidden},
		{404, "Not Found", fs.ErrNotExist},
	} {
		f := wire(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				reply(w, 200, `{"number":1,"merged":false,"head":{"sha":"abc"}}`)
				return
			}
			text, _ := json.Marshal(map[string]string{"message": c.text})
			reply(w, c.code, string(text))
		})
		err := f.Merge(t.Context(), prow.IssueID{Repo: repo, Number: 1}, prow.MergeHow{Method: prow.MergeCommit, SHA: "abc"})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%d %s: %v, want %v", c.code, c.text, err, c.want)
		}
	}
}

func TestTheTokenStaysAtHome(t *testing.T) {
	t.Parallel()
	var leaked atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked.Store(r.Header.Get("Authorization") != "")
		reply(w, 200, `{}`)
	}))
	defer elsewhere.Close()
	f := wire(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	_, _ = f.Repository(t.Context(), repo)
	if leaked.Load() {
		t.Error("a redirect to another host took the token along")
	}
}

// A page where the confirmation of a write was expected is no success: some proxy
// has answered, and nothing was written.
func TestUnconfirmedWrites(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`<html>Sign in</html>`: "text/html, not JSON",
		`"hello"`:              "neither a JSON object nor a list",
		`{"id":`:               "neither a JSON object nor a list",
		`{"id":1}`:             "",
		``:                     "",
	} {
		f := wire(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodGet:
				reply(w, 200, `{"statuses":[]}`)
			case strings.HasPrefix(body, "<"):
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, body)
			default:
				reply(w, 201, body)
			}
		})
		err := f.SetCheck(t.Context(), prow.Repo{Owner: "o", Name: "r"}, "abc", prow.Check{Name: "unit", State: prow.CheckSuccess})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", body, err, want)
		}
	}
}
