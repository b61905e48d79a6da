package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prow-ci/prow/config"
)

func likelyTypos(p *Pass) {
	p.clusterTypos()
	p.contextTypos()
	p.repoTypos()
}

// clusterTypos finds clusters of few jobs that are like those of many.
func (p *Pass) clusterTypos() {
	uses := map[string]int{}
	for j := range p.jobs {
		uses[j.Cluster]++
	}
	for j := range p.jobs {
		var known []string
		for c, n := range uses {
			if n >= 3*uses[j.Cluster] {
				known = append(known, c)
			}
		}
		slices.Sort(known)
		if meant := slip(j.Cluster, known); meant != "" {
			p.reportJob(j.Place("cluster"), j.Name, fmt.Sprintf("only %s on %q, %d on %q", run(uses[j.Cluster]), j.Cluster, uses[meant], meant), didYouMean(meant))
		}
	}
}

func run(n int) string {
	if n == 1 {
		return "1 job runs"
	}
	return fmt.Sprintf("%d jobs run", n)
}

// contextTypos finds contexts that are required somewhere, and like one that a
// presubmit reports there.
func (p *Pass) contextTypos() {
	look := func(path []any, contexts []string, org, repo string) {
		var known []string
		for i, c := range contexts {
			if known == nil {
				known = p.contexts(org, repo)
			}
			if meant := slip(c, known); meant != "" {
				p.report(p.Main(append(slices.Clip(path), i)...), fmt.Sprintf("no job reports %q, but one reports %q", c, meant), didYouMean(meant))
			}
		}
	}
	var protection func(l level, org, repo string)
	protection = func(l level, org, repo string) {
		if s := l.policy.RequiredStatusChecks; s != nil {
			look(append(slices.Clip(l.path), "required_status_checks", "contexts"), s.Contexts, org, repo)
		}
		for _, b := range l.below {
			switch len(b.path) {
			case 3:
				protection(b, b.path[2].(string), "")
			case 5:
				protection(b, org, b.path[4].(string))
			default:
				protection(b, org, repo)
			}
		}
	}
	protection(p.levels(), "", "")
	options := func(o config.TideContextPolicy, org, repo string, path ...any) {
		path = append([]any{"tide", "context_options"}, path...)
		look(append(slices.Clip(path), "required-contexts"), o.RequiredContexts, org, repo)
		look(append(slices.Clip(path), "required-if-present-contexts"), o.RequiredIfPresentContexts, org, repo)
		look(append(slices.Clip(path), "optional-contexts"), o.OptionalContexts, org, repo)
	}
	all := p.Config.Tide.ContextOptions
	options(all.TideContextPolicy, "", "")
	for _, org := range keysOf(all.Orgs) {
		o := all.Orgs[org]
		options(o.TideContextPolicy, org, "", "orgs", org)
		for _, repo := range keysOf(o.Repos) {
			r := o.Repos[repo]
			options(r.TideContextPolicy, org, repo, "orgs", org, "repos", repo)
			for _, branch := range keysOf(r.Branches) {
				options(r.Branches[branch], org, repo, "orgs", org, "repos", repo, "branches", branch)
			}
		}
	}
}

// contexts lists what presubmits report; empty arguments stand for all.
func (p *Pass) contexts(org, repo string) []string {
	var out []string
	for _, c := range p.configs() {
		for k, jobs := range c.PresubmitsStatic {
			s := parse(k)
			if org != "" && s.Owner != org || repo != "" && s.Name != repo {
				continue
			}
			for i := range jobs {
				out = append(out, jobs[i].Context)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// repoTypos finds repositories that one place names, and that are like one that
// several do.
func (p *Pass) repoTypos() {
	uses := map[string]int{}
	where := map[string]config.Place{}
	add := func(repo string, at func() config.Place) {
		uses[repo]++
		if _, ok := where[repo]; !ok && uses[repo] == 1 {
			where[repo] = at()
		}
	}
	for _, c := range p.configs() {
		for _, m := range []map[string]bool{keySet(c.PresubmitsStatic), keySet(c.PostsubmitsStatic)} {
			for _, k := range keysOf(m) {
				add(k, func() config.Place { return config.Place{} }) // a job is no mere mention
				uses[k]++
			}
		}
	}
	for _, q := range p.Queries {
		for key, list := range map[string][]string{"repos": q.Repos, "excludedRepos": q.ExcludedRepos} {
			for i, r := range list {
				add(r, func() config.Place { return q.Place.At(key, i) })
			}
		}
	}
	for _, k := range keysOf(p.Config.Plugins.Plugins) {
		if strings.Contains(k, "/") {
			add(k, func() config.Place { return p.Config.Plugins.Place(k, 0) })
		}
		for i, r := range p.Config.Plugins.Plugins[k].ExcludedRepos {
			add(k+"/"+r, func() config.Place { return p.InPlugins("plugins", k, "excluded_repos", i) })
		}
	}
	for _, k := range keysOf(uses) {
		if uses[k] > 1 {
			continue
		}
		var known []string
		for _, o := range keysOf(uses) {
			if uses[o] > 1 && parse(o).Owner == parse(k).Owner {
				known = append(known, o)
			}
		}
		if meant := slip(k, known); meant != "" {
			p.report(where[k], fmt.Sprintf("%s is named here only", k), didYouMean(meant))
		}
	}
}

func keySet[V any](m map[string]V) map[string]bool {
	out := make(map[string]bool, len(m))
	for k := range m {
		out[k] = true
	}
	return out
}

func didYouMean(meant string) string { return fmt.Sprintf("did you mean %q?", meant) }

// slip returns the member of known that written is one slip of the finger from:
// two neighbours swapped, a letter missing or doubled inside, other case, or - for
// _. Digits make different names. It returns "" if written is known.
func slip(written string, known []string) string {
	if len(written) < 5 || slices.Contains(known, written) {
		return ""
	}
	for _, k := range known {
		if slipped(written, k) || slipped(k, written) {
			return k
		}
	}
	return ""
}

func slipped(a, b string) bool {
	plain := strings.NewReplacer("_", "-", ".", "-", " ", "-")
	a, b = plain.Replace(strings.ToLower(a)), plain.Replace(strings.ToLower(b))
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	switch {
	case a == b:
		return true
	case len(a) == len(b):
		return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:] && !digit(a[i]) && !digit(b[i])
	case len(a)+1 == len(b):
		return i < len(a) && a[i:] == b[i+1:] && !digit(b[i])
	}
	return false
}
