package podutil

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	prow "github.com/prow-ci/prow"
)

const (
	// drainLimit is how long what a test left running may still print.
	drainLimit = 2 * time.Second
	// killLimit is how long a killed test may take to die.
	killLimit = 10 * time.Second
	// secondSignal is how long a test may clean up after the first signal before it
	// gets another.
	secondSignal = time.Second
)

// CheckEntrypoint says what is wrong with the options.
func CheckEntrypoint(o *prow.EntrypointOptions) error {
	switch {
	case o.CopyModeOnly:
		return nil
	case len(o.Args) == 0:
		return errors.New("no command was given: args is empty")
	case o.ProcessLog == "":
		return errors.New("process_log is missing: it says where the output of the test goes")
	case o.MarkerFile == "":
		return errors.New("marker_file is missing: it says where the exit code of the test goes")
	case o.AlwaysZero && o.PropagateErrorCode:
		return errors.New("always_zero and propagate_error_code exclude each other")
	}
	return nil
}

// Entrypoint runs the command of a test, keeps its output and its exit code in
// files, and returns the code to exit with.
func (x *Utility) Entrypoint(o *prow.EntrypointOptions) int {
	if o.CopyModeOnly {
		if err := copySelf(o.CopyDst); err != nil {
			x.Log.Error("entrypoint not copied", "err", err)
			return 1
		}
		return 0
	}
	code, why := x.entrypoint(o)
	if err := writeMarker(o.MarkerFile, code, why); err != nil {
		x.Log.Error("marker file not written", "file", o.MarkerFile, "err", err)
		return codeInternal
	}
	if o.AlwaysZero {
		return 0
	}
	return code
}

func (x *Utility) entrypoint(o *prow.EntrypointOptions) (int, *reason) {
	log, err := openProcessLog(o)
	if err != nil {
		x.Log.Error("process log not opened", "err", err)
		return codeInternal, &reason{"internal", "The log of the test could not be opened: " + err.Error() + "."}
	}
	defer log.Close()
	out, err := newTee(x.Stdout, log)
	if err != nil {
		x.Log.Error("pipe for the test not opened", "err", err)
		return codeInternal, &reason{"internal", "No pipe for the output of the test: " + err.Error() + "."}
	}
	t := &test{x: x, o: o, out: out}
	defer t.out.close()
	defer func() {
		if err := t.out.bad[1]; err != nil {
			x.Log.Error("process log not whole", "file", o.ProcessLog, "err", err)
		}
	}()
	if o.PreviousMarker != "" {
		if code, why, stop := t.previous(); stop {
			return code, why
		}
	}
	return t.run()
}

func openProcessLog(o *prow.EntrypointOptions) (*os.File, error) {
	if o.ArtifactDir != "" {
		if err := os.MkdirAll(o.ArtifactDir, 0o777); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(o.ProcessLog), 0o777); err != nil {
		return nil, err
	}
	return os.Create(o.ProcessLog)
}

// test is one run of a test's command.
type test struct {
	x   *Utility
	o   *prow.EntrypointOptions
	out *tee
}

// say tells the reader of the test's log what became of it.
func (t *test) say(format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	NewLog("entrypoint", t.out).Error(text)
	return text
}

// previous waits for the test before this one; stop says not to run.
func (t *test) previous() (code int, why *reason, stop bool) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case s := <-t.x.Signals:
			cancel(&Stopped{fmt.Sprintf("signal %v while waiting for the test before this one", s)})
		case <-done:
		}
	}()
	before, err := awaitMarker(ctx, t.o.PreviousMarker)
	switch {
	case ctx.Err() != nil:
		return codeInterrupted, &reason{"interrupted", t.say("Entrypoint received interrupt: %v", err)}, true
	case err != nil:
		return codeInternal, &reason{"internal", t.say("Could not read the marker of the test before this one: %v", err)}, true
	case before != 0:
		return codePrevious, &reason{"previous failed", t.say("The test before this one exited with %d: this one is not run", before)}, true
	}
	return 0, nil, false
}

func (t *test) run() (int, *reason) {
	cmd := exec.Command(t.o.Args[0], t.o.Args[1:]...)
	cmd.Stdout, cmd.Stderr = t.out.w, t.out.w
	// A group of its own, so that whatever the test started can be told to end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return codeInternal, &reason{"not started", t.say("Could not start the process: %v", err)}
	}
	_ = t.out.w.Close() // the test has it now
	ended := make(chan int, 1)
	go func() {
		_ = cmd.Wait()                       // the state says all
		ended <- cmd.ProcessState.ExitCode() // -1: by a signal
	}()
	group := func(s syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, s) } // past caring once it has ended
	defer t.out.drain(func() { group(syscall.SIGKILL) })

	timeout, grace := t.o.Timeout, t.o.GracePeriod
	if timeout <= 0 {
		timeout = prow.DefaultTimeout
	}
	if grace <= 0 {
		grace = prow.DefaultGracePeriod
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	var code int
	var why *reason
	var heard syscall.Signal
	select {
	case own := <-ended:
		return own, nil
	case <-timer.C:
		code, why = codeTimeout, &reason{"timeout", t.say("Process did not finish before %v timeout", timeout)}
	case s := <-t.x.Signals:
		code, why = codeInterrupted, &reason{"interrupted", t.say("Entrypoint received interrupt: %v", s)}
		heard, _ = s.(syscall.Signal) // it always is one
	}
	group(syscall.SIGINT)
	own, ok := t.end(ended, grace, heard, group)
	if t.o.PropagateErrorCode && ok {
		code = own
	}
	return code, why
}

// end waits for a test that was interrupted, and kills it after its grace. It also
// gets the signal that we heard, but not at once: whoever cleans up after the first
// would be ended by the second.
func (t *test) end(ended <-chan int, grace time.Duration, heard syscall.Signal, group func(syscall.Signal)) (code int, ok bool) {
	second := min(grace/2, secondSignal)
	if code, ok := await(ended, second); ok {
		t.say("Process gracefully exited before %v grace period", grace)
		return code, true
	}
	if heard != 0 && heard != syscall.SIGINT {
		group(heard)
	}
	if code, ok := await(ended, grace-second); ok {
		t.say("Process gracefully exited before %v grace period", grace)
		return code, true
	}
	t.say("Process did not exit before %v grace period", grace)
	group(syscall.SIGKILL)
	return await(ended, killLimit) // it may hang in the kernel; the marker must not
}

func await(ended <-chan int, limit time.Duration) (code int, ok bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case code := <-ended:
		return code, true
	case <-timer.C:
		return 0, false
	}
}

// copySelf puts the own binary where the test's container finds it.
func copySelf(to string) error {
	if to == "" {
		to = "/tools/entrypoint"
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in, err := os.Open(self)
	if err != nil {
		return err
	}
	defer in.Close()
	i, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".*")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Chmod(i.Mode().Perm()|0o555), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), to)
	}
	if err != nil {
		_ = os.Remove(out.Name())
	}
	return err
}

// tee brings what a test prints to our own output and into its log. A reader that
// went away does not stop the test.
type tee struct {
	w    *os.File // the test's end
	r    *os.File
	mu   sync.Mutex
	to   []io.Writer
	bad  []error
	done chan struct{}
}

func newTee(to ...io.Writer) (*tee, error) {
	t := &tee{to: to, bad: make([]error, len(to)), done: make(chan struct{})}
	var err error
	if t.r, t.w, err = os.Pipe(); err != nil {
		return nil, err
	}
	go func() {
		defer close(t.done)
		_, _ = io.CopyBuffer(struct{ io.Writer }{t}, struct{ io.Reader }{t.r}, make([]byte, 64<<10)) // ends when the test's end is closed
	}()
	return t, nil
}

// Write goes on where one of the two cannot be written any more.
func (t *tee) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, w := range t.to {
		if t.bad[i] == nil {
			_, t.bad[i] = w.Write(p)
		}
	}
	return len(p), nil
}

// drain reads what is left in the pipe. What the test left running keeps it open;
// that is ended after a moment, or the run would never end.
func (t *tee) drain(kill func()) {
	select {
	case <-t.done:
		return
	case <-time.After(drainLimit):
	}
	kill()
	select {
	case <-t.done:
	case <-time.After(drainLimit):
	}
}

func (t *tee) close() {
	_ = t.w.Close() // it may be already
	_ = t.r.Close()
}
