package deck

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// fileLine is a file that a run left.
type fileLine struct {
	Name string `json:"name"` // below the run's directory
	Size int64  `json:"size"`
}

type filesView struct {
	Files []fileLine `json:"files"`
	More  bool       `json:"more"`
}

func (v filesView) head() head { return head{} }

const maxFiles = 1000

func (s *Server) files(r *http.Request) (view, error) {
	j, err := s.asked(r)
	if err != nil {
		return nil, err
	}
	v := filesView{Files: []fileLine{}}
	if j.Status.BuildID != "" {
		v.Files, v.More, err = s.listFiles(r.Context(), s.dir(j))
	}
	return v, err
}

// listFiles lists the files below dir, at most maxFiles.
func (s *Server) listFiles(ctx context.Context, dir string) (out []fileLine, more bool, err error) {
	out = []fileLine{}
	err = fs.WalkDir(s.Artifacts, dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return err
		}
		if len(out) == maxFiles {
			more = true
			return fs.SkipAll
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		out = append(out, fileLine{strings.TrimPrefix(name, dir+"/"), info.Size()})
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return out, more, err
}

const filesShown = 60

// addFiles adds what the run left: its files, its test results, its links.
func (s *Server) addFiles(ctx context.Context, v *runView, j *prow.Job) error {
	files, more, err := s.listFiles(ctx, s.dir(j))
	if err != nil {
		return err
	}
	if j.Complete() {
		v.Tests = s.testsOf(ctx, j)
	} else {
		v.Tests = s.tests(ctx, j, files)
	}
	v.Links = s.links(j)
	v.Files, v.MoreFiles = files[:min(len(files), filesShown)], more || len(files) > filesShown
	return nil
}

// links reads metadata.links of started.json.
func (s *Server) links(j *prow.Job) []link {
	b, err := fs.ReadFile(s.Artifacts, s.dir(j)+"/"+prow.StartedFile)
	var m struct {
		Metadata struct {
			Links map[string]struct {
				URL string `json:"url"`
			} `json:"links"`
		} `json:"metadata"`
	}
	if err != nil || json.Unmarshal(b, &m) != nil {
		return nil
	}
	var out []link
	for name, l := range m.Metadata.Links {
		if strings.HasPrefix(l.URL, "https://") || strings.HasPrefix(l.URL, "http://") {
			out = append(out, link{name, l.URL})
		}
	}
	return out
}

// filePolicy is for what jobs have written: it is shown in a world of its own,
// where it has none of deck's rights, whatever it contains.
const filePolicy = "sandbox allow-scripts; default-src 'self' 'unsafe-inline' data:; connect-src 'none'; form-action 'none'; base-uri 'none'"

// file serves an artifact.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	j, err := s.asked(r)
	if err != nil {
		s.fail(w, r, err, false)
		return
	}
	name := r.PathValue("path")
	if j.Status.BuildID == "" || !fs.ValidPath(name) {
		s.fail(w, r, fs.ErrNotExist, false)
		return
	}
	s.serveFile(w, r, path.Join(s.dir(j), name))
}

func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	f, err := s.Artifacts.Open(name)
	if err != nil {
		s.fail(w, r, err, false)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		s.fail(w, r, errors.Join(err, fs.ErrNotExist), false)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", filePolicy)
	h.Del("X-Frame-Options")
	h.Set("Content-Type", kindOf(name))
	if at, ok := f.(io.ReadSeeker); ok {
		http.ServeContent(w, r, path.Base(name), time.Time{}, at)
		return
	}
	_, _ = io.Copy(w, f)
}

// kindOf tells a file's type by its name; what is unknown is text, which a
// browser shows and does not run.
func kindOf(name string) string {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case "", ".txt", ".log", ".yaml", ".yml", ".md", ".xml", ".sh", ".go", ".out":
		return "text/plain; charset=utf-8"
	default:
		if k := mime.TypeByExtension(ext); k != "" {
			return k
		}
		return "text/plain; charset=utf-8"
	}
}
