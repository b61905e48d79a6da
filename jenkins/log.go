package jenkins

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Logs serves the output of builds at /job/…/7/consoleText, as Jenkins does: of
// those that a job of Prow names, and of no other, for Jenkins lets us read more
// than is meant for everybody.
type Logs struct {
	Jobs    prow.Jobs
	Jenkins *Client
	Log     *slog.Logger
}

var consolePath = regexp.MustCompile(`^(/job/.+)/([0-9]+)/consoleText$`)

func (l *Logs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "only GET is served here", http.StatusMethodNotAllowed)
		return
	}
	m := consolePath.FindStringSubmatch(r.URL.EscapedPath())
	if m == nil || strings.Contains(m[1], "/../") {
		http.Error(w, "only /job/NAME/NUMBER/consoleText is served here", http.StatusForbidden)
		return
	}
	switch known, err := l.known(r.Context(), m[1], m[2]); {
	case err != nil:
		l.fail(w, r, err)
		return
	case !known:
		http.Error(w, "no job of Prow has this build", http.StatusNotFound)
		return
	}
	number, _ := strconv.Atoi(m[2])
	res, err := l.Jenkins.log(r.Context(), m[1], number)
	if err != nil {
		l.fail(w, r, err)
		return
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		http.Error(w, "Jenkins has no log of this build", http.StatusNotFound)
		return
	case res.StatusCode != http.StatusOK:
		http.Error(w, "Jenkins answers "+res.Status, http.StatusBadGateway)
		return
	}
	// Whatever a build writes is text, and never a page of ours.
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.Copy(w, res.Body) // who reads may go away
}

func (l *Logs) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		l.Log.Warn("log of a build cannot be read", "path", r.URL.Path, "err", err)
	}
	http.Error(w, "the log cannot be read just now", http.StatusBadGateway)
}

// known reports whether a job that may be looked at has this build.
func (l *Logs) known(ctx context.Context, at, number string) (bool, error) {
	for _, name := range jobNames(at) {
		jobs, err := l.Jobs.List(ctx, prow.JobFilter{Job: name, Visible: true})
		if err != nil {
			return false, err
		}
		for _, j := range jobs {
			if j.Spec.Agent == prow.JenkinsAgent && j.Status.JenkinsBuildID == number && jobPath(j) == at {
				return true, nil
			}
		}
	}
	return false, nil
}
