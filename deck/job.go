package deck

import (
	"math"
	"net/http"
	"net/url"

	prow "github.com/prow-ci/prow"
)

type jobView struct {
	Name  string `json:"name"`
	Repo  string `json:"repo,omitempty"` // if only runs there were asked for
	Type  string `json:"type,omitempty"`
	Runs  []row  `json:"runs"` // newest first
	Stats stats  `json:"stats"`
	Next  string `json:"next,omitempty"` // for the parameter before
	// Tests failed or were flaky in the newest runs, the worst first.
	Tests []testRecord `json:"tests"`
}

func (v jobView) head() head { return head{Title: v.Name, Section: "jobs", Live: "job=" + v.Name} }

const jobRuns = 60

func (s *Server) job(r *http.Request) (view, error) {
	v := jobView{Name: r.PathValue("name"), Repo: r.URL.Query().Get("repo")}
	f := prow.JobFilter{Job: v.Name, Limit: jobRuns, Before: r.URL.Query().Get("before")}
	if v.Repo != "" {
		var err error
		if f.Repo, err = prow.ParseRepo(v.Repo); err != nil {
			return nil, badRequest("repo=%s names no repository.", "Write it as owner/name.", v.Repo)
		}
	}
	var more bool
	var err error
	if v.Runs, more, err = s.rows(r.Context(), f); err != nil {
		return nil, err
	}
	if len(v.Runs) == 0 && f.Before == "" {
		return nil, notFound("No run of %s is known.", "Perhaps it has not run yet, or its runs are so old that they are forgotten. /jobs lists all there are.", v.Name)
	}
	if more {
		v.Next = v.Runs[len(v.Runs)-1].ID
	}
	for _, r := range v.Runs { // a batch runs what is a presubmit otherwise
		if v.Type == "" || v.Type == string(prow.Batch) {
			v.Type = string(r.Type)
		}
	}
	v.Stats = statsOf(v.Runs)
	v.Tests, err = s.record(r.Context(), f)
	return v, err
}

// NextPath returns the page of older runs.
func (v jobView) NextPath() string {
	q := url.Values{"before": {v.Next}}
	if v.Repo != "" {
		q.Set("repo", v.Repo)
	}
	return "/job/" + url.PathEscape(v.Name) + "?" + q.Encode()
}

// bar is a run in the chart of durations.
type bar struct {
	X, Y, W, H float64
	Row        row
}

// chart is durations over time, oldest at the left.
type chart struct {
	Bars     []bar
	Top, Mid float64 // seconds at the upper edge, and in the middle
	Width    float64
}

// The chart's measures, in its own units.
const (
	chartWide, chartHigh = 600, 120
)

// Chart returns the durations as bars.
func (v jobView) Chart() chart {
	c := chart{Width: chartWide}
	for _, r := range v.Runs {
		c.Top = max(c.Top, r.Seconds)
	}
	c.Top = nice(c.Top)
	c.Mid = c.Top / 2
	step := chartWide / float64(max(len(v.Runs), 20))
	for i := range v.Runs {
		r := v.Runs[len(v.Runs)-1-i]
		h := max(2, r.Seconds/c.Top*chartHigh)
		c.Bars = append(c.Bars, bar{float64(i) * step, chartHigh - h, step * 0.72, h, r})
	}
	return c
}

// nice rounds seconds up to a number that people read easily.
func nice(sec float64) float64 {
	if sec <= 1 {
		return 1
	}
	for _, n := range []float64{2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400} {
		if sec <= n {
			return n
		}
	}
	return math.Ceil(sec/7200) * 7200
}
