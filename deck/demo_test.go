package deck_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/deck"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/sqlite"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// noon is when the tests' stories are looked at.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// site is a deck on real stores, and what a test does behind its back.
type site struct {
	*deck.Server
	t      *testing.T
	db     *sqlite.DB
	files  prow.Artifacts
	runs   *runs
	cfg    *config.Config
	url    string
	client *http.Client
	down   func() // stops the server
}

// newSite opens an empty deck at noon, where everybody may do everything.
func newSite(t *testing.T, change ...func(*deck.Server)) *site {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.Dir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, db: db, files: files, runs: newRuns(), cfg: &config.Config{Plugins: &config.Plugins{}, Version: "0a1b2c3d4e5f", Loaded: noon.Add(-time.Hour)}}
	s.Server = &deck.Server{
		Jobs: db.Jobs, Runner: s.runs, Artifacts: files, Inbox: db.Inbox, Memory: db.Memory, Journal: db.Journal,
		Config: func() *config.Config { return s.cfg },
		May:    func(*http.Request, string, *prow.Job) (string, error) { return "alice", nil },
		Now:    func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(s.Server)
	}
	web := httptest.NewServer(s.Server)
	s.url, s.client = web.URL, web.Client()
	s.down = func() { web.CloseClientConnections(); web.Close() }
	t.Cleanup(func() {
		s.Close()
		s.down()
		_ = db.Close()
	})
	return s
}

// get returns the answer's code and body.
func (s *site) get(address string, header ...string) (int, string) {
	s.t.Helper()
	code, body, _ := s.do(http.MethodGet, address, header...)
	return code, body
}

// page returns the body of what has to be there.
func (s *site) page(address string) string {
	s.t.Helper()
	code, body := s.get(address)
	if code != http.StatusOK {
		s.t.Fatalf("GET %s = %d: %s", address, code, body)
	}
	return body
}

func (s *site) do(method, address string, header ...string) (int, string, http.Header) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := *s.client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, string(b), r.Header
}

func (s *site) create(jobs ...*prow.Job) {
	s.t.Helper()
	for _, j := range jobs {
		if err := s.db.Jobs.Create(s.t.Context(), j); err != nil {
			s.t.Fatal(err)
		}
	}
}

// advance moves a run along, as plank would.
func (s *site) advance(id string, to prow.State, why string) {
	s.t.Helper()
	if _, err := s.db.Jobs.Update(s.t.Context(), id, func(j *prow.Job) error { return j.Advance(to, noon, why) }); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) write(name, text string) {
	s.t.Helper()
	w, err := s.files.Create(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err = io.WriteString(w, text); err == nil {
		err = w.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) save(name string, v any) {
	s.t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = s.db.Memory.Save(s.t.Context(), name, b)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// job makes a presubmit of a pull request of acme/boats.
func job(id, name string, number int, state prow.State, age time.Duration, change ...func(*prow.Job)) *prow.Job {
	created := noon.Add(-age)
	j := &prow.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: prow.APIVersion, Kind: prow.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: id, CreationTimestamp: metav1.NewTime(created), Labels: map[string]string{prow.LabelCreatedByProw: "true"}},
		Spec: prow.Spec{
			Type: prow.Presubmit, Agent: prow.KubernetesAgent, Cluster: "default", Job: name, Context: name, Report: true, RerunCommand: "/test " + name,
			Refs: &prow.Refs{Org: "acme", Repo: "boats", BaseRef: "main", BaseSHA: "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0",
				Pulls: []prow.PullRef{{Number: number, Author: "alice", SHA: headOf(number), Title: titles[number], Link: fmt.Sprintf("https://forge.example/acme/boats/pull/%d", number)}}},
			PodSpec:          &corev1.PodSpec{Containers: []corev1.Container{{Image: "golang:1.26", Command: []string{"make", name}}}},
			DecorationConfig: &prow.DecorationConfig{},
		},
		Status: prow.Status{State: state, StartTime: metav1.NewTime(created), BuildID: fmt.Sprint(1900000000000000000 + int64(len(id))*1000 + int64(age/time.Second))},
	}
	if state == prow.Triggered {
		j.Status.Description = "Waits: two runs of this job may go on at a time, and two do."
	} else {
		at := metav1.NewTime(created.Add(3 * time.Second))
		j.Status.PendingTime = &at
	}
	if state.Final() {
		at := metav1.NewTime(created.Add(3*time.Second + time.Duration(40+number%7*13)*time.Second))
		j.Status.CompletionTime = &at
		j.Status.Description = map[prow.State]string{
			prow.Success: "All of it passed.", prow.Failure: "The test exited with 2.", prow.Error: "The image golang:1.99 is not there.", prow.Aborted: "A newer commit was pushed.",
		}[state]
	}
	for _, c := range change {
		c(j)
	}
	return j
}

var titles = map[int]string{
	7: "Row faster in the canal", 8: "Count the oars before leaving", 9: "Name the boats after rivers", 12: "Fix the leak under the second bench",
}

func headOf(n int) string { return fmt.Sprintf("%08x%032x", 0xa11ce000+n, n) }

func optional(j *prow.Job) { j.Labels[prow.LabelOptional] = "true" }

func headed(sha string) func(*prow.Job) {
	return func(j *prow.Job) { j.Spec.Refs.Pulls[0].SHA = sha }
}

func kind(t prow.Type) func(*prow.Job) {
	return func(j *prow.Job) {
		j.Spec.Type = t
		if t == prow.Postsubmit || t == prow.Periodic {
			j.Spec.Refs.Pulls = nil
		}
		if t == prow.Periodic {
			j.Spec.ExtraRefs, j.Spec.Refs = []prow.Refs{*j.Spec.Refs}, nil
		}
	}
}

// story fills s with a day of a small project.
func (s *site) story() {
	s.t.Helper()
	fail := job("run-unit-7b", "unit", 7, prow.Failure, 9*time.Minute)
	s.create(
		job("run-nightly", "nightly", 1, prow.Success, 11*time.Hour, kind(prow.Periodic)),
		job("run-image", "image", 1, prow.Error, 5*time.Hour, kind(prow.Postsubmit)),
		job("run-unit-9", "unit", 9, prow.Success, 3*time.Hour),
		job("run-lint-9", "lint", 9, prow.Success, 3*time.Hour, optional),
		job("run-unit-7a", "unit", 7, prow.Aborted, 40*time.Minute, headed("0dd0dd0dd0")),
		fail,
		job("run-lint-7", "lint", 7, prow.Success, 9*time.Minute, optional),
		job("run-e2e-7", "e2e", 7, prow.Pending, 9*time.Minute),
		job("run-unit-8", "unit", 8, prow.Success, 5*time.Minute),
		job("run-e2e-8", "e2e", 8, prow.Pending, 4*time.Minute),
		job("run-batch", "unit", 8, prow.Pending, 2*time.Minute, kind(prow.Batch), func(j *prow.Job) {
			j.Spec.Refs.Pulls = append(j.Spec.Refs.Pulls, prow.PullRef{Number: 9, Author: "bob", SHA: "c0ffee", Title: titles[9]})
		}),
		job("run-e2e-9", "e2e", 9, prow.Triggered, time.Minute),
	)
	s.artifacts(fail)
	s.runs.say("run-e2e-7", "=== RUN   TestCrossing\n\x1b[32mok\x1b[0m   harbour 0.3s\n")
	s.tideStory()
	s.webhooks()
	s.configure()
}

func (s *site) artifacts(j *prow.Job) {
	dir := prow.Dir(j)
	var log strings.Builder
	for i := range 120 {
		fmt.Fprintf(&log, "\x1b[36m[%03d]\x1b[0m go: downloading example.com/river v1.%d.0\n", i, i)
	}
	log.WriteString("=== RUN   TestOars\n    oars_test.go:21: \x1b[1;31mError: \x1b[0mwant 8 oars, got 7 <b>&amp;</b>\n--- FAIL: TestOars (0.02s)\n=== RUN   TestBench\n--- PASS: TestBench (0.00s)\nFAIL\nFAIL\tacme/boats/oars\t0.031s\nmake: *** [Makefile:12: unit] Error 1\n")
	s.write(dir+"/build-log.txt", log.String())
	s.write(dir+"/started.json", fmt.Sprintf(`{"timestamp":%d,"metadata":{"links":{"trace":{"url":"https://traces.example/1"}}}}`, j.Status.PendingTime.Unix()+6))
	s.write(dir+"/finished.json", fmt.Sprintf(`{"timestamp":%d,"passed":false,"result":"FAILURE"}`, j.Status.CompletionTime.Unix()-2))
	s.write(dir+"/artifacts/cover.html", "<h1>cover</h1><script>parent.document.title='owned'</script>")
	s.write(dir+"/artifacts/junit_unit.xml", junit)
}

const junit = xml.Header + `<testsuites><testsuite name="oars"><testcase name="TestBench" classname="acme/boats/oars" time="0.001"/>
<testcase name="TestOars" classname="acme/boats/oars" time="0.02"><failure message="Failed">oars_test.go:21: want 8 oars, got 7 &lt;b&gt;</failure></testcase>
<testcase name="TestTide" classname="acme/boats/oars" time="0.2"><failure message="timed out"/></testcase><testcase name="TestTide" classname="acme/boats/oars" time="0.1"/>
<testcase name="TestIce" classname="acme/boats/oars"><skipped/></testcase></testsuite></testsuites>`

func (s *site) tideStory() {
	repo := prow.Repo{Owner: "acme", Name: "boats"}
	ref := func(n int) prow.PullRef {
		return prow.PullRef{Number: n, Author: "alice", SHA: headOf(n), Title: titles[n], Link: fmt.Sprintf("https://forge.example/acme/boats/pull/%d", n)}
	}
	seven := prow.Verdict{Pull: ref(7), Repo: repo, Branch: "main", At: noon.Add(-time.Minute), State: prow.CheckPending, Text: "Not mergeable. Needs lgtm label. Job unit has not succeeded.",
		Items: []prow.Item{
			{Kind: "check", What: "job unit", Why: "It failed on this head.", Who: "Anyone", Command: "/test unit", URL: "/run/run-unit-7b"},
			{Kind: "label", What: "label lgtm", Who: "Reviewers in OWNERS other than the author", Command: "/lgtm"},
			{Kind: "label", What: "label approved", Met: true, Why: "bob approved it."},
			{Kind: "no-label", What: "no label do-not-merge/hold", Met: true},
			{Kind: "branch", What: "branch main", Met: true},
		},
		Tests: []prow.Test{{Context: "unit", State: prow.CheckFailure, Job: "run-unit-7b"}, {Context: "e2e", State: prow.CheckPending, Job: "run-e2e-7"}}}
	eight := prow.Verdict{Pull: ref(8), Repo: repo, Branch: "main", At: noon, InPool: true, State: prow.CheckSuccess, Text: "In merge pool.", Place: 1,
		Items: []prow.Item{{Kind: "label", What: "label lgtm", Met: true}, {Kind: "queue", What: "tested on main", Why: "The batch with #9 is being tested."}},
		Tests: []prow.Test{{Context: "unit", State: prow.CheckSuccess, Job: "run-unit-8"}, {Context: "e2e", State: prow.CheckPending, Job: "run-e2e-8"}}}
	nine := eight
	nine.Pull, nine.Place = ref(9), 2
	nine.Tests = []prow.Test{{Context: "unit", State: prow.CheckSuccess, Job: "run-unit-9"}, {Context: "e2e", Job: "run-e2e-9"}}
	s.save(prow.VerdictName(prow.IssueID{Repo: repo, Number: 7}), seven)
	s.save(prow.VerdictName(prow.IssueID{Repo: repo, Number: 8}), eight)
	s.save(prow.VerdictName(prow.IssueID{Repo: repo, Number: 9}), nine)
	s.save(prow.PoolName(repo, "main"), prow.Pool{Repo: repo, Branch: "main", BaseSHA: "b0b0b0b0b0b0", At: noon.Add(-20 * time.Second), Pulls: []prow.Verdict{eight, nine}, Batch: []prow.PullRef{ref(8), ref(9)},
		Move: prow.Move{Do: prow.Wait, On: []prow.PullRef{ref(8), ref(9)}, Why: "A batch of #8 and #9 is being tested."}})
	s.save(prow.HistoryName(repo, "main"), []prow.Record{
		{Time: noon.Add(-2 * time.Minute), Action: prow.TriggerBatch, BaseSHA: "b0b0", Target: []prow.PullRef{ref(8), ref(9)}, Why: "They merge cleanly together."},
		{Time: noon.Add(-time.Hour), Action: prow.Merge, BaseSHA: "a0a0", Target: []prow.PullRef{{Number: 6, Title: "Paint the hull", Author: "bob"}}, Why: "It passed on this head."},
		{Time: noon.Add(-2 * time.Hour), Action: prow.Merge, BaseSHA: "a0a0", Target: []prow.PullRef{{Number: 5, Title: "New anchor"}}, Err: "the forge says it is not mergeable"},
	})
	at := prow.IssueID{Repo: repo, Number: 7}
	for i, n := range []prow.Note{
		{Who: "hook", Kind: "event", Text: "pull request opened", By: "alice", Delivery: "d-1"},
		{Who: "trigger", Kind: "job", Text: "unit started, because it runs on every pull request", Job: "run-unit-7a"},
		{Who: "hook", Kind: "event", Text: "commits pushed", By: "alice", Delivery: "d-2"},
		{Who: "plank", Kind: "job", Text: "unit aborted, because a newer commit was pushed", Job: "run-unit-7a"},
		{Who: "approve", Kind: "command", Text: "added the label approved", By: "bob", Delivery: "d-3"},
		{Who: "lgtm", Kind: "refusal", Text: "You cannot LGTM your own pull request.", By: "alice", Delivery: "d-4"},
		{Who: "crier", Kind: "job", Text: "unit failed: the test exited with 2", Job: "run-unit-7b"},
		{Who: "tide", Kind: "decision", Text: "Not mergeable. Needs lgtm label."},
	} {
		n.Where, n.At = at, noon.Add(time.Duration(i*5-40)*time.Minute)
		if err := s.db.Journal.Record(s.t.Context(), n); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *site) webhooks() {
	ctx := s.t.Context()
	add := func(id, event, action string, number int, settle func(*prow.Delivery)) {
		d := &prow.Delivery{
			ID: id, Event: event, Action: action, By: "alice", Received: noon.Add(-time.Duration(10-number) * time.Minute),
			Where:  prow.IssueID{Repo: prow.Repo{Owner: "acme", Name: "boats"}, Number: number},
			Header: http.Header{"X-Github-Event": {event}, "X-Hub-Signature-256": {"sha256=secret"}}, Body: []byte(`{"action":"` + action + `","comment":{"body":"<script>alert(1)</script>"}}`),
		}
		if _, err := s.db.Inbox.Accept(ctx, d); err != nil {
			s.t.Fatal(err)
		}
		if settle == nil {
			return
		}
		if _, err := s.db.Inbox.Claim(ctx, noon, 100); err != nil {
			s.t.Fatal(err)
		}
		settle(d)
		if err := s.db.Inbox.Settle(ctx, d); err != nil {
			s.t.Fatal(err)
		}
	}
	done := func(results ...prow.Result) func(*prow.Delivery) {
		return func(d *prow.Delivery) {
			d.State, d.Handled, d.Results = prow.DeliveryHandled, d.Received.Add(80*time.Millisecond), results
		}
	}
	add("d-1", "pull_request", "opened", 7, done(prow.Result{Plugin: "trigger", Done: true, Took: 12 * time.Millisecond, Did: []string{"started unit, lint and e2e"}}, prow.Result{Plugin: "size", Done: true, Took: 3 * time.Millisecond, Did: []string{"added the label size/S"}}))
	add("d-3", "issue_comment", "created", 8, done(prow.Result{Plugin: "approve", Done: true, Took: 20 * time.Millisecond, Did: []string{"added the label approved"}}))
	add("d-5", "issue_comment", "created", 9, func(d *prow.Delivery) {
		d.State, d.Tries, d.Error = prow.DeliveryDead, 8, "label approved on acme/boats#9: the forge answers 502"
		d.Results = []prow.Result{{Plugin: "approve", Error: d.Error, Took: time.Second}, {Plugin: "lgtm", Done: true}}
	})
	add("d-6", "push", "", 0, nil)
}

func (s *site) configure() {
	s.cfg.PresubmitsStatic = map[string][]config.Presubmit{"acme/boats": {
		{JobBase: config.JobBase{Name: "unit", Source: config.Position{File: "jobs/boats.yaml", Line: 4, Column: 5}}, AlwaysRun: true, RerunCommand: "/test unit"},
		{JobBase: config.JobBase{Name: "lint"}, AlwaysRun: true, Optional: true, RerunCommand: "/test lint"},
		{JobBase: config.JobBase{Name: "e2e"}, ChangeMatcher: config.ChangeMatcher{RunIfChanged: `\.go$`}, RerunCommand: "/test e2e"},
	}}
	s.cfg.Periodics = []config.Periodic{{JobBase: config.JobBase{Name: "nightly", UtilityConfig: config.UtilityConfig{ExtraRefs: []prow.Refs{{Org: "acme", Repo: "boats", BaseRef: "main"}}}}, Cron: "0 1 * * *"}}
	s.cfg.Plugins.Plugins = map[string]config.OrgPlugins{"acme/boats": {Plugins: []string{"lgtm", "hold"}}}
	s.cfg.Tide.Queries = []config.TideQuery{{Repos: []string{"acme/boats"}, Labels: []string{"lgtm", "approved"}, MissingLabels: []string{"do-not-merge/hold"}}}
	s.cfg.Warnings = config.Problems{{Position: config.Position{File: "jobs/boats.yaml", Line: 40, Column: 3}, Path: "presubmits.acme/boats[3]", Text: "skip_report is set, so nobody will see this job's result", Warning: true}}
}

// plugins are two of the real ones, in outline.
func somePlugins() []plugin.Plugin {
	return []plugin.Plugin{
		{Name: "lgtm", Doc: "Says that a reviewer thinks the change is good.", Commands: []plugin.Command{
			{Name: "lgtm", Usage: "/lgtm [cancel]", Doc: "Adds or removes the label lgtm.", Who: "Reviewers and collaborators, but not the author", Examples: []string{"/lgtm", "/lgtm cancel"}, Featured: true, Where: plugin.Pulls}}},
		{Name: "hold", Doc: "Keeps a pull request from merging.", Commands: []plugin.Command{
			{Name: "hold", Usage: "/hold [cancel]", Doc: "Adds or removes the label do-not-merge/hold.", Who: "Anyone", Examples: []string{"/hold", "/hold cancel"}}},
			Snippet: "plugins:\n  acme/boats:\n    plugins: [hold]\n"},
		{Name: "cat", Doc: "Shows a cat."},
	}
}

func someSystem() deck.System {
	return deck.System{Version: "0.1.0", Started: noon.Add(-26 * time.Hour), Components: []deck.Component{
		{Name: "hook", State: "running", Since: noon.Add(-26 * time.Hour)}, {Name: "plank", State: "running", Text: "3 runs", Since: noon.Add(-26 * time.Hour)},
		{Name: "tide", State: "failed", Text: "the forge answers 502; tried again in 8 s", Since: noon.Add(-time.Minute)},
	}, Facts: []deck.Fact{{Name: "Store", Text: "412 jobs, 3.1 MB"}, {Name: "Forge", Text: "4,812 of 5,000 calls left this hour"}}}
}

func full(s *deck.Server) { s.Plugins, s.System = somePlugins(), someSystem }

// runs is a runner whose runs say what a test makes them say. The tests of deck
// need output at certain moments, which no real run gives.
type runs struct {
	mu    sync.Mutex
	logs  map[string]string   // "ID", or "ID/CONTAINER" of all but the first
	names map[string][]string // of containers
	mute  map[string]bool     // no container has begun
	done  map[string]bool
	wake  chan struct{}
}

func newRuns() *runs {
	return &runs{logs: map[string]string{}, names: map[string][]string{}, mute: map[string]bool{}, done: map[string]bool{}, wake: make(chan struct{})}
}

func (r *runs) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.wake)
	r.wake = make(chan struct{})
}

func (r *runs) say(id, text string) { r.change(func() { r.logs[id] += text }) }
func (r *runs) end(id string)       { r.change(func() { r.done[id] = true }) }

func (r *runs) state(id string) (log string, known, done bool, wake chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	log, known = r.logs[id]
	run, _, _ := strings.Cut(id, "/")
	return log, known, r.done[run], r.wake
}

// run says which containers a run has, the test's first.
func (s *site) run(id string, containers ...string) {
	s.runs.change(func() { s.runs.names[id] = containers })
}

// at is where the log of a container is.
func (r *runs) at(id, container string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mute[id] {
		return "", fmt.Errorf("container of run %s is waiting to start", id)
	}
	if names := r.names[id]; container == "" || len(names) == 0 || container == names[0] {
		return id, nil
	}
	return id + "/" + container, nil
}

func (r *runs) Logs(ctx context.Context, id, container string, offset int64, follow bool) (io.ReadCloser, error) {
	id, err := r.at(id, container)
	if err != nil {
		return nil, err
	}
	log, known, _, _ := r.state(id)
	if !known {
		return nil, fmt.Errorf("run %s: %w", id, errAbsent)
	}
	if !follow {
		return io.NopCloser(strings.NewReader(log[min(int(offset), len(log)):])), nil
	}
	in, out := io.Pipe()
	go func() {
		at := int(offset)
		for {
			log, _, done, wake := r.state(id)
			if at < len(log) {
				n, err := io.WriteString(out, log[at:])
				if at += n; err != nil {
					return
				}
				continue
			}
			if done {
				_ = out.Close()
				return
			}
			select {
			case <-wake:
			case <-ctx.Done():
				_ = out.CloseWithError(ctx.Err())
				return
			}
		}
	}()
	return in, nil
}

func (r *runs) Look(_ context.Context, id string) (prow.Run, error) {
	_, known, done, _ := r.state(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if names := r.names[id]; (known || names != nil) && !done {
		return prow.Run{ID: id, Phase: prow.Running, Doing: "testing", Containers: names}, nil
	}
	return prow.Run{}, errAbsent
}
func (r *runs) Start(context.Context, *prow.Job) error     { return nil }
func (r *runs) Stop(context.Context, string, string) error { return nil }
func (r *runs) Remove(context.Context, string) error       { return nil }
func (r *runs) List(context.Context) ([]prow.Run, error)   { return nil, nil }
func (r *runs) Watch(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			r.mu.Lock()
			ids, wake := slices.Collect(maps.Keys(r.names)), r.wake
			r.mu.Unlock()
			for _, id := range ids {
				if !yield(id) {
					return
				}
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
		}
	}
}

var errAbsent = fmt.Errorf("no such run: %w", fs.ErrNotExist)
