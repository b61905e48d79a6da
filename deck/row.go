package deck

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// row is a run in a list.
type row struct {
	ID        string         `json:"id"`
	Job       string         `json:"job"`
	Type      prow.Type      `json:"type"`
	State     prow.State     `json:"state"`
	Word      string         `json:"word"` // the state as the pages call it
	Why       string         `json:"why,omitempty"`
	Repo      string         `json:"repo,omitempty"`
	Base      string         `json:"base,omitempty"`
	BaseSHA   string         `json:"base_sha,omitempty"`
	Pulls     []prow.PullRef `json:"pulls,omitempty"`
	Context   string         `json:"context,omitempty"`
	Cluster   string         `json:"cluster,omitempty"`
	BuildID   string         `json:"build_id,omitempty"`
	Optional  bool           `json:"optional,omitempty"`
	Hidden    bool           `json:"hidden,omitempty"`
	Created   time.Time      `json:"created"`
	Started   *time.Time     `json:"started,omitempty"`
	Finished  *time.Time     `json:"finished,omitempty"`
	Seconds   float64        `json:"seconds,omitempty"` // from start to end, or until now
	RerunOf   string         `json:"rerun_of,omitempty"`
	Because   string         `json:"because,omitempty"` // why it was started
	RerunWith string         `json:"rerun_with,omitempty"`
	Report    bool           `json:"report,omitempty"`
}

// rowOf makes the row of j as of now.
func rowOf(j *prow.Job, now time.Time) row {
	r := row{
		ID: j.Name, Job: j.Spec.Job, Type: j.Spec.Type, State: j.Status.State, Word: word(j.Status.State), Why: j.Status.Description,
		Context: j.Spec.Context, Cluster: j.Spec.Cluster, BuildID: j.Status.BuildID, Hidden: j.Spec.Hidden, Report: j.Spec.Report,
		Optional: j.Labels[prow.LabelOptional] == "true", RerunOf: j.Annotations[prow.AnnotationRerunOf],
		Because: j.Annotations[prow.AnnotationWhy], RerunWith: j.Spec.RerunCommand,
		Created: j.CreationTimestamp.Time,
	}
	if r.Created.IsZero() {
		r.Created = j.Status.StartTime.Time
	}
	if refs := j.MainRefs(); refs != nil {
		r.Repo, r.Base, r.BaseSHA, r.Pulls = refs.RepoID().String(), refs.BaseRef, refs.BaseSHA, refs.Pulls
	}
	end := now
	if t := j.Status.CompletionTime; t != nil {
		r.Finished, end = &t.Time, t.Time
	}
	if t := j.Status.PendingTime; t != nil {
		r.Started = &t.Time
		r.Seconds = max(0, end.Sub(t.Time).Seconds())
	}
	return r
}

// Running reports whether the clock of r still runs.
func (r row) Running() bool { return r.State == prow.Pending && r.Finished == nil }

// Red reports whether r needs a look.
func (r row) Red() bool { return r.State == prow.Failure || r.State == prow.Error }

// Waiting reports whether r has not started.
func (r row) Waiting() bool { return r.Word == "waiting" }

// rank orders states: what failed, then what runs or waits, then the rest.
func rank(s prow.State) int {
	switch s {
	case prow.Failure, prow.Error:
		return 0
	case prow.Pending:
		return 1
	case prow.Triggered, prow.Scheduling, "":
		return 2
	}
	return 3
}

// failingFirst sorts rows by rank, and the newest first within a rank.
func failingFirst(rows []row) {
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(rank(a.State), rank(b.State)), b.Created.Compare(a.Created))
	})
}

// shown reports whether readers may know of j.
func (s *Server) shown(j *prow.Job) bool {
	if s.ShowHidden {
		return true
	}
	refs := j.MainRefs()
	return !j.Spec.Hidden && (refs == nil || s.shownRepo(refs.RepoID()))
}

// shownRepo reports whether readers may know of r.
func (s *Server) shownRepo(r prow.Repo) bool {
	if s.ShowHidden {
		return true
	}
	cfg := s.Config()
	return cfg == nil || !config.Listed(cfg.Deck.HiddenRepos, r)
}

// get returns a job that readers may see; a hidden one is as good as absent.
func (s *Server) get(ctx context.Context, id string) (*prow.Job, error) {
	j, err := s.Jobs.Get(ctx, id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !s.shown(j) {
		return nil, notFound("There is no run %s (any more).", "Finished runs are forgotten after some days; their files stay in the artifacts.", id)
	}
	return j, err
}

// find lists jobs that readers may see, at most f.Limit, going on past hidden
// ones; more says that there are others after them.
func (s *Server) find(ctx context.Context, f prow.JobFilter) (jobs []*prow.Job, more bool, err error) {
	want := f.Limit
	f.Visible = !s.ShowHidden
	f.Limit = want + 1
	for {
		page, err := s.Jobs.List(ctx, f)
		if err != nil {
			return nil, false, err
		}
		for _, j := range page {
			if !s.shown(j) {
				continue
			}
			if len(jobs) == want {
				return jobs, true, nil
			}
			jobs = append(jobs, j)
		}
		if len(page) < f.Limit {
			return jobs, false, nil
		}
		f.Before = page[len(page)-1].Name
	}
}

// rows lists runs like find.
func (s *Server) rows(ctx context.Context, f prow.JobFilter) ([]row, bool, error) {
	jobs, more, err := s.find(ctx, f)
	now, out := s.Now(), make([]row, 0, len(jobs))
	for _, j := range jobs {
		out = append(out, rowOf(j, now))
	}
	return out, more, err
}
