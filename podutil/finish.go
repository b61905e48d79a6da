package podutil

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	prow "github.com/prow-ci/prow"
)

// cloneLogAsBuildLog shows, where there was no test, why.
func (r *Run) cloneLogAsBuildLog(u *upload, records []Record) {
	text := cloneLog(records)
	for _, c := range Names(r.Job) {
		u.fail(os.WriteFile(LogFile(r.Folder, c, len(Names(r.Job)) == 1), []byte(text), 0o644))
	}
}

// finish uploads what the test left, then the logs and the result, and returns
// the result, which is Error if something could not be kept.
func (r *Run) finish(u *upload, res Result, containers []Container) Result {
	r.doing("uploading")
	if root, err := os.OpenRoot(filepath.Join(r.Folder, outDir)); err != nil {
		u.fail(err)
	} else {
		u.artifacts(root, prow.ArtifactsDir)
		_ = root.Close() // it was only read
	}
	if full(u.errs) {
		r.makeRoom()
	}
	r.logs(u, res)
	if len(u.errs) > 0 && res.Verdict != prow.Aborted {
		res = r.notKept(u, res)
	}
	metadata := r.metadata(u, containers)
	metadata["why"] = res.Why
	if len(u.warnings) > 0 {
		metadata["sidecar-errors"] = u.warnings
	}
	f := Finished{
		Timestamp: r.Now().Unix(), Passed: res.Verdict == prow.Success, Result: strings.ToUpper(string(res.Verdict)),
		Revision: version(r.Job, nil), Metadata: metadata,
	}
	if err := u.json(u.name(prow.FinishedFile), f); err != nil && res.Verdict != prow.Aborted {
		u.fail(err)
		res = r.notKept(u, res)
	}
	return res
}

func (r *Run) notKept(u *upload, res Result) Result {
	was := ""
	if res.Why != "" {
		was = " Before that: " + res.Why
	}
	bad := r.broken(fmt.Errorf("the files of the run could not be kept: %w", u.errs[0]))
	bad.Why += was
	return bad
}

func full(errs []error) bool {
	return slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) })
}

// makeRoom gives up the clones and what the test left, so that at least the log
// and the result can be written.
func (r *Run) makeRoom() {
	for _, d := range []string{homeDir, scratchDir, volumeDir, outDir} {
		_ = os.RemoveAll(filepath.Join(r.Folder, d)) // then there is just no room
	}
}

// logs uploads the log of each test container.
func (r *Run) logs(u *upload, res Result) {
	names := Names(r.Job)
	for _, c := range names {
		single := len(names) == 1
		to, from := u.name(logName(c, single)), LogFile(r.Folder, c, single)
		err := u.log(to, folder{r.Folder}, from, nil)
		if errors.Is(err, fs.ErrNotExist) {
			err = u.bytes(to, []byte("The test printed nothing. "+res.Why+"\n"))
		}
		if full([]error{err}) {
			u.fail(err) // it is still told, though a part of the log is kept
			r.makeRoom()
			if err = shorten(from); err == nil {
				err = u.log(to, folder{r.Folder}, from, nil)
			}
		}
		u.fail(err)
	}
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
func (r *Run) metadata(u *upload, containers []Container) map[string]any {
	out := map[string]any{}
	for _, c := range containers {
		name := c.Name + "-metadata.json"
		if c.Init {
			continue
		}
		if len(Names(r.Job)) == 1 {
			name = "metadata.json"
		}
		b, err := fs.ReadFile(r.Artifacts, u.name(path.Join(prow.ArtifactsDir, name)))
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
