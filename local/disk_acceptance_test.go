//go:build acceptance

package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/local"
	"github.com/prow-ci/prow/prowtest"
)

// A full disk ends as an error with a sentence, and with what could be kept.
func TestAFullDisk(t *testing.T) {
	for name, x := range map[string]struct{ script, log string }{
		"by files":             {"echo up; head -c 100000000 /dev/zero > $ARTIFACTS/big || exit 1", "up\n"},
		"by the log":           {"echo up; head -c 100000000 /dev/zero | tr '\\0' x || exit 1; exit 1", "given up"},
		"outside of artifacts": {"echo up; head -c 100000000 /dev/zero > big || exit 1", "up\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
			c := open(t, func(o *local.Options) {
				o.Dir, o.Self[len(o.Self)-1] = filepath.Join(dir, "runs"), filepath.Join(dir, "artifacts")
			})
			a, err := blob.Dir(filepath.Join(dir, "artifacts"))
			if err != nil {
				t.Fatal(err)
			}
			c.Artifacts = a
			run, log := play(t, c, prowtest.Script(x.script))
			if run.Verdict != prow.Error || run.Lost || !strings.HasPrefix(run.Why, "The disk is full") {
				t.Errorf("%+v", run)
			}
			if !strings.Contains(log, x.log) {
				t.Errorf("log %.200q", log)
			}
			if got := file(t, c, job(prowtest.Script("")), "finished.json"); !strings.Contains(got, `"result":"ERROR"`) {
				t.Errorf("finished.json = %s", got)
			}
			if _, err := os.Stat(filepath.Join(dir, "runs", "runs", "job", "home")); err == nil {
				t.Error("the clones are still there")
			}
		})
	}
}
