package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// MergeContexts says which contexts a merge into a branch needs.
type MergeContexts struct {
	Required          []string // have to be there and succeed
	RequiredIfPresent []string // have to succeed if they are there
	Optional          []string // do not matter
	SkipUnknown       bool     // nor do those that nobody named
	OverwritePending  bool     // a batch sets pending ones to success when it merges

	optional []*regexp.Regexp
}

// IsOptional reports whether a merge does not wait for the context.
func (m *MergeContexts) IsOptional(context string) bool {
	switch {
	case slices.Contains(m.Optional, context):
		return true
	case slices.ContainsFunc(m.optional, func(re *regexp.Regexp) bool { return re.MatchString(context) }):
		return true
	case slices.Contains(m.Required, context), slices.Contains(m.RequiredIfPresent, context):
		return false
	}
	return m.SkipUnknown
}

// MissingRequired returns the required contexts that are not in present.
func (m *MergeContexts) MissingRequired(present []string) []string {
	var out []string
	for _, r := range m.Required {
		if !slices.Contains(present, r) {
			out = append(out, r)
		}
	}
	return out
}

// MergeContexts returns what a merge into the branch needs: the configured
// context options, the contexts of presubmits (r's, in-repo ones too), and with
// from-branch-protection those that the configured protection requires.
func (c *Config) MergeContexts(r prow.Repo, branch string, presubmits []Presubmit) (*MergeContexts, error) {
	p := c.Tide.ContextOptions.of(r, branch)
	classes := c.Classes(branch, presubmits, c.requiresManual(r, branch))
	m := &MergeContexts{
		Required:          union(p.RequiredContexts, classes.Required),
		RequiredIfPresent: union(p.RequiredIfPresentContexts, classes.RequiredIfPresent),
		Optional:          union(p.OptionalContexts, classes.Optional),
		SkipUnknown:       isTrue(p.SkipUnknownContexts),
		OverwritePending:  isTrue(p.OverwritePendingContexts),
	}
	if isTrue(p.FromBranchProtection) {
		policy, err := c.Protection(r, branch, presubmits)
		if err != nil {
			return nil, fmt.Errorf("branch protection of %s@%s: %w", r, branch, err)
		}
		if policy != nil && isTrue(policy.Protect) && policy.RequiredStatusChecks != nil {
			m.Required = union(m.Required, policy.RequiredStatusChecks.Contexts)
		}
	}
	if err := m.compile(c.res, p.OptionalRegexContexts); err != nil {
		return nil, fmt.Errorf("context policy of %s@%s: %w", r, branch, err)
	}
	return m, nil
}

// compile checks m, which contradicts itself if a context is in two lists.
func (m *MergeContexts) compile(res regexps, optional []string) error {
	var bad []string
	both := func(a, b []string, names string) {
		for _, c := range a {
			if slices.Contains(b, c) {
				bad = append(bad, fmt.Sprintf("%q is both %s", c, names))
			}
		}
	}
	both(m.Required, m.Optional, "required and optional")
	both(m.Required, m.RequiredIfPresent, "required and required if present")
	both(m.Optional, m.RequiredIfPresent, "optional and required if present")
	for _, text := range optional {
		re, err := res.get(text)
		if err != nil {
			bad = append(bad, badRegexp(text, err))
			continue
		}
		for _, c := range slices.Concat(m.Required, m.RequiredIfPresent) {
			if re.MatchString(c) {
				bad = append(bad, fmt.Sprintf("%q is required, but matches the optional %q", c, text))
			}
		}
		m.optional = append(m.optional, re)
	}
	if len(bad) > 0 {
		return fmt.Errorf("%s", strings.Join(bad, "; "))
	}
	return nil
}

// ContextClasses sorts the contexts of presubmits.
type ContextClasses struct{ Required, RequiredIfPresent, Optional []string }

// Classes sorts the contexts of the presubmits that run on the branch. manual
// says that also jobs which only run when asked for are required.
func (c *Config) Classes(branch string, presubmits []Presubmit, manual bool) ContextClasses {
	var out ContextClasses
	for i := range presubmits {
		p := &presubmits[i]
		switch {
		case !p.ShouldRun(branch):
		case !p.Required():
			out.Optional = append(out.Optional, p.Context)
		case p.AlwaysRun, manual && !p.Automatic():
			out.Required = append(out.Required, p.Context)
		default:
			out.RequiredIfPresent = append(out.RequiredIfPresent, p.Context)
		}
	}
	return out
}

// of returns the policy for a branch, the levels merged.
func (o *TideContextOptions) of(r prow.Repo, branch string) TideContextPolicy {
	p := o.TideContextPolicy
	org, ok := o.Orgs[r.Owner]
	if !ok {
		return p
	}
	p = p.under(org.TideContextPolicy)
	repo, ok := org.Repos[r.Name]
	if !ok {
		return p
	}
	p = p.under(repo.TideContextPolicy)
	if b, ok := repo.Branches[branch]; ok {
		p = p.under(b)
	}
	return p
}

// under lays child over p.
func (p TideContextPolicy) under(child TideContextPolicy) TideContextPolicy {
	over(&p.SkipUnknownContexts, child.SkipUnknownContexts)
	over(&p.FromBranchProtection, child.FromBranchProtection)
	over(&p.OverwritePendingContexts, child.OverwritePendingContexts)
	p.RequiredContexts = union(p.RequiredContexts, child.RequiredContexts)
	p.RequiredIfPresentContexts = union(p.RequiredIfPresentContexts, child.RequiredIfPresentContexts)
	p.OptionalContexts = union(p.OptionalContexts, child.OptionalContexts)
	p.OptionalRegexContexts = union(p.OptionalRegexContexts, child.OptionalRegexContexts)
	return p
}

// check compiles the expressions of every level.
func (o *TideContextOptions) check(at spot, res regexps) {
	level := func(at spot, p TideContextPolicy) {
		for i, text := range p.OptionalRegexContexts {
			res.compile(at.at("optional-regex-contexts", i), text)
		}
	}
	level(at, o.TideContextPolicy)
	for _, org := range keysOf(o.Orgs) {
		at := at.at("orgs", org)
		level(at, o.Orgs[org].TideContextPolicy)
		for _, repo := range keysOf(o.Orgs[org].Repos) {
			at := at.at("repos", repo)
			level(at, o.Orgs[org].Repos[repo].TideContextPolicy)
			for _, b := range keysOf(o.Orgs[org].Repos[repo].Branches) {
				level(at.at("branches", b), o.Orgs[org].Repos[repo].Branches[b])
			}
		}
	}
}

// union returns the members of both, each once, sorted; nil if there are none.
func union(a, b []string) []string {
	if len(a)+len(b) == 0 {
		return nil
	}
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

func isTrue(b *bool) bool { return b != nil && *b }
