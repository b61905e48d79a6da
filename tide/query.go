package tide

import (
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// How much a missed requirement weighs: the query that is nearest is the one a
// person reads about.
const (
	weightBranch    = 2000
	weightAuthor    = 1000
	weightMilestone = 100
	weightBlocked   = 100
	weightReview    = 50
)

// gap is how far a pull request is from what a query asks. No text: it is there.
type gap struct {
	weight int
	text   string
}

// gapTo measures how far f is from q; contexts are those that have not
// succeeded, and blocked says that the forge blocks it and the policy minds.
func gapTo(q *config.TideQuery, f *Facts, contexts []string, blocked bool) gap {
	var g gap
	miss := func(missed bool, weight int, text string) {
		if !missed {
			return
		}
		g.weight += weight
		if g.text == "" {
			g.text = text
		}
	}
	p := f.Pull
	miss(!branchFits(q, p.Base), weightBranch, fmt.Sprintf(" Merging to branch %s is forbidden.", p.Base))
	miss(q.Author != "" && !sameAuthor(q.Author, p.Author), weightAuthor, fmt.Sprintf(" Must be by author %s.", q.Author))
	miss(q.Milestone != "" && !strings.EqualFold(q.Milestone, p.Milestone), weightMilestone,
		fmt.Sprintf(" Must be in milestone %s.", q.Milestone))

	missing := labelsMissing(q, p)
	miss(len(missing) > 0, len(missing), labelText(" Needs %s label.", " Needs %s labels.", missing))
	forbidden := labelsForbidden(q, p)
	miss(len(forbidden) > 0, len(forbidden), labelText(" Should not have %s label.", " Should not have %s labels.", forbidden))

	miss(len(contexts) > 0, len(contexts), labelText(" Job %s has not succeeded.", " Jobs %s have not succeeded.", contexts))
	miss(q.ReviewApprovedRequired && !f.Approved, weightReview, " PullRequest is missing sufficient approving GitHub review(s)")
	miss(blocked, weightBlocked, " "+blockedText)
	return g
}

// blockedText is said where the forge blocks a merge and the policy minds.
const blockedText = "Blocked by GitHub (branch rulesets or protection)"

// nearest returns the text of what f misses, "" if it meets one of the queries,
// and the query it is nearest to, nil if there is none.
func nearest(r *Rules, f *Facts, contexts []string, blocked bool) (text string, q *config.TideQuery) {
	var all []string
	best := gap{weight: -1}
	for i := range r.Queries {
		g := gapTo(&r.Queries[i], f, contexts, blocked)
		if g.weight == 0 {
			return "", &r.Queries[i]
		}
		if best.weight < 0 || g.weight < best.weight {
			best, q = g, &r.Queries[i]
		}
		if g.weight < weightBranch {
			all = append(all, g.text)
		}
	}
	if r.ShowAll {
		best.text = strings.Join(all, " OR")
	}
	if best.text == "" {
		best.text = fmt.Sprintf(" No Tide query for branch %s found.", f.Pull.Base)
	}
	return best.text, q
}

func branchFits(q *config.TideQuery, branch string) bool {
	if len(q.IncludedBranches) > 0 && !slices.Contains(q.IncludedBranches, branch) {
		return false
	}
	return !slices.Contains(q.ExcludedBranches, branch)
}

// sameAuthor compares logins; a query may name a bot as app/<login>.
func sameAuthor(want, login string) bool {
	norm := func(s string) string {
		return strings.TrimSuffix(strings.TrimPrefix(prow.NormLogin(s), "app/"), "[bot]")
	}
	return norm(want) == norm(login)
}

func labelsMissing(q *config.TideQuery, p *prow.Pull) []string {
	var out []string
	for _, l := range q.Labels {
		if !hasAny(p, l) {
			out = append(out, strings.ReplaceAll(l, ",", " or "))
		}
	}
	return out
}

func labelsForbidden(q *config.TideQuery, p *prow.Pull) []string {
	var out []string
	for _, l := range q.MissingLabels {
		if p.HasLabel(l) {
			out = append(out, l)
		}
	}
	return out
}

// maxList is about how many characters of a list a status shows.
const maxList = 50

// labelText puts names, sorted and cut, into one of two sentences.
func labelText(one, many string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	names = slices.Sorted(slices.Values(names))
	shown, length := 1, len(names[0])
	for shown < len(names) && length+len(", ")+len(names[shown]) <= maxList {
		length += len(", ") + len(names[shown])
		shown++
	}
	if shown == 1 {
		return fmt.Sprintf(one, names[0])
	}
	return fmt.Sprintf(many, strings.Join(names[:shown], ", "))
}
