package tide

import (
	"testing"

	prow "github.com/prow-ci/prow"
)

// A look at a branch with 500 open pull requests, 50 of them in the queue, forge,
// store and git left out.
func BenchmarkAssessAndSay(b *testing.B) {
	var facts []*Facts
	for n := range 500 {
		s := tell(pull(func(p *prow.Pull) { p.ID.Number = n + 1 }))
		if n%10 > 0 {
			s.f.Pull.Labels = nil
		}
		facts = append(facts, s.f)
	}
	r := tell().r
	for b.Loop() {
		l := &look{rules: r, now: noon, in: Input{BaseSHA: baseSHA}}
		for _, f := range facts {
			l.all = append(l.all, Assess(f, r, baseSHA, noon))
		}
		inOrder(l.all)
		for _, s := range l.all {
			if s.InPool {
				l.in.Pulls = append(l.in.Pulls, s)
			}
		}
		if Decide(l.in).Do != prow.Merge || len(l.verdicts()) != len(facts) {
			b.Fatal("it decides otherwise")
		}
	}
}
