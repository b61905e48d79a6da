package tide

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Facts are what is known of one open pull request.
type Facts struct {
	Pull     *prow.Pull
	Checks   []prow.Check // of the head
	Approved bool         // by review, as review:approved means it
	Policy   *Policy
	Needs    []Need // tests that have to pass on the head of the branch
	Broken   string // why its jobs are not known; it stays out then: we fail closed
	Results  []Result
	Clash    bool // git says that it does not merge into the branch
	Refusal  *Refusal
	Givers   map[string][]string // by label it lacks: people who may give it, the best first
}

// Need is one required presubmit.
type Need struct {
	Context string
	Job     string
	Command string // that runs it again
	Silent  bool   // no check shows its result

	presubmit *config.Presubmit
}

// Result is what a job said of a pull request.
type Result struct {
	Context string
	State   prow.State
	BaseSHA string
	SHA     string
	ByTide  bool
	ID      string
	URL     string
	Why     string
	At      time.Time
}

// Refusal is a merge that the forge did not do.
type Refusal struct {
	SHA     string    `json:"sha"`
	Words   string    `json:"words"` // the forge's own
	Tries   int       `json:"tries"`
	At      time.Time `json:"at"`
	Until   time.Time `json:"until"`   // not to be tried before, unless something changes
	Seen    string    `json:"seen"`    // what was so then, see fingerprint
	Passing bool      `json:"passing"` // a fault of the moment, not a no
}

// Standing is what tide makes of one pull request, before it looks at the queue.
type Standing struct {
	Ref    prow.PullRef
	Facts  *Facts
	Method prow.MergeMethod

	Deny   string            // why it may not merge, whatever people do but change it
	Gap    string            // what it misses of the nearest query
	Query  *config.TideQuery // the nearest, or nil
	Open   []open            // contexts that count and have not succeeded
	Out    []string          // those of Open that keep it out of the pool
	People bool              // all but tests is there
	InPool bool              // People, and nothing of Out

	State    Progress
	Tests    []prow.Test // one for each need
	Missing  []Need      // without a result, or with one that says nothing
	Ready    bool        // State is Passing and no context is open
	Lagging  bool        // State is Passing since a moment ago, and the checks do not say so yet
	Eligible bool        // for being tested by tide
	Priority int
}

// Progress is how far the required tests of a pull request or set are.
type Progress string

// The values of Progress.
const (
	Passing Progress = "passing" // all passed on this base
	Pending Progress = "pending" // none failed, some run
	Missing Progress = "missing" // some have no result on this base
	Failing Progress = "failing" // some failed on this base: testing the same again would tell nothing
)

// maxErrors is how often tide starts a test again that ended without a verdict.
const maxErrors = 2

// Assess says where a pull request stands with the branch at baseSHA.
func Assess(f *Facts, r *Rules, baseSHA string, now time.Time) *Standing {
	s := &Standing{Ref: f.Pull.Ref(), Facts: f, Priority: r.priority(f.Pull)}
	var wrong string
	s.Method, wrong = r.method(f.Pull)
	s.Deny = deny(f, r, s.Method, wrong)
	s.Open = f.Policy.unsuccessful(f.Checks)
	s.judgeTests(baseSHA)

	var names []string
	for _, o := range s.Open {
		names = append(names, o.Context)
	}
	blocked := r.Blocks == config.BlocksBlock && f.Pull.MergeState == "BLOCKED"
	s.Gap, s.Query = nearest(r, f, names, blocked)
	for _, o := range s.Open {
		if o.State != prow.CheckPending || !s.provides(o.Context) {
			s.Out = append(s.Out, o.Context)
		}
	}
	people, _ := nearest(r, f, nil, blocked)
	s.People = s.Deny == "" && people == "" && f.Broken == "" && !f.Refusal.holds(f, baseSHA, now)
	s.InPool = s.People && len(s.Out) == 0
	s.Ready = s.State == Passing && !slices.ContainsFunc(s.Open, func(o open) bool { return !s.settled(o) })
	s.Lagging = s.InPool && s.State == Passing && !s.Ready && now.Sub(s.newest()) < lag
	s.Eligible = s.InPool && s.State != Failing && !slices.ContainsFunc(s.Open, func(o open) bool { return !s.explained(o) })
	if s.InPool {
		s.Gap = ""
	}
	return s
}

// lag is how long the check of a finished test may be on its way.
const lag = time.Minute

// newest is when the last of s's tests ended.
func (s *Standing) newest() (at time.Time) {
	for _, r := range s.Facts.Results {
		if s.provides(r.Context) && r.At.After(at) {
			at = r.At
		}
	}
	return at
}

// deny says why f may not merge, or "".
func deny(f *Facts, r *Rules, m prow.MergeMethod, wrong string) string {
	switch {
	case f.Pull.Mergeable == prow.MergeableNo, f.Clash:
		return "PR has a merge conflict."
	case wrong != "":
		return wrong
	case m == prow.MergeRebase && f.Pull.Mergeable == prow.MergeableYes && !f.Pull.CanRebase:
		return "PR can't be rebased"
	case r.Allowed != nil && !slices.Contains(r.Allowed, m):
		return fmt.Sprintf("Merge type %q disallowed by repo settings", m)
	case r.Blocks == config.BlocksBlock && f.Pull.MergeState == "BLOCKED":
		return blockedText
	case f.Pull.Draft:
		return "PR is a draft."
	}
	return ""
}

func (s *Standing) provides(context string) bool {
	return slices.ContainsFunc(s.Facts.Needs, func(n Need) bool { return n.Context == context })
}

// judgeTests finds the best result of each need on this head and base.
func (s *Standing) judgeTests(baseSHA string) {
	f := s.Facts
	pending, failed := false, false
	for _, n := range f.Needs {
		t, errors := judge(n, f, baseSHA)
		s.Tests = append(s.Tests, t)
		switch {
		case t.State == prow.CheckSuccess:
		case t.State == prow.CheckPending:
			pending = true
		case t.State == "", t.State == prow.CheckError && errors < maxErrors:
			s.Missing = append(s.Missing, n)
		default:
			failed = true
		}
	}
	switch {
	case failed:
		s.State = Failing
	case len(s.Missing) > 0:
		s.State = Missing
	case pending:
		s.State = Pending
	default:
		s.State = Passing
	}
}

// judge gives the best of n's results on this head and base, and how many ended
// without a verdict. A check counts too if its text says that it was on this
// base, or that it is good on every base.
func judge(n Need, f *Facts, baseSHA string) (best prow.Test, errors int) {
	best = prow.Test{Context: n.Context}
	for _, r := range f.Results {
		if r.Context != n.Context || r.BaseSHA != baseSHA || r.SHA != f.Pull.HeadSHA {
			continue
		}
		if r.State == prow.Error {
			errors++
		}
		if c := prow.CheckFor(r.State); rank(c) > rank(best.State) {
			best.State, best.Why, best.Job, best.URL = c, r.Why, r.ID, r.URL
		}
	}
	for _, c := range f.Checks {
		if c.Name == n.Context && c.State == prow.CheckSuccess && best.State != prow.CheckSuccess &&
			(c.BaseSHA() == baseSHA || c.SkipRetest()) {
			best.State, best.Why, best.URL = prow.CheckSuccess, c.Plain(), c.URL
		}
	}
	return best, errors
}

func rank(c prow.CheckState) int {
	return slices.Index([]prow.CheckState{"", prow.CheckError, prow.CheckFailure, prow.CheckPending, prow.CheckSuccess}, c)
}

// settled reports whether an open context need not be waited for: its test has
// passed, only its check is not written yet, and the forge does not insist on it.
func (s *Standing) settled(o open) bool {
	return o.State == prow.CheckPending && s.provides(o.Context) && !slices.Contains(s.Facts.Policy.Forge, o.Context)
}

// explained reports whether an open context is no reason not to test: tide's
// own test of this head is why it is pending.
func (s *Standing) explained(o open) bool {
	return o.State == prow.CheckPending && slices.ContainsFunc(s.Facts.Results, func(r Result) bool {
		return r.ByTide && r.Context == o.Context && r.SHA == s.Ref.SHA
	})
}

// fits reports whether s may be in a set whose tests are those of contexts:
// what keeps it out of the pool is at most what the set tests anew.
func (s *Standing) fits(contexts []string) bool {
	return s.People && !slices.ContainsFunc(s.Out, func(c string) bool { return !slices.Contains(contexts, c) })
}

// inOrder sorts by priority, then by number: the order of the queue.
func inOrder(all []*Standing) {
	slices.SortFunc(all, func(a, b *Standing) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Ref.Number, b.Ref.Number))
	})
}

// fingerprint is what may change the forge's mind about a merge.
func fingerprint(f *Facts, baseSHA string) string {
	p := f.Pull
	// Not Mergeable and MergeState: they change when tide writes its own status.
	text := fmt.Sprint(p.HeadSHA, baseSHA, p.ReviewDecision, p.Draft, p.Milestone,
		slices.Sorted(slices.Values(p.Labels)), slices.Sorted(slices.Values(f.Policy.Forge)))
	checks := slices.Clone(f.Checks)
	slices.SortFunc(checks, func(a, b prow.Check) int { return cmp.Compare(a.Name, b.Name) })
	for _, c := range checks {
		if c.Name != ownContext {
			text += c.Name + string(c.State)
		}
	}
	return short(text)
}

// holds reports whether the refusal still keeps f from being tried.
func (r *Refusal) holds(f *Facts, baseSHA string, now time.Time) bool {
	return r != nil && now.Before(r.Until) && r.Seen == fingerprint(f, baseSHA)
}
