package tide

import (
	"cmp"
	"slices"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Policy says which contexts of a pull request count: what is configured,
// together with the jobs of the repository, and what the forge requires.
type Policy struct {
	*config.MergeContexts
	// Forge lists what the forge requires by protection or rulesets. It would
	// refuse the merge, so these count whatever the configuration says.
	Forge []string
}

// Counts reports whether a context that is there has to succeed.
func (p *Policy) Counts(context string) bool {
	switch {
	case context == ownContext:
		return false
	case slices.Contains(p.Forge, context):
		return true
	}
	return !p.IsOptional(context)
}

// open is a context that counts and has not succeeded.
type open struct {
	Context string
	State   prow.CheckState // "" where it is required and absent
	Text    string
	URL     string
}

// unsuccessful returns the contexts that count and have not succeeded, sorted.
func (p *Policy) unsuccessful(checks []prow.Check) []open {
	var out []open
	seen := map[string]bool{}
	for _, c := range checks {
		seen[c.Name] = true
		if c.State != prow.CheckSuccess && p.Counts(c.Name) {
			out = append(out, open{c.Name, c.State, c.Plain(), c.URL})
		}
	}
	for _, r := range slices.Concat(p.Required, p.Forge) {
		if r != ownContext && !seen[r] {
			seen[r] = true
			out = append(out, open{Context: r})
		}
	}
	slices.SortFunc(out, func(a, b open) int { return cmp.Compare(a.Context, b.Context) })
	return out
}
