package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Group is jobs that have all these changes in common.
type Group struct {
	Jobs    []Job
	Changes []Change
}

// Groups puts equal changes of many jobs together: first what most jobs share, then
// in the order of the jobs. A job stands in several groups if it shares some of its
// changes with others and some not.
func (d *Diff) Groups() []Group {
	var order []Change
	jobs := map[Change][]int{}
	for i, j := range d.Changed {
		for _, c := range j.Changes {
			list, ok := jobs[c]
			if !ok {
				order = append(order, c)
			}
			if len(list) == 0 || list[len(list)-1] != i {
				jobs[c] = append(list, i)
			}
		}
	}
	var out []Group
	at := map[string]int{}
	for _, c := range order {
		key := setKey(jobs[c])
		i, ok := at[key]
		if !ok {
			i, at[key] = len(out), len(out)
			out = append(out, Group{Jobs: d.pick(jobs[c])})
		}
		out[i].Changes = append(out[i].Changes, c)
	}
	slices.SortStableFunc(out, func(a, b Group) int { return cmp.Compare(len(b.Jobs), len(a.Jobs)) })
	return out
}

func (d *Diff) pick(jobs []int) []Job {
	out := make([]Job, 0, len(jobs))
	for _, i := range jobs {
		out = append(out, d.Changed[i].Job)
	}
	return out
}

func setKey(jobs []int) string {
	b := make([]byte, 0, 5*len(jobs))
	for _, i := range jobs {
		b = append(strconv.AppendInt(b, int64(i), 36), ' ')
	}
	return string(b)
}

// String names j for people: type, repository, name, branches.
func (j *Job) String() string {
	words := []string{string(j.Type)}
	if j.Repo != "" {
		words = append(words, j.Repo)
	}
	words = append(words, j.Name)
	switch {
	case len(j.Branches) > 0:
		words = append(words, "("+strings.Join(j.Branches, ", ")+")")
	case len(j.SkipBranches) > 0:
		words = append(words, "(not "+strings.Join(j.SkipBranches, ", ")+")")
	}
	return strings.Join(words, " ")
}

// Place is where j is written.
func (j *Job) Place() string {
	if j.Line == 0 {
		return j.File
	}
	return fmt.Sprintf("%s:%d", j.File, j.Line)
}

// Summary says in one line how much differs.
func (d *Diff) Summary() string {
	var parts []string
	add := func(n int, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(len(d.Added), "job added", "jobs added")
	add(len(d.Removed), "job removed", "jobs removed")
	add(len(d.Changed), "job changed", "jobs changed")
	add(len(d.Config), "change of configuration", "changes of configuration")
	add(len(d.Plugins), "change of plugins", "changes of plugins")
	if len(parts) == 0 {
		return "No difference"
	}
	return strings.Join(parts, ", ")
}
