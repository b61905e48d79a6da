package tide

import (
	"slices"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

const (
	baseSHA = "b000000000000000000000000000000000000000"
	oldSHA  = "a000000000000000000000000000000000000000"
)

// story is a pull request #5 to main that has lgtm and whose test `unit` passed
// on the newest base, told otherwise by change.
type story struct {
	f *Facts
	r *Rules
}

func tell(change ...func(*story)) *story {
	s := &story{
		f: &Facts{
			Pull: &prow.Pull{
				Issue: prow.Issue{ID: prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: 5}, Author: "alice", Labels: []string{"lgtm"}, State: "open"},
				Base:  "main", HeadSHA: "h1", Mergeable: prow.MergeableYes, CanRebase: true,
			},
			Checks: []prow.Check{{Name: "unit", State: prow.CheckSuccess}},
			Policy: &Policy{MergeContexts: &config.MergeContexts{Required: []string{"unit"}}},
			Needs:  []Need{{Context: "unit", Job: "unit", Command: "/test unit"}},
		},
		r: &Rules{
			Repo: prow.Repo{Owner: "o", Name: "r"}, Branch: "main", Method: prow.MergeCommit, Blocks: config.BlocksPermit,
			SquashLabel: "tide/squash", RebaseLabel: "tide/rebase",
			Queries: []config.TideQuery{{Repos: []string{"o/r"}, Labels: []string{"lgtm"}, MissingLabels: []string{"do-not-merge/hold"}}},
		},
	}
	s.f.Results = []Result{{Context: "unit", State: prow.Success, BaseSHA: baseSHA, SHA: "h1", ID: "j1", At: noon}}
	for _, c := range change {
		c(s)
	}
	return s
}

func results(states ...prow.State) func(*story) {
	return func(s *story) {
		s.f.Results = nil
		for _, st := range states {
			s.f.Results = append(s.f.Results, Result{Context: "unit", State: st, BaseSHA: baseSHA, SHA: "h1"})
		}
	}
}

func checks(c ...prow.Check) func(*story) { return func(s *story) { s.f.Checks = c } }
func check(name string, st prow.CheckState) prow.Check {
	return prow.Check{Name: name, State: st}
}
func label(l ...string) func(*story) {
	return func(s *story) { s.f.Pull.Labels = append(s.f.Pull.Labels, l...) }
}
func byTide(s *story)                      { s.f.Results[0].ByTide = true }
func forge(c ...string) func(*story)       { return func(s *story) { s.f.Policy.Forge = c } }
func pull(f func(*prow.Pull)) func(*story) { return func(s *story) { f(s.f.Pull) } }
func rules(f func(*Rules)) func(*story)    { return func(s *story) { f(s.r) } }

func TestProgress(t *testing.T) {
	t.Parallel()
	onBase := func(base, text string) prow.Check {
		return prow.Check{Name: "unit", State: prow.CheckSuccess, Text: prow.WithBase(text, base)}
	}
	for name, c := range map[string]struct {
		story *story
		want  Progress
	}{
		"passed here":                         {tell(), Passing},
		"no test needed":                      {tell(func(s *story) { s.f.Needs = nil }), Passing},
		"nothing known":                       {tell(results()), Missing},
		"running":                             {tell(results(prow.Pending)), Pending},
		"waiting to run":                      {tell(results(prow.Triggered)), Pending},
		"failed":                              {tell(results(prow.Failure)), Failing},
		"aborted":                             {tell(results(prow.Aborted)), Failing},
		"failed, runs again":                  {tell(results(prow.Failure, prow.Pending)), Pending},
		"failed, then passed":                 {tell(results(prow.Failure, prow.Success)), Passing},
		"passed, then failed":                 {tell(results(prow.Success, prow.Failure)), Passing},
		"no verdict is tried once more":       {tell(results(prow.Error)), Missing},
		"no verdict twice is enough":          {tell(results(prow.Error, prow.Error)), Failing},
		"passed on another base":              {tell(func(s *story) { s.f.Results[0].BaseSHA = oldSHA }), Missing},
		"passed with another head":            {tell(func(s *story) { s.f.Results[0].SHA = "h0" }), Missing},
		"another context passed":              {tell(func(s *story) { s.f.Results[0].Context = "e2e" }), Missing},
		"its check tells of this base":        {tell(results(), checks(onBase(baseSHA, "Job succeeded."))), Passing},
		"its check tells of another":          {tell(results(), checks(onBase(oldSHA, "Job succeeded."))), Missing},
		"its check is good for ever":          {tell(results(), checks(onBase("", prow.StickyText("Overridden")))), Passing},
		"a failing check that tells of base":  {tell(results(), checks(prow.Check{Name: "unit", State: prow.CheckFailure, Text: prow.WithBase("no", baseSHA)})), Missing},
		"two needs, one missing":              {tell(func(s *story) { s.f.Needs = append(s.f.Needs, Need{Context: "e2e"}) }), Missing},
		"two needs, one failed beats missing": {tell(results(prow.Failure), func(s *story) { s.f.Needs = append(s.f.Needs, Need{Context: "e2e"}) }), Failing},
	} {
		if got := Assess(c.story.f, c.story.r, baseSHA, noon); got.State != c.want {
			t.Errorf("%s: %s, want %s", name, got.State, c.want)
		}
	}
}

// What is in the pool, what may merge, and what may be tested.
func TestPool(t *testing.T) {
	t.Parallel()
	pending, failed := check("unit", prow.CheckPending), check("unit", prow.CheckFailure)
	for name, c := range map[string]struct {
		story *story
		want  string // of pool, ready, eligible, lagging
	}{
		"all is there":                           {tell(), "pool ready eligible"},
		"a label is missing":                     {tell(pull(func(p *prow.Pull) { p.Labels = nil })), ""},
		"a label is in the way":                  {tell(label("do-not-merge/hold")), ""},
		"required, and absent: not pending":      {tell(checks()), ""},
		"its own test is pending":                {tell(checks(pending), results(prow.Pending)), "pool"},
		"tide's test is pending":                 {tell(checks(pending), results(prow.Pending), byTide), "pool eligible"},
		"passed, the check is on its way":        {tell(checks(pending), byTide), "pool ready eligible"},
		"passed, the forge wants the check":      {tell(checks(pending), byTide, forge("unit")), "pool eligible lagging"},
		"its test failed":                        {tell(checks(failed), results(prow.Failure)), ""},
		"failed in silence":                      {tell(results(prow.Failure)), "pool"},
		"an unknown check failed":                {tell(checks(check("unit", prow.CheckSuccess), check("other", prow.CheckFailure))), ""},
		"an unknown check is pending":            {tell(checks(check("unit", prow.CheckSuccess), check("other", prow.CheckPending))), ""},
		"unknown checks are skipped":             {tell(checks(check("unit", prow.CheckSuccess), check("other", prow.CheckFailure)), func(s *story) { s.f.Policy.SkipUnknown = true }), "pool ready eligible"},
		"an optional check failed":               {tell(checks(check("unit", prow.CheckSuccess), check("other", prow.CheckFailure)), func(s *story) { s.f.Policy.Optional = []string{"other"} }), "pool ready eligible"},
		"the forge wants the optional check":     {tell(checks(check("unit", prow.CheckSuccess), check("other", prow.CheckFailure)), func(s *story) { s.f.Policy.Optional = []string{"other"} }, forge("other")), ""},
		"the forge wants one nobody has":         {tell(forge("security")), ""},
		"the forge wants tide: that is our part": {tell(checks(check("unit", prow.CheckSuccess), check("tide", prow.CheckPending)), forge("tide")), "pool ready eligible"},
		"it conflicts":                           {tell(pull(func(p *prow.Pull) { p.Mergeable = prow.MergeableNo })), ""},
		"git says it conflicts":                  {tell(func(s *story) { s.f.Clash = true }), ""},
		"nobody knows yet whether it conflicts":  {tell(pull(func(p *prow.Pull) { p.Mergeable = prow.MergeableUnknown })), "pool ready eligible"},
		"two methods":                            {tell(label("tide/squash", "tide/rebase")), ""},
		"rebase, not possible":                   {tell(label("tide/rebase"), pull(func(p *prow.Pull) { p.CanRebase = false })), ""},
		"rebase, possible":                       {tell(label("tide/rebase")), "pool ready eligible"},
		"squash is not allowed":                  {tell(label("tide/squash"), rules(func(r *Rules) { r.Allowed = []prow.MergeMethod{prow.MergeCommit} })), ""},
		"blocked, and that counts":               {tell(pull(func(p *prow.Pull) { p.MergeState = "BLOCKED" }), rules(func(r *Rules) { r.Blocks = config.BlocksBlock })), ""},
		"blocked, permitted":                     {tell(pull(func(p *prow.Pull) { p.MergeState = "BLOCKED" })), "pool ready eligible"},
		"its jobs are not known":                 {tell(func(s *story) { s.f.Broken = "line 3" }), ""},
		"refused a moment ago":                   {tell(refused(noon.Add(time.Minute))), ""},
		"refused long ago":                       {tell(refused(noon)), "pool ready eligible"},
		"refused, then something changed":        {tell(refused(noon.Add(time.Minute)), label("x")), "pool ready eligible"},
		"a draft":                                {tell(pull(func(p *prow.Pull) { p.Draft = true })), ""},
	} {
		s := Assess(c.story.f, c.story.r, baseSHA, noon)
		var got []string
		for _, x := range []struct {
			name string
			is   bool
		}{{"pool", s.InPool}, {"ready", s.InPool && s.Ready}, {"eligible", s.Eligible}, {"lagging", s.Lagging}} {
			if x.is {
				got = append(got, x.name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, strings.Join(got, " "), c.want)
		}
	}
}

func refused(until time.Time) func(*story) {
	return func(s *story) {
		s.f.Refusal = &Refusal{SHA: "h1", Words: "At least 1 approving review is required.", Tries: 2, Until: until, Seen: fingerprint(s.f, baseSHA)}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	needs := func(names ...string) func(*story) {
		return func(s *story) {
			s.f.Needs, s.f.Results = nil, nil
			for _, n := range names {
				s.f.Needs = append(s.f.Needs, Need{Context: n})
			}
		}
	}
	var many []string
	for range 30 {
		many = append(many, "pull-something-"+string(rune('a'+len(many))))
	}
	for name, c := range map[string]struct {
		story    *story
		blockers []int
		state    prow.CheckState
		text     string
	}{
		"in":                       {tell(), nil, "success", "In merge pool."},
		"in despite":               {tell(pull(func(p *prow.Pull) { p.MergeState = "BLOCKED" })), nil, "success", "In merge pool (despite BLOCKED)."},
		"blocked but nobody minds": {tell(pull(func(p *prow.Pull) { p.MergeState = "BLOCKED" }), rules(func(r *Rules) { r.Blocks = config.BlocksIgnore })), nil, "success", "In merge pool."},
		"blocked":                  {tell(pull(func(p *prow.Pull) { p.MergeState = "BLOCKED" }), rules(func(r *Rules) { r.Blocks = config.BlocksBlock })), nil, "error", "Not mergeable. Blocked by GitHub (branch rulesets or protection)"},
		"conflict":                 {tell(pull(func(p *prow.Pull) { p.Mergeable = prow.MergeableNo })), nil, "error", "Not mergeable. PR has a merge conflict."},
		"methods":                  {tell(label("tide/squash", "tide/rebase")), nil, "error", "Not mergeable. PR has conflicting merge method override labels"},
		"rebase":                   {tell(label("tide/rebase"), pull(func(p *prow.Pull) { p.CanRebase = false })), nil, "error", "Not mergeable. PR can't be rebased"},
		"not allowed":              {tell(rules(func(r *Rules) { r.Allowed = []prow.MergeMethod{prow.MergeSquash} })), nil, "error", `Not mergeable. Merge type "merge" disallowed by repo settings`},
		"one blocker":              {tell(), []int{12}, "error", "Not mergeable. Merging is blocked by issue 12."},
		"two blockers":             {tell(), []int{12, 14}, "error", "Not mergeable. Merging is blocked by issues 12, 14."},
		"conflict goes before":     {tell(pull(func(p *prow.Pull) { p.Mergeable = prow.MergeableNo })), []int{12}, "error", "Not mergeable. PR has a merge conflict."},
		"needs a label":            {tell(pull(func(p *prow.Pull) { p.Labels = []string{"do-not-merge/hold"} })), nil, "pending", "Not mergeable. Needs lgtm label."},
		"a label too many":         {tell(label("do-not-merge/hold")), nil, "pending", "Not mergeable. Should not have do-not-merge/hold label."},
		"a check failed":           {tell(checks(check("unit", prow.CheckFailure))), nil, "pending", "Not mergeable. Job unit has not succeeded."},
		"a check is absent":        {tell(checks()), nil, "pending", "Not mergeable. Job unit has not succeeded."},
		"retesting":                {tell(results()), nil, "pending", "Not mergeable. Retesting: unit"},
		"retesting two":            {tell(needs("unit", "e2e")), nil, "pending", "Not mergeable. Retesting: e2e unit"},
		"retesting many":           {tell(needs(many...)), nil, "pending", "Not mergeable. Retesting 30 jobs."},
		"refused":                  {tell(refused(noon.Add(time.Hour))), nil, "error", "Not mergeable. The merge was refused: At least 1 approving review is required."},
		"jobs not known":           {tell(func(s *story) { s.f.Broken = "Its jobs cannot be read: line 3" }), nil, "error", "Not mergeable. Its jobs cannot be read: line 3"},
		"failed in silence":        {tell(results(prow.Failure)), nil, "pending", "Not mergeable. Job unit has not succeeded."},
		"no query":                 {tell(rules(func(r *Rules) { r.Queries = nil })), nil, "pending", "Not mergeable. No Tide query for branch main found."},
	} {
		in := &Input{BaseSHA: baseSHA}
		for _, b := range c.blockers {
			in.Blockers = append(in.Blockers, prow.Blocker{Number: b})
		}
		s := Assess(c.story.f, c.story.r, baseSHA, noon)
		if s.InPool {
			in.Pulls = []*Standing{s}
		}
		v := Say(s, c.story.r, in, len(in.Pulls), nil, noon)
		if v.State != c.state || v.Text != c.text {
			t.Errorf("%s: %s %q\n\twant %s %q", name, v.State, v.Text, c.state, c.text)
		}
		if good := v.State == prow.CheckSuccess; good && slices.ContainsFunc(v.Items, func(i prow.Item) bool { return !i.Met && i.Kind != "queue" }) {
			t.Errorf("%s: mergeable, but of the checklist not all is met: %+v", name, v.Items)
		} else if !good && !slices.ContainsFunc(v.Items, func(i prow.Item) bool { return !i.Met }) {
			t.Errorf("%s: not mergeable, but the checklist does not say why: %+v", name, v.Items)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"short":                  "short",
		strings.Repeat("x", 140): strings.Repeat("x", 140),
		strings.Repeat("x", 141): strings.Repeat("x", 137) + "...",
		strings.Repeat("é", 71):  strings.Repeat("é", 68) + "...",
	} {
		if got := Cut(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// Where people are known who can give a label, they are named.
func TestItemsNamePeople(t *testing.T) {
	t.Parallel()
	st := tell(pull(func(p *prow.Pull) { p.Labels = nil }))
	st.f.Givers = map[string][]string{prow.LGTM: {"ann", "bob", "cy", "dee", "eve"}}
	v := Say(Assess(st.f, st.r, baseSHA, noon), st.r, &Input{}, 0, nil, noon)
	if got, want := v.Items[0].Who, "ann, bob, cy or dee, asked to review"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The checklist names who can give what is missing, and what to type.
func TestItems(t *testing.T) {
	t.Parallel()
	st := tell(pull(func(p *prow.Pull) { p.Labels = []string{"do-not-merge/hold"} }), checks(check("unit", prow.CheckFailure), check("cla", prow.CheckPending)), forge("security"))
	v := Say(Assess(st.f, st.r, baseSHA, noon), st.r, &Input{}, 0, nil, noon)
	var got []string
	for _, i := range v.Items {
		got = append(got, strings.Join([]string{map[bool]string{true: "ok", false: "--"}[i.Met], i.Kind, i.What, i.Who, i.Command}, "|"))
	}
	want := []string{
		"--|label|label lgtm|a reviewer who is not the author|/lgtm",
		"--|no-label|no label do-not-merge/hold|whoever held it, or the author when it is settled|/hold cancel",
		"--|check|check cla||",
		"--|check|check security||",
		"--|check|check unit|the author, or anyone who may ask for tests|/test unit",
		"ok|conflict|merges into main||",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPriority(t *testing.T) {
	t.Parallel()
	r := &Rules{Priority: []config.TidePriority{{Labels: []string{"urgent"}}, {Labels: []string{"kind/bug,kind/flake", "small"}}}}
	at := func(n int, labels ...string) *Standing {
		p := &prow.Pull{Issue: prow.Issue{Labels: labels}}
		return &Standing{Ref: prow.PullRef{Number: n}, Priority: r.priority(p)}
	}
	all := []*Standing{at(7), at(9, "urgent"), at(8, "kind/flake", "small"), at(3, "kind/flake"), at(12, "urgent")}
	inOrder(all)
	if got := numbers(refsOf(all)); got != "#9, #12, #8, #3, #7" {
		t.Errorf("order %s", got)
	}
}

func TestNeeded(t *testing.T) {
	t.Parallel()
	policy := &Policy{MergeContexts: &config.MergeContexts{Required: []string{"always", "manual-required"}}, Forge: []string{"optional-but-forge"}}
	job := func(name string, change func(*config.Presubmit)) config.Presubmit {
		p := config.Presubmit{JobBase: config.JobBase{Name: name}, Reporter: config.Reporter{Context: name}}
		change(&p)
		return p
	}
	jobs := []config.Presubmit{
		job("always", func(p *config.Presubmit) { p.AlwaysRun = true }),
		job("always", func(p *config.Presubmit) { p.AlwaysRun = true; p.Name = "second of its context" }),
		job("optional", func(p *config.Presubmit) { p.AlwaysRun, p.Optional = true, true }),
		job("optional-but-forge", func(p *config.Presubmit) { p.AlwaysRun, p.Optional = true, true }),
		job("silent", func(p *config.Presubmit) { p.AlwaysRun, p.SkipReport = true, true }),
		job("before-merge", func(p *config.Presubmit) { p.RunBeforeMerge, p.Optional = true, true }),
		job("manual", func(p *config.Presubmit) {}),
		job("manual-required", func(p *config.Presubmit) {}),
	}
	got, err := needed(jobs, "main", policy, func() ([]string, error) { t.Error("no job asks for files"); return nil, nil })
	if err != nil || strings.Join(contexts(got), " ") != "always optional-but-forge before-merge manual-required" || got[0].Job != "always" {
		t.Errorf("needs %v, %v", contexts(got), err)
	}
}
