package plank_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/local"
	"github.com/prow-ci/prow/plank"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/sqlite"
	corev1 "k8s.io/api/core/v1"
)

// TestMain is also what runs one run folder, as the server's binary is.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "supervise" {
		a, err := blob.Dir(os.Args[2])
		if err == nil {
			err = local.Supervise(context.Background(), os.Args[3], a, time.Now)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == "plank" {
		if err := runAll(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// house is plank on a real store and real processes.
type house struct {
	t      testing.TB
	dir    string
	cfg    *config.Config
	db     *sqlite.DB
	runner *local.Runner
	end    func() // of plank
	choose func(context.Context, *prow.Job) string
	far    string // the cluster that all runs are in
}

func build(t testing.TB, change ...func(*config.Plank)) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), cfg: &config.Config{Plugins: &config.Plugins{}}}
	for _, c := range change {
		c(&h.cfg.Plank)
	}
	if err := os.Mkdir(h.shared(), 0o700); err != nil {
		t.Fatal(err)
	}
	h.open()
	t.Cleanup(func() {
		h.stop()
		runs, err := h.runner.List(context.Background())
		for _, r := range runs {
			err = errors.Join(err, h.runner.Remove(context.Background(), r.ID))
		}
		if err = errors.Join(err, h.runner.Close(), h.db.Close()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// open opens the store and the runner, as a new process does.
func (h *house) open() {
	h.t.Helper()
	if err := h.openErr(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) openErr(ctx context.Context) error {
	db, err := sqlite.Open(ctx, filepath.Join(h.dir, "prow.db"))
	if err != nil {
		return err
	}
	h.db = db
	h.runner, err = local.New(local.Options{
		Dir: filepath.Join(h.dir, "runs"), Engine: local.Process, HostPaths: []string{h.shared()},
		Self: []string{"env", "GORACE=atexit_sleep_ms=0", os.Args[0], "supervise", filepath.Join(h.dir, "artifacts")},
	})
	return err
}

func (h *house) close() {
	h.t.Helper()
	if err := errors.Join(h.runner.Close(), h.db.Close()); err != nil {
		h.t.Fatal(err)
	}
}

// placed says in which cluster the runs are.
type placed struct {
	prow.Runner
	cluster string
}

func (p placed) Look(ctx context.Context, id string) (prow.Run, error) {
	run, err := p.Runner.Look(ctx, id)
	run.Cluster = p.cluster
	return run, err
}

func (h *house) worker() *plank.Worker {
	return &plank.Worker{
		Jobs: h.db.Jobs, Runner: placed{h.runner, h.far}, Journal: h.db.Journal, Config: func() *config.Config { return h.cfg },
		URL:  func(j *prow.Job) string { return "http://here/run/" + j.Name + "?build=" + j.Status.BuildID },
		Node: "test", Log: slog.New(slog.DiscardHandler), Now: time.Now, Metrics: plank.NewMetrics(),
		Cluster: h.choose,
	}
}

// start runs plank until stop.
func (h *house) start() {
	ctx, cancel := context.WithCancel(h.t.Context())
	w := h.worker()
	done := make(chan error)
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

// restart is the end of one process and the beginning of the next.
func (h *house) restart() {
	h.t.Helper()
	h.stop()
	h.close()
	h.open()
	h.start()
}

// job creates a job that runs a script.
func (h *house) job(id, script string, change ...func(*prow.Job)) *prow.Job {
	h.t.Helper()
	j := prowtest.Job(id, append([]func(*prow.Job){prowtest.Script(script), func(j *prow.Job) { j.Status.BuildID = "" }}, change...)...)
	if err := h.db.Jobs.Create(h.t.Context(), j); err != nil {
		h.t.Fatal(err)
	}
	return j
}

// presubmit makes a job one of pull request n of o/r, with nothing to clone.
func presubmit(n int) func(*prow.Job) {
	return func(j *prow.Job) {
		j.Spec.Type = prow.Presubmit
		j.Spec.Refs = &prow.Refs{Org: "o", Repo: "r", BaseRef: "main", BaseSHA: "b0", Pulls: []prow.PullRef{{Number: n, Author: "alice", SHA: fmt.Sprint("h", n)}}}
		skip := true
		j.Spec.DecorationConfig.SkipCloning = &skip
	}
}

func (h *house) get(id string) *prow.Job {
	h.t.Helper()
	j, err := h.db.Jobs.Get(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return j
}

// until waits for a job to be as ok says. A slow machine is no failure.
func (h *house) until(id, what string, ok func(*prow.Job) bool) *prow.Job {
	h.t.Helper()
	var j *prow.Job
	h.eventually(id+" "+what, func() bool {
		j = h.get(id)
		return ok(j)
	})
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
	h.t.Fatalf("never happened: %s; jobs:%s", what, now.String())
}

func (h *house) complete(id string) *prow.Job {
	h.t.Helper()
	return h.until(id, "is complete", (*prow.Job).Complete)
}

// printed waits for a line in the log of a run.
func (h *house) printed(id, line string) {
	h.t.Helper()
	h.eventually(id+" prints "+line, func() bool {
		rc, err := h.runner.Logs(h.t.Context(), id, "", 0, false)
		if err != nil {
			return false
		}
		defer rc.Close()
		b := make([]byte, 1<<16)
		n, _ := rc.Read(b)
		return strings.Contains(string(b[:n]), line)
	})
}

func (h *house) noRun(id string) {
	h.t.Helper()
	h.eventually("no run "+id, func() bool {
		_, err := h.runner.Look(h.t.Context(), id)
		return errors.Is(err, fs.ErrNotExist)
	})
}

func (h *house) abort(id, why string) {
	h.t.Helper()
	_, err := h.db.Jobs.Update(h.t.Context(), id, func(j *prow.Job) error { return j.Advance(prow.Aborted, time.Now(), why) })
	if err != nil {
		h.t.Fatal(err)
	}
}

// shared lets a job see a folder of the house, at its own path and as $SHARED.
func shared(h *house) func(*prow.Job) {
	return func(j *prow.Job) {
		p := j.Spec.PodSpec
		p.Volumes = append(p.Volumes, corev1.Volume{Name: "shared", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: h.shared()}}})
		c := &p.Containers[0]
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "shared", MountPath: h.shared()})
		c.Env = append(c.Env, corev1.EnvVar{Name: "SHARED", Value: h.shared()})
	}
}

func (h *house) shared() string { return filepath.Join(h.dir, "shared") }

// untilGate is a script that ends when the gate is opened.
const untilGate = "echo up; while [ ! -e \"$SHARED/gate\" ]; do sleep 0.02; done; echo end"

func (h *house) openGate() {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.shared(), "gate"), nil, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// unsaved makes a job that no store knows.
func (h *house) unsaved(id string) *prow.Job {
	return prowtest.Job(id, prowtest.Script("sleep 300"))
}

// kill ends the process that looks after a run, as the machine's memory running
// out would.
func (h *house) kill(id string) {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, "runs", "runs", id, "pid"))
	if err != nil {
		h.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(b))[0])
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}
