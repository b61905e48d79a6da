package config

import (
	"fmt"
	"slices"
)

// checkTwice finds names and contexts that two jobs want.
func checkTwice(c *Config, rep *report) {
	for _, repo := range keysOf(c.PresubmitsStatic) {
		twicePresubmits(c.PresubmitsStatic[repo], rep)
	}
	for _, repo := range keysOf(c.PostsubmitsStatic) {
		twicePostsubmits(c.PostsubmitsStatic[repo], rep)
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

// branched is a job as far as the search for twins goes.
type branched struct {
	*JobBase
	Brancher
	context string
	reports bool
}

func twicePresubmits(jobs []Presubmit, rep *report) {
	list := make([]branched, 0, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		list = append(list, branched{&j.JobBase, j.Brancher, j.Context, !j.SkipReport})
	}
	twins(list, "presubmit", rep)
}

func twicePostsubmits(jobs []Postsubmit, rep *report) {
	list := make([]branched, 0, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		list = append(list, branched{&j.JobBase, j.Brancher, j.Context, !j.SkipReport})
	}
	twins(list, "postsubmit", rep)
}

func twins(jobs []branched, kind string, rep *report) {
	names, contexts := map[string][]branched{}, map[string][]branched{}
	meets := func(j branched) func(branched) bool {
		return func(o branched) bool { return o.Name != j.Name && o.intersects(j.Brancher) }
	}
	for _, j := range jobs {
		same := names[j.Name]
		if i := slices.IndexFunc(same, func(o branched) bool { return o.intersects(j.Brancher) }); i >= 0 {
			twice(rep, j.JobBase, same[i].JobBase, "name", fmt.Sprintf("there is another %s %q for the same branches", kind, j.Name))
		}
		names[j.Name] = append(same, j)
		if !j.reports {
			continue
		}
		if i := slices.IndexFunc(contexts[j.context], meets(j)); i >= 0 {
			twice(rep, j.JobBase, contexts[j.context][i].JobBase, "context",
				fmt.Sprintf("%s %q reports to the context %q, and so does %q", kind, j.Name, j.context, contexts[j.context][i].Name))
		}
		contexts[j.context] = append(contexts[j.context], j)
	}
}

func twice(rep *report, j, first *JobBase, key, text string) {
	hint := "the other is in " + first.Source.File + " at " + first.path.String()
	spot{rep: rep, file: j.Source.File, path: j.path, job: j.Name}.at(key).hinted(text, hint)
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
