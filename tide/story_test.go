package tide_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/inrepo"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sqlite"
	"github.com/prow-ci/prow/tide"
	"github.com/prow-ci/prow/trigger"
)

const unitJob = `
presubmits:
  o/r:
  - name: unit
    always_run: true
    agent: kubernetes
    spec: {containers: [{image: busybox, command: ["true"]}]}
`

const lgtmQuery = `
tide:
  sync_period: 1h
  queries:
  - repos: [o/r]
    labels: [lgtm]
    missingLabels: [do-not-merge/hold]
`

// town is a sandbox with tide at work in it. The tests of its jobs end at once,
// as truth says, and their checks are written, as plank and crier would.
type town struct {
	*world.World
	repo   prow.Repo
	db     *sqlite.DB
	cfg    *config.Config
	worker *tide.Worker
	stop   func()
	calls  *calls // of tide

	mu    sync.Mutex
	deaf  bool                        // webhooks are lost
	truth func(*prow.Job) prow.State  // "" leaves it running
	merge func(id prow.IssueID) error // before each merge
}

// Merge lets the test say something first.
type forge struct {
	prow.Forge
	t *town
}

func (f forge) Merge(ctx context.Context, id prow.IssueID, m prow.MergeHow) error {
	f.t.mu.Lock()
	before := f.t.merge
	f.t.mu.Unlock()
	if before != nil {
		if err := before(id); err != nil {
			return err
		}
	}
	return f.Forge.Merge(ctx, id, m)
}

func open(t *testing.T, yaml string) *town {
	t.Helper()
	return openWith(t, yaml, unitJob)
}

// calls counts what is asked of the forge.
type calls struct {
	prow.Forge
	mu   sync.Mutex
	made []string
}

func (c *calls) call(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, name)
}

func (c *calls) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.made
	c.made = nil
	return out
}

func (c *calls) Pull(ctx context.Context, id prow.IssueID) (*prow.Pull, error) {
	c.call("Pull")
	return c.Forge.Pull(ctx, id)
}

func (c *calls) Checks(ctx context.Context, r prow.Repo, sha string) ([]prow.Check, error) {
	c.call("Checks")
	return c.Forge.Checks(ctx, r, sha)
}

func (c *calls) Branch(ctx context.Context, r prow.Repo, name string) (*prow.Branch, error) {
	c.call("Branch")
	return c.Forge.Branch(ctx, r, name)
}

func (c *calls) Repository(ctx context.Context, r prow.Repo) (*prow.Repository, error) {
	c.call("Repository")
	return c.Forge.Repository(ctx, r)
}

func (c *calls) Reviews(ctx context.Context, id prow.IssueID) ([]prow.Review, error) {
	c.call("Reviews")
	return c.Forge.Reviews(ctx, id)
}

func (c *calls) Files(ctx context.Context, id prow.IssueID) ([]prow.File, error) {
	c.call("Files")
	return c.Forge.Files(ctx, id)
}

func (c *calls) SetCheck(ctx context.Context, r prow.Repo, sha string, k prow.Check) error {
	c.call("SetCheck")
	return c.Forge.SetCheck(ctx, r, sha, k)
}

func openWith(t *testing.T, yaml, jobs string, options ...world.Option) *town {
	t.Helper()
	w := &town{World: world.New(t, options...), truth: func(*prow.Job) prow.State { return prow.Success }}
	w.repo = w.Repo("o/r", map[string]string{"README.md": "hello\n", "a": "a\n", "b": "b\n", "c": "c\n"})
	must(t, w.Hub.AddLabels(t.Context(), w.repo, "lgtm", "do-not-merge/hold", "tide/merge-blocker", "urgent"))
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	must(t, os.WriteFile(file, []byte(yaml+jobs), 0o600))
	var err error
	w.cfg, err = config.Load(config.Paths{Config: file})
	must(t, err)
	w.db, err = sqlite.Open(t.Context(), filepath.Join(dir, "prow.db"))
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			w.dump()
		}
		must(t, w.db.Close())
	})
	hook := httptest.NewServer(http.HandlerFunc(w.hear))
	t.Cleanup(hook.Close)
	w.start()
	t.Cleanup(func() { w.stop() })
	must(t, w.Hub.SetHook(t.Context(), hook.URL, "secret"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.play(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

// start starts a worker on what is there.
func (w *town) start() {
	w.calls = &calls{Forge: w.Forge()}
	worker := &tide.Worker{
		Forge: forge{w.calls, w}, Jobs: w.db.Jobs, Git: w.Git, InRepo: &inrepo.Source{Git: w.Git}, Memory: w.db.Memory, Journal: w.db.Journal,
		Config: func() *config.Config { return w.cfg }, Now: time.Now, Log: w.Log, Metrics: tide.NewMetrics(),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := worker.Run(ctx); err != nil {
			w.T.Error(err)
		}
	}()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.worker, w.stop = worker, func() { cancel(); <-done }
}

// hear takes a webhook to tide.
func (w *town) hear(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	events, err := github.ParseEvents(r.Header.Get("X-GitHub-Event"), r.Header.Get("X-GitHub-Delivery"), body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	worker, deaf := w.worker, w.deaf
	w.mu.Unlock()
	if deaf {
		return
	}
	for _, e := range events {
		worker.Wake(e)
	}
}

// play ends the tests of jobs, and writes their checks.
func (w *town) play(ctx context.Context) {
	for id := range w.db.Jobs.Watch(ctx) {
		j, err := w.db.Jobs.Get(ctx, id)
		if err != nil || j.Complete() {
			continue
		}
		w.mu.Lock()
		state := w.truth(j)
		w.mu.Unlock()
		if state == "" {
			w.report(ctx, j)
			continue
		}
		j, err = w.db.Jobs.Update(ctx, id, func(j *prow.Job) error {
			if j.Status.State == prow.Triggered {
				if err := j.Advance(prow.Pending, time.Now(), "Job triggered."); err != nil {
					return err
				}
			}
			return j.Advance(state, time.Now(), "It ended: "+string(state)+".")
		})
		if err == nil {
			w.report(ctx, j)
		}
	}
}

func (w *town) report(ctx context.Context, j *prow.Job) {
	if j.Spec.Type != prow.Presubmit || !j.Spec.Report {
		return
	}
	c := prow.Check{Name: j.Spec.Context, State: prow.CheckFor(j.Status.State), Text: prow.WithBase(j.Status.Description, j.Spec.Refs.BaseSHA)}
	for ctx.Err() == nil { // crier does not give up
		if err := w.Forge().SetCheck(ctx, w.repo, j.Pull().SHA, c); err == nil {
			return
		}
	}
}

// be says how the tests of a job end from now on, and ends those that run.
func (w *town) be(truth func(*prow.Job) prow.State) {
	w.mu.Lock()
	w.truth = truth
	w.mu.Unlock()
	no := false
	jobs, err := w.db.Jobs.List(w.T.Context(), prow.JobFilter{Complete: &no})
	must(w.T, err)
	for _, j := range jobs { // a change of nothing that everybody hears of
		_, err := w.db.Jobs.Update(w.T.Context(), j.Name, func(j *prow.Job) error {
			if j.Annotations == nil {
				j.Annotations = map[string]string{}
			}
			j.Annotations["look"] = time.Now().String()
			return nil
		})
		must(w.T, err)
	}
}

// test runs the presubmits of a pull request, as the trigger plugin would.
func (w *town) test(id prow.IssueID) {
	w.T.Helper()
	p := w.PullNow(id)
	sha, err := w.Hub.Head(w.repo, "main")
	must(w.T, err)
	for _, ps := range w.cfg.Presubmits(w.repo) {
		refs := trigger.PullRefs(p, sha)
		must(w.T, w.db.Jobs.Create(w.T.Context(), trigger.PresubmitJob(w.cfg, &ps, refs, trigger.JobID("pushed", ps.Name, &refs), time.Now(), trigger.Extra{})))
	}
}

func (w *town) label(id prow.IssueID, labels ...string) {
	w.T.Helper()
	must(w.T, w.Hub.Label(w.T.Context(), id, world.Bot, labels...))
}

// tested waits until a pull request has a successful check of unit.
func (w *town) tested(id prow.IssueID) {
	w.T.Helper()
	w.Eventually(id.String()+" is tested", func() bool {
		checks, err := w.Forge().Checks(w.T.Context(), w.repo, w.PullNow(id).HeadSHA)
		must(w.T, err)
		return slices.ContainsFunc(checks, func(c prow.Check) bool { return c.Name == "unit" && c.State == prow.CheckSuccess })
	})
}

func (w *town) verdict(id prow.IssueID) prow.Verdict {
	w.T.Helper()
	var v prow.Verdict
	if text, err := w.db.Memory.Load(w.T.Context(), prow.VerdictName(id)); err == nil {
		must(w.T, json.Unmarshal(text, &v))
	}
	return v
}

func (w *town) says(id prow.IssueID, text string) {
	w.T.Helper()
	w.Eventually(id.String()+" says "+text, func() bool { return w.verdict(id).Text == text })
}

func (w *town) merges(ids ...prow.IssueID) {
	w.T.Helper()
	for _, id := range ids {
		w.Eventually(id.String()+" merges", func() bool { return w.PullNow(id).Merged })
	}
}

func (w *town) history() []prow.Record {
	w.T.Helper()
	var out []prow.Record
	if text, err := w.db.Memory.Load(w.T.Context(), prow.HistoryName(w.repo, "main")); err == nil {
		must(w.T, json.Unmarshal(text, &out))
	}
	return out
}

// dump shows what is so, to whoever has to find out why a story went wrong.
func (w *town) dump() {
	ctx := context.WithoutCancel(w.T.Context())
	jobs, _ := w.db.Jobs.List(ctx, prow.JobFilter{})
	for _, j := range jobs {
		w.T.Logf("job %s %s %s: %s", j.Spec.Type, j.Spec.Context, j.Spec.Refs, j.Status.State)
	}
	names, _ := w.db.Memory.Names(ctx, "tide/")
	for _, n := range names {
		text, _ := w.db.Memory.Load(ctx, n)
		w.T.Logf("%s: %s", n, text)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMergesOnTheLastLabel(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	id := w.Pull(w.repo, "alice", "one", map[string]string{"a": "better\n"})
	w.says(id, "Not mergeable. Needs lgtm label.")
	w.test(id)
	w.tested(id)
	w.says(id, "Not mergeable. Needs lgtm label.")
	w.calls.take()
	start := time.Now()
	w.label(id, "lgtm")
	w.merges(id)
	t.Logf("merged %s after the label", time.Since(start).Round(time.Millisecond))
	w.says(id, "Merged.")
	w.Eventually("history tells", func() bool {
		h := w.history()
		return len(h) == 1 && h[0].Action == prow.Merge && h[0].Err == "" && h[0].Target[0].Number == id.Number
	})
	if made := w.calls.take(); len(made) > 12 {
		t.Errorf("%d calls of the forge from a label to the merge: %v", len(made), made)
	} else {
		t.Logf("calls: %v", made)
	}
	notes, err := w.db.Journal.Notes(t.Context(), id, 20)
	must(t, err)
	var story []string
	for _, n := range notes {
		story = append(story, n.Text)
	}
	if !slices.Contains(story, "Not mergeable. Needs lgtm label.") || !slices.Contains(story, "Merged into main.") {
		t.Errorf("the story is %q", story)
	}
}
