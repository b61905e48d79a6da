package local

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podutil"
)

// Inside Options.Dir.
const (
	runsDir    = "runs"  // a folder per run
	newDir     = "new"   // folders not yet whole
	trashDir   = "trash" // folders to be deleted
	latestLock = "latest.lock"
)

// Inside the folder of a run, beside what podutil puts there.
const (
	planFile   = "run.json"
	lockFile   = "lock"   // locked while the supervisor lives
	pidFile    = "pid"    // of the supervisor, once it can be signalled
	stateFile  = "doing"  // what it does now
	stopFile   = "stop"   // why it shall stop
	resultFile = "result" // podutil.Result, as JSON
	ownLogFile = "supervisor.log"
)

// plan is all that a supervisor has to know, except passwords.
type plan struct {
	Job        *prow.Job `json:"job"`
	Created    time.Time `json:"created"`
	Engine     engine    `json:"engine"`
	Secrets    string    `json:"secrets,omitempty"`
	HostPaths  []string  `json:"host_paths,omitempty"`
	Hidden     []string  `json:"hidden,omitempty"`
	LatestLock string    `json:"latest_lock"`

	folder string // of the run, once it is known
}

func (r *Runner) folder(id string) string {
	return filepath.Join(r.o.Dir, runsDir, segment(id))
}

// segment makes one harmless path element of an ID.
func segment(id string) string {
	s := url.PathEscape(id)
	if strings.HasPrefix(s, ".") {
		s = "%2E" + s[1:]
	}
	return s
}

func randomName() string { return rand.Text()[:12] }

// write replaces a small file at once.
func write(name string, b []byte) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

func readPlan(folder string) (plan, error) {
	var p plan
	b, err := os.ReadFile(filepath.Join(folder, planFile))
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err == nil && p.Job == nil {
		err = errors.New("it names no job")
	}
	if err != nil {
		return p, fmt.Errorf("run folder %s: %w", folder, err)
	}
	return p, nil
}

// result is what a run leaves at its end.
type result struct {
	podutil.Result
	Lost bool `json:"lost,omitempty"`
}

// readResult returns what a supervisor, or who found it dead, has left.
func readResult(folder string) (res result, ok bool) {
	b, err := os.ReadFile(filepath.Join(folder, resultFile))
	if err != nil {
		return res, false
	}
	if err := json.Unmarshal(b, &res); err != nil || res.Verdict == "" {
		return res, false // a full disk: it counts as lost
	}
	return res, true
}

func doing(folder string) string {
	b, err := os.ReadFile(filepath.Join(folder, stateFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// lock takes the lock of a folder. A process that inherits the file holds the
// lock for as long as it lives.
func lock(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// alive reports whether the supervisor of a folder lives.
func alive(folder string) bool {
	f, err := lock(folder)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	_ = f.Close()
	return false
}

// tail returns the end of a text file, for an error.
func tail(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	s := strings.TrimSpace(strings.ToValidUTF8(string(b), "?"))
	if i := strings.Index(s, "\ngoroutine "); i >= 0 {
		s = strings.TrimSpace(s[:i])
	}
	if n := len(s); n > 300 {
		s = "…" + strings.ToValidUTF8(s[n-300:], "")
	}
	return s
}
