package config

import (
	"errors"
	"reflect"
	"slices"

	prow "github.com/prow-ci/prow"
)

// Protection returns the policy for a branch, all levels merged and the contexts
// of presubmits added; nil means that the branch is left alone.
func (c *Config) Protection(r prow.Repo, branch string, presubmits []Presubmit) (*Policy, error) {
	bp := &c.BranchProtection
	p, err := bp.of(r, branch, c.res)
	if err != nil {
		return nil, err
	}
	if p == nil || isTrue(p.Unmanaged) {
		return nil, nil
	}
	p, err = c.withPresubmits(p, branch, presubmits)
	if err != nil {
		return nil, err
	}
	if p.Protect != nil && !*p.Protect && p.demands() && !isTrue(bp.AllowDisabledPolicies) {
		return nil, errors.New("protect is false, but there are settings that protect; remove them or set allow_disabled_policies")
	}
	if reflect.DeepEqual(*p, Policy{}) {
		return nil, nil
	}
	return p, nil
}

// withPresubmits adds the contexts that presubmits require.
func (c *Config) withPresubmits(p *Policy, branch string, presubmits []Presubmit) (*Policy, error) {
	bp := &c.BranchProtection
	classes := c.Classes(branch, presubmits, isTrue(p.RequireManuallyTriggeredJobs))
	some := len(classes.Required) > 0 || isTrue(bp.ProtectReposWithOptionalJobs) && len(classes.Optional)+len(classes.RequiredIfPresent) > 0
	switch {
	case !some:
		return p, nil
	case p.Protect != nil && !*p.Protect && isTrue(bp.AllowDisabledJobPolicies):
		return &Policy{}, nil
	case p.Protect != nil && !*p.Protect:
		return nil, errors.New("protect is false, but there are required jobs; make them optional or set allow_disabled_job_policies")
	}
	out := p.under(Policy{RequiredStatusChecks: &ContextPolicy{Contexts: classes.Required}})
	if isTrue(bp.ProtectTested) {
		yes := true
		out.Protect = &yes
	}
	return &out, nil
}

// of merges the levels for a branch. A branch that is configured by name has to
// end up protected, unprotected or unmanaged. nil: include and exclude leave the
// branch out.
func (bp *BranchProtection) of(r prow.Repo, branch string, res regexps) (*Policy, error) {
	p := bp.Policy
	org, ok := bp.Orgs[r.Owner]
	if ok {
		p = p.under(org.Policy)
	}
	repo, ok := org.Repos[r.Name]
	if ok {
		p = p.under(repo.Policy)
	}
	b, named := repo.Branches[branch]
	if named {
		p = p.under(b.Policy)
		if p.Protect == nil && !isTrue(p.Unmanaged) {
			return nil, errors.New("the branch has a policy, but protect is not set")
		}
	}
	if len(p.Include) > 0 && len(p.Exclude) > 0 {
		return nil, errors.New("include and exclude do not go together; keep one of the two")
	}
	if !named && !p.covers(branch, res) {
		return nil, nil
	}
	return &p, nil
}

// covers reports whether a branch without a policy of its own is one of p's.
func (p *Policy) covers(branch string, res regexps) bool {
	match := func(list []string) bool {
		return slices.ContainsFunc(list, func(text string) bool {
			re, err := res.get(text)
			return err == nil && re.MatchString(branch)
		})
	}
	if len(p.Include) > 0 {
		return match(p.Include)
	}
	return !match(p.Exclude)
}

// requiresManual reports whether the protection of the branch counts jobs that
// only run when asked for.
func (c *Config) requiresManual(r prow.Repo, branch string) bool {
	p, err := c.BranchProtection.of(r, branch, c.res)
	return err == nil && p != nil && isTrue(p.RequireManuallyTriggeredJobs)
}

// demands reports whether p asks for anything but protection itself.
func (p *Policy) demands() bool {
	q := *p
	q.Protect, q.Unmanaged, q.Include, q.Exclude = nil, nil, nil, nil
	return !reflect.DeepEqual(q, Policy{})
}

// under lays child over p: lists are joined, the rest is child's where it is set.
func (p Policy) under(child Policy) Policy {
	over(&p.Unmanaged, child.Unmanaged)
	over(&p.Protect, child.Protect)
	over(&p.Admins, child.Admins)
	over(&p.RequireManuallyTriggeredJobs, child.RequireManuallyTriggeredJobs)
	over(&p.RequiredLinearHistory, child.RequiredLinearHistory)
	over(&p.AllowForcePushes, child.AllowForcePushes)
	over(&p.AllowDeletions, child.AllowDeletions)
	over(&p.RequireSignedCommits, child.RequireSignedCommits)
	p.Include = union(p.Include, child.Include)
	p.Exclude = union(p.Exclude, child.Exclude)
	p.Restrictions = joinRestrictions(p.Restrictions, child.Restrictions)
	if m, ok := both(p.RequiredStatusChecks, child.RequiredStatusChecks); ok {
		m.Contexts = union(m.Contexts, child.RequiredStatusChecks.Contexts)
		over(&m.Strict, child.RequiredStatusChecks.Strict)
		p.RequiredStatusChecks = m
	} else {
		p.RequiredStatusChecks = m
	}
	p.RequiredPullRequestReviews = joinReviews(p.RequiredPullRequestReviews, child.RequiredPullRequestReviews)
	return p
}

func joinRestrictions(lower, upper *Restrictions) *Restrictions {
	m, ok := both(lower, upper)
	if ok {
		m.Apps = union(m.Apps, upper.Apps)
		m.Users = union(m.Users, upper.Users)
		m.Teams = union(m.Teams, upper.Teams)
	}
	return m
}

func joinReviews(lower, upper *ReviewPolicy) *ReviewPolicy {
	m, ok := both(lower, upper)
	if ok {
		m.DismissalRestrictions = joinRestrictions(m.DismissalRestrictions, upper.DismissalRestrictions)
		m.BypassRestrictions = joinRestrictions(m.BypassRestrictions, upper.BypassRestrictions)
		over(&m.DismissStale, upper.DismissStale)
		over(&m.RequireOwners, upper.RequireOwners)
		over(&m.Approvals, upper.Approvals)
	}
	return m
}

// check compiles the expressions of every level, and looks for include beside
// exclude in the merged ones.
func (bp *BranchProtection) check(at spot, res regexps) {
	level := func(at spot, p, merged Policy) {
		for i, text := range p.Include {
			res.compile(at.at("include", i), text)
		}
		for i, text := range p.Exclude {
			res.compile(at.at("exclude", i), text)
		}
		if len(merged.Include) > 0 && len(merged.Exclude) > 0 {
			at.warn(KindNoEffect, "has both include and exclude, with what is above it, so it cannot be used", "keep one of the two")
		}
	}
	if len(bp.Include) > 0 && len(bp.Exclude) > 0 {
		at.hinted("has both include and exclude", "keep one of the two")
	} else {
		level(at, bp.Policy, bp.Policy)
	}
	for _, name := range keysOf(bp.Orgs) {
		org, at := bp.Orgs[name], at.at("orgs", name)
		inOrg := bp.Policy.under(org.Policy)
		level(at, org.Policy, inOrg)
		for _, name := range keysOf(org.Repos) {
			repo, at := org.Repos[name], at.at("repos", name)
			inRepo := inOrg.under(repo.Policy)
			level(at, repo.Policy, inRepo)
			for _, name := range keysOf(repo.Branches) {
				b := repo.Branches[name].Policy
				merged := inRepo.under(b)
				level(at.at("branches", name), b, merged)
				if merged.Protect == nil && !isTrue(merged.Unmanaged) {
					at.at("branches", name).warn(KindNoEffect, "does not say whether to protect, so it cannot be used", "set protect, or unmanaged: true")
				}
			}
		}
	}
}
