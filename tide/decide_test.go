package tide

import (
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
)

// in the pool, by its tests: as Assess would say it.
func candidate(number int, state Progress, change ...func(*Standing)) *Standing {
	s := &Standing{
		Ref: prow.PullRef{Number: number, SHA: "h"}, Facts: &Facts{Needs: []Need{{Context: "unit"}}, Policy: &Policy{}, Pull: &prow.Pull{}},
		State: state, InPool: true, People: true, Ready: state == Passing, Eligible: state != Failing, Missing: []Need{{Context: "unit"}},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

func lagging(s *Standing)    { s.Ready, s.Lagging = false, true }
func ineligible(s *Standing) { s.Eligible = false }

func aSet(state Progress, numbers ...int) *Set {
	s := &Set{State: state, Jobs: map[string]Result{}}
	for _, n := range numbers {
		s.Refs = append(s.Refs, prow.PullRef{Number: n, SHA: "h"})
	}
	if state == Missing {
		s.Missing = []string{"unit"}
	}
	return s
}

func keeping(s *Set, numbers ...int) *Set {
	s.Keeps = numbers
	return s
}

func TestDecide(t *testing.T) {
	t.Parallel()
	p, sets := func(s ...*Standing) []*Standing { return s }, func(s ...*Set) []*Set { return s }
	next := func(n ...int) []prow.PullRef { return aSet(Pending, n...).Refs }
	for name, c := range map[string]struct {
		in  Input
		do  prow.Verb
		on  string
		why string // a part of it
	}{
		"an empty pool waits":      {Input{}, prow.Wait, "", "No pull request"},
		"a blocker stops it all":   {Input{Blockers: []prow.Blocker{{Number: 12}}, Pulls: p(candidate(1, Passing)), Sets: sets(aSet(Passing, 1, 2))}, prow.Blocked, "", "issue 12"},
		"two blockers are named":   {Input{Blockers: []prow.Blocker{{Number: 12}, {Number: 13}}}, prow.Blocked, "", "issues 12, 13"},
		"a frozen branch rests":    {Input{Freeze: &prow.Freeze{By: "alice", Why: "release day"}, Pulls: p(candidate(1, Passing))}, prow.Blocked, "", "frozen by alice: release day"},
		"a forbidden branch rests": {Input{Hold: "The forge lets nothing in.", Pulls: p(candidate(1, Passing))}, prow.Wait, "", "lets nothing"},

		"the first that passes merges":         {Input{Pulls: p(candidate(7, Passing), candidate(9, Passing))}, prow.Merge, "#7", "passed"},
		"order is the queue's, not the number": {Input{Pulls: p(candidate(9, Passing), candidate(7, Passing))}, prow.Merge, "#9", ""},
		"one that passes goes before tests":    {Input{Pulls: p(candidate(1, Missing), candidate(2, Passing))}, prow.Merge, "#2", ""},
		"no tests required, it merges":         {Input{Pulls: p(candidate(3, Passing, func(s *Standing) { s.Facts.Needs = nil }))}, prow.Merge, "#3", "no test is required"},

		"a set that passed goes first":            {Input{Pulls: p(candidate(1, Passing), candidate(2, Missing), candidate(3, Missing)), Sets: sets(aSet(Passing, 2, 3))}, prow.MergeBatch, "#2, #3", "together"},
		"of two that passed the larger":           {Input{Sets: sets(aSet(Passing, 2, 3), aSet(Passing, 2, 3, 4))}, prow.MergeBatch, "#2, #3, #4", ""},
		"a set that passed merges, all flaked":    {Input{Sets: sets(aSet(Passing, 2, 3))}, prow.MergeBatch, "#2, #3", ""},
		"a set that may pass is waited for":       {Input{Pulls: p(candidate(1, Passing), candidate(2, Pending)), Sets: sets(aSet(Pending, 1, 2))}, prow.Wait, "", "as soon as it fails"},
		"a member that keeps the set merges":      {Input{Pulls: p(candidate(1, Passing), candidate(2, Pending)), Sets: sets(keeping(aSet(Pending, 1, 2), 1))}, prow.Merge, "#1", ""},
		"one that does not keep it waits":         {Input{Pulls: p(candidate(1, Passing), candidate(2, Pending)), Sets: sets(keeping(aSet(Pending, 1, 2), 2))}, prow.Wait, "", ""},
		"what is left of a set merges":            {Input{Pulls: p(candidate(2, Missing)), Sets: sets(aSet(Passing, 2))}, prow.Merge, "#2", "merged before it"},
		"a failing set is not waited for":         {Input{Pulls: p(candidate(1, Passing), candidate(2, Pending)), Sets: sets(aSet(Failing, 1, 2))}, prow.Merge, "#1", ""},
		"beside a failing set a new one":          {Input{Pulls: p(candidate(1, Missing), candidate(2, Missing)), Sets: sets(aSet(Failing, 1, 2, 3)), Next: next(1, 2)}, prow.TriggerBatch, "#1, #2", ""},
		"beside a set the first is tested alone":  {Input{Pulls: p(candidate(1, Missing), candidate(2, Missing)), Sets: sets(aSet(Pending, 1, 2)), Next: next(1, 2)}, prow.Trigger, "#1", "first in the queue"},
		"beside a failed set without next":        {Input{Pulls: p(candidate(1, Missing), candidate(2, Missing)), Sets: sets(aSet(Failing, 1, 2))}, prow.Trigger, "#1", ""},
		"a set that was half started is finished": {Input{Pulls: p(candidate(1, Missing), candidate(2, Missing)), Sets: sets(aSet(Missing, 1, 2)), Next: next(1, 2, 3)}, prow.TriggerBatch, "#1, #2", "Not all tests"},

		"several that merge are tested together":      {Input{Pulls: p(candidate(1, Missing), candidate(2, Missing)), Next: next(1, 2)}, prow.TriggerBatch, "#1, #2", ""},
		"one alone is no set":                         {Input{Pulls: p(candidate(1, Missing), candidate(2, Missing)), Next: next(1)}, prow.Trigger, "#1", ""},
		"one runs, no other starts alone":             {Input{Pulls: p(candidate(1, Pending), candidate(2, Missing))}, prow.Wait, "", "#1 is being tested"},
		"one runs, a set starts beside it":            {Input{Pulls: p(candidate(1, Pending), candidate(2, Missing)), Next: next(1, 2)}, prow.TriggerBatch, "#1, #2", ""},
		"one that failed on this base is not tested":  {Input{Pulls: p(candidate(1, Failing), candidate(2, Missing))}, prow.Trigger, "#2", ""},
		"all that failed on this base wait":           {Input{Pulls: p(candidate(1, Failing))}, prow.Wait, "", "failed on this base"},
		"what waits for another check is not tested":  {Input{Pulls: p(candidate(1, Missing, ineligible), candidate(2, Missing))}, prow.Trigger, "#2", ""},
		"a check on its way is waited for":            {Input{Pulls: p(candidate(1, Passing, lagging), candidate(2, Missing)), Next: next(1, 2)}, prow.Wait, "", "not written yet"},
		"a check that never comes holds nobody up":    {Input{Pulls: p(candidate(1, Passing, func(s *Standing) { s.Ready = false }), candidate(2, Missing))}, prow.Trigger, "#2", ""},
		"a passing one alone merges, checks of it in": {Input{Pulls: p(candidate(1, Passing, lagging), candidate(2, Passing))}, prow.Merge, "#2", ""},
	} {
		got := Decide(c.in)
		if got.Do != c.do || numbers(got.On) != c.on || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: got %s %s %q; want %s %s …%s…", name, got.Do, numbers(got.On), got.Why, c.do, c.on, c.why)
		}
		if !strings.HasSuffix(got.Why, ".") {
			t.Errorf("%s: %q is no sentence", name, got.Why)
		}
	}
}
