package tide

import (
	"context"
	"errors"
	"slices"

	prow "github.com/prow-ci/prow"
)

// maxRecords is how many moves of a branch are kept.
const maxRecords = 1000

// record keeps a move that was made in the history of its branch. Made again
// after a restart it is not kept twice.
func (p *pool) record(ctx context.Context, w *Worker, l *look, m prow.Move, failed error) error {
	r := prow.Record{Time: w.Now(), Action: m.Do, BaseSHA: l.in.BaseSHA, Why: m.Why}
	if failed != nil {
		r.Err = failed.Error()
	}
	for _, t := range m.On {
		r.Target = append(r.Target, prow.PullRef{Number: t.Number, Author: t.Author, Title: t.Title, SHA: t.SHA, HeadRef: t.HeadRef})
	}
	p.mu.Lock()
	if len(p.history) > 0 && sameMove(p.history[0], r) {
		p.mu.Unlock()
		return moveError(m, failed)
	}
	p.history = slices.Insert(p.history, 0, r)
	p.history = p.history[:min(len(p.history), maxRecords)]
	history := slices.Clone(p.history)
	p.mu.Unlock()
	return errors.Join(moveError(m, failed), save(ctx, w.Memory, prow.HistoryName(l.key.Repo, l.key.Branch), history))
}

// moveError is what is left to be tried again: a merge that was refused is
// remembered by itself, a test that could not be started is not.
func moveError(m prow.Move, failed error) error {
	if m.Do == prow.Merge || m.Do == prow.MergeBatch {
		return nil
	}
	return failed
}

func sameMove(a, b prow.Record) bool {
	return a.Action == b.Action && a.BaseSHA == b.BaseSHA && a.Err == b.Err && slices.EqualFunc(a.Target, b.Target, func(x, y prow.PullRef) bool {
		return x.Number == y.Number && x.SHA == y.SHA
	})
}
