package tide

import (
	"context"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// givers names people who may give p a label that it lacks: for lgtm those asked
// to review, for approved those that the plugin found in OWNERS.
func (w *Worker) givers(ctx context.Context, p *prow.Pull) (map[string][]string, error) {
	out := map[string][]string{}
	if !p.HasLabel(prow.LGTM) {
		asked := slices.Concat(p.Reviewers, p.Assignees)
		slices.Sort(asked)
		asked = slices.DeleteFunc(slices.Compact(asked), func(who string) bool { return strings.EqualFold(who, p.Author) })
		out[prow.LGTM] = asked
	}
	if !p.HasLabel(prow.Approved) {
		var known []string
		if err := load(ctx, w.Memory, prow.GiversName(p.ID, prow.Approved), &known); err != nil {
			return nil, err
		}
		out[prow.Approved] = known
	}
	return out, nil
}

// maxNamed is how many people are named before the rest is counted out: more
// names ask nobody.
const maxNamed = 4

// oneOf lists people as a choice.
func oneOf(people []string) string {
	people = people[:min(len(people), maxNamed)]
	if n := len(people); n > 1 {
		return strings.Join(people[:n-1], ", ") + " or " + people[n-1]
	}
	return people[0]
}
