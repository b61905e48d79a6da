package tide

import (
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

func TestGapTo(t *testing.T) {
	t.Parallel()
	type q = config.TideQuery
	for name, c := range map[string]struct {
		query    q
		contexts []string
		pull     func(*Facts)
		weight   int
		text     string
	}{
		"nothing asked":          {q{}, nil, nil, 0, ""},
		"branch not included":    {q{IncludedBranches: []string{"dev"}}, nil, nil, 2000, " Merging to branch main is forbidden."},
		"branch included":        {q{IncludedBranches: []string{"main"}}, nil, nil, 0, ""},
		"branch excluded":        {q{ExcludedBranches: []string{"main"}}, nil, nil, 2000, " Merging to branch main is forbidden."},
		"author":                 {q{Author: "bob"}, nil, nil, 1000, " Must be by author bob."},
		"author, other case":     {q{Author: "Alice"}, nil, nil, 0, ""},
		"a bot":                  {q{Author: "app/dependabot"}, nil, func(f *Facts) { f.Pull.Author = "dependabot[bot]" }, 0, ""},
		"milestone":              {q{Milestone: "v1"}, nil, nil, 100, " Must be in milestone v1."},
		"one label":              {q{Labels: []string{"lgtm"}}, nil, nil, 1, " Needs lgtm label."},
		"two labels":             {q{Labels: []string{"lgtm", "approved"}}, nil, nil, 2, " Needs approved, lgtm labels."},
		"one of two":             {q{Labels: []string{"kind/bug,kind/feature"}}, nil, nil, 1, " Needs kind/bug or kind/feature label."},
		"one of two is there":    {q{Labels: []string{"kind/bug,kind/feature"}}, nil, func(f *Facts) { f.Pull.Labels = []string{"KIND/feature"} }, 0, ""},
		"forbidden":              {q{MissingLabels: []string{"do-not-merge/hold"}}, nil, func(f *Facts) { f.Pull.Labels = []string{"do-not-merge/hold"} }, 1, " Should not have do-not-merge/hold label."},
		"needs goes before not":  {q{Labels: []string{"lgtm"}, MissingLabels: []string{"x"}}, nil, func(f *Facts) { f.Pull.Labels = []string{"x"} }, 2, " Needs lgtm label."},
		"one context":            {q{}, []string{"unit"}, nil, 1, " Job unit has not succeeded."},
		"two contexts":           {q{}, []string{"unit", "e2e"}, nil, 2, " Jobs e2e, unit have not succeeded."},
		"review":                 {q{ReviewApprovedRequired: true}, nil, nil, 50, " PullRequest is missing sufficient approving GitHub review(s)"},
		"reviewed":               {q{ReviewApprovedRequired: true}, nil, func(f *Facts) { f.Approved = true }, 0, ""},
		"everything adds up":     {q{IncludedBranches: []string{"dev"}, Author: "bob", Milestone: "v1", Labels: []string{"a", "b"}}, []string{"c"}, nil, 3103, " Merging to branch main is forbidden."},
		"long lists are cut":     {q{Labels: []string{"aaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccc"}}, nil, nil, 3, " Needs aaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbb labels."},
		"one very long is whole": {q{}, []string{"a-name-that-is-much-longer-than-fifty-characters-in-all", "b"}, nil, 2, " Job a-name-that-is-much-longer-than-fifty-characters-in-all has not succeeded."},
	} {
		f := &Facts{Pull: &prow.Pull{Base: "main", Issue: prow.Issue{Author: "alice"}}}
		if c.pull != nil {
			c.pull(f)
		}
		if g := gapTo(&c.query, f, c.contexts, false); g.weight != c.weight || g.text != c.text {
			t.Errorf("%s: got %d %q, want %d %q", name, g.weight, g.text, c.weight, c.text)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	three := config.TideQuery{Labels: []string{"a", "b", "c"}}
	one := config.TideQuery{Labels: []string{"lgtm"}, MissingLabels: []string{"hold"}}
	far := config.TideQuery{IncludedBranches: []string{"dev"}}
	f := &Facts{Pull: &prow.Pull{Base: "main"}}
	for name, c := range map[string]struct {
		rules Rules
		want  string
	}{
		"the nearest":            {Rules{Queries: []config.TideQuery{three, one}}, " Needs lgtm label."},
		"all, on request":        {Rules{Queries: []config.TideQuery{three, far, one}, ShowAll: true}, " Needs a, b, c labels. OR Needs lgtm label."},
		"none for the branch":    {Rules{Queries: []config.TideQuery{far}, ShowAll: true}, " No Tide query for branch main found."},
		"none at all":            {Rules{}, " No Tide query for branch main found."},
		"only far: it is closed": {Rules{Queries: []config.TideQuery{far}}, " Merging to branch main is forbidden."},
	} {
		if got, _ := nearest(&c.rules, f, nil, false); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestApproves(t *testing.T) {
	t.Parallel()
	r := func(by string, s prow.ReviewState) prow.Review { return prow.Review{Author: by, State: s} }
	for name, c := range map[string]struct {
		reviews []prow.Review
		want    bool
	}{
		"none":                    {nil, false},
		"one":                     {[]prow.Review{r("a", prow.ReviewApproved)}, true},
		"a comment takes nothing": {[]prow.Review{r("a", prow.ReviewApproved), r("a", prow.ReviewComment)}, true},
		"changes asked by b":      {[]prow.Review{r("a", prow.ReviewApproved), r("b", prow.ReviewChanges)}, false},
		"the last word counts":    {[]prow.Review{r("b", prow.ReviewChanges), r("B", prow.ReviewApproved)}, true},
		"dismissed":               {[]prow.Review{r("a", prow.ReviewApproved), r("a", prow.ReviewDismissed)}, false},
	} {
		if got := approves(c.reviews); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]bool{
		"Freeze":                                 true,
		"Freeze branch:release-1":                true,
		"Freeze Branch: release-1 please":        true,
		"Freeze branch:main branch:release-1":    true,
		"Freeze branch:main":                     false,
		"Freeze branch:release-1.2":              false,
		`Freeze branch:"release-1", and nothing`: true,
	} {
		if got := blocks(title, "release-1"); got != want {
			t.Errorf("%q blocks release-1: %v, want %v", title, got, want)
		}
	}
}
