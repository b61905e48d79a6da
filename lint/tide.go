package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

func tideChecks() []Check {
	return []Check{
		{
			Name: "mismatched-tide", Default: true, Plugins: true, Run: mismatchedTide,
			Help: "Labels that tide requires or forbids, and the plugins that set them, do not fit together. Where tide asks for lgtm and no plugin gives it, nothing ever merges; where a plugin sets a label that tide does not look at, it has no say.",
		},
		{
			Name: "mismatched-tide-lenient", Default: true, Plugins: true, Run: mismatchedTideLenient,
			Help: "The part of mismatched-tide that is about lgtm and approved. It runs where mismatched-tide does not.",
		},
		{
			Name: "tide-strict-branch", Default: true, Run: tideStrictBranch,
			Help: "Branch protection with strict status checks where tide merges. The forge then wants each pull request to contain the newest base, so that after each merge all others have to be updated by hand; tide tests them on the newest base anyway.",
		},
		{
			Name: "tide-context-policy", Default: true, Run: tideContextPolicy,
			Help: "What tide should wait for contradicts itself: a context is both required and optional, or the expression for optional ones matches a required one. Tide merges nothing there.",
		},
		{
			Name: "needs-ok-to-test", Default: true, Run: needsOKToTest,
			Help: "A query of tide requires lgtm and forbids needs-ok-to-test. Who says /lgtm trusts the code, so the latter only keeps back pull requests that nobody would think of.",
		},
	}
}

// requirement is a label of tide and the plugin that sets it.
type requirement struct {
	plugin, label string
	forbidden     bool // tide has to forbid the label; else it has to require it
	external      bool
}

func requirements() []requirement {
	return []requirement{
		{plugin: "lgtm", label: prow.LGTM},
		{plugin: "approve", label: prow.Approved},
		{plugin: "hold", label: prow.Hold, forbidden: true},
		{plugin: "wip", label: prow.WIP, forbidden: true},
		{plugin: "bugzilla", label: "bugzilla/invalid-bug", forbidden: true},
		{plugin: "verify-owners", label: "do-not-merge/invalid-owners-file", forbidden: true},
		{plugin: "release-note", label: "do-not-merge/release-note-label-needed", forbidden: true},
		{plugin: "cherry-pick-unapproved", label: "do-not-merge/cherry-pick-not-approved", forbidden: true},
		{plugin: "blockade", label: "do-not-merge/blocked-paths", forbidden: true},
		{plugin: "needs-rebase", label: "needs-rebase", forbidden: true, external: true},
	}
}

func (r requirement) verb() string {
	if r.forbidden {
		return "forbid"
	}
	return "require"
}

// labels returns the key of a query that the label has to be in, and what is there.
func (r requirement) labels(q *config.TideQuery) (key string, list []string) {
	if r.forbidden {
		return "missingLabels", q.MissingLabels
	}
	return "labels", q.Labels
}

func (r requirement) asked(q *config.TideQuery) bool {
	_, list := r.labels(q)
	return slices.ContainsFunc(list, func(l string) bool { return slices.Contains(strings.Split(l, ","), r.label) })
}

func mismatchedTide(p *Pass) {
	for _, r := range requirements() {
		p.mismatch(r)
	}
}

func mismatchedTideLenient(p *Pass) {
	if slices.Contains(p.Checks, "mismatched-tide") {
		return
	}
	for _, r := range requirements() {
		if !r.forbidden {
			p.mismatch(r)
		}
	}
}

func (p *Pass) mismatch(r requirement) {
	p.asksWithout(r)
	if !r.external {
		p.setsInVain(r)
	}
}

// asksWithout finds queries for a label that nobody sets.
func (p *Pass) asksWithout(r requirement) {
	works := p.enabled
	kind := "plugin"
	if r.external || p.isExternal(r.plugin) {
		works, kind = func(plugin string, s scope) bool { return p.external(plugin, s) || p.enabled(plugin, s) }, "external plugin"
	}
	for _, q := range p.Queries {
		key, list := r.labels(&q.TideQuery)
		i := slices.Index(list, r.label)
		if i < 0 {
			continue
		}
		var off []scope
		for _, s := range p.covered(&q.TideQuery) {
			if !works(r.plugin, s) {
				off = append(off, s)
			}
		}
		if len(off) == 0 {
			continue
		}
		text := fmt.Sprintf("tide requires the label %s, but the %s %s, which sets it, is not enabled for %s", r.label, kind, r.plugin, names(off))
		if r.forbidden {
			text = fmt.Sprintf("tide keeps out pull requests with %s, but the %s %s, which sets it, is not enabled for %s", r.label, kind, r.plugin, names(off))
		}
		p.report(q.Place.At(key, i), text, fmt.Sprintf("enable %s there, or drop the label from the query", r.plugin))
	}
}

// isExternal reports whether the plugin is enabled as an external one anywhere.
func (p *Pass) isExternal(plugin string) bool {
	for _, list := range p.Config.Plugins.ExternalPlugins {
		if slices.ContainsFunc(list, func(e config.ExternalPlugin) bool { return e.Name == plugin }) {
			return true
		}
	}
	return false
}

// setsInVain finds plugins whose label tide does not look at, where it merges.
func (p *Pass) setsInVain(r requirement) {
	for _, k := range keysOf(p.Config.Plugins.Plugins) {
		i := slices.Index(p.Config.Plugins.Plugins[k].Plugins, r.plugin)
		if i < 0 {
			continue
		}
		var vain []scope
		for _, s := range p.of(k) {
			merges, asked := false, false
			for _, q := range p.Queries {
				if covers(&q.TideQuery, s) {
					merges = true
					asked = asked || r.asked(&q.TideQuery)
				}
			}
			if merges && !asked {
				vain = append(vain, s)
			}
		}
		if len(vain) > 0 {
			key, _ := r.labels(&config.TideQuery{})
			p.report(p.Config.Plugins.Place(k, i), fmt.Sprintf("no query of tide %ss %s for %s, so the plugin %s has no say in what merges", r.verb(), r.label, names(vain), r.plugin),
				fmt.Sprintf("add the label to %s of the queries in tide.queries, or disable the plugin there", key))
		}
	}
}

func needsOKToTest(p *Pass) {
	for _, q := range p.Queries {
		if i := slices.Index(q.MissingLabels, prow.NeedsOKToTest); i >= 0 && slices.Contains(q.Labels, prow.LGTM) {
			p.report(q.Place.At("missingLabels", i), "the query requires lgtm, which implies that the code may be tested, and forbids needs-ok-to-test", "drop needs-ok-to-test from the query")
		}
	}
}

func tideStrictBranch(p *Pass) {
	bp := &p.Config.BranchProtection
	strict := func(policy *config.Policy, whose string, path ...any) {
		if s := policy.RequiredStatusChecks; s != nil && s.Strict != nil && *s.Strict {
			p.report(p.Main(append(path, "required_status_checks", "strict")...), "tide merges "+whose+": with strict checks each merge makes all other pull requests out of date", "drop strict: tide tests each pull request on the newest base")
		}
	}
	if len(p.Queries) == 0 {
		return
	}
	strict(&bp.Policy, "in repositories that this holds for", "branch-protection")
	for _, org := range keysOf(bp.Orgs) {
		o := bp.Orgs[org]
		if p.merges(org, "", "") {
			strict(&o.Policy, "in "+org, "branch-protection", "orgs", org)
		}
		for _, repo := range keysOf(o.Repos) {
			r := o.Repos[repo]
			if !p.merges(org, repo, "") {
				continue
			}
			strict(&r.Policy, "in "+org+"/"+repo, "branch-protection", "orgs", org, "repos", repo)
			for _, branch := range keysOf(r.Branches) {
				b := r.Branches[branch]
				if p.merges(org, repo, branch) {
					strict(&b.Policy, "into "+branch+" of "+org+"/"+repo, "branch-protection", "orgs", org, "repos", repo, "branches", branch)
				}
			}
		}
	}
}

// merges reports whether tide merges anything in an organisation, a repository, a
// branch.
func (p *Pass) merges(org, repo, branch string) bool {
	return slices.ContainsFunc(p.Queries, func(q config.PlacedQuery) bool {
		switch {
		case branch != "" && (slices.Contains(q.ExcludedBranches, branch) || len(q.IncludedBranches) > 0 && !slices.Contains(q.IncludedBranches, branch)):
			return false
		case repo != "":
			return q.Matches(prow.Repo{Owner: org, Name: repo})
		}
		return slices.Contains(q.Orgs, org) || slices.ContainsFunc(q.Repos, func(r string) bool { return strings.HasPrefix(r, org+"/") })
	})
}

func tideContextPolicy(p *Pass) {
	branches := p.branches()
	for _, repo := range keysOf(branches) {
		r := parse(repo)
		told := map[string]bool{}
		for _, b := range branches[repo] {
			_, err := p.Config.MergeContexts(r, b, p.presubmits(repo))
			if err == nil {
				continue
			}
			text := strings.TrimPrefix(err.Error(), fmt.Sprintf("context policy of %s@%s: ", r, b))
			if told[text] {
				continue
			}
			told[text] = true
			at := p.Main("tide", "context_options", "orgs", r.Owner, "repos", r.Name, "branches", b)
			if strings.HasPrefix(text, "branch protection") {
				at = p.Main("branch-protection", "orgs", r.Owner, "repos", r.Name, "branches", b)
			}
			p.report(at, fmt.Sprintf("tide cannot merge into %s of %s: %s", b, r, text), "tests decide what is required; name a context in one list only")
		}
	}
}

// presubmits returns the presubmits of a repository, its own among them.
func (p *Pass) presubmits(repo string) []config.Presubmit {
	var out []config.Presubmit
	for _, c := range p.configs() {
		out = append(out, c.PresubmitsStatic[repo]...)
	}
	return out
}

// branches lists the branches that presubmits, branch protection and context
// options name, by repository; master where none is named.
func (p *Pass) branches() map[string][]string {
	out := map[string][]string{}
	for _, c := range p.configs() {
		for repo, jobs := range c.PresubmitsStatic {
			out[repo] = append(out[repo], "")
			for i := range jobs {
				for _, b := range jobs[i].Branches {
					out[repo] = append(out[repo], literal(b))
				}
			}
		}
	}
	for org, o := range p.Config.BranchProtection.Orgs {
		for repo, r := range o.Repos {
			id := org + "/" + repo
			out[id] = append(append(out[id], ""), keysOf(r.Branches)...)
		}
	}
	for org, o := range p.Config.Tide.ContextOptions.Orgs {
		for repo, r := range o.Repos {
			id := org + "/" + repo
			out[id] = append(append(out[id], ""), keysOf(r.Branches)...)
		}
	}
	for repo, list := range out {
		slices.Sort(list)
		if list = slices.Compact(list); len(list) > 1 {
			list = list[1:] // the "" that every repository got
		} else {
			list = []string{"master"}
		}
		out[repo] = list
	}
	return out
}

// literal returns the branch that an expression names; "" if it is more than a name.
func literal(pattern string) string {
	name := strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	name = strings.ReplaceAll(name, `\.`, ".")
	if strings.Contains(regexp.QuoteMeta(strings.ReplaceAll(name, ".", "")), `\`) {
		return ""
	}
	return name
}
