package tide

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// verdicts says of every open pull request how it stands.
func (l *look) verdicts() []prow.Verdict {
	var out []prow.Verdict
	for _, s := range l.all {
		place := 1 + slices.Index(l.in.Pulls, s)
		out = append(out, Say(s, l.rules, &l.in, place, l.setOf(s), l.now))
	}
	return out
}

// setOf returns the set that s is tested with and that may still pass, or nil.
func (l *look) setOf(s *Standing) *Set {
	for _, set := range l.in.Sets {
		if set.State != Failing && slices.ContainsFunc(set.Refs, func(p prow.PullRef) bool { return p.Number == s.Ref.Number }) {
			return set
		}
	}
	return nil
}

// publish writes down the pool and the verdicts, as far as they changed.
func (w *Worker) publish(ctx context.Context, l *look, m prow.Move) {
	p := prow.Pool{Repo: l.key.Repo, Branch: l.key.Branch, BaseSHA: l.in.BaseSHA, Move: m, Blockers: l.in.Blockers, Pulls: []prow.Verdict{}}
	l.said = l.verdicts()
	for i, s := range l.all {
		if s.InPool {
			p.Pulls = append(p.Pulls, l.said[i])
		}
	}
	if _, running, _ := l.in.sets(); running != nil {
		p.Batch = running.Refs
	}
	if m.Do == prow.TriggerBatch {
		p.Batch = m.On
	}
	if err := errors.Join(l.errs...); err != nil {
		p.Error = err.Error()
	}
	l.pool.publish(l, p)
	w.Metrics.pool(l)
	l.keepPool(ctx, p)
	for _, v := range l.said {
		if l.unread[prow.IssueID{Repo: v.Repo, Number: v.Pull.Number}] {
			continue // what was said last is nearer to the truth than "I do not know"
		}
		if err := l.pool.recall(ctx, w.Memory, v); err != nil {
			l.failed(err)
			continue
		}
		l.keepVerdict(ctx, v)
	}
	l.noteMove(ctx, m)
}

// keepPool saves the pool if anything but the time is new.
func (l *look) keepPool(ctx context.Context, p prow.Pool) {
	name := prow.PoolName(l.key.Repo, l.key.Branch)
	same := p
	same.Pulls = slices.Clone(p.Pulls)
	for i := range same.Pulls {
		same.Pulls[i].At = time.Time{}
	}
	p.At = l.now
	l.keep(ctx, name, same, p)
}

func (l *look) keepVerdict(ctx context.Context, v prow.Verdict) {
	id := prow.IssueID{Repo: v.Repo, Number: v.Pull.Number}
	same := v
	same.At = time.Time{}
	l.keep(ctx, prow.VerdictName(id), same, v)
	if l.pool.told[id.Number] != v.Text {
		l.pool.told[id.Number] = v.Text
		l.note(ctx, prow.Note{At: l.now, Where: id, Who: "tide", Kind: "decision", Text: v.Text})
	}
}

// keep saves v under name if what stays the same of it is new. What could not be
// saved is saved at the next look.
func (l *look) keep(ctx context.Context, name string, same, v any) {
	text, err := json.Marshal(same)
	if err != nil {
		l.failed(err)
		return
	}
	if l.pool.saved[name] == short(string(text)) {
		return
	}
	if err := save(ctx, l.w.Memory, name, v); err != nil {
		l.failed(err)
		return
	}
	l.pool.saved[name] = short(string(text))
}

// noteMove tells the story of each pull request what is done with it, and of
// the branch what was decided, when that changes.
func (l *look) noteMove(ctx context.Context, m prow.Move) {
	if m.Why == l.pool.moved {
		return
	}
	l.pool.moved = m.Why
	text := fmt.Sprintf("%s: %s", l.key.Branch, m.Why)
	l.note(ctx, prow.Note{At: l.now, Where: prow.IssueID{Repo: l.key.Repo}, Who: "tide", Kind: "decision", Text: text})
	var did string
	switch m.Do {
	case prow.Trigger:
		did = "Tests it on the newest " + l.key.Branch + ": " + m.Why
	case prow.TriggerBatch:
		did = "Tests it together with others: " + m.Why + " " + numbers(m.On)
	case prow.Merge, prow.MergeBatch:
		did = "Merges it: " + m.Why
	default:
		return
	}
	for _, p := range m.On {
		l.note(ctx, prow.Note{At: l.now, Where: prow.IssueID{Repo: l.key.Repo, Number: p.Number}, Who: "tide", Kind: "decision", Text: did})
	}
}

func (l *look) note(ctx context.Context, n prow.Note) {
	if l.w.Journal == nil {
		return
	}
	if err := l.w.Journal.Record(ctx, n); err != nil {
		l.failed(fmt.Errorf("journal: %w", err))
	}
}

// mergedOne says that s is merged.
func (l *look) mergedOne(ctx context.Context, s *Standing) {
	id := s.Facts.Pull.ID
	l.w.state().view.forget(id)
	l.pool.hold = nil
	v := prow.Verdict{Pull: s.Ref, Repo: l.key.Repo, Branch: l.key.Branch, At: l.now, State: prow.CheckSuccess, Text: "Merged.", Tests: s.Tests, Merged: true}
	if err := errors.Join(save(ctx, l.w.Memory, prow.VerdictName(id), v), l.w.forgetRefusal(ctx, s.Facts)); err != nil {
		l.failed(err)
	}
	delete(l.pool.saved, prow.VerdictName(id))
	l.note(ctx, prow.Note{At: l.now, Where: id, Who: "tide", Kind: "decision", Text: "Merged into " + l.key.Branch + "."})
	l.w.Log.Info("merged", "worker", "tide", "pull", id.String(), "sha", s.Ref.SHA)
}

func (w *Worker) forgetRefusal(ctx context.Context, f *Facts) error {
	if f.Refusal == nil {
		return nil
	}
	return w.Memory.Save(ctx, refusalName(f.Pull.ID), nil)
}

// close forgets what was said of a pull request that is not open any more; p is
// nil if it is gone. Of a merged one it is said that it is.
func (w *Worker) close(ctx context.Context, id prow.IssueID, p *prow.Pull) error {
	name := prow.VerdictName(id)
	if p == nil || !p.Merged {
		return errors.Join(w.Memory.Save(ctx, name, nil), w.Memory.Save(ctx, refusalName(id), nil))
	}
	var old prow.Verdict
	if err := load(ctx, w.Memory, name, &old); err != nil {
		return err
	}
	if old.Merged {
		return nil
	}
	if old.State != prow.CheckSuccess {
		// It was merged behind the back of what was said last: by hand, or by a
		// merge that the forge carried out after we had been cut off.
		c := prow.Check{Name: ownContext, State: prow.CheckSuccess, Text: "Merged."}
		if err := w.Forge.SetCheck(ctx, id.Repo, p.HeadSHA, c); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return save(ctx, w.Memory, name, prow.Verdict{Pull: p.Ref(), Repo: id.Repo, Branch: p.Base, At: w.Now(), State: prow.CheckSuccess, Text: "Merged.", Merged: true})
}

// drop forgets a pool whose branch is gone.
func (w *Worker) drop(ctx context.Context, k key) error {
	s := w.state()
	s.mu.Lock()
	delete(s.pools, k)
	s.mu.Unlock()
	w.Metrics.forget(k)
	return w.Memory.Save(ctx, prow.PoolName(k.Repo, k.Branch), nil)
}

// sayBroken writes into the pool why it could not be looked at.
func (w *Worker) sayBroken(ctx context.Context, k key, why error) error {
	var p prow.Pool
	name := prow.PoolName(k.Repo, k.Branch)
	if err := load(ctx, w.Memory, name, &p); err != nil {
		return err
	}
	if text := strings.TrimSpace(why.Error()); p.Error != text {
		p.Repo, p.Branch, p.Error, p.At = k.Repo, k.Branch, text, w.Now()
		delete(w.state().pool(k).saved, name)
		return save(ctx, w.Memory, name, p)
	}
	return nil
}
