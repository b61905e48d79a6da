package github

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v89/github"
	prow "github.com/prow-ci/prow"
)

// failure is an answer of GitHub that says no.
type failure struct {
	what   string // "GET repos/o/r"
	status int
	text   string
	kind   error // fs.ErrNotExist, prow.ErrForbidden or nil
}

func (e *failure) Error() string {
	return fmt.Sprintf("github: %s: %d %s", e.what, e.status, e.text)
}

func (e *failure) Unwrap() error { return e.kind }

// explain makes of what go-github returned an error of the port.
func explain(what string, err error) error {
	var no *refusal
	if errors.As(err, &no) {
		return fmt.Errorf("github: %s: %w", what, no)
	}
	var later *prow.RetryAfter
	if errors.As(err, &later) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("github: %s: %w", what, err)
	}
	var r *gh.ErrorResponse
	if !errors.As(err, &r) || r.Response == nil {
		var accepted *gh.AcceptedError
		if errors.As(err, &accepted) { // 202: GitHub does it in a while
			return nil
		}
		return fmt.Errorf("github: %s: %w", what, err)
	}
	f := &failure{what: what, status: r.Response.StatusCode, text: words(r)}
	switch f.status {
	case http.StatusNotFound, http.StatusGone:
		f.kind = fs.ErrNotExist
	case http.StatusUnauthorized:
		f.kind = prow.ErrForbidden
		f.text += ". Is the token right, and not expired?"
	case http.StatusForbidden:
		f.kind = prow.ErrForbidden
		f.text += scopes(r.Response.Header)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return prow.Final(f) // the same question gets the same answer
	}
	return f
}

// words is what GitHub says of a failure, on one line.
func words(r *gh.ErrorResponse) string {
	parts := []string{r.Message}
	if r.Message == "" {
		parts[0] = strings.ToLower(http.StatusText(r.Response.StatusCode))
	}
	for _, e := range r.Errors {
		if e.Message != "" {
			parts = append(parts, e.Message)
		} else if e.Field != "" {
			parts = append(parts, e.Field+" "+e.Code)
		}
	}
	return strings.Join(strings.Fields(strings.Join(parts, "; ")), " ")
}

// scopes says which scopes a token lacks, or permissions an App, where the headers
// tell.
func scopes(h http.Header) string {
	if p := h.Get("X-Accepted-GitHub-Permissions"); p != "" {
		return ". It takes the permission " + strings.ReplaceAll(p, ";", " or") + "; give it in the settings of the App, and accept it in those of the organisation"
	}
	wants, has := h.Get("X-Accepted-OAuth-Scopes"), h.Get("X-OAuth-Scopes")
	if wants == "" {
		return ""
	}
	have := map[string]bool{}
	for s := range strings.SplitSeq(has, ",") {
		have[strings.TrimSpace(s)] = true
	}
	for s := range strings.SplitSeq(wants, ",") {
		if have[strings.TrimSpace(s)] {
			return ""
		}
	}
	return fmt.Sprintf(". The token needs one of the scopes %s; it has %q", wants, has)
}

// status returns GitHub's status of err, 0 if it has none.
func status(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.status
	}
	return 0
}

// says reports whether err is GitHub's answer and its text holds s.
func says(err error, s string) bool {
	var f *failure
	return errors.As(err, &f) && strings.Contains(strings.ToLower(f.text), strings.ToLower(s))
}

// gone makes "it is not there" no error.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
