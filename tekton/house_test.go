//go:build kubernetes && linux

package tekton_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/cluster"
	"github.com/prow-ci/prow/sqlite"
	"github.com/prow-ci/prow/tekton"
	"k8s.io/client-go/rest"
)

// plane is the control plane of all tests here. It has Tekton's resources, and the
// tests do what Tekton's controller would.
var plane struct {
	*cluster.Cluster

	namespaces atomic.Int64
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "prow-tekton-")
	if err == nil {
		defer os.RemoveAll(dir)
		plane.Cluster, err = cluster.Start(ctx, dir)
	}
	var crd []byte
	if err == nil {
		defer plane.Stop()
		crd, err = os.ReadFile("../kube/testdata/pipelinerun-crd.yaml")
	}
	if err == nil {
		err = plane.Apply(ctx, crd)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// house is the worker on a real store and a real API server.
type house struct {
	t      testing.TB
	ns     string
	db     *sqlite.DB
	cfg    *config.Config
	runner *kube.Pipelines
	builds atomic.Int64
	end    func()
}

func build(t testing.TB) *house {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, db: db, cfg: &config.Config{}, ns: fmt.Sprint("t", plane.namespaces.Add(1))}
	h.do("POST", "/api/v1/namespaces", `{"metadata":{"name":"`+h.ns+`"}}`)
	t.Cleanup(func() {
		h.stop()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) do(method, path, body string) string {
	h.t.Helper()
	kind := "application/json"
	if method == "PATCH" {
		kind = "application/merge-patch+json"
	}
	answer, err := plane.Do(context.WithoutCancel(h.t.Context()), method, path, strings.NewReader(body), "Content-Type: "+kind)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(answer)
}

func (h *house) start() {
	h.t.Helper()
	at := &rest.Config{Host: plane.URL, BearerToken: plane.Token, TLSClientConfig: rest.TLSClientConfig{CAFile: plane.CA}, QPS: -1}
	var err error
	if h.runner, err = kube.NewPipelines(kube.RunnerOptions{Clusters: map[string]*rest.Config{"default": at}, Namespace: h.ns}); err != nil {
		h.t.Fatal(err)
	}
	w := &tekton.Worker{
		Jobs: h.db.Jobs, Runner: h.runner, Journal: h.db.Journal, Config: func() *config.Config { return h.cfg },
		URL:     func(j *prow.Job) string { return "http://here/" + j.Status.BuildID },
		BuildID: func() string { return fmt.Sprint(h.builds.Add(1)) }, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	h.end = func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
		if err := h.runner.Close(); err != nil {
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

// job creates a presubmit of pull request 5 that is a pipeline.
func (h *house) job(id string, change ...func(*prow.Job)) {
	h.t.Helper()
	j := prowtest.Job(id, append([]func(*prow.Job){func(j *prow.Job) {
		j.Spec.Agent, j.Spec.PodSpec, j.Spec.DecorationConfig = prow.TektonAgent, nil, nil
		j.Spec.TektonPipelineRunSpec = &prow.TektonPipelineRunSpec{V1Beta1: map[string]any{"pipelineRef": map[string]any{"name": "build"}}}
		j.Status.BuildID = ""
	}}, change...)...)
	if err := h.db.Jobs.Create(h.t.Context(), j); err != nil {
		h.t.Fatal(err)
	}
}

func pull(n int) func(*prow.Job) { return func(j *prow.Job) { j.Spec.Refs.Pulls[0].Number = n } }

func (h *house) path(id string) string {
	return "/apis/tekton.dev/v1/namespaces/" + h.ns + "/pipelineruns/" + id
}

// exists reports whether there is a PipelineRun, and what it is like.
func (h *house) exists(id string) (string, bool) {
	b, err := plane.Do(h.t.Context(), "GET", h.path(id), nil)
	return string(b), err == nil
}

// says writes the status of a PipelineRun.
func (h *house) says(id, status, reason, message string) {
	h.t.Helper()
	h.eventually("a PipelineRun of "+id, func() bool { _, ok := h.exists(id); return ok })
	over := ""
	if status != "Unknown" {
		over = `,"completionTime":"2026-01-02T03:05:05Z"`
	}
	h.do("PATCH", h.path(id)+"/status", fmt.Sprintf(
		`{"status":{"startTime":"2026-01-02T03:04:05Z"%s,"conditions":[{"type":"Succeeded","status":%q,"reason":%q,"message":%q}]}}`, over, status, reason, message))
}

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
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	var now strings.Builder
	jobs, _ := h.db.Jobs.List(context.Background(), prow.JobFilter{})
	for _, j := range jobs {
		fmt.Fprintf(&now, "\n%s: %s, %s", j.Name, j.Status.State, j.Status.Description)
	}
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

func (h *house) runs(id string) *prow.Job {
	h.t.Helper()
	return h.until(id, "runs", func(j *prow.Job) bool { return j.Status.State == prow.Pending })
}
