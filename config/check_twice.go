package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	prow "github.com/prow-ci/prow"
)

// checkTwice finds names and contexts that two jobs want.
func checkTwice(c *Config, rep *report) {
	for _, repo := range keysOf(c.PresubmitsStatic) {
		twicePresubmits(c.PresubmitsStatic[repo], c.branchesOf(repo), rep)
	}
	for _, repo := range keysOf(c.PostsubmitsStatic) {
		twicePostsubmits(c.PostsubmitsStatic[repo], c.branchesOf(repo), rep)
	}
	seen := map[string]*Periodic{}
	for i := range c.Periodics {
		p := &c.Periodics[i]
		if first, ok := seen[p.Name]; ok {
			twice(rep, &p.JobBase, &first.JobBase, "name", fmt.Sprintf("there is another periodic %q", p.Name))
		}
		seen[p.Name] = p
	}
}

// What bounds the search for twins where somebody writes jobs without end.
const (
	maxSame  = 200       // jobs of one name or context that others are compared with
	maxKnown = 500       // branches that are tried
	maxTries = 1_000_000 // of a branch with two jobs
)

// branched is a job as far as the search for twins goes.
type branched struct {
	*JobBase
	Brancher
	context string
	reports bool
}

func twicePresubmits(jobs []Presubmit, named func() []string, rep *report) {
	list := make([]branched, 0, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		list = append(list, branched{&j.JobBase, j.Brancher, j.Context, !j.SkipReport})
	}
	twins(list, "presubmit", named, rep)
}

func twicePostsubmits(jobs []Postsubmit, named func() []string, rep *report) {
	list := make([]branched, 0, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		list = append(list, branched{&j.JobBase, j.Brancher, j.Context, !j.SkipReport})
	}
	twins(list, "postsubmit", named, rep)
}

// twins reports jobs that want the same name or context for the same branch. Where
// only a branch that is known shows it, and not the patterns as such, it is a
// warning: the original does not see it.
func twins(jobs []branched, kind string, named func() []string, rep *report) {
	names, contexts := map[string][]branched{}, map[string][]branched{}
	known := sync.OnceValue(func() []string {
		list := append(literals(jobs), named()...)
		return list[:min(len(list), maxKnown)]
	})
	tries := maxTries
	meets := func(j branched) func(branched) bool {
		return func(o branched) bool { return o.Name != j.Name && o.intersects(j.Brancher) }
	}
	for _, j := range jobs {
		same := names[j.Name]
		again := false
		if i := slices.IndexFunc(same, func(o branched) bool { return o.intersects(j.Brancher) }); i >= 0 {
			twice(rep, j.JobBase, same[i].JobBase, "name", fmt.Sprintf("there is another %s %q for the same branches", kind, j.Name))
			again = true
		} else if i, branch := firstShared(same, j, known, &tries); i >= 0 {
			overlap(rep, j.JobBase, same[i].JobBase, fmt.Sprintf("runs for the branch %s, and so does another %s %q", branch, kind, j.Name))
		}
		if !again && len(same) < maxSame {
			names[j.Name] = append(same, j)
		}
		if !j.reports {
			continue
		}
		if i := slices.IndexFunc(contexts[j.context], meets(j)); i >= 0 {
			twice(rep, j.JobBase, contexts[j.context][i].JobBase, "context",
				fmt.Sprintf("%s %q reports to the context %q, and so does %q", kind, j.Name, j.context, contexts[j.context][i].Name))
		} else if others := differentNames(contexts[j.context], j); len(others) > 0 {
			if i, branch := firstShared(others, j, known, &tries); i >= 0 {
				overlap(rep, j.JobBase, others[i].JobBase, fmt.Sprintf("reports to the context %q for the branch %s, and so does %q", j.context, branch, others[i].Name))
			}
		}
		if len(contexts[j.context]) < maxSame {
			contexts[j.context] = append(contexts[j.context], j)
		}
	}
}

func twice(rep *report, j, first *JobBase, key, text string) {
	hint := "the other is in " + first.Source.File + " at " + first.path.String()
	spot{rep: rep, file: j.Source.File, path: j.path, job: j.Name}.at(key).hinted(text, hint)
}

// overlap warns of a job that shares a branch with first.
func overlap(rep *report, j, first *JobBase, text string) {
	rep.add(Problem{
		Kind: KindOverlap, Position: j.Source, Path: j.path.String(), Job: j.Name, Text: text, Warning: true,
		Hint: "the other is in " + first.Source.File + " at " + first.path.String() + "; anchor the patterns, for example ^main$",
	})
}

func differentNames(jobs []branched, j branched) []branched {
	var out []branched
	for _, o := range jobs {
		if o.Name != j.Name {
			out = append(out, o)
		}
	}
	return out
}

// firstShared returns the first of jobs that runs for a branch which j runs for,
// too, and the branch; -1 if none is known.
func firstShared(jobs []branched, j branched, known func() []string, tries *int) (int, string) {
	for i, o := range jobs {
		for _, branch := range known() {
			if *tries--; *tries < 0 {
				return -1, ""
			}
			if o.ShouldRun(branch) && j.ShouldRun(branch) {
				return i, branch
			}
		}
	}
	return -1, ""
}

// literals lists the patterns of jobs that are names of branches.
func literals(jobs []branched) []string {
	seen := map[string]bool{}
	for _, j := range jobs {
		for _, pattern := range slices.Concat(j.Branches, j.SkipBranches) {
			name := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$"), `\.`, ".")
			if strings.ReplaceAll(regexp.QuoteMeta(name), `\.`, ".") == name && name != "" {
				seen[name] = true
			}
		}
	}
	return keysOf(seen)
}

// branchesOf returns what else names branches of the repository: branch protection
// and tide's queries.
func (c *Config) branchesOf(repo string) func() []string {
	return func() []string {
		owner, name, _ := strings.Cut(repo, "/")
		out := keysOf(c.BranchProtection.Orgs[owner].Repos[name].Branches)
		for _, q := range c.Tide.QueriesFor(prow.Repo{Owner: owner, Name: name}) {
			out = append(out, q.IncludedBranches...)
		}
		return out
	}
}

// intersects reports whether some branch may be one of both. Patterns are
// compared as text, and each is tried as a branch name under the other.
func (b Brancher) intersects(o Brancher) bool {
	none := func(x Brancher) bool { return len(x.Branches)+len(x.SkipBranches) == 0 }
	switch {
	case none(b) || none(o):
		return true
	case len(b.Branches) == 0 && len(o.Branches) == 0:
		return true
	case len(b.Branches) > 0 && len(o.Branches) > 0:
		return slices.ContainsFunc(b.Branches, func(p string) bool { return slices.Contains(o.Branches, p) })
	case len(b.Branches) > 0:
		return slices.ContainsFunc(b.Branches, o.ShouldRun)
	}
	return slices.ContainsFunc(o.Branches, b.ShouldRun)
}
