package tide

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/trigger"
)

// act does what was decided, and keeps it in the history.
func (w *Worker) act(ctx context.Context, l *look, m prow.Move) error {
	var err error
	switch m.Do {
	case prow.Trigger:
		s := l.all.of(m.On[0].Number)
		err = l.test(ctx, m, s.Missing, s.Facts.Results)
	case prow.TriggerBatch:
		err = l.testSet(ctx, m)
	case prow.Merge, prow.MergeBatch:
		return l.merge(ctx, m)
	}
	return l.pool.record(ctx, w, l, m, err)
}

// refs is what a test of pulls checks out.
func (l *look) refs(pulls []prow.PullRef) prow.Refs {
	refs := trigger.PullRefs(l.all.of(pulls[0].Number).Facts.Pull, l.branch.SHA)
	refs.Pulls = pulls
	return refs
}

func (l *look) testSet(ctx context.Context, m prow.Move) error {
	needs, err := l.setNeeds(ctx, m.On)
	if err != nil {
		return err
	}
	var results []Result
	for _, s := range l.in.Sets {
		if slices.Equal(members(s.Refs), members(m.On)) {
			needs = slices.DeleteFunc(slices.Clone(needs), func(n Need) bool { return !slices.Contains(s.Missing, n.Context) })
			for _, j := range l.jobs {
				if j.Spec.Refs.String() == l.refs(s.Refs).String() {
					results = append(results, result(j))
				}
			}
		}
	}
	return l.test(ctx, m, needs, results)
}

// test creates the jobs that m asks for. A job's ID is a hash of what it
// tests and of how many verdicts-less tries there were, so that doing this again
// after a crash makes no second job.
func (l *look) test(ctx context.Context, m prow.Move, needs []Need, before []Result) error {
	refs := l.refs(m.On)
	for _, n := range needs {
		tries := 0
		for _, r := range before {
			if r.Context == n.Context && r.BaseSHA == l.branch.SHA && r.State.Final() {
				tries++
			}
		}
		cause := "tide/" + l.branch.SHA + "/" + strconv.Itoa(tries)
		id := trigger.JobID(cause, n.Job, &refs)
		extra := trigger.Extra{Labels: map[string]string{prow.LabelByTide: "true"}, Why: m.Why}
		var j *prow.Job
		if m.Do == prow.TriggerBatch {
			j = trigger.BatchJob(l.cfg, n.presubmit, refs, id, l.w.Now(), extra)
		} else {
			j = trigger.PresubmitJob(l.cfg, n.presubmit, refs, id, l.w.Now(), extra)
		}
		if err := l.w.Jobs.Create(ctx, j); err != nil {
			return fmt.Errorf("creating job %s: %w", n.Job, err)
		}
	}
	l.w.Metrics.tested(l.key, m)
	return nil
}

// again says when to look again without being woken: when a refusal ends.
func (l *look) again(now time.Time) time.Duration {
	var next time.Duration
	until := func(t time.Time) {
		if d := t.Sub(now); d > 0 && (next == 0 || d < next) {
			next = d
		}
	}
	if l.pool.hold != nil {
		until(l.pool.hold.Until)
	}
	for _, s := range l.all {
		if s.Facts.Refusal != nil {
			until(s.Facts.Refusal.Until)
		}
		if s.Lagging {
			until(s.newest().Add(lag))
		}
	}
	if next > 0 {
		next += 10 * time.Millisecond
	}
	return next
}
