package tide

import (
	"context"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Wake tells tide of an event. It returns at once; what the event is about is
// looked at again, and no more than that.
func (w *Worker) Wake(e prow.Event) {
	r := e.Where().Repo
	cfg := w.Config()
	if len(cfg.Tide.QueriesFor(r)) == 0 {
		return
	}
	s := w.state()
	var keys []key
	switch e := e.(type) {
	case prow.PullEvent:
		keys = s.view.touch(e.At, e.Pull.Base)
	case prow.ReviewEvent:
		keys = s.view.touch(e.At, e.Pull.Base)
	case prow.StatusEvent:
		keys = s.view.touchCommit(r, e.SHA, e.Check.Name, e.Check.Text)
	case prow.PushEvent:
		k := key{r, e.Branch}
		s.view.moved(k)
		if len(s.view.in(k)) > 0 {
			keys = []key{k}
		}
	case prow.IssueEvent:
		keys = w.wakeBlocker(cfg, &e)
	}
	for _, k := range keys {
		s.bell.Pull(k.String())
	}
}

// wakeBlocker takes what an event says of a blocking issue. The next full pass
// puts right what events in a wrong order left.
func (w *Worker) wakeBlocker(cfg *config.Config, e *prow.IssueEvent) []key {
	label := cfg.Tide.BlockerLabel
	if label == "" {
		return nil
	}
	v := w.state().view
	v.mu.Lock()
	_, known := v.blockers[e.At]
	gone := e.Action == "deleted" || e.Action == "transferred"
	blocks := !gone && e.Issue.State == "open" && e.Issue.HasLabel(label)
	if blocks {
		v.blockers[e.At] = &e.Issue
	} else {
		delete(v.blockers, e.At)
	}
	v.mu.Unlock()
	if !known && !blocks {
		return nil
	}
	return v.keys(e.At.Repo)
}

// flood is how many changed jobs are too many to look at each.
const flood = 200

// watchJobs looks again at the pools whose jobs change.
func (w *Worker) watchJobs(ctx context.Context) {
	ids := make(chan string, 4*flood)
	go func() {
		defer close(ids)
		for id := range w.Jobs.Watch(ctx) {
			select {
			case ids <- id:
			case <-ctx.Done():
				return
			}
		}
	}()
	for id := range ids {
		batch := []string{id}
		for more := true; more; {
			select {
			case id, ok := <-ids:
				more = ok
				if ok {
					batch = append(batch, id)
				}
			default:
				more = false
			}
		}
		w.jobsChanged(ctx, batch)
	}
}

// jobsChanged pulls the bell of the pools that jobs belong to. Where there are
// very many, as at the start, it pulls all.
func (w *Worker) jobsChanged(ctx context.Context, ids []string) {
	s := w.state()
	if len(ids) > flood {
		for _, k := range s.view.keys(prow.Repo{}) {
			s.bell.Pull(k.String())
		}
		return
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		s.mu.Lock()
		k, ok := s.jobPool[id]
		s.mu.Unlock()
		if !ok {
			k, ok = w.poolOfJob(ctx, id)
		}
		if ok {
			s.bell.Pull(k.String())
		}
	}
}

func (w *Worker) poolOfJob(ctx context.Context, id string) (key, bool) {
	j, err := w.Jobs.Get(ctx, id)
	if err != nil || j.Spec.Refs == nil || j.Spec.Type != prow.Presubmit && j.Spec.Type != prow.Batch {
		return key{}, false // gone, or none of ours; the full pass is the net
	}
	k := key{j.Spec.Refs.RepoID(), j.Spec.Refs.BaseRef}
	return k, len(w.state().view.in(k)) > 0
}

// Periods unless configured, and how many passes ask for changes only before
// one asks for everything.
const (
	syncPeriod = time.Minute
	fullEvery  = 10
	retryPass  = 5 * time.Second
)

// sweepAlways makes the full pass at the start, and again and again as a net
// under the events. A changed configuration is noticed within a second. It closes
// looked after the first pass, even a failed one: events go on working.
func (w *Worker) sweepAlways(ctx context.Context, looked chan<- struct{}) {
	var version string
	var wait time.Duration // until the next pass
	passes := 0            // since the last full one
	for ctx.Err() == nil {
		cfg := w.Config()
		if cfg.Version != version {
			version, passes, wait = cfg.Version, 0, 0
		}
		if wait <= 0 {
			wait = period(cfg)
			if err := w.sweep(ctx, cfg, passes%fullEvery == 0); err != nil && ctx.Err() == nil {
				w.Log.Error("full pass failed", "worker", "tide", "err", err)
				passes, wait = -1, min(wait, retryPass)
			}
			passes++
			if looked != nil {
				close(looked)
				looked = nil
			}
		}
		_ = pause(ctx, time.Second) // the loop asks ctx itself
		wait -= time.Second
	}
}

func period(cfg *config.Config) time.Duration {
	if p := cfg.Tide.SyncPeriod; p != nil && p.Duration > 0 {
		return p.Duration
	}
	return syncPeriod
}
