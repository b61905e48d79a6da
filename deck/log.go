package deck

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"time"

	prow "github.com/prow-ci/prow"
)

// runLog is the log of one container of a run.
type runLog struct {
	name  string // for the memory of indexes
	open  opener
	whole bool // it does not grow any more
	x     *logIndex
}

// logOf finds the log of j: what the runner has while it runs, the artifact
// afterwards, and the other where that is absent. Absent is fs.ErrNotExist.
func (s *Server) logOf(ctx context.Context, j *prow.Job, container string) (*runLog, error) {
	if container != "" && !slices.Contains(s.choices(j, s.look(ctx, j)), container) {
		return nil, notFound("This run has no container %s.", "Leave the container out for the first one.", container)
	}
	if j.Status.BuildID == "" {
		return nil, fs.ErrNotExist
	}
	places := []func(context.Context, *prow.Job, string) (*runLog, error){s.runnerLog, s.artifactLog}
	if j.Complete() {
		slices.Reverse(places)
	}
	var l *runLog
	err := fs.ErrNotExist
	for _, at := range places {
		if l, err = at(ctx, j, container); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	l.x = s.logs.get(l.name)
	return l, nil
}

func (s *Server) runnerLog(ctx context.Context, j *prow.Job, container string) (*runLog, error) {
	if s.Runner == nil {
		return nil, fs.ErrNotExist
	}
	open := func(ctx context.Context, offset int64) (io.ReadCloser, error) {
		return s.Runner.Logs(ctx, j.Name, container, offset, false)
	}
	f, err := open(ctx, 0)
	if err != nil { // of a container that has not begun, or of a cluster that does not answer, there is no log now
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return &runLog{name: "run/" + j.Name + "/" + container, open: open}, f.Close()
}

func (s *Server) artifactLog(_ context.Context, j *prow.Job, container string) (*runLog, error) {
	name := s.logFile(j, container)
	if name == "" {
		return nil, fs.ErrNotExist
	}
	if _, err := fs.Stat(s.Artifacts, name); err != nil {
		return nil, err
	}
	return &runLog{name: "file/" + name, whole: j.Complete(), open: s.openFile(name)}, nil
}

// logFile is where the log of a container is kept, or "" if it is not.
func (s *Server) logFile(j *prow.Job, container string) string {
	names := containers(j)
	switch {
	case container == cloning:
		return path.Join(s.dir(j), prow.CloneLogFile)
	case container != "" && !slices.Contains(names, container):
		return ""
	case len(names) < 2:
		return path.Join(s.dir(j), prow.BuildLogFile)
	case container == "":
		container = names[0]
	}
	return path.Join(s.dir(j), container+"-"+prow.BuildLogFile)
}

// cloning is the container that clones; what it said is kept, too.
const cloning = "clonerefs"

// choices names the containers whose log may be had: those of the test, and then
// the others of its pod, or what is kept of them.
func (s *Server) choices(j *prow.Job, run prow.Run) []string {
	out := containers(j)
	for _, c := range run.Containers {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	if j.Complete() && j.Status.BuildID != "" && !slices.Contains(out, cloning) {
		if _, err := fs.Stat(s.Artifacts, s.logFile(j, cloning)); err == nil {
			out = append(out, cloning)
		}
	}
	return out
}

// containers names the containers of j's test.
func containers(j *prow.Job) []string {
	if j.Spec.PodSpec == nil {
		return nil
	}
	var out []string
	for _, c := range j.Spec.PodSpec.Containers {
		out = append(out, c.Name)
	}
	if len(out) == 1 { // whatever the job calls it
		out[0] = "test"
	}
	return out
}

// openFile returns an opener of an artifact.
func (s *Server) openFile(name string) opener {
	return func(_ context.Context, offset int64) (io.ReadCloser, error) {
		f, err := s.Artifacts.Open(name)
		if err != nil || offset == 0 {
			return f, err
		}
		if at, ok := f.(io.Seeker); ok {
			if _, err := at.Seek(offset, io.SeekStart); err != nil {
				_ = f.Close()
				return nil, err
			}
			return f, nil
		}
		if _, err := io.CopyN(io.Discard, f, offset); err != nil && !errors.Is(err, io.EOF) {
			_ = f.Close()
			return nil, err
		}
		return f, nil
	}
}

// linesView is a part of a log.
type linesView struct {
	Lines []logLine `json:"lines"`
	Total int       `json:"total"` // lines there are
	Size  int64     `json:"size"`  // in bytes
	Whole bool      `json:"whole"` // it does not grow any more
}

func (v linesView) head() head { return head{} }

// Older returns the line to ask for to see what is above; 0 if nothing is.
func (v linesView) Older() int {
	if len(v.Lines) == 0 || v.Lines[0].Number == 1 {
		return 0
	}
	return max(1, v.Lines[0].Number-tailShown+2*before)
}

// Newer returns the line to ask for to see what is below; 0 if nothing is.
func (v linesView) Newer() int {
	if len(v.Lines) == 0 || v.Lines[len(v.Lines)-1].Number >= v.Total {
		return 0
	}
	return v.Lines[len(v.Lines)-1].Number + before
}

// HTML returns the lines as the page shows them.
func (v linesView) HTML() template.HTML { return paintLines(v.Lines, true) }

// paintLines paints lines, with ids unless the same lines have theirs elsewhere on the page.
func paintLines(lines []logLine, ids bool) template.HTML {
	var b []byte
	for _, l := range lines {
		n := strconv.Itoa(l.Number)
		name := ""
		if ids {
			name = ` id="L` + n + `"`
		}
		b = append(b, `<div class="l"`+name+`><a href="#L`+n+`" aria-label="Line `+n+`">`+n+`</a><span>`...)
		b = append(b, paint(l.Text)...)
		if l.Cut > 0 {
			b = append(b, `<em> … `+sizeText(l.Cut)+` more in this line, see the raw log</em>`...)
		}
		b = append(b, "</span></div>\n"...)
	}
	return template.HTML(b)
}

// part reads count lines; a negative from counts from the end, 0 is the
// beginning.
func (s *Server) part(ctx context.Context, l *runLog, from, count int) (linesView, error) {
	e, err := l.x.extend(ctx, l.open, l.whole)
	if err != nil {
		return linesView{}, err
	}
	v := linesView{Total: e.lines, Size: e.size, Whole: l.whole}
	if from < 0 {
		from = max(e.lines+from, 0)
	} else if from > 0 {
		from--
	}
	v.Lines, err = l.x.read(ctx, l.open, from, min(count, 2000))
	return v, err
}

func (s *Server) lines(r *http.Request) (view, error) {
	v, err := s.askedLines(r)
	return v, err
}

func (s *Server) askedLines(r *http.Request) (linesView, error) {
	j, l, err := s.askedLog(r)
	if err != nil {
		return linesView{}, err
	}
	_ = j
	from, err := number(r, "from", 1)
	if err != nil {
		return linesView{}, err
	}
	count, err := number(r, "count", 500)
	if err != nil {
		return linesView{}, err
	}
	return s.part(r.Context(), l, from, count)
}

func (s *Server) askedLog(r *http.Request) (*prow.Job, *runLog, error) {
	j, err := s.asked(r)
	if err != nil {
		return nil, nil, err
	}
	l, err := s.logOf(r.Context(), j, r.URL.Query().Get("container"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, notFound("This run has no log (yet).", "A log begins when the run starts. This one is %s: %s", word(j.Status.State), j.Status.Description)
	}
	return j, l, err
}

func number(r *http.Request, name string, otherwise int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badRequest("%s=%s is not a number.", "Leave it out for the usual.", name, text)
	}
	return n, nil
}

// logPart answers lines as the page shows them.
func (s *Server) logPart(w http.ResponseWriter, r *http.Request) {
	v, err := s.askedLines(r)
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	w.Header().Set("X-Log-Lines", strconv.Itoa(v.Total))
	w.Header().Set("X-Log-Size", strconv.FormatInt(v.Size, 10))
	s.respond(w, r, http.StatusOK, "text/html; charset=utf-8", []byte(v.HTML()))
}

type searchView struct {
	Hits []logLine `json:"hits"`
	More bool      `json:"more"` // it stopped early: ask again from after the last
}

func (v searchView) head() head { return head{} }

const maxHits = 500

func (s *Server) search(r *http.Request) (view, error) {
	_, l, err := s.askedLog(r)
	if err != nil {
		return nil, err
	}
	m := errorMatcher(s.Config())
	if q := r.URL.Query().Get("q"); q != "" {
		if m, err = textMatcher(q); err != nil {
			return nil, err
		}
	}
	from, err := number(r, "from", 1)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	hits, more, err := l.x.find(ctx, l.open, m, max(from-1, 0), maxHits)
	if errors.Is(err, context.DeadlineExceeded) && len(hits) > 0 {
		err = nil
	}
	return searchView{hits, more}, err
}

// rawLog answers a log as it is, from an offset, and with follow to its end.
func (s *Server) rawLog(w http.ResponseWriter, r *http.Request) {
	j, l, err := s.askedLog(r)
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	offset, err := number(r, "offset", 0)
	if err != nil || offset < 0 {
		s.fail(w, r, badRequest("offset is not a count of bytes.", "Leave it out for the whole log."), true)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Security-Policy", filePolicy)
	if r.URL.Query().Get("download") != "" {
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", j.Spec.Job+"-"+j.Status.BuildID+".txt"))
	}
	follow := r.URL.Query().Get("follow") != "" && !j.Complete() && s.Runner != nil
	var f io.ReadCloser
	ctx, cancel := s.whileOpen(r.Context())
	defer cancel()
	if follow {
		f, err = s.Runner.Logs(ctx, j.Name, r.URL.Query().Get("container"), int64(offset), true)
	}
	if !follow || errors.Is(err, fs.ErrNotExist) {
		f, err = l.open(ctx, int64(offset))
	}
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	defer f.Close()
	if at, ok := f.(io.ReadSeeker); ok && !follow && offset == 0 && l.whole {
		http.ServeContent(w, r, "", time.Time{}, at)
		return
	}
	_, _ = io.Copy(flusher{w, http.NewResponseController(w)}, f)
}

// flusher sends each piece on at once.
type flusher struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	return n, errors.Join(err, f.c.Flush())
}

// whileOpen returns a context that also ends when the server closes.
func (s *Server) whileOpen(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.closing, cancel)
	return ctx, func() { stop(); cancel() }
}

// Bounds of following: how often lines are sent, and how many of those that
// came since; of more, the page shows the last ones.
const (
	followPause = 100 * time.Millisecond
	followLines = 300
)

// followLog sends lines as they are written: events "lines" with HTML, and
// "end" when there is nothing more to come.
func (s *Server) followLog(w http.ResponseWriter, r *http.Request) {
	id, container := r.PathValue("id"), r.URL.Query().Get("container")
	from, err := number(r, "from", 1)
	if err == nil {
		_, err = s.asked(r)
	}
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	ctx, cancel := s.whileOpen(r.Context())
	defer cancel()
	out := newStream(w)
	f, from, err := s.waitForLog(ctx, out, id, container, max(from-1, 0))
	if err != nil {
		_ = out.send("end", "")
		return
	}
	defer f.Close()
	s.pump(ctx, out, f, from)
	_ = out.send("end", "")
}

// waitForLog waits until the run has a log and opens it near the line from; line
// is where it was opened.
func (s *Server) waitForLog(ctx context.Context, out *stream, id, container string, from int) (f io.ReadCloser, line int, err error) {
	for {
		j, err := s.Jobs.Get(ctx, id)
		if err != nil {
			return nil, 0, err
		}
		l, err := s.logOf(ctx, j, container)
		if err == nil {
			at := l.x.near(from)
			if !j.Complete() && s.Runner != nil {
				if f, err := s.Runner.Logs(ctx, id, container, at.offset, true); err == nil {
					return skipTo(f, at.line, from)
				}
			}
			if f, err = l.open(ctx, at.offset); err != nil {
				return nil, 0, err
			}
			return skipTo(f, at.line, from)
		}
		if j.Complete() {
			return nil, 0, err
		}
		if err := out.wait(ctx, 300*time.Millisecond); err != nil {
			return nil, 0, err
		}
	}
}

// skipped is a log from a certain line on.
type skipped struct {
	io.Reader
	io.Closer
}

func skipTo(f io.ReadCloser, at, from int) (io.ReadCloser, int, error) {
	in := bufio.NewReaderSize(f, 64<<10)
	for ; at < from; at++ {
		if _, _, err := readLine(in, 0); err != nil {
			return skipped{in, f}, at, nil //nolint:nilerr // the log ends here, so will the reader
		}
	}
	return skipped{in, f}, at, nil
}

// pump sends what f has, line by line, in parts.
func (s *Server) pump(ctx context.Context, out *stream, f io.Reader, number int) {
	lines := make(chan logLine, 64)
	go func() {
		defer close(lines)
		in := bufio.NewReaderSize(f, 64<<10)
		for {
			text, cut, err := readLine(in, maxLine)
			if err == nil || len(text) > 0 {
				number++
				select {
				case lines <- logLine{number, string(text), cut}:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	var held []logLine
	tick := time.NewTicker(followPause)
	defer tick.Stop()
	for quiet := 0; ; {
		select {
		case l, ok := <-lines:
			if ok {
				if held = append(held, l); len(held) > 2*followLines {
					held = append(held[:0], held[len(held)-followLines:]...)
				}
				continue
			}
			if len(held) > 0 {
				_ = out.send("lines", string(paintLines(held[max(0, len(held)-followLines):], true)))
			}
			return
		case <-tick.C:
			if quiet++; len(held) > 0 {
				if out.send("lines", string(paintLines(held[max(0, len(held)-followLines):], true))) != nil {
					return
				}
				held, quiet = held[:0], 0
			} else if quiet%150 == 0 && out.send("", "") != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
