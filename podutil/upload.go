package podutil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	prow "github.com/prow-ci/prow"
)

const (
	uploaders   = 4
	uploadLimit = 10 * time.Minute // for a store that does not answer
	uploadTries = 4
	uploadPause = 100 * time.Millisecond // before the second try; before the third four times, …
)

// upload brings the files of a run into the artifacts.
type upload struct {
	ctx    context.Context
	to     prow.Artifacts
	job    *prow.Job
	dir    string // of the run, in the artifacts
	hidden func() []string
	rules  *prow.CensoringOptions // which artifacts are searched for secrets; nil: all
	how    *prow.GCSConfiguration // media types and compression; may be nil
	pause  time.Duration          // uploadPause, unless the store is far
	// latestLock is a file locked while latest-build.txt changes; "" for none.
	latestLock string

	failed atomic.Int32 // puts in a row

	mu       sync.Mutex
	errs     []error
	warnings []string
}

// fail keeps an error for the result of the run.
func (u *upload) fail(err error) {
	if err == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.errs = append(u.errs, err)
}

func (u *upload) warn(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.warnings = append(u.warnings, fmt.Sprintf(format, args...))
}

func (u *upload) name(file string) string { return path.Join(u.dir, file) }

// put writes one file of the artifacts, from a source that can be read again. Where
// several in a row failed however often they were tried, the others are tried once:
// a test must not wait for hours for a store that is gone.
func (u *upload) put(name string, served prow.Served, write func(w io.Writer) error) error {
	err := u.tries(name, served, write)
	if err == nil {
		u.failed.Store(0)
	} else {
		u.failed.Add(1)
	}
	return err
}

func (u *upload) tries(name string, served prow.Served, write func(w io.Writer) error) error {
	for i := 1; ; i++ {
		err := u.try(name, served, write)
		if err == nil || i == uploadTries || u.failed.Load() >= uploaders || u.ctx.Err() != nil || prow.IsFinal(err) ||
			errors.Is(err, fs.ErrInvalid) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, errLeftOut) {
			return err
		}
		select {
		case <-time.After(time.Duration(i*i) * u.pause):
		case <-u.ctx.Done():
		}
	}
}

func (u *upload) try(name string, served prow.Served, write func(w io.Writer) error) error {
	ctx, cancel := context.WithTimeout(u.ctx, uploadLimit)
	defer cancel()
	var w io.WriteCloser
	var err error
	if a, ok := u.to.(prow.ServingArtifacts); ok {
		w, err = a.CreateServed(ctx, name, served)
	} else {
		w, err = u.to.Create(ctx, name)
	}
	if err != nil {
		return err
	}
	if err := write(w); err != nil {
		cancel() // so that half a file does not appear
		_ = w.Close()
		return err
	}
	return w.Close()
}

// bytes writes a file of ours.
func (u *upload) bytes(name string, b []byte) error {
	return u.put(name, u.served(name), func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

func (u *upload) json(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return u.bytes(name, append(b, '\n'))
}

// Started is started.json.
type Started struct {
	Timestamp   int64             `json:"timestamp"`
	Pull        string            `json:"pull,omitempty"`
	Repos       map[string]string `json:"repos,omitempty"`
	RepoCommit  string            `json:"repo-commit,omitempty"`
	RepoVersion string            `json:"repo-version,omitempty"`
}

// Finished is finished.json.
type Finished struct {
	Timestamp int64          `json:"timestamp"`
	Passed    bool           `json:"passed"`
	Result    string         `json:"result"` // SUCCESS, ABORTED, FAILURE, ERROR
	Revision  string         `json:"revision,omitempty"`
	Metadata  map[string]any `json:"metadata,omitempty"`
}

// started writes what is known before the test.
func (u *upload) started(at time.Time, records []Record) {
	j := u.job
	s := Started{Timestamp: at.Unix(), Repos: map[string]string{}}
	if p := j.Pull(); p != nil {
		s.Pull = strconv.Itoa(p.Number)
	}
	refs := slices.Clone(j.Spec.ExtraRefs)
	if j.Spec.Refs != nil {
		refs = append(refs, *j.Spec.Refs)
	}
	for i := range refs {
		s.Repos[refs[i].RepoID().String()] = refs[i].String()
	}
	s.RepoCommit = version(j, records)
	s.RepoVersion = s.RepoCommit
	u.fail(u.json(u.name(prow.StartedFile), s))
	if len(records) > 0 {
		u.fail(u.json(u.name(prow.CloneRecordsFile), records))
		u.fail(u.bytes(u.name(prow.CloneLogFile), []byte(cloneLog(records))))
	}
}

// pointers writes the files by which others find the run; address is where it is.
func (u *upload) pointers(address string) {
	if alias := prow.AliasFile(u.job); alias != "" {
		served := u.served(alias)
		served.Metadata = map[string]string{"x-goog-meta-link": address}
		u.fail(u.put(alias, served, func(w io.Writer) error {
			_, err := io.WriteString(w, address)
			return err
		}))
	}
	u.latest()
}

// version is the commit a job tests: what its clone came to, else what its refs
// say.
func version(j *prow.Job, records []Record) string {
	main := j.Spec.Refs
	for i := range j.Spec.ExtraRefs {
		if main == nil && !j.Spec.ExtraRefs[i].Auxiliary {
			main = &j.Spec.ExtraRefs[i]
		}
	}
	if main == nil {
		return ""
	}
	for i := range records {
		if r := &records[i].Refs; r.RepoID() == main.RepoID() && r.String() == main.String() && records[i].FinalSHA != "" {
			return records[i].FinalSHA
		}
	}
	switch {
	case len(main.Pulls) > 0 && main.Pulls[0].SHA != "":
		return main.Pulls[0].SHA
	case main.BaseSHA != "":
		return main.BaseSHA
	}
	return main.BaseRef
}

// latest moves the pointers to the newest build forward, never back.
func (u *upload) latest() {
	if u.latestLock != "" {
		f, err := os.OpenFile(u.latestLock, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			u.fail(err)
			return
		}
		defer f.Close()
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			u.fail(err)
			return
		}
	}
	for _, name := range prow.LatestBuildFiles(u.job) {
		old, err := fs.ReadFile(u.to, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			u.fail(err)
			continue
		}
		if newer(u.job.Status.BuildID, strings.TrimSpace(string(old))) {
			u.fail(u.bytes(name, []byte(u.job.Status.BuildID)))
		}
	}
}

// newer compares two build ids, which are numbers.
func newer(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

// log uploads a log that is on this machine.
func (u *upload) log(to string, in folder, from string, hide []string) error {
	f, err := in.open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return u.put(to, u.served(to), func(w io.Writer) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return pour(w, f, hide)
	})
}
