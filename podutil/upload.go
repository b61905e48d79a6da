package podutil

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	prow "github.com/prow-ci/prow"
)

const (
	uploaders   = 4
	uploadLimit = 10 * time.Minute // for a store that does not answer
)

// upload brings the files of a run into the artifacts.
type upload struct {
	r   *Run
	ctx context.Context

	mu   sync.Mutex
	errs []error
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
	u.r.warnings = append(u.r.warnings, fmt.Sprintf(format, args...))
}

func (u *upload) name(file string) string { return path.Join(prow.Dir(u.r.Job), file) }

// put writes one file of the artifacts, from a source that can be read again.
func (u *upload) put(name string, write func(w io.Writer) error) error {
	for i := 1; ; i++ {
		err := u.try(name, write)
		if err == nil || i == 4 || u.ctx.Err() != nil || errors.Is(err, fs.ErrInvalid) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, errLeftOut) {
			return err
		}
		select {
		case <-time.After(time.Duration(i*i) * 100 * time.Millisecond):
		case <-u.ctx.Done():
		}
	}
}

func (u *upload) try(name string, write func(w io.Writer) error) error {
	ctx, cancel := context.WithTimeout(u.ctx, uploadLimit)
	defer cancel()
	w, err := u.r.Artifacts.Create(ctx, name)
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

func (u *upload) bytes(name string, b []byte) error {
	return u.put(name, func(w io.Writer) error {
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
func (u *upload) started(records []Record) {
	j := u.r.Job
	s := Started{Timestamp: u.r.began.Unix(), Repos: map[string]string{}}
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
	u.fail(u.json(u.name(prow.ProwJobFile), j))
	if len(records) > 0 {
		u.fail(u.json(u.name(prow.CloneRecordsFile), records))
		u.fail(u.bytes(u.name(prow.CloneLogFile), []byte(cloneLog(records))))
	}
	if alias := prow.AliasFile(j); alias != "" {
		where := u.r.Artifacts.URL(prow.Dir(j))
		if where == "" {
			where = prow.Dir(j)
		}
		u.fail(u.bytes(alias, []byte(where)))
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
	if u.r.LatestLock != "" {
		f, err := os.OpenFile(u.r.LatestLock, os.O_CREATE|os.O_RDWR, 0o600)
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
	for _, name := range prow.LatestBuildFiles(u.r.Job) {
		old, err := fs.ReadFile(u.r.Artifacts, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			u.fail(err)
			continue
		}
		if newer(u.r.Job.Status.BuildID, strings.TrimSpace(string(old))) {
			u.fail(u.bytes(name, []byte(u.r.Job.Status.BuildID)))
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

// cloneLogAsBuildLog shows, where there was no test, why.
func (u *upload) cloneLogAsBuildLog(records []Record) {
	text := cloneLog(records)
	for _, c := range Names(u.r.Job) {
		u.fail(os.WriteFile(LogFile(u.r.Folder, c, len(Names(u.r.Job)) == 1), []byte(text), 0o644))
	}
}

// finish uploads what the test left, then the logs and the result, and returns
// the result, which is Error if something could not be kept.
func (u *upload) finish(res Result, containers []Container) Result {
	u.r.doing("uploading")
	u.artifacts()
	if full(u.errs) {
		u.makeRoom()
	}
	u.logs(res)
	if len(u.errs) > 0 && res.Verdict != prow.Aborted {
		res = u.notKept(res)
	}
	metadata := u.metadata(containers)
	metadata["why"] = res.Why
	if len(u.r.warnings) > 0 {
		metadata["sidecar-errors"] = u.r.warnings
	}
	f := Finished{
		Timestamp: u.r.Now().Unix(), Passed: res.Verdict == prow.Success, Result: strings.ToUpper(string(res.Verdict)),
		Revision: version(u.r.Job, nil), Metadata: metadata,
	}
	if err := u.json(u.name(prow.FinishedFile), f); err != nil && res.Verdict != prow.Aborted {
		u.fail(err)
		res = u.notKept(res)
	}
	return res
}

func (u *upload) notKept(res Result) Result {
	was := ""
	if res.Why != "" {
		was = " Before that: " + res.Why
	}
	bad := u.r.broken(fmt.Errorf("the files of the run could not be kept: %w", u.errs[0]))
	bad.Why += was
	return bad
}

func full(errs []error) bool {
	return slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) })
}

// makeRoom gives up the clones and what the test left, so that at least the log
// and the result can be written.
func (u *upload) makeRoom() {
	for _, d := range []string{homeDir, scratchDir, volumeDir, outDir} {
		_ = os.RemoveAll(filepath.Join(u.r.Folder, d)) // then there is just no room
	}
}

// logs uploads the log of each test container.
func (u *upload) logs(res Result) {
	names := Names(u.r.Job)
	for _, c := range names {
		single := len(names) == 1
		to, from := u.name(logName(c, single)), LogFile(u.r.Folder, c, single)
		err := u.log(to, from)
		if errors.Is(err, fs.ErrNotExist) {
			err = u.bytes(to, []byte("The test printed nothing. "+res.Why+"\n"))
		}
		if full([]error{err}) {
			u.fail(err) // it is still told, though a part of the log is kept
			u.makeRoom()
			if err = shorten(from); err == nil {
				err = u.log(to, from)
			}
		}
		u.fail(err)
	}
}

func (u *upload) log(to, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return u.put(to, func(w io.Writer) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := io.Copy(w, f)
		return err
	})
}

// keptLog is how much of a log is kept where there is no room for the whole.
const keptLog = 64 << 10

// shorten keeps the end of a log alone.
func shorten(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || end <= keptLog {
		return err
	}
	b := make([]byte, keptLog)
	if _, err := f.ReadAt(b, end-keptLog); err != nil {
		return err
	}
	text := fmt.Appendf(nil, "(The disk was full: the first %d bytes of this log were given up.)\n", end-keptLog)
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(append(text, b...), 0)
	return err
}

// metadata merges the JSON objects that the test may have left for finished.json.
func (u *upload) metadata(containers []Container) map[string]any {
	out := map[string]any{}
	for _, c := range containers {
		name := c.Name + "-metadata.json"
		if c.Init {
			continue
		}
		if len(Names(u.r.Job)) == 1 {
			name = "metadata.json"
		}
		b, err := fs.ReadFile(u.r.Artifacts, u.name(path.Join(prow.ArtifactsDir, name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var m map[string]any
		if err == nil {
			err = json.Unmarshal(bytes.TrimSpace(b), &m)
		}
		if err != nil {
			u.warn("%s: %v", name, err)
			continue
		}
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}
