package tide

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// errMoved says that what was decided on is not so any more: look again.
var errMoved = errors.New("something changed while merging")

// Pauses before a merge that the forge refused is tried again if nothing
// changes; they double. A fault of the moment comes back sooner.
const (
	pauseRefused = time.Minute
	pauseFault   = 2 * time.Second
	pauseLongest = time.Hour
)

// merge merges the pull requests of m in order, after a last look at each.
func (l *look) merge(ctx context.Context, m prow.Move) error {
	moved, err := l.lastLook(ctx, m)
	if err != nil || moved {
		return err
	}
	base := l.branch.SHA
	var merged []int
	var failed []string
	var failedNumbers []int
	var back error // the forge says when to come back
	for i, ref := range m.On {
		s := l.all.of(ref.Number)
		if i > 0 && len(merged) > 0 {
			if base, err = l.follow(ctx, m.On, merged, base); err != nil {
				failed, failedNumbers = append(failed, fmt.Sprintf("#%d: %v", ref.Number, err)), append(failedNumbers, ref.Number)
				break
			}
		}
		err := l.mergeOne(ctx, m, s, base)
		if err == nil {
			merged = append(merged, ref.Number)
			l.mergedOne(ctx, s)
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed, failedNumbers = append(failed, fmt.Sprintf("#%d: %v", ref.Number, err)), append(failedNumbers, ref.Number)
		if stop := l.refused(ctx, s, err, &back); stop {
			break
		}
	}
	l.w.state().view.moved(l.key)
	l.w.Metrics.merged(l.key, len(merged))
	var report error
	if len(failed) > 0 {
		report = errors.New(mergeError(m, failedNumbers, merged, failed))
	}
	return errors.Join(l.pool.record(ctx, l.w, l, m, report), back)
}

// mergeError is the error of a move as history shows it.
func mergeError(m prow.Move, failed, merged []int, why []string) string {
	text := fmt.Sprintf("failed merging %v", failed)
	if len(m.On) > 1 {
		var all []int
		for _, p := range m.On {
			all = append(all, p.Number)
		}
		text += fmt.Sprintf(" from batch %v", all)
		if len(merged) > 0 {
			text += fmt.Sprintf(", partial merge %v", merged)
		}
	}
	return text + ": " + strings.Join(why, "; ")
}

// fresh is how old what was read of a pull request may be when it merges, as
// long as no event came since.
const fresh = time.Second

// lastLook reads the branch and the pull requests once more right before they
// merge: a /hold of a moment ago counts. It reports whether something is not as
// it was decided on; the next look sees it then.
func (l *look) lastLook(ctx context.Context, m prow.Move) (moved bool, err error) {
	var mu sync.Mutex
	note := func(changed bool, e error) {
		mu.Lock()
		defer mu.Unlock()
		moved, err = moved || changed, errors.Join(err, e)
	}
	v := l.w.state().view
	var jobs []func()
	jobs = append(jobs, func() {
		b, e := l.w.Forge.Branch(ctx, l.key.Repo, l.key.Branch)
		if e != nil || b.SHA != l.branch.SHA || !slices.Equal(b.Required, l.branch.Required) {
			v.moved(l.key)
			note(true, e)
		}
	})
	set := l.passed(m)
	for _, ref := range m.On {
		jobs = append(jobs, func() {
			s := l.all.of(ref.Number)
			id := s.Facts.Pull.ID
			before, _ := v.get(id)
			if !before.stale && before.pull == s.Facts.Pull && l.w.Now().Sub(before.read) < fresh {
				return // it was read for this very look
			}
			p, e := l.w.Forge.Pull(ctx, id)
			if e != nil {
				note(true, e)
				return
			}
			l.w.took(id, before.changes, p)
			f := *s.Facts
			f.Pull = p
			now := Assess(&f, l.rules, l.branch.SHA, l.now)
			ok := p.State == "open" && p.HeadSHA == ref.SHA && p.Base == l.key.Branch && (now.InPool || set != nil && now.fits(set.contexts()))
			if !ok {
				v.touch(id, p.Base)
			}
			note(!ok, nil)
		})
	}
	each(jobs, func(f func()) { f() })
	return moved, err
}

// passed returns the set that m merges, nil for a single one.
func (l *look) passed(m prow.Move) *Set {
	for _, s := range l.in.Sets {
		if s.State == Passing && slices.Equal(members(s.Refs), members(m.On)) {
			return s
		}
	}
	return nil
}

func (s *Set) contexts() []string {
	out := make([]string, 0, len(s.Jobs))
	for c := range s.Jobs {
		out = append(out, c)
	}
	return out
}

// Patience with a forge that is slow to see what it just did.
const (
	maxLooks  = 6
	firstLook = 50 * time.Millisecond
)

// follow waits until the branch is where the last merge left it, and returns
// that commit. A commit of someone else on top means that the rest was not
// tested on it.
func (l *look) follow(ctx context.Context, refs []prow.PullRef, merged []int, base string) (string, error) {
	last := prow.IssueID{Repo: l.key.Repo, Number: merged[len(merged)-1]}
	for try := range maxLooks {
		b, err := l.w.Forge.Branch(ctx, l.key.Repo, l.key.Branch)
		if err != nil {
			return "", err
		}
		p, err := l.w.Forge.Pull(ctx, last)
		if err != nil {
			return "", err
		}
		switch {
		case p.Merged && b.SHA != base && (p.MergeSHA == b.SHA || p.MergeSHA == ""):
			return b.SHA, nil
		case p.Merged && b.SHA != base && p.MergeSHA != base:
			return "", fmt.Errorf("%w: %s was pushed to by someone else", errMoved, l.key.Branch)
		}
		if err := pause(ctx, firstLook<<try); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%w: the forge does not show the merge of #%d", errMoved, last.Number)
}

// maxTries is how often a merge is tried that fails because the forge has not
// yet digested the one before.
const maxTries = 3

// mergeOne merges one pull request onto base.
func (l *look) mergeOne(ctx context.Context, m prow.Move, s *Standing, base string) error {
	if err := l.clear(ctx, m, s); err != nil {
		return err
	}
	how := prow.MergeHow{Method: s.Method, SHA: s.Ref.SHA}
	how.Title, how.Body = l.commitText(s)
	for try := 1; ; try++ {
		err := l.w.Forge.Merge(ctx, s.Facts.Pull.ID, how)
		if !errors.Is(err, prow.ErrBaseMoved) || try == maxTries {
			return err
		}
		b, errB := l.w.Forge.Branch(ctx, l.key.Repo, l.key.Branch)
		if errB != nil || b.SHA != base {
			return errors.Join(err, errB) // it did move: what was tested does not hold
		}
		if err := pause(ctx, firstLook<<try); err != nil {
			return err
		}
	}
}

// clear makes the statuses such that the forge lets s in: tide's own, and those
// that a passed set settles.
func (l *look) clear(ctx context.Context, m prow.Move, s *Standing) error {
	own := prow.Check{Name: ownContext, State: prow.CheckSuccess, URL: targetURL(l.cfg, s.Facts.Pull)}
	if !slices.ContainsFunc(s.Facts.Checks, func(c prow.Check) bool { return c.Name == ownContext && c.State == prow.CheckSuccess }) {
		if err := l.w.write(ctx, s.Facts.Pull.ID, s.Ref.SHA, own); err != nil {
			return fmt.Errorf("setting status %s: %w", ownContext, err)
		}
	}
	set := l.passed(m)
	if set == nil {
		return nil
	}
	settled := false
	for _, o := range s.Open {
		r, ok := set.Jobs[o.Context]
		overwrite := o.State == prow.CheckPending && s.Facts.Policy.OverwritePending || slices.Contains(s.Facts.Policy.Forge, o.Context)
		if !ok || !overwrite {
			continue
		}
		c := prow.Check{Name: o.Context, State: prow.CheckSuccess, Text: prow.WithBase(r.Why, r.BaseSHA), URL: r.URL}
		if err := l.w.write(ctx, s.Facts.Pull.ID, s.Ref.SHA, c); err != nil {
			return fmt.Errorf("setting status %s: %w", o.Context, err)
		}
		settled = true
	}
	if settled {
		if err := l.w.Forge.Uncomment(ctx, s.Facts.Pull.ID, prow.TestReport); err != nil { // no reason not to merge
			l.w.Log.Warn("comment on failed tests not removed", "worker", "tide", "pull", s.Facts.Pull.ID.String(), "err", err)
		}
	}
	return nil
}

// refused remembers why s was not merged, and reports whether the rest of the
// set is not to be tried either.
func (l *look) refused(ctx context.Context, s *Standing, err error, back *error) (stop bool) {
	id := s.Facts.Pull.ID
	v := l.w.state().view
	v.touch(id, l.key.Branch)
	var later *prow.RetryAfter
	switch {
	case errors.As(err, &later):
		*back = err
		return true
	case errors.Is(err, prow.ErrHeadMoved):
		return false // the next look sees the new head
	}
	r := Refusal{SHA: s.Ref.SHA, Words: words(err), Tries: 1, At: l.w.Now(), Seen: fingerprint(s.Facts, l.branch.SHA)}
	first := pauseFault
	if refusal(err) {
		first = pauseRefused
	}
	if old := s.Facts.Refusal; old != nil && old.SHA == r.SHA {
		r.Tries = old.Tries + 1
	}
	r.Until = r.At.Add(min(first<<min(r.Tries-1, 12), pauseLongest))
	if errors.Is(err, prow.ErrPushForbidden) {
		hold := r
		hold.SHA = l.branch.SHA
		if old := l.pool.hold; old != nil {
			hold.Tries = old.Tries + 1
			hold.Until = hold.At.Add(min(pauseRefused<<min(hold.Tries-1, 12), pauseLongest))
		}
		l.pool.hold = &hold
		return true
	}
	v.update(id, func(e *seen) { e.refusal, e.recalled = &r, true })
	if errS := save(ctx, l.w.Memory, refusalName(id), r); errS != nil {
		l.failed(errS)
	}
	return errors.Is(err, prow.ErrMergeForbidden)
}

// refusal reports whether the forge said no, rather than having a bad moment.
func refusal(err error) bool {
	return errors.Is(err, prow.ErrNotMergeable) || errors.Is(err, prow.ErrPushForbidden) || errors.Is(err, prow.ErrMergeForbidden) ||
		errors.Is(err, prow.ErrForbidden) || prow.IsFinal(err)
}

// words are the forge's own, on one line.
func words(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func refusalName(id prow.IssueID) string { return "tide/refused/" + id.String() }

// refusal returns the refusal of a pull request, from before a restart too.
func (w *Worker) refusal(ctx context.Context, id prow.IssueID) (*Refusal, error) {
	v := w.state().view
	e, ok := v.get(id)
	if !ok || e.recalled {
		return e.refusal, nil
	}
	var r *Refusal
	if err := load(ctx, w.Memory, refusalName(id), &r); err != nil {
		return nil, err
	}
	v.update(id, func(e *seen) { e.refusal, e.recalled = r, true })
	return r, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
