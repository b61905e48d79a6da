package tide

import (
	"testing"

	prow "github.com/prow-ci/prow"
)

func set4(numbers ...int) []Member {
	var refs []prow.PullRef
	for _, n := range numbers {
		refs = append(refs, prow.PullRef{Number: n, SHA: "h"})
	}
	return members(refs)
}

// A failed set is halved, and a pair goes alone.
func TestFull(t *testing.T) {
	t.Parallel()
	all := []*Standing{candidate(1, Missing), candidate(2, Missing), candidate(3, Missing), candidate(4, Missing), candidate(5, Missing)}
	failed := func(numbers ...int) Failure {
		return Failure{BaseSHA: "b", Members: set4(numbers...), Contexts: []string{"unit"}}
	}
	for name, c := range map[string]struct {
		known []Failure
		limit int
		want  string
	}{
		"nothing failed":              {nil, 0, "#1, #2, #3, #4, #5"},
		"a limit":                     {nil, 3, "#1, #2, #3"},
		"five failed":                 {[]Failure{failed(1, 2, 3, 4, 5)}, 0, "#1, #2, #3"},
		"then three of them":          {[]Failure{failed(1, 2, 3, 4, 5), failed(1, 2, 3)}, 0, "#4, #5, #1"},
		"a pair goes alone":           {[]Failure{failed(1, 2)}, 0, "#3, #4, #5, #1"},
		"another head is not suspect": {[]Failure{{Members: []Member{{1, "old"}, {2, "old"}}, Contexts: []string{"unit"}}}, 0, "#1, #2, #3, #4, #5"},
		"a test that is not required any more says nothing": {[]Failure{{Members: set4(1, 2, 3, 4, 5), Contexts: []string{"gone"}}}, 0, "#1, #2, #3, #4, #5"},
	} {
		if got := numbers(refsOf(full(candidates(all, c.known), c.limit, c.known, []string{"unit"}))); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestRememberAndForget(t *testing.T) {
	t.Parallel()
	f := Failure{BaseSHA: "b", Members: set4(1, 2), Contexts: []string{"unit"}}
	known, news := remember(nil, f)
	if !news || len(known) != 1 {
		t.Fatal("the first is news")
	}
	if _, news = remember(known, f); news {
		t.Error("the same again is no news")
	}
	f.Contexts = []string{"unit", "e2e"}
	if known, news = remember(known, f); !news || len(known) != 1 || len(known[0].Contexts) != 2 {
		t.Error("another context is news of the same set")
	}
	if got := forget(known, standings{candidate(1, Missing), candidate(2, Missing)}); len(got) != 1 {
		t.Error("forgotten though both are here")
	}
	if got := forget(known, standings{candidate(1, Missing), candidate(2, Missing, func(s *Standing) { s.Ref.SHA = "new" })}); len(got) != 0 {
		t.Error("a pair of which one moved is remembered")
	}
	for n := range 2 * maxFailures {
		known, _ = remember(known, Failure{Members: set4(n, n+1)})
	}
	if len(known) != maxFailures {
		t.Errorf("%d remembered", len(known))
	}
}
