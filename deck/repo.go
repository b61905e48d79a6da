package deck

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

type repoView struct {
	Repo     string      `json:"repo"`
	Jobs     []jobLine   `json:"jobs"`
	Queues   []poolLine  `json:"queues"`
	Plugins  []string    `json:"plugins"`
	Pulls    []pullLine  `json:"pulls"`
	Story    []prow.Note `json:"story"` // newest first
	Examined int         `json:"examined"`
}

func (v repoView) head() head {
	return head{Title: v.Repo, Live: "repo=" + v.Repo}
}

// jobLine is a configured job and how it goes.
type jobLine struct {
	Name     string    `json:"name"`
	Type     prow.Type `json:"type"`
	When     string    `json:"when"` // it runs
	Optional bool      `json:"optional,omitempty"`
	Source   string    `json:"source,omitempty"` // file and line
	Stats    stats     `json:"stats"`
	Last     []row     `json:"last"` // newest first
	Missing  bool      `json:"missing,omitempty"`
}

// stats sum up finished runs.
type stats struct {
	Runs   int     `json:"runs"`
	Passed int     `json:"passed"`
	Failed int     `json:"failed"`
	P50    float64 `json:"p50_seconds"`
	P95    float64 `json:"p95_seconds"`
}

// Rate returns how many of the runs that said yes or no said yes.
func (s stats) Rate() float64 {
	if s.Passed+s.Failed == 0 {
		return 0
	}
	return float64(s.Passed) / float64(s.Passed+s.Failed)
}

// Decided returns how many runs said yes or no.
func (s stats) Decided() int { return s.Passed + s.Failed }

func statsOf(rows []row) stats {
	var s stats
	var times []float64
	for _, r := range rows {
		s.Runs++
		switch r.State {
		case prow.Success:
			s.Passed++
		case prow.Failure:
			s.Failed++
		default:
			continue
		}
		times = append(times, r.Seconds)
	}
	slices.Sort(times)
	if n := len(times); n > 0 {
		s.P50, s.P95 = times[n/2], times[min(n-1, n*95/100)]
	}
	return s
}

const repoRuns = 400

func (s *Server) repo(r *http.Request) (view, error) {
	ctx, id := r.Context(), repoOf(r)
	if !s.shownRepo(id) {
		return nil, notFound("Prow knows nothing of %s.", "Check the spelling.", id)
	}
	v := repoView{Repo: id.String(), Jobs: []jobLine{}, Queues: []poolLine{}, Plugins: []string{}, Pulls: []pullLine{}}
	runs, _, err := s.rows(ctx, prow.JobFilter{Repo: id, Limit: repoRuns})
	if err != nil {
		return nil, err
	}
	v.Examined = len(runs)
	cfg := s.Config()
	v.Jobs = s.jobLines(cfg, id, runs)
	if cfg != nil {
		v.Plugins = append(v.Plugins, cfg.Plugins.For(id)...)
	}
	if err := s.repoQueues(ctx, &v, id); err != nil {
		return nil, err
	}
	v.Story, err = s.Journal.Notes(ctx, prow.IssueID{Repo: id}, 80)
	slices.Reverse(v.Story)
	v.Story = told(v.Story, s.self(ctx))
	v.Story = v.Story[:min(len(v.Story), 30)]
	if len(v.Jobs)+len(v.Plugins)+len(v.Queues)+len(v.Story) == 0 && err == nil {
		return nil, notFound("Prow knows nothing of %s.", "A repository is known when a job or a plugin is configured for it, or when a webhook of it came.", id)
	}
	return v, err
}

func (s *Server) repoQueues(ctx context.Context, v *repoView, id prow.Repo) error {
	queues, err := s.poolLines(ctx)
	if err != nil {
		return err
	}
	for _, q := range queues {
		if q.Repo == v.Repo {
			v.Queues = append(v.Queues, q)
		}
	}
	pulls, err := s.pullLines(ctx, "")
	for _, p := range pulls {
		if p.issue.Repo == id && len(v.Pulls) < homePulls {
			v.Pulls = append(v.Pulls, p)
		}
	}
	return err
}

// jobLines lists the jobs configured for a repository, and those that ran there
// although nothing central configures them: the repository's own.
func (s *Server) jobLines(cfg *config.Config, id prow.Repo, runs []row) []jobLine {
	by := map[string][]row{}
	for _, r := range runs {
		if r.Type != prow.Batch {
			by[r.Job] = append(by[r.Job], r)
		}
	}
	var out []jobLine
	add := func(b config.JobBase, t prow.Type, when string, optional bool) {
		if b.Hidden && !s.ShowHidden {
			delete(by, b.Name)
			return
		}
		runs := by[b.Name]
		out = append(out, jobLine{b.Name, t, when, optional, b.Source.String(), statsOf(runs), runs[:min(len(runs), 12)], false})
		delete(by, b.Name)
	}
	if cfg != nil {
		configured(cfg, id, add)
	}
	for name, runs := range by {
		n := runs[0]
		out = append(out, jobLine{name, n.Type, "configured in the repository itself", n.Optional, "", statsOf(runs), runs[:min(len(runs), 12)], true})
	}
	slices.SortStableFunc(out, func(a, b jobLine) int {
		return cmp.Or(cmp.Compare(typeRank(a.Type), typeRank(b.Type)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func typeRank(t prow.Type) int {
	return slices.Index([]prow.Type{prow.Presubmit, prow.Batch, prow.Postsubmit, prow.Periodic}, t)
}

// configured calls add for each job of id.
func configured(cfg *config.Config, id prow.Repo, add func(config.JobBase, prow.Type, string, bool)) {
	for _, p := range cfg.PresubmitsStatic[id.String()] {
		add(p.JobBase, prow.Presubmit, presubmitWhen(&p), !p.Required())
	}
	for _, p := range cfg.PostsubmitsStatic[id.String()] {
		add(p.JobBase, prow.Postsubmit, "after a push"+changed(p.ChangeMatcher), false)
	}
	for _, p := range cfg.Periodics {
		for _, e := range p.ExtraRefs {
			if e.RepoID() == id {
				add(p.JobBase, prow.Periodic, periodicWhen(&p), false)
				break
			}
		}
	}
}

func presubmitWhen(p *config.Presubmit) string {
	switch {
	case p.AlwaysRun:
		return "on every pull request"
	case p.Conditional():
		return "on pull requests" + changed(p.ChangeMatcher)
	case p.RunBeforeMerge:
		return "before a merge"
	}
	return "when asked: " + p.RerunCommand
}

func changed(c config.ChangeMatcher) string {
	switch {
	case c.RunIfChanged != "":
		return " that change " + c.RunIfChanged
	case c.SkipIfOnlyChanged != "":
		return " that change more than " + c.SkipIfOnlyChanged
	}
	return ""
}

func periodicWhen(p *config.Periodic) string {
	switch {
	case p.Cron != "":
		return "by the clock: " + p.Cron
	case p.MinimumInterval != "":
		return p.MinimumInterval + " after it ended"
	}
	return "every " + cmp.Or(p.Interval, length(time.Duration(0)))
}
