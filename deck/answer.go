package deck

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/http"
	"strings"

	prow "github.com/prow-ci/prow"
)

// view is a value that a page and its JSON twin render.
type view interface{ head() head }

// head is what the frame of a page shows.
type head struct {
	Title   string
	Section string // which entry of the navigation is here
	Live    string // what makes the page out of date, see events
}

// fault is an error that its reader can do something about.
type fault struct {
	code       int
	text, hint string
}

func (f *fault) Error() string { return f.text }

func notFound(text, hint string, args ...any) error {
	return &fault{http.StatusNotFound, fmt.Sprintf(text, args...), hint}
}

func badRequest(text, hint string, args ...any) error {
	return &fault{http.StatusBadRequest, fmt.Sprintf(text, args...), hint}
}

// html answers a route as a page.
func (s *Server) html(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.oldHome(w, r) {
			return
		}
		v, err := rt.view(r)
		if err != nil {
			s.fail(w, r, err, false)
			return
		}
		body, err := s.render(r, rt.html, v)
		if err != nil {
			s.fail(w, r, err, false)
			return
		}
		s.respond(w, r, http.StatusOK, "text/html; charset=utf-8", body)
	}
}

// json answers a route as JSON.
func (s *Server) json(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := rt.view(r)
		if err != nil {
			s.fail(w, r, err, true)
			return
		}
		s.respondJSON(w, r, http.StatusOK, v)
	}
}

// apiError is the body of every answer of the API that is not a success.
type apiError struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// fail answers with err: in words for what the reader can mend, and in general
// terms, with the details in the log, for what they cannot.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error, asJSON bool) {
	f := s.faultOf(r, err)
	if f == nil {
		return
	}
	if asJSON {
		s.respondJSON(w, r, f.code, apiError{f.text, f.hint})
		return
	}
	body, err := s.render(r, "error", errorView{f.code, f.text, f.hint})
	if err != nil {
		s.Log.Error("page not rendered", "path", r.URL.Path, "err", err)
		http.Error(w, f.text, f.code)
		return
	}
	s.respond(w, r, f.code, "text/html; charset=utf-8", body)
}

func (s *Server) faultOf(r *http.Request, err error) *fault {
	if r.Context().Err() != nil {
		return nil // nobody is listening any more
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if text, ok := prow.Refusal(err); ok {
		return &fault{http.StatusForbidden, text, ""}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &fault{http.StatusNotFound, "This is not here (any more).", "Finished jobs are forgotten after some days; their logs and files stay in the artifacts."}
	}
	s.Log.Error("request failed", "path", r.URL.Path, "err", err)
	return &fault{http.StatusInternalServerError, "Deck could not find this out.", "Try again in a moment; the log of deck says what was wrong."}
}

type errorView struct {
	Code       int
	Text, Hint string
}

func (v errorView) head() head { return head{Title: http.StatusText(v.Code)} }

func (s *Server) respondJSON(w http.ResponseWriter, r *http.Request, code int, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(true)
	if err := e.Encode(v); err != nil {
		http.Error(w, `{"error":"not encoded"}`, http.StatusInternalServerError)
		return
	}
	s.respond(w, r, code, "application/json", b.Bytes())
}

// respond sends body whole, compressed where the reader likes that, and not at
// all where the reader has it already.
func (s *Server) respond(w http.ResponseWriter, r *http.Request, code int, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Add("Vary", "Accept-Encoding")
	if code == http.StatusOK {
		sum := fnv.New64a()
		_, _ = sum.Write(body)
		tag := fmt.Sprintf(`W/"%x"`, sum.Sum64())
		h.Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if len(body) < 1024 || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.WriteHeader(code)
		_, _ = w.Write(body)
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(code)
	z := s.zippers.Get().(*gzip.Writer)
	defer s.zippers.Put(z)
	z.Reset(w)
	_, _ = z.Write(body)
	_ = z.Close()
}
