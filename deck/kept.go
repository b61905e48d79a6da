package deck

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// asked returns the run that the address names: one that is remembered, or, by
// the parameter dir, one of which only the files are left.
func (s *Server) asked(r *http.Request) (*prow.Job, error) {
	id := r.PathValue("id")
	j, err := s.get(r.Context(), id)
	dir := r.URL.Query().Get("dir")
	if err == nil || dir == "" {
		return j, err
	}
	if kept := s.kept(r.Context(), dir); kept != nil && kept.Name == id && s.shown(kept) {
		return kept, nil
	}
	return nil, err
}

// kept reads a run from its files; nil if they do not tell.
func (s *Server) kept(_ context.Context, dir string) *prow.Job {
	if !fs.ValidPath(dir) {
		return nil
	}
	j := &prow.Job{}
	if !s.readJSON(path.Join(dir, prow.ProwJobFile), j) || s.dir(j) != dir {
		return nil
	}
	if j.Complete() {
		return j
	}
	var end struct {
		Timestamp int64  `json:"timestamp"`
		Result    string `json:"result"`
	}
	if s.readJSON(path.Join(dir, prow.FinishedFile), &end) {
		finish(j, prow.State(strings.ToLower(end.Result)), time.Unix(end.Timestamp, 0))
	}
	return j
}

// finish brings a job that was kept while it ran to the end that its files tell
// of. Nobody stores it.
func finish(j *prow.Job, to prow.State, at time.Time) {
	if j.Status.State == prow.Triggered {
		_ = j.Advance(prow.Pending, j.Status.StartTime.Time, "")
	}
	if j.Advance(to, at, "") == nil && to == prow.Aborted {
		_ = j.Finish(at)
	}
}

const maxSmallFile = 1 << 20

// readJSON reads a small file; false if it is absent, or too long, or something
// else.
func (s *Server) readJSON(name string, v any) bool {
	b, ok := s.readSmall(name)
	return ok && json.Unmarshal(b, v) == nil
}

func (s *Server) readSmall(name string) ([]byte, bool) {
	f, err := s.Artifacts.Open(name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSmallFile+1))
	return b, err == nil && len(b) <= maxSmallFile
}

// oldView leads from the place of a run's files to its page.
func (s *Server) oldView(w http.ResponseWriter, r *http.Request) {
	p := strings.Trim(r.PathValue("path"), "/")
	j, err := s.oldFind(r, path.Base(path.Dir(p)), path.Base(p))
	if err == nil {
		http.Redirect(w, r, runPath(j.Name), http.StatusFound)
		return
	}
	dir := s.placeOf(p)
	if j := s.kept(r.Context(), dir); j != nil && s.shown(j) {
		http.Redirect(w, r, runPath(j.Name)+"?"+url.Values{"dir": {dir}}.Encode(), http.StatusFound)
		return
	}
	s.fail(w, r, err, false)
}

// placeOf returns the directory that provider/bucket/path means. A file
// <path>.txt holds another address: so are runs of pull requests found by their
// job.
func (s *Server) placeOf(p string) string {
	dir := s.afterBucket(p)
	if fs.ValidPath(dir + ".txt") {
		if b, ok := s.readSmall(dir + ".txt"); ok && len(b) < 4096 {
			if scheme, rest, ok := strings.Cut(strings.TrimSpace(string(b)), "://"); ok {
				return s.afterBucket(scheme + "/" + rest)
			}
			return strings.Trim(strings.TrimSpace(string(b)), "/")
		}
	}
	return dir
}

// dir is where the files of j are.
func (s *Server) dir(j *prow.Job) string {
	if s.Buckets {
		return prow.Place(j)
	}
	return prow.Dir(j)
}

// afterBucket returns the name in Artifacts of provider/bucket/path.
func (s *Server) afterBucket(p string) string {
	parts := strings.SplitN(p, "/", 3)
	switch {
	case len(parts) < 3:
		return p
	case s.Buckets && parts[0] == "gcs": // as older addresses say it
		return path.Join("gs:"+parts[1], parts[2])
	case s.Buckets:
		return path.Join(parts[0]+":"+parts[1], parts[2])
	}
	return path.Clean(parts[2])
}
