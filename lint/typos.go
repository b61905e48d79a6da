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

// mention is a place that names a repository or an organisation.
type mention struct {
	name  string
	place config.Place
	job   bool // jobs are there, which is more than being named
}

// mentions lists where repositories and organisations are named.
func (p *Pass) mentions() []mention {
	var out []mention
	for _, c := range p.configs() {
		for _, list := range [][]string{keysOf(c.PresubmitsStatic), keysOf(c.PostsubmitsStatic)} {
			for _, k := range list {
				out = append(out, mention{name: k, job: true})
			}
		}
	}
	for _, q := range p.Queries {
		for _, key := range []string{"orgs", "repos", "excludedRepos"} {
			list := map[string][]string{"orgs": q.Orgs, "repos": q.Repos, "excludedRepos": q.ExcludedRepos}[key]
			for i, r := range list {
				out = append(out, mention{name: r, place: q.Place.At(key, i)})
			}
		}
	}
	for _, k := range keysOf(p.Config.Plugins.Plugins) {
		at := p.Config.Plugins.Place(k, 0)
		out = append(out, mention{name: k, place: config.Place{File: at.File}.At("plugins", k)})
		for i, r := range p.Config.Plugins.Plugins[k].ExcludedRepos {
			out = append(out, mention{name: k + "/" + r, place: config.Place{File: at.File}.At("plugins", k, "excluded_repos", i)})
		}
	}
	for _, key := range []string{"approve", "lgtm", "triggers", "welcome", "blockades", "require_matching_label"} {
		var section []struct {
			Repos []string `json:"repos"`
		}
		if !p.section(key, &section) {
			continue
		}
		for i, e := range section {
			for n, r := range e.Repos {
				// Lists of several files are joined, so that the place is that of the first.
				out = append(out, mention{name: r, place: config.Place{File: p.Config.Plugins.Where[key].File}.At(key, i, "repos", n)})
			}
		}
	}
	return out
}

// repoTypos finds repositories and organisations that one place names, and that are
// like one that several do.
func (p *Pass) repoTypos() {
	uses, owners := map[string]int{}, map[string]int{}
	all := p.mentions()
	for _, m := range all {
		weight := 1
		if m.job {
			weight = 2
		}
		if strings.Contains(m.name, "/") {
			uses[m.name] += weight
		}
		owners[parse(m.name).Owner] += weight
	}
	known, knownOwners := map[string][]string{}, []string{}
	for _, repo := range keysOf(uses) {
		if uses[repo] > 1 {
			known[parse(repo).Owner] = append(known[parse(repo).Owner], repo)
		}
	}
	for _, owner := range keysOf(owners) {
		if owners[owner] > 2 {
			knownOwners = append(knownOwners, owner)
		}
	}
	for _, m := range all {
		owner := parse(m.name).Owner
		if meant := slip(owner, knownOwners); meant != "" && owners[owner] == 1 {
			p.report(m.place, fmt.Sprintf("the organisation %s is named here only", owner), didYouMean(meant))
		} else if meant := slip(m.name, known[owner]); meant != "" && uses[m.name] == 1 {
			p.report(m.place, m.name+" is named here only", didYouMean(meant))
		}
	}
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
