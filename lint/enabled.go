package lint

import (
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// scope is a repository, or with an empty name all the repositories of an
// organisation that nobody mentions.
type scope = prow.Repo

// name is how a person calls a scope.
func name(s scope) string {
	if s.Name == "" {
		return s.Owner
	}
	return s.String()
}

// parse reads a selector: an organisation or a repository.
func parse(selector string) scope {
	if r, err := prow.ParseRepo(selector); err == nil {
		return r
	}
	return scope{Owner: selector}
}

// mentioned lists the repositories that are named anywhere, by organisation. They
// and the rest of each organisation are what questions about "everything" are
// asked of.
func (p *Pass) mentioned() map[string][]scope {
	if p.scopes != nil {
		return p.scopes
	}
	seen := map[scope]bool{}
	add := func(s scope) { seen[s], seen[scope{Owner: s.Owner}] = true, true }
	for _, q := range p.Queries {
		for _, s := range slices.Concat(q.Orgs, q.Repos, q.ExcludedRepos) {
			add(parse(s))
		}
	}
	for k, o := range p.Config.Plugins.Plugins {
		add(parse(k))
		for _, r := range o.ExcludedRepos {
			add(scope{Owner: k, Name: r})
		}
	}
	for k := range p.Config.Plugins.ExternalPlugins {
		add(parse(k))
	}
	p.scopes = map[string][]scope{}
	for s := range seen {
		p.scopes[s.Owner] = append(p.scopes[s.Owner], s)
	}
	for _, list := range p.scopes {
		slices.SortFunc(list, func(a, b scope) int { return strings.Compare(a.Name, b.Name) }) // the organisation first
	}
	return p.scopes
}

// enabled reports whether the plugin works in the scope.
func (p *Pass) enabled(plugin string, s scope) bool {
	return slices.Contains(p.Config.Plugins.For(s), plugin)
}

// external reports whether the external plugin works in the scope.
func (p *Pass) external(plugin string, s scope) bool {
	all := slices.Concat(p.Config.Plugins.ExternalPlugins[s.Owner], p.Config.Plugins.ExternalPlugins[s.String()])
	return slices.ContainsFunc(all, func(e config.ExternalPlugin) bool { return e.Name == plugin })
}

// covers reports whether a query asks for pull requests of the scope.
func covers(q *config.TideQuery, s scope) bool {
	if s.Name == "" {
		return slices.Contains(q.Orgs, s.Owner)
	}
	return q.Matches(s)
}

// covered lists the scopes that a query asks for.
func (p *Pass) covered(q *config.TideQuery) []scope {
	var out []scope
	owners := slices.Clone(q.Orgs)
	for _, r := range q.Repos {
		owners = append(owners, parse(r).Owner)
	}
	slices.Sort(owners)
	for _, owner := range slices.Compact(owners) {
		for _, s := range p.mentioned()[owner] {
			if covers(q, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// of lists the scopes that a selector of plugins stands for.
func (p *Pass) of(selector string) []scope {
	s := parse(selector)
	if s.Name != "" {
		return []scope{s}
	}
	var out []scope
	for _, m := range p.mentioned()[selector] {
		if m.Name == "" || !slices.Contains(p.Config.Plugins.Plugins[selector].ExcludedRepos, m.Name) {
			out = append(out, m)
		}
	}
	return out
}

// names lists scopes for a sentence: where a whole organisation is among them, its
// repositories are not named, and no more than a few are.
func names(list []scope) string {
	whole := map[string]bool{}
	for _, s := range list {
		if s.Name == "" {
			whole[s.Owner] = true
		}
	}
	var out []string
	for _, s := range list {
		if s.Name == "" || !whole[s.Owner] {
			out = append(out, name(s))
		}
	}
	const few = 6
	if len(out) > few+1 {
		out = append(out[:few], fmt.Sprintf("%d more", len(out)-few))
	}
	return sentence(out)
}

// sentence joins names: a, b and c.
func sentence(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
