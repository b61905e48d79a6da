package tide

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

const settingsAge = time.Hour

// sweep looks at everything the queries are about. A full one asks for all open
// pull requests; the others for those that changed since the last, and for those
// that may merge, because a changed check is no change of a pull request. What a
// failed search did find is used.
func (w *Worker) sweep(ctx context.Context, cfg *config.Config, full bool) error {
	v := w.state().view
	before := v.counts()
	start := w.Now()
	found := map[prow.IssueID]bool{}
	var errs []error
	ask := func(index int, q prow.Query) {
		for p, err := range w.Forge.FindPulls(ctx, q) {
			if err != nil {
				errs = append(errs, fmt.Errorf("search %q: %w", q, err))
				w.Metrics.searched(index, q, false)
				return
			}
			found[p.ID] = true
			w.foundOne(p, before)
		}
		w.Metrics.searched(index, q, true)
	}
	for i, q := range scopes(cfg) {
		if !full {
			q.State, q.UpdatedFrom, q.UpdatedTo = "all", w.state().swept.Add(-30*time.Second), start
		}
		ask(i, q)
	}
	if !full {
		for i := range cfg.Tide.Queries {
			ask(i, cfg.Tide.Queries[i].Query())
		}
	}
	if err := w.sweepBlockers(ctx, cfg); err != nil {
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		w.state().swept = start
		if full {
			w.missing(cfg, found, before)
			if err := w.tidy(ctx, cfg); err != nil {
				errs = append(errs, err)
			}
		}
	}
	for _, k := range v.keys(prow.Repo{}) {
		if full || w.state().pool(k).busy() {
			v.moved(k)
		}
		w.state().bell.Pull(k.String())
	}
	w.Metrics.swept(start, w.Now())
	return errors.Join(errs...)
}

// foundOne stores what a search found; a closed one is looked at once more, so
// that it is said to be merged.
func (w *Worker) foundOne(p *prow.Pull, before map[prow.IssueID]int) {
	v := w.state().view
	if p.State == "" || p.State == "open" {
		v.found(p, before)
		return
	}
	if _, known := v.get(p.ID); known {
		v.touch(p.ID, p.Base)
	}
}

// missing marks what a full search did not find: it is closed, or a query was
// removed.
func (w *Worker) missing(cfg *config.Config, found map[prow.IssueID]bool, before map[prow.IssueID]int) {
	v := w.state().view
	for id, changes := range before {
		e, ok := v.get(id)
		switch {
		case found[id] || !ok || e.changes != changes:
		case len(cfg.Tide.QueriesFor(id.Repo)) == 0:
			v.forget(id)
		default:
			v.touch(id, "")
		}
	}
}

// mergedAge is how long the verdict on a merged pull request is kept.
const mergedAge = 7 * 24 * time.Hour

// tidy puts right what Memory says of pull requests and branches that nobody
// looked at when they changed, because tide did not run.
func (w *Worker) tidy(ctx context.Context, cfg *config.Config) error {
	v := w.state().view
	const pulls, pools = "tide/pull/", "tide/pool/"
	names, err := w.Memory.Names(ctx, pulls)
	if err != nil {
		return err
	}
	for _, name := range names {
		id, err := prow.ParseIssueID(strings.TrimPrefix(name, pulls))
		if err != nil {
			continue // not ours
		}
		_, open := v.get(id)
		switch {
		case open:
		case len(cfg.Tide.QueriesFor(id.Repo)) == 0:
			err = w.Memory.Save(ctx, name, nil)
		default:
			err = w.tidyOne(ctx, id, name)
		}
		if err != nil {
			return err
		}
	}
	if names, err = w.Memory.Names(ctx, pools); err != nil {
		return err
	}
	for _, name := range names {
		w.state().bell.Pull(strings.TrimPrefix(name, pools))
	}
	return nil
}

func (w *Worker) tidyOne(ctx context.Context, id prow.IssueID, name string) error {
	var last prow.Verdict
	if err := load(ctx, w.Memory, name, &last); err != nil {
		return err
	}
	if last.Merged {
		if w.Now().Sub(last.At) > mergedAge {
			return w.Memory.Save(ctx, name, nil)
		}
		return nil
	}
	p, err := w.Forge.Pull(ctx, id)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && p.State == "open" {
		return nil // another query finds it, or none does any more
	}
	return w.close(ctx, id, p)
}

// scopes are the places that queries look at, each once.
func scopes(cfg *config.Config) []prow.Query {
	var out []prow.Query
	for _, q := range cfg.Tide.Queries {
		s := prow.Query{Orgs: q.Orgs, Repos: q.Repos, ExcludedRepos: q.ExcludedRepos}
		if !slices.ContainsFunc(out, func(o prow.Query) bool { return o.String() == s.String() }) {
			out = append(out, s)
		}
	}
	return out
}

func (w *Worker) sweepBlockers(ctx context.Context, cfg *config.Config) error {
	label := cfg.Tide.BlockerLabel
	found := map[prow.IssueID]*prow.Issue{}
	if label != "" {
		for _, q := range scopes(cfg) {
			q.Issues, q.Labels = true, []string{label}
			for i, err := range w.Forge.FindIssues(ctx, q) {
				if err != nil {
					return fmt.Errorf("blockers: %w", err) // those known stay: we fail closed
				}
				found[i.ID] = i
			}
		}
	}
	v := w.state().view
	v.mu.Lock()
	v.blockers = found
	v.mu.Unlock()
	return nil
}

// onBranch finds the branches that the title of a blocker names.
var onBranch = regexp.MustCompile(`(?i)\bbranch:[^\w-]*([\w-./]+)\b`)

// blockersOf returns the issues that block a branch, oldest first.
func (v *view) blockersOf(k key) []prow.Blocker {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []prow.Blocker
	for id, i := range v.blockers {
		if id.Repo == k.Repo && blocks(i.Title, k.Branch) {
			title := strings.Join(strings.Fields(onBranch.ReplaceAllString(i.Title, "")), " ")
			out = append(out, prow.Blocker{Number: id.Number, Title: title, URL: i.URL})
		}
	}
	slices.SortFunc(out, func(a, b prow.Blocker) int { return a.Number - b.Number })
	return out
}

// blocks reports whether an issue with that title blocks the branch: all, if it
// names none.
func blocks(title, branch string) bool {
	named := onBranch.FindAllStringSubmatch(title, -1)
	return len(named) == 0 || slices.ContainsFunc(named, func(m []string) bool { return m[1] == branch })
}
