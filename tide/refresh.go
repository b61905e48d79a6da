package tide

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// refresh asks the forge for what is stale of a pull request. One that is
// closed is forgotten.
func (w *Worker) refresh(ctx context.Context, cfg *config.Config, id prow.IssueID) error {
	v := w.state().view
	e, ok := v.get(id)
	if !ok {
		return nil
	}
	if e.stale {
		p, err := w.Forge.Pull(ctx, id)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", id, err)
		}
		if err != nil || p.State != "open" {
			v.forget(id)
			return w.close(ctx, id, p)
		}
		w.took(id, e.changes, p)
	}
	if e, _ = v.get(id); e.unsure && e.pull != nil {
		checks, err := w.Forge.Checks(ctx, id.Repo, e.pull.HeadSHA)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		v.update(id, func(now *seen) {
			now.checks = checks
			now.unsure = now.changes != e.changes
		})
	}
	return w.refreshReviews(ctx, cfg, id)
}

// took stores a pull request that was read when its changes were counted.
func (w *Worker) took(id prow.IssueID, changes int, p *prow.Pull) {
	w.state().view.update(id, func(e *seen) {
		if e.pull == nil || e.pull.HeadSHA != p.HeadSHA {
			e.unsure = true
		}
		e.pull, e.stale, e.read = p, e.changes != changes, w.Now()
	})
}

// refreshReviews finds out whether reviews approve, where a query asks for it
// and the forge does not say it by itself.
func (w *Worker) refreshReviews(ctx context.Context, cfg *config.Config, id prow.IssueID) error {
	v := w.state().view
	e, ok := v.get(id)
	if !ok || !e.reviews || e.pull == nil {
		return nil
	}
	asked := slices.ContainsFunc(cfg.Tide.QueriesFor(id.Repo), func(q config.TideQuery) bool { return q.ReviewApprovedRequired })
	approved := e.pull.ReviewDecision == "APPROVED"
	if asked && e.pull.ReviewDecision == "" {
		reviews, err := w.Forge.Reviews(ctx, id)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		approved = approves(reviews)
	}
	v.update(id, func(now *seen) {
		now.approved = approved
		now.reviews = now.changes != e.changes
	})
	return nil
}

// approves reports whether someone approves and nobody asks for changes, by
// the last word of each.
func approves(reviews []prow.Review) bool {
	last := map[string]prow.ReviewState{}
	for _, r := range reviews {
		switch r.State {
		case prow.ReviewApproved, prow.ReviewChanges, prow.ReviewDismissed:
			last[prow.NormLogin(r.Author)] = r.State
		}
	}
	approved := false
	for _, state := range last {
		if state == prow.ReviewChanges {
			return false
		}
		approved = approved || state == prow.ReviewApproved
	}
	return approved
}

// branch returns where a branch stands, from memory unless it moved.
func (w *Worker) branch(ctx context.Context, k key) (*prow.Branch, error) {
	v := w.state().view
	v.mu.Lock()
	b := v.branches[k]
	v.mu.Unlock()
	if b != nil {
		return b, nil
	}
	b, err := w.Forge.Branch(ctx, k.Repo, k.Branch)
	if err != nil {
		return nil, fmt.Errorf("branch %s: %w", k, err)
	}
	v.mu.Lock()
	v.branches[k] = b
	v.mu.Unlock()
	return b, nil
}

// allowed returns the merge methods that the repository permits; asked for once
// an hour.
func (w *Worker) allowed(ctx context.Context, r prow.Repo) ([]prow.MergeMethod, error) {
	v := w.state().view
	v.mu.Lock()
	known, ok := v.repos[r]
	v.mu.Unlock()
	if !ok || w.Now().Sub(known.at) > settingsAge {
		got, err := w.Forge.Repository(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("repository %s: %w", r, err)
		}
		known = repository{got, w.Now()}
		v.mu.Lock()
		v.repos[r] = known
		v.mu.Unlock()
	}
	out := []prow.MergeMethod{}
	for m, ok := range map[prow.MergeMethod]bool{prow.MergeCommit: known.AllowMerge, prow.MergeSquash: known.AllowSquash, prow.MergeRebase: known.AllowRebase} {
		if ok {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		return nil, nil // the forge does not show the settings to everyone
	}
	return out, nil
}

// each calls f for every item, a few at once.
func each[T any](items []T, f func(T)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, x := range items {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(x)
		})
	}
	wg.Wait()
}
