package podutil

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	prow "github.com/prow-ci/prow"
)

// Exit codes of a test that did not give its own.
const (
	codeTimeout     = 127 // also: it could not be started
	codeInterrupted = 130
)

// startLimit is for an engine that does not answer.
const startLimit = 2 * time.Minute

// limits of a run's time.
type limits struct{ timeout, grace time.Duration }

func (r *Run) limits() limits {
	l := limits{prow.DefaultTimeout, prow.DefaultGracePeriod}
	d := r.Job.Spec.DecorationConfig
	if d == nil {
		l.timeout = 0 // whoever does without us does without our limit
		d = &prow.DecorationConfig{}
	}
	if d.Timeout != nil && d.Timeout.Duration > 0 {
		l.timeout = d.Timeout.Duration
	}
	if d.GracePeriod != nil && d.GracePeriod.Duration > 0 {
		l.grace = d.GracePeriod.Duration
	}
	if s := r.Job.Spec.PodSpec.ActiveDeadlineSeconds; s != nil && *s > 0 {
		if deadline := time.Duration(*s) * time.Second; l.timeout == 0 || deadline < l.timeout {
			l.timeout = deadline
		}
	}
	return l
}

// test runs the containers to their end.
func (r *Run) test(ctx context.Context, containers []Container) (res Result) {
	// What is left is ended also when the test was stopped.
	defer func() {
		if err := r.Executor.Close(context.WithoutCancel(ctx)); err != nil && res.Verdict == prow.Success {
			res = r.broken(fmt.Errorf("what the test left running could not be ended: %w", err))
		}
	}()
	if err := r.Executor.Prepare(ctx, containers, r.doing); err != nil {
		if ctx.Err() != nil {
			return stopped(ctx)
		}
		return r.broken(err)
	}
	r.doing("testing")
	l := r.limits()
	end := make(<-chan time.Time)
	if l.timeout > 0 {
		timer := time.NewTimer(l.timeout)
		defer timer.Stop()
		end = timer.C
	}
	var together []Container
	for _, c := range containers {
		if !c.Init {
			together = append(together, c)
			continue
		}
		if res := r.watch(ctx, []Container{c}, l, end); res.Verdict != prow.Success {
			return res
		}
	}
	return r.watch(ctx, together, l, end)
}

// ended is one container's end.
type ended struct {
	name string
	exit Exit
	err  error
}

// watch starts containers and waits until all have ended, or time or patience has.
func (r *Run) watch(ctx context.Context, containers []Container, l limits, end <-chan time.Time) Result {
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	ends := make(chan ended, len(containers))
	var running []Process
	for _, c := range containers {
		p, err := r.start(ctx, c, len(containers) == 1 && !c.Init, ends)
		if err != nil {
			ends <- ended{name: c.Name, err: err}
			continue
		}
		running = append(running, p)
	}
	var all []ended
	var cut Result // why it was ended early
	done := ctx.Done()
	var next <-chan time.Time // for the next, sterner signal
	var signals []signalAt
	send := func() {
		for _, p := range running {
			_ = p.Signal(signals[0].signal) // one that has ended is past caring
		}
		signals = signals[1:]
		if next = nil; len(signals) > 0 {
			next = time.After(signals[0].after)
		}
	}
	for len(all) < len(containers) {
		select {
		case e := <-ends:
			all = append(all, e)
		case <-end:
			end, done = nil, nil
			cut = Result{Verdict: prow.Failure, ExitCode: codeTimeout, Why: fmt.Sprintf("The test was ended after %v, its time limit.", l.timeout)}
			signals = sterner(l.grace, l.grace/2)
			send()
		case <-done:
			end, done = nil, nil
			cut = stopped(ctx)
			signals = sterner(l.grace, min(l.grace/2, time.Second))
			send()
		case <-next:
			send()
		}
	}
	if cut.Verdict != "" {
		return cut
	}
	return r.judge(all, len(containers) == 1)
}

// signalAt is a signal, and how long after the one before it is sent.
type signalAt struct {
	after  time.Duration
	signal syscall.Signal
}

// sterner lists what a test is told within its grace: an interrupt, and, if it
// does not listen to that, to terminate. They do not come at once, since some
// programs take the second for impatience and drop everything.
func sterner(grace, second time.Duration) []signalAt {
	return []signalAt{{0, syscall.SIGINT}, {second, syscall.SIGTERM}, {grace - second, syscall.SIGKILL}}
}

// judge makes one result of all containers' ends.
func (r *Run) judge(all []ended, single bool) Result {
	res := Result{Verdict: prow.Success, Why: "The test passed."}
	for _, e := range all {
		who := "the test"
		if !single {
			who = "the container " + e.name
		}
		var not *NotStarted
		switch {
		case errors.As(e.err, &not):
			return Result{Verdict: prow.Failure, ExitCode: codeTimeout, Why: sentence(not.Error())}
		case e.err != nil:
			return r.broken(fmt.Errorf("%s could not be watched to its end: %w", who, e.err))
		case e.exit.Code == 0 || res.Verdict != prow.Success:
		case e.exit.Why != "":
			res = Result{Verdict: prow.Failure, ExitCode: e.exit.Code, Why: sentence(who + " ended with status " + fmt.Sprint(e.exit.Code) + ": " + e.exit.Why)}
		case e.exit.Code > 128:
			res = Result{Verdict: prow.Failure, ExitCode: e.exit.Code, Why: sentence(fmt.Sprintf("%s was ended by signal %d (%v)", who, e.exit.Code-128, syscall.Signal(e.exit.Code-128)))}
		default:
			res = Result{Verdict: prow.Failure, ExitCode: e.exit.Code, Why: sentence(fmt.Sprintf("%s exited with status %d", who, e.exit.Code))}
		}
	}
	if res.Verdict == prow.Failure {
		if err := r.roomLeft(); err != nil {
			return r.broken(err)
		}
	}
	return res
}

// start starts a container, with its log, and sends its end to ends.
func (r *Run) start(ctx context.Context, c Container, single bool, ends chan<- ended) (Process, error) {
	f, err := os.OpenFile(LogFile(r.Folder, c.Name, single), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	var log io.Writer = f
	finish := f.Close
	if hide := r.hidden(); len(hide) > 0 {
		c := newCensor(f, hide)
		log = c
		finish = func() error { return errors.Join(c.Close(), f.Close()) }
	}
	// A start is not broken off half way: what has begun can be stopped properly.
	starting, cancel := context.WithTimeout(context.WithoutCancel(ctx), startLimit)
	defer cancel()
	p, err := r.Executor.Start(starting, r.Folder, c, log)
	if err != nil {
		if not := (*NotStarted)(nil); errors.As(err, &not) {
			fmt.Fprintln(log, not.Error())
		}
		return nil, errors.Join(err, finish())
	}
	go func() {
		exit, err := p.Wait()
		ends <- ended{c.Name, exit, errors.Join(err, finish())}
	}()
	return p, nil
}

// hidden returns what must not be seen in logs and artifacts. The secrets are all
// known before the first container starts.
func (r *Run) hidden() []string {
	r.hideOnce.Do(func() {
		shortest := 0
		if d := r.Job.Spec.DecorationConfig; d != nil {
			if d.CensorSecrets != nil && !*d.CensorSecrets {
				return
			}
			if o := d.CensoringOptions; o != nil && o.MinimumSecretLength != nil {
				shortest = *o.MinimumSecretLength
			}
		}
		r.hide = forms(r.secrets, shortest)
	})
	return r.hide
}

// roomLeft sees whether the disk is full: then a test's failure says nothing.
func (r *Run) roomLeft() error {
	name := filepath.Join(r.Folder, "probe")
	err := os.WriteFile(name, make([]byte, 64<<10), 0o600)
	_ = os.Remove(name)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("the test failed while there was no room left: %w", err)
	}
	return nil
}
