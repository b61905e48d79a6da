package tide

import (
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Input is all that decides what to do next for a branch.
type Input struct {
	BaseSHA  string
	Blockers []prow.Blocker
	Freeze   *prow.Freeze
	Hold     string      // the forge lets nothing in: why
	Pulls    []*Standing // in the pool, in the order of the queue
	Sets     []*Set      // tested together on BaseSHA, all still here with these heads
	Next     []prow.PullRef
}

// Set is some pull requests tested together, and how that stands.
type Set struct {
	Refs    []prow.PullRef
	State   Progress
	Missing []string // contexts without a result
	Failed  []string // contexts that failed
	Keeps   []int    // members that may merge now: what is tested stays what it is
	Jobs    map[string]Result
}

// Decide says what to do next. It reads nothing but in.
//
// A passing pull request and a running set want the same thing, the head of
// the branch, and only one can have it. The rule: a set that passed goes first,
// for it is worth the most. A member of a running set that passed alone merges at
// once, if the rest on top of it is the same as what is being tested; the test
// goes on for the rest. Anybody else waits for a set that still may pass, because
// a merge under it would void the work of all its members; but from the first
// test of it that fails, a set cannot pass and nobody waits for it. So that a
// failing set costs no time either, the first in the queue is tested alone beside
// each set, and a failed set is not tested again, but halved (see room).
func Decide(in Input) prow.Move {
	passed, running, unfinished := in.sets()
	ready := in.first(func(s *Standing) bool { return s.Ready })
	free := in.first(func(s *Standing) bool {
		return s.Ready && (running == nil || slices.Contains(running.Keeps, s.Ref.Number))
	})
	lagging := in.first(func(s *Standing) bool { return s.Lagging })
	pending := in.first(func(s *Standing) bool { return s.State == Pending })
	missing := in.first(func(s *Standing) bool { return s.State == Missing && s.Eligible })
	switch {
	case len(in.Blockers) > 0:
		return prow.Move{Do: prow.Blocked, Why: "Merging is blocked by " + blockerList(in.Blockers) + "."}
	case in.Freeze != nil:
		return prow.Move{Do: prow.Blocked, Why: frozen(in.Freeze)}
	case in.Hold != "":
		return prow.Move{Do: prow.Wait, Why: in.Hold}
	case passed != nil && len(passed.Refs) == 1:
		return prow.Move{Do: prow.Merge, On: passed.Refs, Why: fmt.Sprintf("%s passed together with what merged before it.", numbers(passed.Refs))}
	case passed != nil:
		return prow.Move{Do: prow.MergeBatch, On: passed.Refs, Why: fmt.Sprintf("%s passed together on %s.", numbers(passed.Refs), brief(in.BaseSHA))}
	case free != nil:
		return prow.Move{Do: prow.Merge, On: []prow.PullRef{free.Ref}, Why: whyMerge(free, in.BaseSHA)}
	case len(in.Pulls) == 0:
		return prow.Move{Do: prow.Wait, Why: "No pull request has all that people have to give."}
	case unfinished != nil && running == unfinished:
		return prow.Move{Do: prow.TriggerBatch, On: unfinished.Refs, Why: "Not all tests of this set were started: " + strings.Join(unfinished.Missing, ", ") + "."}
	case running == nil && lagging == nil && len(in.Next) > 1:
		return prow.Move{Do: prow.TriggerBatch, On: in.Next, Why: fmt.Sprintf("These %d merge together and none of them has passed alone.", len(in.Next))}
	case missing != nil && pending == nil && ready == nil && lagging == nil:
		return prow.Move{Do: prow.Trigger, On: []prow.PullRef{missing.Ref}, Why: whyTest(missing, in.BaseSHA)}
	}
	return prow.Move{Do: prow.Wait, Why: whyWait(running, ready, lagging, pending)}
}

// roomForSet reports whether it is worth looking for a set to test.
func (in *Input) roomForSet() bool {
	_, running, _ := in.sets()
	return len(in.Blockers) == 0 && in.Freeze == nil && in.Hold == "" && running == nil && len(in.Pulls) > 1
}

// sets returns a set that passed, the one that runs and still may pass, and the
// one of which tests were not started. Of several it takes the largest.
func (in *Input) sets() (passed, running, unfinished *Set) {
	larger := func(a, b *Set) *Set {
		if a == nil || len(b.Refs) > len(a.Refs) {
			return b
		}
		return a
	}
	for _, s := range in.Sets {
		switch s.State {
		case Passing:
			passed = larger(passed, s)
		case Pending:
			running = larger(running, s)
		case Missing:
			running, unfinished = larger(running, s), larger(unfinished, s)
		}
	}
	return passed, running, unfinished
}

func (in *Input) first(is func(*Standing) bool) *Standing {
	if i := slices.IndexFunc(in.Pulls, is); i >= 0 {
		return in.Pulls[i]
	}
	return nil
}

func whyMerge(s *Standing, base string) string {
	if len(s.Facts.Needs) == 0 {
		return fmt.Sprintf("#%d has all that is asked, and no test is required of it.", s.Ref.Number)
	}
	return fmt.Sprintf("#%d has all that is asked, and its tests passed on top of %s.", s.Ref.Number, brief(base))
}

func whyTest(s *Standing, base string) string {
	var c []string
	for _, n := range s.Missing {
		c = append(c, n.Context)
	}
	return fmt.Sprintf("#%d is first in the queue and has no result on %s: %s.", s.Ref.Number, brief(base), strings.Join(c, ", "))
}

func whyWait(running *Set, ready, lagging, pending *Standing) string {
	switch {
	case running != nil && ready != nil:
		return fmt.Sprintf("#%d passed and is merged when the test of %s together ends, or as soon as it fails.", ready.Ref.Number, numbers(running.Refs))
	case running != nil:
		return fmt.Sprintf("%s are being tested together.", numbers(running.Refs))
	case lagging != nil:
		return fmt.Sprintf("#%d passed; its check on the forge is not written yet.", lagging.Ref.Number)
	case pending != nil:
		return fmt.Sprintf("#%d is being tested.", pending.Ref.Number)
	}
	return "Nothing can be tested: each pull request here failed on this base, or waits for a check that is not Prow's."
}

func frozen(f *prow.Freeze) string {
	return sentence("Merging is frozen by " + f.By + ": " + f.Why)
}

func numbers(refs []prow.PullRef) string {
	var out []string
	for _, p := range refs {
		out = append(out, fmt.Sprintf("#%d", p.Number))
	}
	return strings.Join(out, ", ")
}

func brief(sha string) string { return sha[:min(len(sha), 7)] }

// blockerList names issues as a status does: issue 12, issues 12, 13.
func blockerList(b []prow.Blocker) string {
	var n []string
	for _, x := range b {
		n = append(n, fmt.Sprint(x.Number))
	}
	if len(n) == 1 {
		return "issue " + n[0]
	}
	return "issues " + strings.Join(n, ", ")
}
