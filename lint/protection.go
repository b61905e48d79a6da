package lint

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/prow-ci/prow/config"
)

func protectionChecks() []Check {
	return []Check{{
		Name: "validate-unmanaged-branchconfig-has-no-subconfig", Default: true, Run: unmanaged,
		Help: "Branch protection says unmanaged: true, so nothing is done there; yet there are settings beside it, or below it ones that do not say unmanaged: false. They have no effect.",
	}}
}

// level is a level of branch protection: the top, an organisation, a repository, a
// branch.
type level struct {
	path   []any
	policy config.Policy
	below  []level
}

func (p *Pass) levels() level {
	bp := p.Config.BranchProtection
	top := level{[]any{"branch-protection"}, bp.Policy, nil}
	for _, org := range keysOf(bp.Orgs) {
		o := level{append(top.path[:1:1], "orgs", org), bp.Orgs[org].Policy, nil}
		for _, repo := range keysOf(bp.Orgs[org].Repos) {
			r := level{append(o.path[:3:3], "repos", repo), bp.Orgs[org].Repos[repo].Policy, nil}
			for _, branch := range keysOf(bp.Orgs[org].Repos[repo].Branches) {
				r.below = append(r.below, level{append(r.path[:5:5], "branches", branch), bp.Orgs[org].Repos[repo].Branches[branch].Policy, nil})
			}
			o.below = append(o.below, r)
		}
		top.below = append(top.below, o)
	}
	return top
}

// whose is how a person calls the level.
func (l level) whose() string {
	switch len(l.path) {
	case 3:
		return fmt.Sprint(l.path[2])
	case 5:
		return fmt.Sprintf("%s/%s", l.path[2], l.path[4])
	case 7:
		return fmt.Sprintf("%s/%s@%s", l.path[2], l.path[4], l.path[6])
	}
	return "everything"
}

func unmanaged(p *Pass) { p.unmanagedBelow(p.levels()) }

func (p *Pass) unmanagedBelow(l level) {
	if l.policy.Unmanaged != nil && *l.policy.Unmanaged {
		rest := l.policy
		rest.Unmanaged = nil
		if !reflect.DeepEqual(rest, config.Policy{}) {
			p.report(p.Main(append(l.path, "unmanaged")...), fmt.Sprintf("%s is unmanaged, so the settings beside have no effect: %s", l.whose(), strings.Join(setKeys(rest), ", ")), "remove them, or unmanaged")
		}
		for _, b := range l.below {
			if b.policy.Unmanaged == nil || *b.policy.Unmanaged {
				p.report(p.Main(b.path...), fmt.Sprintf("%s has settings, but %s, which it is part of, is unmanaged", b.whose(), l.whose()), "say unmanaged: false here, or remove it")
			}
		}
	}
	for _, b := range l.below {
		p.unmanagedBelow(b)
	}
}

// setKeys lists the keys of a policy that are set.
func setKeys(policy config.Policy) []string {
	var out []string
	v := reflect.ValueOf(policy)
	for i := range v.NumField() {
		if key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); key != "" && !v.Field(i).IsZero() {
			out = append(out, key)
		}
	}
	return out
}
