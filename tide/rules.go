package tide

import (
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// ownContext is the status that tide itself writes.
const ownContext = "tide"

// Rules are what is configured for one branch, and what the forge itself asks.
type Rules struct {
	Repo    prow.Repo
	Branch  string
	Queries []config.TideQuery // those that are about Repo
	ShowAll bool               // mention every query, not only the closest

	Method                               prow.MergeMethod
	SquashLabel, RebaseLabel, MergeLabel string
	Allowed                              []prow.MergeMethod // by the settings of the repository; nil: not known
	Blocks                               string             // ignore, permit or block

	Limit       int  // of a batch; 0: none; below 0: no batches
	KeepBatches bool // test a set again that was a batch before
	Priority    []config.TidePriority
}

// rulesFor reads what is configured for a branch.
func rulesFor(cfg *config.Config, k key) *Rules {
	t := &cfg.Tide
	return &Rules{
		Repo: k.Repo, Branch: k.Branch, Queries: t.QueriesFor(k.Repo), ShowAll: t.DisplayAllQueries,
		Method: t.MergeMethods.For(k.Repo, k.Branch), SquashLabel: t.SquashLabel, RebaseLabel: t.RebaseLabel, MergeLabel: t.MergeLabel,
		Blocks: t.MergeBlocks(k.Repo), Limit: t.BatchLimit(k.Repo), KeepBatches: t.PrioritizeBatches(k.Repo), Priority: t.Priority,
	}
}

// method returns how p is merged; wrong says why it cannot be told.
func (r *Rules) method(p *prow.Pull) (m prow.MergeMethod, wrong string) {
	m = r.Method
	found := 0
	for _, o := range []struct {
		label  string
		method prow.MergeMethod
	}{{r.SquashLabel, prow.MergeSquash}, {r.RebaseLabel, prow.MergeRebase}, {r.MergeLabel, prow.MergeCommit}} {
		if o.label != "" && p.HasLabel(o.label) {
			m = o.method
			found++
		}
	}
	if found > 1 {
		return r.Method, "PR has conflicting merge method override labels"
	}
	return m, ""
}

// priority returns the place of p's labels in the configured priorities; the
// lower goes first.
func (r *Rules) priority(p *prow.Pull) int {
	for i, pr := range r.Priority {
		if !slices.ContainsFunc(pr.Labels, func(l string) bool { return !hasAny(p, l) }) {
			return i
		}
	}
	return len(r.Priority)
}

// hasAny reports whether p carries one of the labels; a comma means or.
func hasAny(p *prow.Pull, labels string) bool {
	for l := range strings.SplitSeq(labels, ",") {
		if p.HasLabel(strings.TrimSpace(l)) {
			return true
		}
	}
	return false
}
