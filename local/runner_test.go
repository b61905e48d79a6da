package local_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/local"
	"github.com/prow-ci/prow/prowtest"
)

// TestMain is also the supervisor: `local.test supervise ARTIFACTS FOLDER`.
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
	code := m.Run()
	for _, f := range atEnd {
		f()
	}
	os.Exit(code)
}

// atEnd is what to do after all tests.
var atEnd []func()

// rig is a runner, and where it keeps its runs.
type rig struct {
	prowtest.RunnerCase
	runs string
}

// open makes a runner of plain processes.
func open(t testing.TB, change ...func(*local.Options)) rig {
	t.Helper()
	dir := t.TempDir()
	artifacts, err := blob.Dir(filepath.Join(dir, "artifacts"))
	if err != nil {
		t.Fatal(err)
	}
	o := local.Options{Dir: filepath.Join(dir, "runs"), Self: []string{"env", "GORACE=atexit_sleep_ms=0", os.Args[0], "supervise", filepath.Join(dir, "artifacts")}, Engine: local.Process}
	for _, c := range change {
		c(&o)
	}
	var r *local.Runner // the newest
	start := func() prow.Runner {
		if r != nil {
			r.Close()
		}
		if r, err = local.New(o); err != nil {
			t.Fatal(err)
		}
		return r
	}
	start()
	t.Cleanup(func() { // nothing of a test outlives it
		runs, _ := r.List(context.Background())
		for _, x := range runs {
			if err := r.Remove(context.Background(), x.ID); err != nil {
				t.Error(err)
			}
		}
		r.Close()
	})
	return rig{prowtest.RunnerCase{Runner: r, Artifacts: artifacts, Restart: start}, filepath.Join(o.Dir, "runs")}
}

func TestRunner(t *testing.T) {
	t.Parallel()
	prowtest.Runner(t, func(t *testing.T) prowtest.RunnerCase { return open(t).RunnerCase })
}
