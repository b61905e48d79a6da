package deck

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// jobParams are the filters of the list of jobs; all that is given must hold.
var jobParams = []param{
	{"repo", "owner, or owner/name"}, {"job", "name; a * in it matches anything"},
	{"state", "waiting, running, passed, failed, aborted, error, or the resource's own words; several with commas"},
	{"type", "presubmit, postsubmit, periodic or batch; several with commas"},
	{"author", "of the pull request"}, {"pull", "number of the pull request"}, {"cluster", "where it runs"},
	{"since", "90m, 24h, 7d, or a time like 2026-01-31T15:04:05Z"},
	{"limit", "how many, at most 500"}, {"before", "ID of a run: only those that come after it in the list"},
}

const jobsPerPage = 80

type jobsView struct {
	Jobs   []row          `json:"jobs"`
	Counts map[string]int `json:"counts"` // by word, of all that the other filters leave
	Total  int            `json:"total"`
	Next   string         `json:"next,omitempty"` // for the parameter before: there are more
	Filter filterForm     `json:"filter"`
}

// filterForm is what was asked, as it was asked.
type filterForm struct {
	Repo    string `json:"repo,omitempty"`
	Job     string `json:"job,omitempty"`
	State   string `json:"state,omitempty"`
	Type    string `json:"type,omitempty"`
	Author  string `json:"author,omitempty"`
	Pull    string `json:"pull,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	Since   string `json:"since,omitempty"`
	Before  string `json:"before,omitempty"`
}

// Any reports whether anything was asked.
func (f filterForm) Any() bool { f.Before = ""; return f != filterForm{} }

// More reports whether one of the rarer filters is in use.
func (f filterForm) More() bool { return f.Type+f.Author+f.Pull+f.Cluster+f.Since != "" }

func (v jobsView) head() head { return head{Title: "Jobs", Section: "jobs", Live: "jobs"} }

// Words returns the states in the order they are shown.
func (v jobsView) Words() []string {
	return []string{"failed", "error", "running", "waiting", "passed", "aborted"}
}

func (s *Server) jobs(r *http.Request) (view, error) {
	f, form, err := s.filter(r)
	if err != nil {
		return nil, err
	}
	v := jobsView{Filter: form, Counts: map[string]int{}}
	var more bool
	if v.Jobs, more, err = s.rows(r.Context(), f); err != nil {
		return nil, err
	}
	if more {
		v.Next = v.Jobs[len(v.Jobs)-1].ID
	}
	f.States, f.Visible, f.Limit, f.Before = nil, !s.ShowHidden, 0, ""
	counts, err := s.Jobs.Count(r.Context(), f)
	for state, n := range counts {
		v.Counts[word(state)] += n
		v.Total += n
	}
	return v, err
}

// filter reads the parameters of a list of jobs.
func (s *Server) filter(r *http.Request) (prow.JobFilter, filterForm, error) {
	q := r.URL.Query()
	get := func(k string) string { return strings.TrimSpace(q.Get(k)) }
	form := filterForm{get("repo"), get("job"), get("state"), get("type"), get("author"), get("pull"), get("cluster"), get("since"), get("before")}
	f := prow.JobFilter{Job: form.Job, Author: strings.TrimPrefix(form.Author, "@"), Cluster: form.Cluster, Before: form.Before, Limit: jobsPerPage}
	var err error
	if form.Repo != "" {
		f.Repo.Owner, f.Repo.Name, _ = strings.Cut(form.Repo, "/")
	}
	if form.Pull != "" {
		if f.Pull, err = strconv.Atoi(strings.TrimPrefix(form.Pull, "#")); err != nil || f.Pull < 1 {
			return f, form, badRequest("The filter pull=%s is not a number.", "Give the number of a pull request, for example pull=42.", form.Pull)
		}
	}
	if n := get("limit"); n != "" {
		if f.Limit, err = strconv.Atoi(n); err != nil || f.Limit < 1 || f.Limit > 500 {
			return f, form, badRequest("The filter limit=%s is not a number from 1 to 500.", "Leave it out for a page of the usual length.", n)
		}
	}
	for t := range strings.SplitSeq(form.Type, ",") {
		switch t := prow.Type(t); t {
		case "":
		case prow.Presubmit, prow.Postsubmit, prow.Periodic, prow.Batch:
			f.Types = append(f.Types, t)
		default:
			return f, form, badRequest("There are no jobs of type %s.", "The types are presubmit, postsubmit, periodic and batch.", t)
		}
	}
	if f.States, err = states(form.State); err != nil {
		return f, form, err
	}
	f.Since, err = since(form.Since, s.Now())
	return f, form, err
}

func states(list string) (out []prow.State, err error) {
	for w := range strings.SplitSeq(list, ",") {
		switch w {
		case "":
		case "waiting":
			out = append(out, prow.Triggered, prow.Scheduling)
		case "running":
			out = append(out, prow.Pending)
		case "passed":
			out = append(out, prow.Success)
		case "failed":
			out = append(out, prow.Failure)
		case "aborted", "error", "scheduling", "triggered", "pending", "success", "failure":
			out = append(out, prow.State(w))
		default:
			return nil, badRequest("There is no state %s.", "The states are waiting, running, passed, failed, aborted and error.", w)
		}
	}
	return out, nil
}

// since reads how far back to look: a length of time, days included, or a time.
func since(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 && n < 1e5 {
			return now.Add(-time.Duration(n * 24 * float64(time.Hour))), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return time.Time{}, badRequest("The filter since=%s is not a length of time.", "Write it like 90m, 24h or 7d, or as a time like 2026-01-31T15:04:05Z.", text)
	}
	return now.Add(-d), nil
}

// parsePull reads the pull request that the address names.
func parsePull(r *http.Request) (prow.IssueID, error) {
	id := prow.IssueID{Repo: repoOf(r)}
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil || n < 1 {
		return id, notFound("%q is not the number of a pull request.", "The address is /pr/OWNER/NAME/NUMBER.", r.PathValue("number"))
	}
	id.Number = n
	return id, nil
}

func repoOf(r *http.Request) prow.Repo {
	return prow.Repo{Owner: r.PathValue("org"), Name: r.PathValue("repo")}
}

// jump goes where the search box says: a pull request, a repository, a run, or
// the jobs of that name.
func (s *Server) jump(w http.ResponseWriter, r *http.Request) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	to := "/jobs"
	if id, err := prow.ParseIssueID(q); err == nil {
		to = pullPath(id)
	} else if repo, err := prow.ParseRepo(q); err == nil {
		to = (&url.URL{Path: "/repo/" + repo.String()}).String()
	} else if _, err := s.get(r.Context(), q); err == nil {
		to = runPath(q)
	} else if q != "" {
		to = "/jobs" + withQuery("", "job", pattern(q))
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// pattern makes what was typed match anywhere in a job's name.
func pattern(q string) string {
	if strings.Contains(q, "*") {
		return q
	}
	return "*" + q + "*"
}

// Types lists what the filter of types offers.
func (v jobsView) Types() []string { return []string{"presubmit", "postsubmit", "periodic", "batch"} }
