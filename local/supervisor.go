package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podutil"
)

// begin writes the folder of a run and starts its supervisor.
func (r *Runner) begin(x *run, p plan, logins []podutil.Login) error {
	tmp, err := os.MkdirTemp(filepath.Join(r.o.Dir, newDir), "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, planFile), encode(p), 0o600); err != nil {
		return err
	}
	held, err := lock(tmp)
	if err != nil {
		return err
	}
	defer held.Close()
	if err := os.Rename(tmp, x.folder); err != nil {
		return err
	}
	cmd, done, err := r.spawn(x.folder, held, logins)
	if err != nil {
		_ = os.RemoveAll(x.folder) // it never began
		return err
	}
	r.waiters.Go(func() { r.await(x, cmd, done) })
	return nil
}

// spawn starts the supervisor, which inherits the lock. Passwords go through a
// pipe: not into a file, an argument or the environment. The end of done is the end
// of the run.
func (r *Runner) spawn(folder string, held *os.File, logins []podutil.Login) (cmd *exec.Cmd, done *os.File, err error) {
	own, err := os.Create(filepath.Join(folder, ownLogFile))
	if err != nil {
		return nil, nil, err
	}
	defer own.Close()
	in, out, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	defer out.Close()
	done, tells, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer tells.Close()
	cmd = exec.Command(r.o.Self[0], append(r.o.Self[1:len(r.o.Self):len(r.o.Self)], folder)...)
	cmd.Dir, cmd.Env = folder, baseEnv(supervisorEnv())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, own, own
	cmd.ExtraFiles = []*os.File{held, tells}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = done.Close()
		return nil, nil, err
	}
	// A few tokens fit into the pipe whether or not they are read yet.
	if _, err := out.Write(encode(logins)); err != nil {
		return nil, nil, errors.Join(err, done.Close(), cmd.Process.Kill(), cmd.Wait())
	}
	return cmd, done, nil
}

// await waits until the supervisor says that the run has ended, or is gone.
func (r *Runner) await(x *run, cmd *exec.Cmd, done *os.File) {
	exited := make(chan string, 1)
	go func() {
		err := cmd.Wait()
		if err != nil {
			exited <- err.Error()
		}
		close(exited)
	}()
	said := make(chan struct{})
	go func() {
		_, _ = done.Read(make([]byte, 1)) // nothing is ever written
		_ = done.Close()
		close(said)
	}()
	select {
	case <-said:
	case <-r.ctx.Done():
		return
	}
	if res, ok := readResult(x.folder); ok {
		r.settle(x, res)
		return
	}
	select {
	case how := <-exited:
		r.settle(x, r.lost(x, how))
	case <-r.ctx.Done():
	}
}

// adopt waits for the supervisor of an earlier process.
func (r *Runner) adopt(x *run) {
	for {
		live := alive(x.folder) // before the result: else a last one is missed
		if res, ok := readResult(x.folder); ok {
			r.settle(x, res)
			return
		}
		if !live {
			r.settle(x, r.lost(x, ""))
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-r.ctx.Done():
			return
		}
	}
}

// settle records how a run ended.
func (r *Runner) settle(x *run, res result) {
	r.mu.Lock()
	x.ended, x.lost = &res.Result, res.Lost
	r.mu.Unlock()
	close(x.done)
	r.notes.Tell(x.id)
}

// lost ends what a run without a result left, and makes its result.
func (r *Runner) lost(x *run, how string) result {
	endOrphans(x.folder)
	if err := x.engine.sweep(r.ctx, x.folder); err != nil {
		r.o.Log.Warn("containers of a lost run not removed", "run", x.id, "err", err)
	}
	res := result{Result: podutil.Result{Verdict: prow.Error, Started: x.started, Finished: r.o.Now()}}
	switch {
	case strings.HasPrefix(how, "exit status"):
		res.Why = "The run could not be carried out: " + tail(filepath.Join(x.folder, ownLogFile))
	case how != "":
		res.Lost, res.Why = true, "The run was cut off: its supervisor ended with "+how+"."
	default:
		res.Lost, res.Why = true, "The run was cut off: its supervisor is gone and left no result."
	}
	if err := write(filepath.Join(x.folder, resultFile), encode(res)); err != nil {
		r.o.Log.Warn("result of a lost run not written", "run", x.id, "err", err)
	}
	return res
}

// takeOver finds the runs of an earlier process.
func (r *Runner) takeOver() error {
	for _, d := range []string{newDir, trashDir} {
		left, err := os.ReadDir(filepath.Join(r.o.Dir, d))
		if err != nil {
			return err
		}
		for _, e := range left {
			_ = os.RemoveAll(filepath.Join(r.o.Dir, d, e.Name())) // then the next start may
		}
	}
	list, err := os.ReadDir(filepath.Join(r.o.Dir, runsDir))
	if err != nil {
		return err
	}
	for _, e := range list {
		folder := filepath.Join(r.o.Dir, runsDir, e.Name())
		p, err := readPlan(folder)
		if err != nil {
			r.o.Log.Warn("run folder not read", "folder", folder, "err", err)
			continue
		}
		x := &run{id: p.Job.Name, buildID: p.Job.Status.BuildID, folder: folder, engine: p.Engine, names: podutil.Names(p.Job), started: p.Created, done: make(chan struct{})}
		res, ended := readResult(folder)
		_, errPid := os.Stat(filepath.Join(folder, pidFile))
		live := alive(folder)
		if !live && !ended && errors.Is(errPid, fs.ErrNotExist) {
			// Nothing of it has happened: who wanted it may start it again.
			if err := r.discard(folder); err != nil {
				return err
			}
			continue
		}
		r.runs[x.id] = x
		switch {
		case ended:
			r.settle(x, res)
		case live:
			r.waiters.Go(func() { r.adopt(x) })
		default:
			r.settle(x, r.lost(x, ""))
		}
	}
	return nil
}

// stop leaves the reason and wakes the supervisor.
func stop(folder, why string) error {
	if why == "" {
		why = "nobody said why"
	}
	if err := write(filepath.Join(folder, stopFile), []byte(why)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if pid := supervisorPID(folder); pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGTERM) // if it has ended, it has stopped
	}
	return nil
}

// supervisorPID returns the process that runs a folder, or 0 if it is gone or
// cannot be signalled yet: then it will see the stop file by itself.
func supervisorPID(folder string) int {
	b, err := os.ReadFile(filepath.Join(folder, pidFile))
	if err != nil {
		return 0
	}
	text, since, _ := strings.Cut(string(b), " ")
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 1 || startTime(pid) != since || !alive(folder) {
		return 0
	}
	return pid
}

// Files that a supervisor inherits: the lock of its folder, and what it closes to
// say that the run has ended.
const (
	lockFD = 3
	doneFD = 4
)

// Supervise is what the command Options.Self does with a folder: it carries out
// the run and leaves its result there. It returns an error only if it could not
// even do that. One process supervises one folder, once.
func Supervise(ctx context.Context, folder string, artifacts prow.Artifacts, now prow.Clock) error {
	if !isOpen(lockFD) {
		return errors.New("run folder: this command is for the server to start, which hands it the lock of the folder")
	}
	syscall.CloseOnExec(lockFD) // or the test would hold the lock too
	syscall.CloseOnExec(doneFD)
	p, err := readPlan(folder)
	if err != nil {
		return err
	}
	var logins []podutil.Login
	if err := json.NewDecoder(io.LimitReader(os.Stdin, 1<<20)).Decode(&logins); err != nil {
		return fmt.Errorf("run folder %s: logins: %w", folder, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	becomeReaper()
	if err := write(filepath.Join(folder, pidFile), fmt.Appendf(nil, "%d %s", os.Getpid(), startTime(os.Getpid()))); err != nil {
		return err
	}
	go heed(folder, signals, cancel)
	reserve(folder)
	tell, err := states(folder)
	if err != nil {
		return err
	}
	run := &podutil.Run{
		Job: p.Job, Folder: folder, Artifacts: artifacts, Executor: p.Engine.executor(p), Logins: logins, Secrets: p.Secrets,
		HostPaths: p.HostPaths, LatestLock: p.LatestLock, Now: now, Doing: tell,
	}
	res := result{Result: run.Do(ctx)}
	if res.Verdict == prow.Aborted && errors.Is(context.Cause(ctx), errOutside) {
		res.Verdict, res.Lost = prow.Error, true
	}
	_ = os.Remove(filepath.Join(folder, reserveFile))
	if err := write(filepath.Join(folder, resultFile), encode(res)); err != nil {
		return err
	}
	_ = syscall.Close(doneFD)
	run.Clean()
	return nil
}

// errOutside is the cause of an end that nobody asked us for.
var errOutside = errors.New("the run was ended from outside, perhaps since the machine was shut down")

// heed ends the run when somebody says so: the reason is in the stop file.
func heed(folder string, signals <-chan os.Signal, cancel context.CancelCauseFunc) {
	for {
		if why, err := os.ReadFile(filepath.Join(folder, stopFile)); err == nil {
			cancel(&podutil.Stopped{Why: string(why)})
		}
		if s := <-signals; s != syscall.SIGHUP {
			if _, err := os.Stat(filepath.Join(folder, stopFile)); err != nil {
				cancel(errOutside)
			}
		}
	}
}

// reserveFile keeps room for the result on a disk that the test may fill.
const reserveFile = "reserve"

func reserve(folder string) {
	// Without it only the full disk is worse.
	_ = os.WriteFile(filepath.Join(folder, reserveFile), make([]byte, 64<<10), 0o600)
}

// states opens the file that says what the run does now. Each state overwrites
// the last with as many bytes, so that a reader never sees half of one.
func states(folder string) (tell func(what string), err error) {
	f, err := os.Create(filepath.Join(folder, stateFile))
	if err != nil {
		return nil, err
	}
	return func(what string) {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%-120.120s", what), 0) // it is only for show
	}, nil
}
