package prowtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

// RunnerCase is a runner with the place where its runs leave their files.
type RunnerCase struct {
	Runner    prow.Runner
	Artifacts prow.Artifacts
	// Restart stands for a new process that takes over after the first was
	// killed.
	Restart func() prow.Runner
}

// Runner tests something that runs jobs. open returns one without runs that
// knows the image busybox and a POSIX sh.
func Runner(t *testing.T, open func(t *testing.T) RunnerCase) {
	start := func(t *testing.T, c RunnerCase, id string, change ...func(*prow.Job)) *prow.Job {
		t.Helper()
		j := Job(id, change...)
		if err := c.Runner.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		return j
	}
	ended := func(t *testing.T, r prow.Runner, id string) prow.Run {
		t.Helper()
		var run prow.Run
		eventually(t, id+" ends", func() bool {
			var err error
			run, err = r.Look(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return run.Phase == prow.Ended
		})
		return run
	}
	running := func(t *testing.T, c RunnerCase, id, line string) {
		t.Helper()
		eventually(t, id+" prints "+line, func() bool {
			rc, err := c.Runner.Logs(t.Context(), id, "", 0, false)
			if err != nil {
				return false
			}
			defer rc.Close()
			b, _ := io.ReadAll(rc)
			return strings.Contains(string(b), line)
		})
	}
	read := func(t *testing.T, c RunnerCase, j *prow.Job, name string) string {
		t.Helper()
		b, err := fs.ReadFile(c.Artifacts, path.Join(prow.Dir(j), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}

	t.Run("a test that passes", func(t *testing.T) {
		c := open(t)
		j := start(t, c, "a", Script(`echo hello; echo "$JOB_NAME $CI" >&2; mkdir -p "$ARTIFACTS/sub"; echo data > "$ARTIFACTS/sub/file.txt"`))
		run := ended(t, c.Runner, "a")
		if run.Verdict != prow.Success || run.BuildID != j.Status.BuildID || run.Started.IsZero() || run.Finished.Before(run.Started) {
			t.Errorf("Look = %+v; want success", run)
		}
		if log := read(t, c, j, prow.BuildLogFile); !strings.Contains(log, "hello\n") || !strings.Contains(log, "unit true\n") {
			t.Errorf("log = %q; want both streams", log)
		}
		if got := read(t, c, j, "artifacts/sub/file.txt"); got != "data\n" {
			t.Errorf("artifact = %q", got)
		}
		if got := read(t, c, j, prow.FinishedFile); !strings.Contains(got, `"passed":true`) || !strings.Contains(got, `"result":"SUCCESS"`) {
			t.Errorf("finished.json = %s", got)
		}
		if got := read(t, c, j, prow.StartedFile); !strings.Contains(got, `"timestamp":`) {
			t.Errorf("started.json = %s", got)
		}
	})
	t.Run("a test that fails", func(t *testing.T) {
		c := open(t)
		j := start(t, c, "a", Script("echo sorry; exit 3"))
		if run := ended(t, c.Runner, "a"); run.Verdict != prow.Failure || run.ExitCode != 3 || run.Why == "" {
			t.Errorf("Look = %+v; want failure with exit code 3 and a reason", run)
		}
		if got := read(t, c, j, prow.FinishedFile); !strings.Contains(got, `"passed":false`) {
			t.Errorf("finished.json = %s", got)
		}
	})
	t.Run("starting twice is starting once", func(t *testing.T) {
		c := open(t)
		for range 2 {
			start(t, c, "a", Script("echo once >> $ARTIFACTS/count; sleep 0.2"))
		}
		ended(t, c.Runner, "a")
		j := start(t, c, "a", Script("echo once >> $ARTIFACTS/count"))
		if got := read(t, c, j, "artifacts/count"); got != "once\n" {
			t.Errorf("ran %q", got)
		}
		if all := must[[]prow.Run](t)(c.Runner.List(t.Context())); len(all) != 1 || all[0].ID != "a" {
			t.Errorf("List = %+v", all)
		}
	})
	t.Run("a command that does not exist is the test's failure, with words", func(t *testing.T) {
		c := open(t)
		start(t, c, "a", Script(""), func(j *prow.Job) { j.Spec.PodSpec.Containers[0].Command = []string{"/no/such/program"} })
		if run := ended(t, c.Runner, "a"); run.Verdict == prow.Success || !strings.Contains(run.Why, "/no/such/program") {
			t.Errorf("Look = %+v", run)
		}
	})
	t.Run("the time limit ends a test, and all it started", func(t *testing.T) {
		c := open(t)
		j := start(t, c, "a", Script(`trap '' INT TERM; echo up; sh -c 'trap "" INT TERM; sleep 300' & sleep 300; sleep 300`), func(j *prow.Job) {
			j.Spec.DecorationConfig.Timeout = &prow.Duration{Duration: 300 * time.Millisecond}
			j.Spec.DecorationConfig.GracePeriod = &prow.Duration{Duration: 100 * time.Millisecond}
		})
		if run := ended(t, c.Runner, "a"); run.Verdict != prow.Failure || !strings.Contains(run.Why, "300ms") {
			t.Errorf("Look = %+v; want failure that names the limit", run)
		}
		read(t, c, j, prow.BuildLogFile)
	})
	t.Run("stop gives the test its grace period and uploads what it left", func(t *testing.T) {
		c := open(t)
		j := start(t, c, "a", Script(`trap 'echo bye > $ARTIFACTS/bye; exit 1' INT TERM; echo up; while :; do sleep 0.02; done`))
		running(t, c, "a", "up")
		if err := c.Runner.Stop(t.Context(), "a", "a newer commit"); err != nil {
			t.Fatal(err)
		}
		if run := ended(t, c.Runner, "a"); run.Verdict != prow.Aborted {
			t.Errorf("Look = %+v; want aborted", run)
		}
		if got := read(t, c, j, "artifacts/bye"); got != "bye\n" {
			t.Errorf("artifact = %q", got)
		}
		if err := c.Runner.Stop(t.Context(), "a", "again"); err != nil {
			t.Errorf("stopping what ended: %v", err)
		}
	})
	t.Run("what is absent does not exist", func(t *testing.T) {
		c := open(t)
		_, err := c.Runner.Look(t.Context(), "none")
		absent(t, "Look", err)
		_, err = c.Runner.Logs(t.Context(), "none", "", 0, false)
		absent(t, "Logs", err)
		if err := errors.Join(c.Runner.Stop(t.Context(), "none", ""), c.Runner.Remove(t.Context(), "none")); err != nil {
			t.Errorf("ending what is absent: %v", err)
		}
	})
	t.Run("remove forgets, and kills what still runs", func(t *testing.T) {
		c := open(t)
		j := start(t, c, "a", Script("echo done"))
		ended(t, c.Runner, "a")
		start(t, c, "b", Script("echo up; sleep 300"), func(j *prow.Job) { j.Status.BuildID = "2" })
		running(t, c, "b", "up")
		for _, id := range []string{"a", "b"} {
			if err := c.Runner.Remove(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			eventually(t, id+" is forgotten", func() bool {
				_, err := c.Runner.Look(t.Context(), id)
				return errors.Is(err, fs.ErrNotExist)
			})
		}
		read(t, c, j, prow.BuildLogFile)
	})
	t.Run("the log can be followed as it is written, and from an offset", func(t *testing.T) {
		c := open(t)
		start(t, c, "a", Script("echo one; sleep 0.5; echo two"))
		eventually(t, "the log is there", func() bool {
			rc, err := c.Runner.Logs(t.Context(), "a", "", 0, false)
			if err == nil {
				rc.Close()
			}
			return err == nil
		})
		rc := must[io.ReadCloser](t)(c.Runner.Logs(t.Context(), "a", "", 0, true))
		defer rc.Close()
		all := must[[]byte](t)(io.ReadAll(rc))
		if !bytes.Contains(all, []byte("one\n")) || !bytes.Contains(all, []byte("two\n")) {
			t.Fatalf("followed %q", all)
		}
		rc2 := must[io.ReadCloser](t)(c.Runner.Logs(t.Context(), "a", "", int64(len(all)-4), false))
		defer rc2.Close()
		if got := must[[]byte](t)(io.ReadAll(rc2)); string(got) != "two\n" {
			t.Errorf("from the offset: %q", got)
		}
	})
	t.Run("following ends with its context", func(t *testing.T) {
		c := open(t)
		start(t, c, "a", Script("echo up; sleep 300"))
		running(t, c, "a", "up")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		rc := must[io.ReadCloser](t)(c.Runner.Logs(ctx, "a", "", 0, true))
		defer rc.Close()
		_, _ = io.ReadAll(rc)
		if err := c.Runner.Remove(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	})
	t.Run("a run survives the runner's process, or is seen as lost", func(t *testing.T) {
		c := open(t)
		start(t, c, "a", Script("echo up; sleep 0.5; echo end"))
		running(t, c, "a", "up")
		run := ended(t, c.Restart(), "a")
		if run.Verdict != prow.Success && !(run.Verdict == prow.Error && run.Lost) {
			t.Errorf("Look = %+v; want success, or error and lost", run)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		c := open(t)
		for i := range 8 {
			id := fmt.Sprint("m", i)
			start(t, c, id, Script("echo $PROW_JOB_ID"), func(j *prow.Job) { j.Status.BuildID = fmt.Sprint(100 + i) })
		}
		for i := range 8 {
			id := fmt.Sprint("m", i)
			if run := ended(t, c.Runner, id); run.Verdict != prow.Success {
				t.Errorf("%s: %+v", id, run)
			}
		}
	})
	t.Run("watch tells when a run ends", func(t *testing.T) {
		c := open(t)
		saw := seen(t, func(ctx context.Context) func(func(string) bool) { return c.Runner.Watch(ctx) })
		start(t, c, "a", Script("sleep 0.1"))
		eventually(t, "the end is yielded", func() bool {
			run, err := c.Runner.Look(t.Context(), "a")
			return err == nil && run.Phase == prow.Ended && saw("a")
		})
	})
}
