// Package local is prow.Runner on this machine: jobs run in containers, through
// the Docker API, or as plain processes.
//
// Takes: jobs that have a build id. Gives: runs, their logs, and their files in
// the artifacts. Woken by: its callers, and by the end of a run.
//
// Each run has a folder and a supervisor, a process of its own session that
// outlives us: Supervise is what it does. The supervisor keeps its folder locked
// while it lives, and leaves its result there. So a new Runner on the same
// directory sees which runs go on, which have ended, and which were cut off.
package local

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/hub"
	"github.com/prow-ci/prow/podutil"
)

// Options say how runs are made.
type Options struct {
	Dir    string   // of all runs; made if absent, and ours alone
	Self   []string // command that runs one run folder; the folder is added
	Engine string   // auto, docker, podman, process; "" is auto

	// Secrets is a folder with the secrets jobs may name, as <name>/<key>; ""
	// for none.
	Secrets string
	// HostPaths are the paths of this machine that jobs may mount, with all below.
	HostPaths []string
	// Hidden are folders that plain processes must not see, where bubblewrap
	// can hide them. Dir is always hidden.
	Hidden []string
	// Login says how to log in where a repository is cloned from; nil, or an
	// empty token: not at all.
	Login func(ctx context.Context, url string) (username, token string, err error)

	Log *slog.Logger
	Now prow.Clock
}

// Runner is a prow.Runner. New makes one.
type Runner struct {
	o       Options
	engine  engine
	why     string
	notes   hub.Hub
	closed  context.CancelFunc
	ctx     context.Context // ends with Close
	waiters sync.WaitGroup

	mu   sync.Mutex
	runs map[string]*run
}

var _ prow.Runner = (*Runner)(nil)

var errClosed = errors.New("the runner is closed")

// New opens the directory of runs and takes over those that are there.
func New(o Options) (*Runner, error) {
	if len(o.Self) == 0 {
		return nil, errors.New("local runner: no command is given that runs a run folder")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("local runner: %w", err)
	}
	o.Dir = dir
	for _, d := range []string{runsDir, newDir, trashDir} {
		if err := os.MkdirAll(filepath.Join(o.Dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("local runner: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Runner{o: o, runs: map[string]*run{}, ctx: ctx, closed: cancel}
	if r.engine, r.why, err = choose(ctx, o); err != nil {
		cancel()
		return nil, fmt.Errorf("local runner: %w", err)
	}
	if err := r.takeOver(); err != nil {
		cancel()
		return nil, fmt.Errorf("local runner: %w", err)
	}
	r.waiters.Go(r.notice)
	return r, nil
}

// Engine returns what runs the jobs, and why it was chosen, for people.
func (r *Runner) Engine() (name, why string) { return r.engine.Name, r.why }

// Close stops watching. Runs go on.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed()
	r.mu.Unlock()
	r.notes.Close()
	r.waiters.Wait()
	return nil
}

// run is what we know of a run.
type run struct {
	id, buildID string
	folder      string
	names       []string // of containers
	engine      engine
	started     time.Time
	ended       *podutil.Result // nil while it goes on
	lost        bool
	done        chan struct{} // closed when it has ended
	state       time.Time     // change of its state file that was last seen
}

// Start begins the run of j.
func (r *Runner) Start(ctx context.Context, j *prow.Job) error {
	if j.Name == "" || j.Status.BuildID == "" {
		return prow.Final(fmt.Errorf("job %q has no build id", j.Name))
	}
	if err := r.engine.check(j); err != nil {
		return prow.Final(err)
	}
	logins, err := r.logins(ctx, j)
	if err != nil {
		return err
	}
	x := &run{id: j.Name, buildID: j.Status.BuildID, folder: r.folder(j.Name), engine: r.engine, names: podutil.Names(j), started: r.o.Now(), done: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return errClosed
	}
	if r.runs[j.Name] != nil {
		return nil
	}
	p := plan{Job: j, Created: x.started, Engine: r.engine, Secrets: r.o.Secrets, HostPaths: r.o.HostPaths,
		Hidden: append([]string{r.o.Dir}, r.o.Hidden...), LatestLock: filepath.Join(r.o.Dir, latestLock)}
	if err := r.begin(x, p, logins); err != nil {
		return fmt.Errorf("start run %s: %w", j.Name, err)
	}
	r.runs[j.Name] = x
	r.notes.Tell(x.id)
	return nil
}

// logins asks, now and here, for what the supervisor needs to clone.
func (r *Runner) logins(ctx context.Context, j *prow.Job) ([]podutil.Login, error) {
	if r.o.Login == nil || j.Spec.DecorationConfig == nil {
		return nil, nil
	}
	refs := slices.Clone(j.Spec.ExtraRefs)
	if j.Spec.Refs != nil {
		refs = append(refs, *j.Spec.Refs)
	}
	var out []podutil.Login
	for i := range refs {
		from := refs[i].CloneFrom()
		if slices.ContainsFunc(out, func(l podutil.Login) bool { return l.URL == from }) {
			continue
		}
		user, token, err := r.o.Login(ctx, from)
		if err != nil {
			return nil, err
		}
		if token != "" {
			out = append(out, podutil.Login{URL: from, Username: user, Token: token})
		}
	}
	return out, nil
}

func (r *Runner) find(id string) (*run, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.runs[id]; x != nil {
		return x, nil
	}
	return nil, fmt.Errorf("run %s: %w", id, fs.ErrNotExist)
}

// Look says how a run stands.
func (r *Runner) Look(_ context.Context, id string) (prow.Run, error) {
	x, err := r.find(id)
	if err != nil {
		return prow.Run{}, err
	}
	return r.look(x), nil
}

func (r *Runner) look(x *run) prow.Run {
	r.mu.Lock()
	ended, lost := x.ended, x.lost
	r.mu.Unlock()
	out := prow.Run{ID: x.id, BuildID: x.buildID, Containers: x.names, Started: x.started, Phase: prow.Running}
	if ended == nil {
		out.Doing = doing(x.folder)
		if out.Doing == "" {
			out.Doing = "starting"
		}
		return out
	}
	out.Phase, out.Verdict, out.Why, out.ExitCode = prow.Ended, ended.Verdict, ended.Why, ended.ExitCode
	out.Lost, out.Finished = lost, ended.Finished
	if !ended.Started.IsZero() {
		out.Started = ended.Started
	}
	return out
}

// List lists all runs, by the time of their start.
func (r *Runner) List(context.Context) ([]prow.Run, error) {
	r.mu.Lock()
	all := make([]*run, 0, len(r.runs))
	for _, x := range r.runs {
		all = append(all, x)
	}
	r.mu.Unlock()
	out := make([]prow.Run, 0, len(all))
	for _, x := range all {
		out = append(out, r.look(x))
	}
	slices.SortFunc(out, func(a, b prow.Run) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// Stop asks a run to end.
func (r *Runner) Stop(_ context.Context, id, why string) error {
	x, err := r.find(id)
	if err != nil || r.hasEnded(x) {
		return nil
	}
	return stop(x.folder, why)
}

func (r *Runner) hasEnded(x *run) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return x.ended != nil
}

// Remove forgets a run; what still runs of it is killed.
func (r *Runner) Remove(ctx context.Context, id string) error {
	x, err := r.find(id)
	if err != nil {
		return nil
	}
	if !r.hasEnded(x) {
		if err := r.kill(ctx, x); err != nil {
			return fmt.Errorf("remove run %s: %w", id, err)
		}
	}
	r.mu.Lock()
	delete(r.runs, id)
	r.mu.Unlock()
	r.notes.Tell(id)
	return r.discard(x.folder)
}

// kill ends a run without grace, and waits until it has ended.
func (r *Runner) kill(ctx context.Context, x *run) error {
	killRun(x.folder)
	select {
	case <-x.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.ctx.Done():
		return errClosed
	}
	return x.engine.sweep(ctx, x.folder)
}

// discard deletes a folder that nobody uses any more.
func (r *Runner) discard(folder string) error {
	to := filepath.Join(r.o.Dir, trashDir, filepath.Base(folder)+"-"+randomName())
	if err := os.Rename(folder, to); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		// A container may have left files that are not ours. The next start
		// tries again.
		r.o.Log.Warn("run folder not deleted", "folder", to, "err", err)
	}
	return nil
}

// Logs returns the log of a container from offset on. A log that is not there
// yet is empty.
func (r *Runner) Logs(ctx context.Context, id, container string, offset int64, follow bool) (io.ReadCloser, error) {
	x, err := r.find(id)
	if err != nil {
		return nil, err
	}
	if container == "" && len(x.names) > 0 {
		container = x.names[0]
	}
	if !slices.Contains(x.names, container) {
		return nil, fmt.Errorf("container %s of run %s: %w", container, id, fs.ErrNotExist)
	}
	l := &logReader{ctx: ctx, path: podutil.LogFile(x.folder, container, len(x.names) == 1), offset: max(offset, 0)}
	if follow {
		l.done = x.done
	}
	return l, nil
}

// encode is JSON for files of ours.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only our own types are written
	}
	return b
}
