package jenkins_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/jenkins"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/sqlite"
)

// house is the operator on a real store and a Jenkins that remembers.
type house struct {
	t      testing.TB
	db     *sqlite.DB
	box    *sandbox
	cfg    *config.Config
	o      jenkins.Options
	change func(*jenkins.Worker)
	builds atomic.Int64
	end    func()
}

func build(t testing.TB, paths ...string) *house {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	link := template.Must(template.New("").Parse("http://logs/{{.Spec.Job}}/{{.Status.JenkinsBuildID}}"))
	h := &house{t: t, db: db, box: newSandbox(t, paths...), cfg: &config.Config{}}
	h.cfg.StatusErrorLink = "http://help"
	h.cfg.JenkinsOperators = []config.JenkinsOperator{{Controller: config.Controller{MaxGoroutines: 20}, JobURLTemplate: link}}
	h.o = jenkins.Options{URL: h.box.URL, Pause: time.Millisecond}
	t.Cleanup(func() {
		h.stop()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// start runs the operator until stop.
func (h *house) start() {
	h.t.Helper()
	c, err := jenkins.New(h.o)
	if err != nil {
		h.t.Fatal(err)
	}
	w := &jenkins.Worker{
		Jobs: h.db.Jobs, Jenkins: c, Journal: h.db.Journal, Config: func() *config.Config { return h.cfg },
		BuildID: func() string { return fmt.Sprint(h.builds.Add(1)) },
		Every:   10 * time.Millisecond, Soon: 5 * time.Millisecond, Patience: 200 * time.Millisecond,
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	if h.change != nil {
		h.change(w)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	h.end = func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	}
}

func (h *house) stop() {
	if h.end != nil {
		h.end()
		h.end = nil
	}
}

func (h *house) restart() {
	h.t.Helper()
	h.stop()
	h.start()
}

// job creates a presubmit of pull request 5.
func (h *house) job(id string, change ...func(*prow.Job)) {
	h.t.Helper()
	j := prowtest.Job(id, append([]func(*prow.Job){func(j *prow.Job) {
		j.Spec.Agent, j.Spec.PodSpec, j.Spec.DecorationConfig = prow.JenkinsAgent, nil, nil
		j.Status.BuildID = ""
	}}, change...)...)
	if err := h.db.Jobs.Create(h.t.Context(), j); err != nil {
		h.t.Fatal(err)
	}
}

func named(name string) func(*prow.Job) { return func(j *prow.Job) { j.Spec.Job = name } }

func pull(n int) func(*prow.Job) { return func(j *prow.Job) { j.Spec.Refs.Pulls[0].Number = n } }

func (h *house) get(id string) *prow.Job {
	h.t.Helper()
	j, err := h.db.Jobs.Get(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return j
}

func (h *house) eventually(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	var now strings.Builder
	jobs, _ := h.db.Jobs.List(context.Background(), prow.JobFilter{})
	for _, j := range jobs {
		fmt.Fprintf(&now, "\n%s: %s, %s", j.Name, j.Status.State, j.Status.Description)
	}
	h.box.with(func() {
		for path, j := range h.box.jobs {
			for _, b := range j.builds {
				fmt.Fprintf(&now, "\n%s/%d: %s %v", path, b.number, b.result, b.asked)
			}
		}
		fmt.Fprintf(&now, "\n%d in the queue", len(h.box.queue))
	})
	h.t.Fatalf("never happened: %s; jobs:%s", what, now.String())
}

func (h *house) until(id, what string, ok func(*prow.Job) bool) (j *prow.Job) {
	h.t.Helper()
	h.eventually(id+" "+what, func() bool { j = h.get(id); return ok(j) })
	return j
}

func (h *house) complete(id string) *prow.Job {
	h.t.Helper()
	return h.until(id, "is complete", (*prow.Job).Complete)
}

// queued waits for a job to be in the queue of Jenkins.
func (h *house) queued(id string) {
	h.t.Helper()
	h.eventually(id+" is queued", func() (ok bool) {
		h.box.with(func() { ok = h.box.queued(id) != nil })
		return ok
	})
}

// begin lets the build of a queued job begin.
func (h *house) begin(id string) (b *sandboxBuild) {
	h.t.Helper()
	h.queued(id)
	h.box.with(func() { b = h.box.begin(h.box.queued(id)) })
	return b
}

// ends gives the build of a job its result.
func (h *house) ends(id, result string) {
	h.t.Helper()
	h.box.with(func() { h.box.of(id)[0].result = result })
}
