package tide

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
)

// look is one look at a pool: all that is known, and what is made of it.
type look struct {
	w     *Worker
	cfg   *config.Config
	key   key
	rules *Rules
	pool  *pool
	now   time.Time

	branch *prow.Branch
	jobs   []*prow.Job // tests on this base, and tide's running ones on any
	all    standings   // every open pull request of the branch, in order
	in     Input
	said   []prow.Verdict // on each of all

	mu     sync.Mutex
	errs   []error // what could not be read; those concerned stay out
	unread map[prow.IssueID]bool
}

func (l *look) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

// look gathers what is known of a pool. The error is for what concerns the
// whole pool.
func (w *Worker) look(ctx context.Context, cfg *config.Config, k key) (*look, error) {
	l := &look{w: w, cfg: cfg, key: k, rules: rulesFor(cfg, k), pool: w.state().pool(k), now: w.Now(), unread: map[prow.IssueID]bool{}}
	if err := l.pool.load(ctx, w.Memory, k); err != nil {
		return nil, err
	}
	each(w.state().view.in(k), func(id prow.IssueID) {
		if err := w.refresh(ctx, cfg, id); err != nil {
			l.failed(err)
			l.mu.Lock()
			l.unread[id] = true
			l.mu.Unlock()
		}
	})
	var err error
	if l.branch, err = w.branch(ctx, k); err != nil {
		return nil, err
	}
	if l.rules.Allowed, err = w.allowed(ctx, k.Repo); err != nil {
		return nil, err
	}
	if err := l.readJobs(ctx); err != nil {
		return nil, err
	}
	facts, err := l.facts(ctx)
	if err != nil {
		return nil, err
	}
	l.in = Input{BaseSHA: l.branch.SHA, Blockers: w.state().view.blockersOf(k)}
	if err := load(ctx, w.Memory, prow.FreezeName(k.Repo, k.Branch), &l.in.Freeze); err != nil {
		return nil, err
	}
	if h := l.pool.hold; h != nil && l.now.Before(h.Until) && h.SHA == l.branch.SHA {
		l.in.Hold = "The forge lets nothing into " + k.Branch + ": " + h.Words
	}
	for _, f := range facts {
		l.all = append(l.all, Assess(f, l.rules, l.branch.SHA, l.now))
	}
	inOrder(l.all)
	for _, s := range l.all {
		if s.InPool {
			l.in.Pulls = append(l.in.Pulls, s)
		}
	}
	return l, l.findSets(ctx)
}

// maxJobs is of how many jobs it is kept what pool they belong to.
const maxJobs = 10000

// maxHeirs is how many tests of sets on older bases are looked at: one of the
// last may hold for what is left of it.
const maxHeirs = 40

// readJobs lists the tests of this base, the newest of sets on older ones, and
// those of tide's that run on others: they explain why a check is pending.
func (l *look) readJobs(ctx context.Context) error {
	tests := prow.JobFilter{Repo: l.key.Repo, Base: l.key.Branch, BaseSHA: l.branch.SHA, Types: []prow.Type{prow.Presubmit, prow.Batch}}
	jobs, err := l.w.Jobs.List(ctx, tests)
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	sets, err := l.w.Jobs.List(ctx, prow.JobFilter{Repo: l.key.Repo, Base: l.key.Branch, Types: []prow.Type{prow.Batch}, Limit: maxHeirs})
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	for _, j := range sets {
		if j.Spec.Refs.BaseSHA != l.branch.SHA {
			jobs = append(jobs, j)
		}
	}
	no := false
	own, err := l.w.Jobs.List(ctx, prow.JobFilter{Repo: l.key.Repo, Base: l.key.Branch, Types: []prow.Type{prow.Presubmit},
		Labels: map[string]string{prow.LabelByTide: "true"}, Complete: &no})
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	for _, j := range own {
		if j.Spec.Refs.BaseSHA != l.branch.SHA {
			jobs = append(jobs, j)
		}
	}
	l.jobs = jobs
	s := l.w.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.jobPool) > maxJobs {
		clear(s.jobPool) // what it spares is one read of a job
	}
	for _, j := range jobs {
		if j.Complete() {
			delete(s.jobPool, j.Name)
		} else {
			s.jobPool[j.Name] = l.key
		}
	}
	return nil
}

func result(j *prow.Job) Result {
	r := Result{
		Context: j.Spec.Context, State: j.Status.State, BaseSHA: j.Spec.Refs.BaseSHA, ByTide: j.Labels[prow.LabelByTide] == "true",
		ID: j.Name, URL: j.Status.URL, Why: j.Status.Description,
	}
	if p := j.Pull(); p != nil {
		r.SHA = p.SHA
	}
	if j.Status.CompletionTime != nil {
		r.At = j.Status.CompletionTime.Time
	}
	return r
}

// facts lists what is known of every open pull request of the branch.
func (l *look) facts(ctx context.Context) ([]*Facts, error) {
	results := map[int][]Result{}
	for _, j := range l.jobs {
		if p := j.Pull(); p != nil && j.Spec.Type == prow.Presubmit {
			results[p.Number] = append(results[p.Number], result(j))
		}
	}
	base := l.w.InRepo.Jobs(ctx, l.cfg, l.key.Repo, l.key.Branch, l.branch.SHA)
	common, err := l.policy(base.Presubmits)
	if err != nil {
		return nil, err
	}
	var out []*Facts
	for _, id := range l.w.state().view.in(l.key) {
		e, ok := l.w.state().view.get(id)
		if !ok || e.pull == nil || e.pull.HeadSHA == "" {
			continue
		}
		f := &Facts{Pull: e.pull, Checks: e.checks, Approved: e.approved, Policy: common, Results: results[id.Number]}
		if l.unread[id] {
			f.Broken = "Its state could not be read from the forge."
		}
		if f.Givers, err = l.w.givers(ctx, e.pull); err != nil {
			return nil, err
		}
		if f.Refusal, err = l.w.refusal(ctx, id); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	each(out, func(f *Facts) { l.tests(ctx, f, common) })
	l.pool.tidy(out)
	return out, nil
}

func (l *look) policy(presubmits []config.Presubmit) (*Policy, error) {
	m, err := l.cfg.MergeContexts(l.key.Repo, l.key.Branch, presubmits)
	if err != nil {
		return nil, err
	}
	return &Policy{MergeContexts: m, Forge: slices.DeleteFunc(slices.Clone(l.branch.Required), func(c string) bool { return c == ownContext })}, nil
}

// own is what a pull request brings with it: the jobs of its own merge with the
// base. It holds as long as head, base and configuration do.
type own struct {
	of     string
	policy *Policy
	needs  []Need
	clash  bool
}

// tests fills in what f has to pass. Only those that may merge but for tests are
// asked; the others have to be content with the policy of the branch.
func (l *look) tests(ctx context.Context, f *Facts, common *Policy) {
	if text, _ := nearest(l.rules, f, nil, false); text != "" {
		return
	}
	method, _ := l.rules.method(f.Pull) // two methods at once are denied elsewhere
	of := fmt.Sprint(f.Pull.HeadSHA, l.branch.SHA, l.cfg.Version, method, l.branch.Required)
	o, ok := l.pool.own(f.Pull.ID.Number, of)
	if !ok {
		var err error
		if o, err = l.bring(ctx, f.Pull, method); err != nil {
			f.Broken = "Its jobs cannot be read: " + words(err)
			if !errors.As(err, new(config.Problems)) { // what is written wrong stays wrong; anything else is tried again
				l.failed(fmt.Errorf("%s: %w", f.Pull.ID, err))
			}
			return
		}
		o.of = of
		l.pool.keep(f.Pull.ID.Number, o)
	}
	f.Policy, f.Needs, f.Clash = o.policy, o.needs, o.clash
}

func (l *look) bring(ctx context.Context, p *prow.Pull, method prow.MergeMethod) (own, error) {
	_, err := l.merged(ctx, l.branch.SHA, []change{{p.ID.Number, p.HeadSHA, method}})
	if errors.As(err, new(*git.ConflictError)) {
		common, err := l.policy(l.cfg.Presubmits(l.key.Repo))
		return own{policy: common, clash: true}, err
	}
	if err != nil {
		return own{}, err
	}
	jobs := l.w.InRepo.Jobs(ctx, l.cfg, l.key.Repo, l.key.Branch, l.branch.SHA, p.HeadSHA)
	if jobs.Broken != nil {
		return own{}, jobs.Broken
	}
	policy, err := l.policy(jobs.Presubmits)
	if err != nil {
		return own{}, err
	}
	needs, err := l.needs(ctx, jobs.Presubmits, policy, []prow.IssueID{p.ID}, []string{p.HeadSHA})
	return own{policy: policy, needs: needs}, err
}

// change is the head of a pull request, and how it is merged.
type change struct {
	number int
	sha    string
	method prow.MergeMethod
}

// merged lets git put changes on a base, one after the other, and returns the
// commit. The error is *git.ConflictError where one does not merge.
func (l *look) merged(ctx context.Context, base string, changes []change) (string, error) {
	repo := l.w.Git.Repo(l.key.Repo)
	refs, commits := []string{"refs/heads/" + l.key.Branch}, []string{base}
	var picks []git.Pick
	for _, c := range changes {
		refs = append(refs, fmt.Sprintf("refs/pull/%d/head", c.number))
		commits = append(commits, c.sha)
		picks = append(picks, git.Pick{SHA: c.sha, Method: c.method})
	}
	if err := repo.Ensure(ctx, refs, commits...); err != nil {
		return "", err
	}
	return repo.Merge(ctx, base, picks...)
}

// needs returns the presubmits that have to pass before a merge: those that
// are required, and those that run before each merge, as far as the changed
// files call for them.
func (l *look) needs(ctx context.Context, presubmits []config.Presubmit, policy *Policy, ids []prow.IssueID, heads []string) ([]Need, error) {
	var changed []string
	read := false
	files := func() ([]string, error) {
		if read {
			return changed, nil
		}
		for i, id := range ids {
			f, err := l.files(ctx, id, heads[i])
			if err != nil {
				return nil, err
			}
			changed = append(changed, f...)
		}
		read = true
		return changed, nil
	}
	return needed(presubmits, l.key.Branch, policy, files)
}

// needed chooses the presubmits that have to pass, the first of each context.
func needed(presubmits []config.Presubmit, branch string, policy *Policy, files func() ([]string, error)) ([]Need, error) {
	var out []Need
	for i := range presubmits {
		p := &presubmits[i]
		required := p.Required() || slices.Contains(policy.Forge, p.Context)
		if !p.ShouldRun(branch) || !required && !p.RunBeforeMerge || slices.ContainsFunc(out, func(n Need) bool { return n.Context == p.Context }) {
			continue
		}
		// A job that only runs when asked for is forced where its context is required.
		runs := p.AlwaysRun || p.RunBeforeMerge || !p.Automatic() && slices.Contains(policy.Required, p.Context)
		if !runs && p.Conditional() {
			changed, err := files()
			if err != nil {
				return nil, err
			}
			runs = p.Matches(changed)
		}
		if runs {
			out = append(out, Need{Context: p.Context, Job: p.Name, Command: p.RerunCommand, Silent: p.SkipReport, presubmit: p})
		}
	}
	return out, nil
}

// maxFiles is how many lists of changed files are kept.
const maxFiles = 5000

// files names what a pull request changes; asked for once for each head.
func (l *look) files(ctx context.Context, id prow.IssueID, head string) ([]string, error) {
	s := l.w.state()
	name := id.String() + "@" + head
	s.mu.Lock()
	names, ok := s.files[name]
	s.mu.Unlock()
	if ok {
		return names, nil
	}
	listed, err := l.w.Forge.Files(ctx, id)
	if err == nil {
		names, err = l.w.Git.Repo(l.key.Repo).PullFiles(ctx, id.Number, l.key.Branch, l.branch.SHA, head, listed)
	}
	if err != nil {
		return nil, fmt.Errorf("changed files: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) >= maxFiles {
		clear(s.files)
	}
	s.files[name] = names
	return names, nil
}
