package local_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
)

// killSupervisor kills the supervisor of a run, as a machine short of memory would.
func killSupervisor(t *testing.T, c rig, id string) {
	t.Helper()
	signalSupervisor(t, c, id, syscall.SIGKILL)
}

func signalSupervisor(t *testing.T, c rig, id string, signal syscall.Signal) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.runs, id, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(b), " ")
	pid, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}

// play runs a job to its end and returns what became of it, and its log.
func play(t *testing.T, c rig, change ...func(*prow.Job)) (prow.Run, string) {
	t.Helper()
	j := prowtest.Job("job", change...)
	if err := c.Runner.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	run := await(t, c.Runner, "job")
	log, err := fs.ReadFile(c.Artifacts, path.Join(prow.Dir(j), prow.BuildLogFile))
	if err != nil {
		t.Fatal(err)
	}
	return run, string(log)
}
