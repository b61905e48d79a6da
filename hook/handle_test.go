package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

func onComment(name string, do func(ctx context.Context, c *plugin.Call, e prow.CommentEvent) error) plugin.Plugin {
	return plugin.Plugin{Name: name, OnComment: do}
}

func TestOrderWithinAPullRequestAndNoneBetween(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var order []string
	second := make(chan struct{})
	h := open(t, onComment("p", func(ctx context.Context, c *plugin.Call, e prow.CommentEvent) error {
		if e.Delivery() == "1-0" { // waits for an event of another pull request
			select {
			case <-second:
			case <-ctx.Done():
			}
		}
		if e.Delivery() == "2-0" {
			close(second)
		}
		mu.Lock()
		defer mu.Unlock()
		order = append(order, e.Delivery())
		return nil
	}))
	for i := range 5 {
		for pull := 1; pull <= 2; pull++ {
			h.post("issue_comment", fmt.Sprintf("%d-%d", pull, i), commentBody(pull, "x"))
		}
	}
	h.run()
	h.settled("1-4")
	h.settled("2-4")
	of := func(prefix string) (out []string) {
		for _, id := range order {
			if strings.HasPrefix(id, prefix) {
				out = append(out, id)
			}
		}
		return out
	}
	for _, p := range []string{"1", "2"} {
		if got := of(p); !slices.IsSorted(got) || len(got) != 5 {
			t.Errorf("pull request %s was handled in the order %v", p, got)
		}
	}
}

func TestOnlyWhatFailedIsTriedAgain(t *testing.T) {
	t.Parallel()
	var good, bad, worse atomic.Int32
	h := open(t,
		onComment("good", func(context.Context, *plugin.Call, prow.CommentEvent) error { good.Add(1); return nil }),
		onComment("bad", func(context.Context, *plugin.Call, prow.CommentEvent) error {
			if bad.Add(1) < 3 {
				return errors.New("502 from the forge")
			}
			return nil
		}),
		onComment("worse", func(context.Context, *plugin.Call, prow.CommentEvent) error {
			worse.Add(1)
			return prow.Final(errors.New("it can never work"))
		}),
	)
	h.run()
	h.post("issue_comment", "d", commentBody(1, "x"))
	d := h.settled("d")
	if d.State != prow.DeliveryHandled || d.Tries != 3 || good.Load() != 1 || bad.Load() != 3 || worse.Load() != 1 {
		t.Errorf("%s after %d tries; good ran %d, bad %d, worse %d times", d.State, d.Tries, good.Load(), bad.Load(), worse.Load())
	}
	if r := d.Results[2]; r.Plugin != "worse" || !r.Done || r.Error != "it can never work" {
		t.Errorf("results = %+v", d.Results)
	}
}

func TestADeadLetterIsKeptAndCanBeReplayed(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	h := open(t, onComment("p", func(context.Context, *plugin.Call, prow.CommentEvent) error {
		if down.Load() {
			return errors.New("the forge is down")
		}
		return nil
	}))
	h.Tries = 3
	h.run()
	h.post("issue_comment", "d", commentBody(1, "x"))
	h.post("issue_comment", "next", commentBody(1, "x"))
	d := h.settled("d")
	if d.State != prow.DeliveryDead || d.Tries != 3 || d.Error != "p: the forge is down" {
		t.Errorf("%s after %d tries: %s", d.State, d.Tries, d.Error)
	}
	h.settled("next")
	down.Store(false)
	if err := h.Inbox.Replay(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	for h.settled("d").State != prow.DeliveryHandled {
		time.Sleep(time.Millisecond)
	}
}

func TestWhenTheForgeSaysLater(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(time.Hour)
	h := open(t, onComment("p", func(context.Context, *plugin.Call, prow.CommentEvent) error {
		return fmt.Errorf("label: %w", &prow.RetryAfter{At: at, Err: errors.New("rate limit")})
	}))
	h.run()
	h.post("issue_comment", "d", commentBody(1, "x"))
	for {
		d, err := h.Inbox.Delivery(t.Context(), "d")
		if err == nil && d.Tries == 1 {
			if !d.Next.Equal(at) || d.State != prow.DeliveryWaiting || d.Error != "p: label: rate limit" {
				t.Errorf("%s until %s, want %s: %s", d.State, d.Next, at, d.Error)
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Two megabytes and ten thousand commands are read in their measure, and what was
// left out is said.
func TestAFloodOfCommands(t *testing.T) {
	t.Parallel()
	var lines atomic.Int32
	h := open(t, plugin.Plugin{Name: "p", Commands: []plugin.Command{{Name: "test", Run: func(_ context.Context, _ *plugin.Call, _ prow.CommentEvent, own []plugin.Line) error {
		lines.Add(int32(len(own)))
		return nil
	}}}})
	h.run()
	h.post("issue_comment", "d", commentBody(1, strings.Repeat("/test\n", 10000)+strings.Repeat("x", 2<<20)))
	d := h.settled("d")
	if d.State != prow.DeliveryHandled || lines.Load() != plugin.MaxLines {
		t.Errorf("%s %s, %d lines", d.State, d.Error, lines.Load())
	}
	notes, err := h.Journal.Notes(t.Context(), d.Where, 10)
	if err != nil || len(notes) != 3 || notes[1].Text != "9800 more commands of this text were not read: at most 200 are" ||
		notes[2].Text != "the end of this text was not read: it is longer than anybody can write" {
		t.Errorf("notes %+v, %v", notes, err)
	}
}

func TestAHandlerThatHangs(t *testing.T) {
	t.Parallel()
	h := open(t, onComment("p", func(ctx context.Context, _ *plugin.Call, _ prow.CommentEvent) error {
		<-ctx.Done()
		return ctx.Err()
	}))
	h.Timeout, h.Tries = 10*time.Millisecond, 2
	h.run()
	h.post("issue_comment", "d", commentBody(1, "x"))
	if d := h.settled("d"); d.State != prow.DeliveryDead || d.Tries != 2 || d.Error != "p: stopped after 10ms: context deadline exceeded" {
		t.Errorf("%s after %d tries: %s", d.State, d.Tries, d.Error)
	}
}

func TestAPanicIsAnErrorWithItsStack(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var others atomic.Int32
	h := open(t,
		onComment("bad", func(context.Context, *plugin.Call, prow.CommentEvent) error { panic("oh no") }),
		onComment("good", func(context.Context, *plugin.Call, prow.CommentEvent) error { others.Add(1); return nil }))
	h.Tries = 1
	h.Log = slog.New(slog.NewTextHandler(&log, nil))
	reg := prometheus.NewRegistry()
	h.Metrics = NewMetrics(reg)
	h.run()
	h.post("issue_comment", "d", commentBody(1, "x"))
	d := h.settled("d")
	h.end()
	if d.State != prow.DeliveryDead || !strings.Contains(d.Error, "it panicked: oh no") || others.Load() != 1 {
		t.Errorf("%s: %s; the other ran %d times", d.State, d.Error, others.Load())
	}
	if !strings.Contains(log.String(), "handle_test.go") {
		t.Errorf("no stack in the log: %s", log.String())
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range families {
		got[f.GetName()] = fmt.Sprint(f.GetMetric())
	}
	for name, want := range map[string][]string{
		"prow_plugin_handle_errors":           {`"issue_comment"`, `"created"`, `"bad"`, `"took_action"`, `"false"`, "value:1"},
		"prow_plugin_handle_duration_seconds": {`"good"`, "sample_count:1", "upper_bound:640"},
		"prow_webhook_counter":                {`"event_type"`, `"issue_comment"`, "value:1"},
		"prow_webhook_response_codes":         {`"response_code"`, `"200"`, "value:1"},
	} {
		for _, w := range want {
			if !strings.Contains(strings.ReplaceAll(got[name], ":  ", ":"), w) && !strings.Contains(got[name], w) {
				t.Errorf("%s has no %s: %s", name, w, got[name])
			}
		}
	}
}

func TestWhoHears(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	heard := map[string][]string{}
	note := func(who string, e prow.Event) error {
		mu.Lock()
		defer mu.Unlock()
		heard[e.Delivery()] = append(heard[e.Delivery()], who)
		return nil
	}
	h := open(t,
		plugin.Plugin{Name: "comment", OnComment: func(_ context.Context, _ *plugin.Call, e prow.CommentEvent) error { return note("comment", e) }},
		plugin.Plugin{Name: "pull", OnPull: func(_ context.Context, _ *plugin.Call, e prow.PullEvent) error { return note("pull", e) }},
		plugin.Plugin{Name: "push", OnPush: func(_ context.Context, _ *plugin.Call, e prow.PushEvent) error { return note("push", e) }},
		plugin.Plugin{Name: "status", OnStatus: func(_ context.Context, _ *plugin.Call, e prow.StatusEvent) error { return note("status", e) }},
		plugin.Plugin{Name: "issue", OnIssue: func(_ context.Context, _ *plugin.Call, e prow.IssueEvent) error { return note("issue", e) }},
		plugin.Plugin{Name: "review", OnReview: func(_ context.Context, _ *plugin.Call, e prow.ReviewEvent) error { return note("review", e) }},
	)
	var seen []string
	h.Seen = func(e prow.Event) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%T", e))
	}
	h.Only = Filter{DisabledRepos: []string{"o/off"}}
	h.run()
	const repo = `"repository":{"full_name":"o/r","name":"r","owner":{"login":"o"}}`
	for _, c := range []struct{ id, event, body, want string }{
		{"opened", "pull_request", `{"action":"opened","pull_request":{"number":1,"state":"open"},` + repo + `}`, "comment pull"},
		{"labeled", "pull_request", `{"action":"labeled","pull_request":{"number":1,"state":"open"},` + repo + `}`, "pull"},
		{"review", "pull_request_review", `{"action":"submitted","review":{},"pull_request":{"number":1},` + repo + `}`, "comment review"},
		{"issue", "issues", `{"action":"closed","issue":{"number":2},` + repo + `}`, "issue"},
		{"push", "push", `{"ref":"refs/heads/main",` + repo + `}`, "push"},
		{"status", "status", `{"sha":"x",` + repo + `}`, "status"},
		{"star", "star", `{"action":"created",` + repo + `}`, ""},
		{"off", "push", `{"ref":"refs/heads/main","repository":{"full_name":"o/off","name":"off","owner":{"login":"o"}}}`, ""},
		{"other org", "push", `{"ref":"refs/heads/main","repository":{"full_name":"p/r","name":"r","owner":{"login":"p"}}}`, ""},
	} {
		h.post(c.event, c.id, c.body)
		if d := h.settled(c.id); d.State != prow.DeliveryHandled {
			t.Errorf("%s: %s %s", c.id, d.State, d.Error)
		}
		mu.Lock()
		slices.Sort(heard[c.id])
		if got := strings.Join(heard[c.id], " "); got != c.want {
			t.Errorf("%s was heard by %q, want %q", c.id, got, c.want)
		}
		mu.Unlock()
	}
	if len(seen) != 10 { // all but the one of the repository that is off
		t.Errorf("seen: %q", seen)
	}
}

// A payload that names two repositories was signed for one of them only.
func TestAPayloadOfTwoRepositories(t *testing.T) {
	t.Parallel()
	var ran atomic.Bool
	h := open(t, onComment("p", func(context.Context, *plugin.Call, prow.CommentEvent) error { ran.Store(true); return nil }))
	h.run()
	for i, second := range []string{`"Repository":{"name":"secret","owner":{"login":"o"}}`, `"repository":{"name":"secret","full_name":"o/r","owner":{"login":"o"}}`} {
		id := fmt.Sprint("d", i)
		body := strings.TrimSuffix(commentBody(1, "x"), "}") + "," + second + "}"
		if code := h.post("issue_comment", id, body); code != 200 {
			t.Fatalf("answered %d", code)
		}
		if d := h.settled(id); d.State != prow.DeliveryDead || ran.Load() {
			t.Errorf("%s: %s %q, ran: %v", second, d.State, d.Error, ran.Load())
		}
	}
}

func TestExternalPlugins(t *testing.T) {
	t.Parallel()
	type got struct {
		header http.Header
		body   string
	}
	var mu sync.Mutex
	requests := map[string][]got{}
	fail := map[string]int{"flaky": 2, "refuses": 1}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		who := strings.Trim(r.URL.Path, "/")
		requests[who] = append(requests[who], got{r.Header, string(body)})
		if fail[who]--; fail[who] >= 0 {
			w.WriteHeader(map[string]int{"flaky": 503, "refuses": 422}[who])
		}
	}))
	t.Cleanup(srv.Close)
	h := open(t)
	x := func(name string, events ...string) config.ExternalPlugin {
		return config.ExternalPlugin{Name: name, Endpoint: srv.URL + "/" + name, Events: events}
	}
	cfg := &config.Config{Plugins: &config.Plugins{ExternalPlugins: map[string][]config.ExternalPlugin{
		"o":   {x("all"), x("pushes", "push")},
		"o/r": {x("flaky"), x("refuses")},
	}}}
	h.Config = func() *config.Config { return cfg }
	h.run()
	body := commentBody(1, "x")
	r := request(t, h.url, "issue_comment", "d", body)
	r.Header.Set("X-GitHub-Hook-ID", "77")
	r.Header.Set("User-Agent", "GitHub-Hookshot/1")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	d := h.settled("d")
	mu.Lock()
	defer mu.Unlock()
	if len(requests["all"]) != 1 || len(requests["flaky"]) != 3 || len(requests["refuses"]) != 1 || len(requests["pushes"]) != 0 {
		t.Fatalf("all %d, flaky %d, refuses %d, pushes %d requests", len(requests["all"]), len(requests["flaky"]), len(requests["refuses"]), len(requests["pushes"]))
	}
	for who, list := range requests {
		for _, g := range list {
			if g.body != body || g.header.Get("User-Agent") != "ProwHook" || g.header.Get("X-GitHub-Hook-ID") != "77" ||
				g.header.Get("X-Hub-Signature-256") != sign(body, token) || g.header.Get("X-GitHub-Delivery") != "d" {
				t.Errorf("%s got %q with %v", who, g.body, g.header)
			}
		}
	}
	var results []string
	for _, r := range d.Results {
		results = append(results, fmt.Sprint(r.Plugin, " ", r.Done, " ", r.Error))
	}
	want := []string{"external:all true ", "external:flaky true ", "external:refuses true it answered 422 Unprocessable Entity"}
	if !slices.Equal(results, want) || d.State != prow.DeliveryHandled {
		t.Errorf("%s: results %q", d.State, results)
	}
}

// An external plugin that is not there holds nothing up: the webhook is a dead
// letter at once, and the next one is handled.
func TestAnExternalPluginThatIsGone(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(nil)
	srv.Close()
	h := open(t)
	cfg := &config.Config{Plugins: &config.Plugins{ExternalPlugins: map[string][]config.ExternalPlugin{"o": {{Name: "x", Endpoint: srv.URL, Events: []string{"issue_comment"}}, {Name: "y", Endpoint: "::"}}}}}
	h.Config = func() *config.Config { return cfg }
	h.run()
	h.post("issue_comment", "d", commentBody(1, "x"))
	d := h.settled("d")
	if d.State != prow.DeliveryDead || d.Tries != 1 || !strings.HasPrefix(d.Error, "external:x: no answer after 5 tries: ") {
		t.Errorf("%s after %d tries: %s", d.State, d.Tries, d.Error)
	}
	if got := d.Results[1].Error; got != `endpoint "::" of external plugin y: want an address such as http://y` {
		t.Errorf("y: %s", got)
	}
}

// One that takes a webhook and does not answer has it once, and is waited for
// less from then on, until it answers.
func TestAnExternalPluginThatHangs(t *testing.T) {
	t.Parallel()
	var hangs atomic.Bool
	var mu sync.Mutex
	took := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		mu.Lock()
		took[r.Header.Get("X-GitHub-Delivery")]++
		mu.Unlock()
		if hangs.Load() {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(srv.Close)
	h := open(t)
	h.Patience = 2 * time.Second
	cfg := &config.Config{Plugins: &config.Plugins{ExternalPlugins: map[string][]config.ExternalPlugin{"o": {{Name: "x", Endpoint: srv.URL}}}}}
	h.Config = func() *config.Config { return cfg }
	h.run()
	hangs.Store(true)
	for i, within := range []string{"2s", "200ms", "200ms"} {
		id := fmt.Sprint("hangs-", i)
		h.post("issue_comment", id, commentBody(1, "x"))
		d := h.settled(id)
		if want := "external:x: no answer within " + within + ": it may have taken the webhook"; d.State != prow.DeliveryDead || d.Error != want {
			t.Errorf("%s: %q, want %q", d.State, d.Error, want)
		}
	}
	hangs.Store(false)
	for i := 0; ; i++ {
		id := fmt.Sprint("answers-", i)
		h.post("issue_comment", id, commentBody(1, "x"))
		if h.settled(id).State == prow.DeliveryHandled {
			break
		}
	}
	hangs.Store(true)
	h.post("issue_comment", "again", commentBody(1, "x"))
	if d := h.settled("again"); !strings.Contains(d.Error, "within 2s") {
		t.Errorf("after it answered: %s", d.Error)
	}
	mu.Lock()
	defer mu.Unlock()
	for id, n := range took {
		if n != 1 {
			t.Errorf("it has %s %d times", id, n)
		}
	}
}

// A redirection would turn the webhook into a GET without it.
func TestAnExternalPluginElsewhere(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		mu.Unlock()
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new/", http.StatusMovedPermanently)
		}
	}))
	t.Cleanup(srv.Close)
	h := open(t)
	cfg := &config.Config{Plugins: &config.Plugins{ExternalPlugins: map[string][]config.ExternalPlugin{"o": {{Name: "x", Endpoint: srv.URL + "/old"}, {Name: "y", Endpoint: srv.URL + "/new/"}}}}}
	h.Config = func() *config.Config { return cfg }
	h.run()
	h.post("issue_comment", "d", commentBody(1, "x"))
	d := h.settled("d")
	if d.Results[0].Error != "it answered 301 Moved Permanently" || d.Results[1].Error != "" {
		t.Errorf("results %+v", d.Results)
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(asked)
	if want := []string{"POST /new/", "POST /old"}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
}

// What another try hardly mends is not tried for long: later webhooks wait.
func TestStubbornErrors(t *testing.T) {
	t.Parallel()
	h := open(t,
		onComment("a", func(context.Context, *plugin.Call, prow.CommentEvent) error {
			return fmt.Errorf("label: %w", prow.ErrForbidden)
		}),
		onComment("b", func(context.Context, *plugin.Call, prow.CommentEvent) error { panic("at the disco") }))
	h.run()
	h.post("issue_comment", "d", commentBody(1, "x"))
	if d := h.settled("d"); d.State != prow.DeliveryDead || d.Tries != 3 || d.Error != "a: label: forbidden; b: it panicked: at the disco" {
		t.Errorf("%s after %d tries: %s", d.State, d.Tries, d.Error)
	}
}

func TestAnOrganisationsEventsReachExternalPlugins(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { n.Add(1) }))
	t.Cleanup(srv.Close)
	h := open(t)
	cfg := &config.Config{Plugins: &config.Plugins{ExternalPlugins: map[string][]config.ExternalPlugin{"o": {{Name: "x", Endpoint: srv.URL}}}}}
	h.Config = func() *config.Config { return cfg }
	h.run()
	h.post("organization", "d", `{"action":"member_added","organization":{"login":"o"}}`)
	if d := h.settled("d"); d.State != prow.DeliveryHandled || n.Load() != 1 {
		t.Errorf("%s, %d requests", d.State, n.Load())
	}
}

// Run ends when its handlers have; one that takes longer than the grace is cut
// off, and its delivery is handled by the next process.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, patient := range []bool{true, false} {
		started, release := make(chan struct{}), make(chan struct{})
		h := open(t, onComment("p", func(ctx context.Context, _ *plugin.Call, _ prow.CommentEvent) error {
			close(started)
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}))
		h.Grace = time.Millisecond
		if patient {
			h.Grace = time.Minute
		}
		h.run()
		h.post("issue_comment", "d", commentBody(1, "x"))
		<-started
		if patient {
			time.AfterFunc(10*time.Millisecond, func() { close(release) })
		}
		h.end()
		d, err := h.Inbox.Delivery(t.Context(), "d")
		if err != nil {
			t.Fatal(err)
		}
		if handled := d.State == prow.DeliveryHandled; handled != patient || d.Tries > 0 != patient {
			t.Errorf("patient %v: %s after %d tries", patient, d.State, d.Tries)
		}
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	r := prow.Repo{Owner: "o", Name: "r"}
	for _, c := range []struct {
		f    Filter
		want bool
	}{
		{Filter{}, true},
		{Filter{EnabledOrgs: []string{"o"}}, true},
		{Filter{EnabledOrgs: []string{"p"}}, false},
		{Filter{EnabledRepos: []string{"o/r"}}, true},
		{Filter{EnabledRepos: []string{"o/s"}}, false},
		{Filter{EnabledOrgs: []string{"o"}, DisabledRepos: []string{"o/r"}}, false},
		{Filter{DisabledOrgs: []string{"o"}}, false},
		{Filter{DisabledOrgs: []string{"p"}}, true},
	} {
		if got := c.f.Permits(r); got != c.want {
			t.Errorf("%+v: %v", c.f, got)
		}
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	w := &Worker{}
	var got []time.Duration
	for i := 1; i <= 10; i++ {
		got = append(got, w.backoff(i)/time.Second)
	}
	if want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300}; !slices.Equal(got, want) {
		t.Errorf("pauses %v, want %v", got, want)
	}
}
