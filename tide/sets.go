package tide

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/git"
)

// set is what some pull requests together have to pass.
type set struct {
	of    string
	needs []Need
}

// standings are the open pull requests of a branch.
type standings []*Standing

// of returns the pull request of that number, or nil.
func (all standings) of(number int) *Standing {
	for _, s := range all {
		if s.Ref.Number == number {
			return s
		}
	}
	return nil
}

// have returns those of refs that are open with this head.
func (all standings) have(refs []prow.PullRef) []prow.PullRef {
	return slices.DeleteFunc(slices.Clone(refs), func(p prow.PullRef) bool {
		s := all.of(p.Number)
		return s == nil || s.Ref.SHA != p.SHA
	})
}

// fit reports whether each of refs may be in a set that tests contexts.
func (all standings) fit(refs []prow.PullRef, contexts []string) bool {
	return !slices.ContainsFunc(refs, func(p prow.PullRef) bool { return !all.of(p.Number).fits(contexts) })
}

// findSets finds the sets that jobs tested and that still count on base, oldest
// first, and adds those that failed to known. A set counts as long as each of
// its members is open with the head that was tested, and misses nothing but what
// the set tests anew: a check of a member alone that flaked does not undo what
// passed together. A set of an older base counts too, without those of its members
// that merged meanwhile, if what is left makes the same files of the new base:
// then just that was tested, and same says so. A set whose needs are not known
// does not count.
func findSets(all standings, jobs []*prow.Job, base string, known []Failure, now time.Time,
	same func(was *prow.Refs, left []prow.PullRef) bool, needs func(refs []prow.PullRef) []Need) (sets []*Set, left []Failure, news bool) {
	groups := map[string][]*prow.Job{}
	var order []string
	for _, j := range jobs {
		if j.Spec.Type != prow.Batch {
			continue
		}
		name := j.Spec.Refs.String()
		if groups[name] == nil {
			order = append(order, name)
		}
		groups[name] = append(groups[name], j)
	}
	slices.Reverse(order)
	left = forget(known, all)
	news = len(left) != len(known)
	for _, name := range order {
		was := groups[name][0].Spec.Refs
		refs := all.have(was.Pulls)
		if heir := was.BaseSHA != base; heir && (len(refs) == 0 || len(refs) == len(was.Pulls) || !same(was, refs)) || !heir && len(refs) < len(was.Pulls) {
			continue
		}
		n := needs(refs)
		s := judgeSet(refs, n, groups[name])
		if len(s.Failed) > 0 {
			var fresh bool
			left, fresh = remember(left, Failure{BaseSHA: base, Members: members(refs), Contexts: s.Failed, At: now})
			news = news || fresh
		}
		if len(n) > 0 && all.fit(refs, contexts(n)) && (was.BaseSHA == base || s.State != Missing) {
			sets = append(sets, s)
		}
	}
	return sets, left, news
}

// findSets does so for l, and remembers what failed.
func (l *look) findSets(ctx context.Context) error {
	needs := func(refs []prow.PullRef) []Need {
		n, err := l.setNeeds(ctx, refs)
		if err != nil {
			l.failed(fmt.Errorf("set %s: %w", numbers(refs), err))
		}
		return n
	}
	same := func(was *prow.Refs, left []prow.PullRef) bool {
		return l.same(ctx, was.BaseSHA, was.Pulls, l.branch.SHA, left)
	}
	var news bool
	l.in.Sets, l.pool.failures, news = findSets(l.all, l.jobs, l.branch.SHA, l.pool.failures, l.now, same, needs)
	for _, s := range l.in.Sets {
		s.Keeps = keeps(s, l.in.Pulls, func(refs []prow.PullRef) bool { return l.same(ctx, l.branch.SHA, s.Refs, l.branch.SHA, refs) })
	}
	if l.pool.unsaved = l.pool.unsaved || news; !l.pool.unsaved {
		return nil
	}
	if err := save(ctx, l.w.Memory, failuresName(l.key), l.pool.failures); err != nil {
		return err
	}
	l.pool.unsaved = false
	return nil
}

// keeps returns the members of a running set that may merge before it ends
// without making its test void: those that passed alone, and of which the rest of
// the set, put on top, makes the same files. For the first of the set that is so.
func keeps(s *Set, pulls []*Standing, same func([]prow.PullRef) bool) []int {
	var out []int
	for _, p := range pulls {
		i := slices.IndexFunc(s.Refs, func(r prow.PullRef) bool { return r.Number == p.Ref.Number })
		if s.State != Pending || !p.Ready || i < 0 {
			continue
		}
		first := append([]prow.PullRef{s.Refs[i]}, slices.Delete(slices.Clone(s.Refs), i, i+1)...)
		if i == 0 || same(first) {
			out = append(out, p.Ref.Number)
		}
	}
	return out
}

// same reports whether pulls on a base make the same files as others on another.
// Where git cannot tell, they do not.
func (l *look) same(ctx context.Context, base string, pulls []prow.PullRef, base2 string, pulls2 []prow.PullRef) bool {
	of := fmt.Sprint(base, members(pulls), base2, pulls2)
	if same, ok := l.pool.same[of]; ok {
		return same
	}
	a, errA := l.tree(ctx, base, pulls)
	b, errB := l.tree(ctx, base2, pulls2)
	if err := errors.Join(errA, errB); err != nil && !errors.As(err, new(*git.ConflictError)) {
		l.failed(fmt.Errorf("comparing sets: %w", err))
		return false
	}
	if len(l.pool.same) > maxFailures {
		clear(l.pool.same)
	}
	l.pool.same[of] = errA == nil && errB == nil && a == b
	return l.pool.same[of]
}

// tree returns the files that pulls make of a base.
func (l *look) tree(ctx context.Context, base string, pulls []prow.PullRef) (string, error) {
	var picks []change
	for _, p := range pulls {
		method := l.rules.Method
		if s := l.all.of(p.Number); s != nil {
			method = s.Method
		}
		picks = append(picks, change{p.Number, p.SHA, method})
	}
	commit, err := l.merged(ctx, base, picks)
	if err != nil {
		return "", err
	}
	return l.w.Git.Repo(l.key.Repo).Tree(ctx, commit, "")
}

// judgeSet says how the test of a set stands, by the best result of each need.
func judgeSet(refs []prow.PullRef, needs []Need, jobs []*prow.Job) *Set {
	s := &Set{Refs: refs, Jobs: map[string]Result{}}
	pending := false
	for _, n := range needs {
		var best prow.CheckState
		errors := 0
		for _, j := range jobs {
			r := result(j)
			if r.Context != n.Context {
				continue
			}
			if r.State == prow.Error {
				errors++
			}
			if c := prow.CheckFor(r.State); rank(c) > rank(best) {
				best = c
				s.Jobs[n.Context] = r
			}
		}
		switch {
		case best == prow.CheckSuccess:
		case best == prow.CheckPending:
			pending = true
		case best == "", best == prow.CheckError && errors < maxErrors:
			s.Missing = append(s.Missing, n.Context)
		default:
			s.Failed = append(s.Failed, n.Context)
		}
	}
	switch {
	case len(s.Failed) > 0:
		s.State = Failing
	case len(s.Missing) > 0:
		s.State = Missing
	case pending:
		s.State = Pending
	default:
		s.State = Passing
	}
	return s
}

func contexts(needs []Need) []string {
	out := make([]string, 0, len(needs))
	for _, n := range needs {
		out = append(out, n.Context)
	}
	return out
}

// setNeeds returns what a set has to pass: the required presubmits of all of
// it merged, for all files that it changes.
func (l *look) setNeeds(ctx context.Context, refs []prow.PullRef) ([]Need, error) {
	name := l.refs(refs).String()
	of := l.cfg.Version + fmt.Sprint(l.branch.Required)
	if s, ok := l.pool.sets[name]; ok && s.of == of {
		return s.needs, nil
	}
	var ids []prow.IssueID
	var heads []string
	for _, p := range refs {
		ids = append(ids, prow.IssueID{Repo: l.key.Repo, Number: p.Number})
		heads = append(heads, p.SHA)
	}
	jobs := l.w.InRepo.Jobs(ctx, l.cfg, l.key.Repo, l.key.Branch, l.branch.SHA, heads...)
	if jobs.Broken != nil {
		return nil, jobs.Broken
	}
	policy, err := l.policy(jobs.Presubmits)
	if err != nil {
		return nil, err
	}
	needs, err := l.needs(ctx, jobs.Presubmits, policy, ids, heads)
	if err != nil {
		return nil, err
	}
	for old := range l.pool.sets {
		if !strings.HasPrefix(old, l.key.Branch+":"+l.branch.SHA) {
			delete(l.pool.sets, old)
		}
	}
	l.pool.sets[name] = set{of, needs}
	return needs, nil
}

// decide finds a set to test where one may be wanted, and decides.
func (l *look) decide(ctx context.Context) prow.Move {
	m := Decide(l.in)
	if m.Do != prow.Wait && m.Do != prow.Trigger || l.rules.Limit < 0 || !l.in.roomForSet() {
		return m
	}
	next, err := l.next(ctx)
	if err != nil {
		l.failed(fmt.Errorf("looking for a set to test: %w", err))
		return m // one at a time goes on
	}
	l.in.Next = next
	return Decide(l.in)
}

// next chooses the set to test next: one that was tested before on an older
// base, if that is configured, else as many as merge together, those nobody
// suspects first.
func (l *look) next(ctx context.Context) ([]prow.PullRef, error) {
	candidates := candidates(l.in.Pulls, l.pool.failures)
	if len(candidates) < 2 {
		return nil, nil
	}
	if l.rules.KeepBatches {
		if refs, err := l.earlier(ctx, candidates); err != nil || refs != nil {
			return refs, err
		}
	}
	picked, err := l.pick(ctx, candidates)
	if err != nil || len(picked) < 2 {
		return nil, err
	}
	return l.worthTesting(ctx, refsOf(picked))
}

// candidates are the pull requests that may be tested together, those in the
// fewest failed sets first.
func candidates(pulls []*Standing, known []Failure) []*Standing {
	var out []*Standing
	for _, s := range pulls {
		if s.Eligible {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b *Standing) int {
		return suspicion(known, Member{a.Ref.Number, a.Ref.SHA}) - suspicion(known, Member{b.Ref.Number, b.Ref.SHA})
	})
	return out
}

// pick takes the first of candidates that merge together, at most limit, and
// such that no failed set is tested again. merges gives a *git.ConflictError for
// those that do not.
func pick(candidates []*Standing, limit int, known []Failure, merges func([]*Standing) error) ([]*Standing, error) {
	var needs []string
	for _, s := range candidates {
		needs = append(needs, contexts(s.Facts.Needs)...)
	}
	for left := candidates; ; {
		picked := full(left, limit, known, needs)
		if len(picked) < 2 {
			return nil, nil
		}
		err := merges(picked)
		clash := (*git.ConflictError)(nil)
		if !errors.As(err, &clash) {
			return picked, err
		}
		out := picked[clash.Index]
		left = slices.DeleteFunc(slices.Clone(left), func(s *Standing) bool { return s == out })
	}
}

func (l *look) pick(ctx context.Context, candidates []*Standing) ([]*Standing, error) {
	return pick(candidates, l.rules.Limit, l.pool.failures, func(picked []*Standing) error {
		var picks []change
		for _, s := range picked {
			picks = append(picks, change{s.Ref.Number, s.Ref.SHA, s.Method})
		}
		_, err := l.merged(ctx, l.branch.SHA, picks)
		return err
	})
}

// full returns the first of candidates that may be tested together, at most
// limit.
func full(candidates []*Standing, limit int, known []Failure, needs []string) []*Standing {
	var out []*Standing
	var set []Member
	for _, s := range candidates {
		if limit > 0 && len(out) == limit {
			break
		}
		m := Member{s.Ref.Number, s.Ref.SHA}
		if room(known, set, m, needs) {
			out, set = append(out, s), append(set, m)
		}
	}
	return out
}

// worthTesting returns refs if something is tested for them together.
func (l *look) worthTesting(ctx context.Context, refs []prow.PullRef) ([]prow.PullRef, error) {
	needs, err := l.setNeeds(ctx, refs)
	if err != nil || len(needs) == 0 {
		return nil, err
	}
	return refs, nil
}

// maxEarlier is how many earlier tests of sets are looked at.
const maxEarlier = 200

// earlier finds the set of candidates that was most often tested on older bases,
// with success or still running, and still merges.
func (l *look) earlier(ctx context.Context, candidates []*Standing) ([]prow.PullRef, error) {
	for _, state := range [][]prow.State{{prow.Success}, {prow.Scheduling, prow.Triggered, prow.Pending}} {
		jobs, err := l.w.Jobs.List(ctx, prow.JobFilter{Repo: l.key.Repo, Base: l.key.Branch, Types: []prow.Type{prow.Batch}, States: state, Limit: maxEarlier})
		if err != nil {
			return nil, err
		}
		for _, refs := range often(jobs, l.branch.SHA, l.rules.Limit) {
			again := l.among(refs, candidates)
			if again == nil {
				continue
			}
			picked, err := l.pick(ctx, again)
			if err != nil {
				return nil, err
			}
			if len(picked) == len(again) {
				return l.worthTesting(ctx, refsOf(picked))
			}
		}
	}
	return nil, nil
}

// among returns the candidates that refs name, nil if one is none.
func (l *look) among(refs []prow.PullRef, candidates []*Standing) []*Standing {
	var out []*Standing
	for _, p := range refs {
		i := slices.IndexFunc(candidates, func(s *Standing) bool { return s.Ref.Number == p.Number && s.Ref.SHA == p.SHA })
		if i < 0 {
			return nil
		}
		out = append(out, candidates[i])
	}
	return out
}

// often returns the sets of jobs on other bases, those with most jobs first.
func often(jobs []*prow.Job, baseSHA string, limit int) [][]prow.PullRef {
	count := map[string]int{}
	var sets [][]prow.PullRef
	for _, j := range jobs {
		pulls := j.Spec.Refs.Pulls
		if j.Spec.Refs.BaseSHA == baseSHA || limit > 0 && len(pulls) > limit {
			continue
		}
		name := fmt.Sprint(members(pulls))
		if count[name]++; count[name] == 1 {
			sets = append(sets, pulls)
		}
	}
	slices.SortStableFunc(sets, func(a, b []prow.PullRef) int { return count[fmt.Sprint(members(b))] - count[fmt.Sprint(members(a))] })
	return sets
}

func refsOf(all []*Standing) []prow.PullRef {
	out := make([]prow.PullRef, 0, len(all))
	for _, s := range all {
		out = append(out, s.Ref)
	}
	return out
}
