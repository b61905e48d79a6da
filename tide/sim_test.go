package tide

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// sim is a branch with pull requests, tests and a queue, without forge, store or
// git. What tide does in it goes through the same pure functions as in life.
type sim struct {
	t      *rapid.T
	rules  *Rules
	base   int
	now    time.Time
	pulls  []*simPull
	jobs   []*prow.Job
	known  []Failure
	merged []*simPull
	ids    map[string]bool
	failed map[string]bool     // files of sets that were seen to fail
	made   map[string][]string // what is in each base: heads, and pushes of others
	was    map[string]simPull  // what each head was
	after  []string            // the story, for whoever reads a failure
}

type simPull struct {
	number, head int
	bad          bool // fails wherever it is in
	foe          int  // fails where this one is in too, or merged
	clash        int  // git does not merge it with this one
	checks       map[string]prow.CheckState
}

func (p *simPull) ref() prow.PullRef {
	return prow.PullRef{Number: p.number, SHA: fmt.Sprintf("%d-%d", p.number, p.head)}
}

// files stands for the files that pulls make of a base.
func (s *sim) files(base string, pulls []prow.PullRef) string {
	parts := slices.Clone(s.made[base])
	for _, p := range pulls {
		parts = append(parts, p.SHA)
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// move lets the branch grow.
func (s *sim) move(parts ...string) {
	before := s.made[s.sha()]
	s.base++
	s.made[s.sha()] = append(slices.Clone(before), parts...)
}

func (s *sim) sha() string { return fmt.Sprintf("base%d", s.base) }

func (s *sim) tell(format string, args ...any) {
	s.after = append(s.after, fmt.Sprintf(format, args...))
}

func (s *sim) fail(format string, args ...any) {
	s.t.Fatalf(format+"\nafter:\n"+strings.Join(s.after, "\n"), args...)
}

var simNeeds = []Need{{Context: "unit", Job: "unit"}, {Context: "e2e", Job: "e2e", Silent: true}}

// look does what Worker.look does, on what is here.
func (s *sim) look() (Input, standings) {
	var all standings
	for _, p := range s.pulls {
		f := &Facts{
			Pull:   &prow.Pull{Issue: prow.Issue{ID: prow.IssueID{Number: p.number}, Labels: []string{"lgtm"}}, Base: "main", HeadSHA: p.ref().SHA},
			Policy: &Policy{MergeContexts: &config.MergeContexts{Required: []string{"unit"}}},
			Needs:  simNeeds,
		}
		f.Clash = slices.ContainsFunc(s.merged, func(m *simPull) bool { return p.clash == m.number || m.clash == p.number })
		for c, st := range p.checks {
			f.Checks = append(f.Checks, prow.Check{Name: c, State: st})
		}
		for _, j := range s.jobs {
			if j.Spec.Type == prow.Presubmit && j.Spec.Refs.Pulls[0].Number == p.number {
				f.Results = append(f.Results, result(j))
			}
		}
		a := Assess(f, s.rules, s.sha(), s.now)
		a.Ref = p.ref()
		all = append(all, a)
	}
	inOrder(all)
	in := Input{BaseSHA: s.sha()}
	for _, a := range all {
		if a.InPool {
			in.Pulls = append(in.Pulls, a)
		}
	}
	var here []*prow.Job
	for i := len(s.jobs) - 1; i >= 0; i-- { // newest first, as the store lists
		if s.jobs[i].Spec.Refs.BaseSHA == s.sha() || s.jobs[i].Spec.Type == prow.Batch {
			here = append(here, s.jobs[i])
		}
	}
	same := func(was *prow.Refs, left []prow.PullRef) bool {
		return s.files(was.BaseSHA, was.Pulls) == s.files(s.sha(), left)
	}
	in.Sets, s.known, _ = findSets(all, here, s.sha(), s.known, s.now, same, func([]prow.PullRef) []Need { return simNeeds })
	for _, x := range in.Sets {
		x.Keeps = keeps(x, in.Pulls, func([]prow.PullRef) bool { return true })
	}
	return in, all
}

func (s *sim) decide() (prow.Move, Input, standings) {
	in, all := s.look()
	m := Decide(in)
	if (m.Do == prow.Wait || m.Do == prow.Trigger) && s.rules.Limit >= 0 && in.roomForSet() {
		picked, err := pick(candidates(in.Pulls, s.known), s.rules.Limit, s.known, s.merges)
		if err != nil {
			s.fail("pick: %v", err)
		}
		in.Next = refsOf(picked)
		m = Decide(in)
	}
	return m, in, all
}

func (s *sim) merges(picked []*Standing) error {
	for i, a := range picked {
		for _, b := range picked[:i] {
			p, q := s.pull(a.Ref.Number), s.pull(b.Ref.Number)
			if p.clash == q.number || q.clash == p.number {
				return &git.ConflictError{Index: i}
			}
		}
	}
	return nil
}

func (s *sim) pull(number int) *simPull {
	for _, p := range s.pulls {
		if p.number == number {
			return p
		}
	}
	return nil
}

// run lets tide work until it waits, and checks each of its moves.
func (s *sim) run() {
	for moves := 0; ; moves++ {
		if moves > 50 {
			s.fail("it never comes to rest")
		}
		m, in, all := s.decide()
		switch m.Do {
		case prow.Wait, prow.Blocked:
			s.checkWait(in)
			return
		case prow.Trigger:
			s.start(prow.Presubmit, m.On, contexts(all.of(m.On[0].Number).Missing))
		case prow.TriggerBatch:
			s.checkSet(m, in)
			missing := contexts(simNeeds)
			for _, set := range in.Sets {
				if slices.Equal(members(set.Refs), members(m.On)) {
					missing = set.Missing
				}
			}
			s.start(prow.Batch, m.On, missing)
		case prow.Merge, prow.MergeBatch:
			s.checkMerge(m)
			var parts []string
			for _, ref := range m.On {
				parts = append(parts, ref.SHA)
				p := s.pull(ref.Number)
				s.merged = append(s.merged, p)
				s.pulls = slices.DeleteFunc(s.pulls, func(q *simPull) bool { return q == p })
			}
			s.tell("%s %s on %s", m.Do, numbers(m.On), s.sha())
			s.move(parts...)
		}
	}
}

// checkWait: nobody who passed waits, unless for a set that still may pass.
func (s *sim) checkWait(in Input) {
	for _, p := range in.Pulls {
		if p.Ready && !slices.ContainsFunc(in.Sets, func(x *Set) bool { return x.State == Pending && !slices.Contains(x.Keeps, p.Ref.Number) }) {
			s.fail("#%d passed and waits for nothing", p.Ref.Number)
		}
	}
	for _, x := range in.Sets {
		if x.State == Passing {
			s.fail("%s passed together and is not merged", numbers(x.Refs))
		}
	}
}

// checkSet: a set that failed is not tested again unchanged.
func (s *sim) checkSet(m prow.Move, in Input) {
	if s.failed[s.files(s.sha(), m.On)] {
		s.fail("%s is tested again though it failed on %s", numbers(m.On), s.sha())
	}
}

// checkMerge: what the branch becomes passed all tests.
func (s *sim) checkMerge(m prow.Move) {
	for _, n := range simNeeds {
		if !slices.ContainsFunc(s.jobs, func(j *prow.Job) bool {
			return j.Spec.Context == n.Context && j.Status.State == prow.Success && s.files(j.Spec.Refs.BaseSHA, j.Spec.Refs.Pulls) == s.files(s.sha(), m.On)
		}) {
			s.fail("%s merges on %s, and %s never passed for it", numbers(m.On), s.sha(), n.Context)
		}
	}
}

func (s *sim) start(kind prow.Type, refs []prow.PullRef, contexts []string) {
	s.tell("%s %s on %s: %v", kind, numbers(refs), s.sha(), contexts)
	for _, c := range contexts {
		tries := 0
		r := &prow.Refs{Org: "o", Repo: "r", BaseRef: "main", BaseSHA: s.sha(), Pulls: refs}
		for _, j := range s.jobs {
			if j.Spec.Type == kind && j.Spec.Context == c && j.Spec.Refs.String() == r.String() {
				if !j.Complete() {
					s.fail("%s of %s is started while it runs", c, numbers(refs))
				}
				tries++
			}
		}
		j := &prow.Job{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint(kind, r, c, tries), Labels: map[string]string{prow.LabelByTide: "true"}},
			Spec: prow.Spec{Type: kind, Job: c, Context: c, Refs: r}, Status: prow.Status{State: prow.Triggered}}
		if s.ids[j.Name] {
			s.fail("job %s is made twice", j.Name)
		}
		s.ids[j.Name] = true
		s.jobs = append(s.jobs, j)
		if kind == prow.Presubmit && c == "unit" {
			s.pull(refs[0].Number).checks["unit"] = prow.CheckPending
		}
	}
}

// finish ends a job with the truth, or with a flake.
func (s *sim) finish(j *prow.Job, flake bool) {
	state := prow.Success
	files := s.files(j.Spec.Refs.BaseSHA, j.Spec.Refs.Pulls)
	for sha := range strings.FieldsSeq(files) {
		p := s.was[sha]
		foe := slices.ContainsFunc(strings.Fields(files), func(other string) bool { return p.foe > 0 && s.was[other].number == p.foe })
		if p.bad || foe {
			state = prow.Failure
		}
	}
	if flake {
		state = prow.Failure
	}
	j.Status.State, j.Status.CompletionTime = state, &metav1.Time{Time: s.now}
	s.tell("%s %s of %s on %s: %s", j.Spec.Type, j.Spec.Context, numbers(j.Spec.Refs.Pulls), j.Spec.Refs.BaseSHA, state)
	if j.Spec.Type == prow.Batch && state == prow.Failure {
		s.failed[files] = true
	}
	if p := s.pull(j.Spec.Refs.Pulls[0].Number); j.Spec.Type == prow.Presubmit && p != nil && p.ref().SHA == j.Spec.Refs.Pulls[0].SHA && j.Spec.Context == "unit" {
		p.checks["unit"] = prow.CheckFor(state)
	}
}

func (s *sim) running() []*prow.Job {
	var out []*prow.Job
	for _, j := range s.jobs {
		if !j.Complete() {
			out = append(out, j)
		}
	}
	return out
}

func (s *sim) open(number int) {
	p := &simPull{number: number, checks: map[string]prow.CheckState{}}
	p.bad = rapid.IntRange(0, 5).Draw(s.t, "bad") == 0
	if number > 1 && rapid.IntRange(0, 5).Draw(s.t, "foe?") == 0 {
		p.foe = rapid.IntRange(1, number-1).Draw(s.t, "foe")
	}
	if number > 1 && rapid.IntRange(0, 5).Draw(s.t, "clash?") == 0 {
		p.clash = rapid.IntRange(1, number-1).Draw(s.t, "clash")
	}
	s.pulls = append(s.pulls, p)
	s.tell("open #%d bad=%v foe=%d clash=%d", number, p.bad, p.foe, p.clash)
	s.ask(p)
}

// ask is a person, or a push, that lets the tests of p run.
func (s *sim) ask(p *simPull) {
	s.was[p.ref().SHA] = *p
	r := &prow.Refs{Org: "o", Repo: "r", BaseRef: "main", BaseSHA: s.sha(), Pulls: []prow.PullRef{p.ref()}}
	for _, n := range simNeeds {
		name := fmt.Sprint("asked", len(s.jobs), n.Context)
		s.jobs = append(s.jobs, &prow.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: prow.Spec{Type: prow.Presubmit, Job: n.Job, Context: n.Context, Refs: r},
			Status: prow.Status{State: prow.Triggered}})
	}
	p.checks["unit"] = prow.CheckPending
}

// Whatever happens: no set is tested again unchanged after it failed, nothing
// merges that did not pass, nobody who passed waits for a failing set; and when
// the noise ends, all that can merge merges.
func TestSimulation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &sim{t: t, now: noon, ids: map[string]bool{}, failed: map[string]bool{}, made: map[string][]string{}, was: map[string]simPull{},
			rules: &Rules{Branch: "main", Queries: []config.TideQuery{{Labels: []string{"lgtm"}}}, Limit: rapid.SampledFrom([]int{0, -1, 2, 3, 5}).Draw(t, "limit")}}
		for n := 1; n <= rapid.IntRange(1, 8).Draw(t, "pulls"); n++ {
			s.open(n)
		}
		s.run()
		next := len(s.pulls) + 1
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			s.now = s.now.Add(time.Second)
			switch what := rapid.IntRange(0, 11).Draw(t, "what"); {
			case what == 0 && next < 12:
				s.open(next)
				next++
			case what == 1 && len(s.pulls) > 0:
				p := rapid.SampledFrom(s.pulls).Draw(t, "pushed")
				p.head, p.bad = p.head+1, false
				s.tell("push to #%d", p.number)
				s.ask(p)
			case what == 2:
				s.move(fmt.Sprint("push", s.base))
				s.tell("someone pushes to the branch: %s", s.sha())
			default:
				if running := s.running(); len(running) > 0 {
					s.finish(rapid.SampledFrom(running).Draw(t, "job"), rapid.IntRange(0, 9).Draw(t, "flake") == 0)
				}
			}
			s.run()
		}
		s.settle()
	})
}

// settle lets all tests end with the truth, people asking again for what
// flaked, until nothing moves; what is left must have a reason.
func (s *sim) settle() {
	for round := 0; ; round++ {
		if round > 200 {
			s.fail("it does not end")
		}
		s.now = s.now.Add(time.Second)
		for _, j := range s.running() {
			s.finish(j, false)
			s.run()
		}
		if len(s.running()) > 0 {
			continue
		}
		asked := false
		for _, p := range s.pulls {
			if s.mayPass(p) {
				if _, all := s.look(); all.of(p.number).InPool && all.of(p.number).State != Failing {
					s.fail("nothing runs, and #%d waits", p.number)
				}
				s.tell("/retest #%d", p.number)
				s.ask(p)
				asked = true
			}
		}
		if !asked {
			return
		}
		s.run()
	}
}

// mayPass reports whether p alone passes on the branch as it is.
func (s *sim) mayPass(p *simPull) bool {
	return !p.bad && !slices.ContainsFunc(s.merged, func(m *simPull) bool {
		return m.number == p.foe || m.foe == p.number || m.number == p.clash || m.clash == p.number
	})
}
