package config

import (
	"cmp"
	"slices"
)

// report collects what is wrong, from all parts of a load.
type report struct {
	problems Problems
	pending  []finding

	wrong, odd int // of pending, those that are no warnings, and those that are
}

// finding is a problem whose place is known as a path only; it is looked up in
// the file when there is something to report, so that a sound configuration
// pays nothing for it.
type finding struct {
	file string
	path trail
	Problem
}

func (r *report) add(p Problem) { r.problems = append(r.problems, p) }

// maxPending bounds what is told of one file of jobs, or of all other files
// together, of each sort.
const maxPending = 5000

// spot is a value in a file, for findings about it and what lies below it.
type spot struct {
	rep  *report
	file string
	path trail
	job  string // name of the job it belongs to
}

func (s spot) at(more ...any) spot {
	s.path = append(slices.Clip(s.path), more...)
	return s
}

func (s spot) of(job string) spot {
	s.job = job
	return s
}

func (s spot) find(kind, text, hint string) {
	count := &s.rep.wrong
	if warns(kind) {
		count = &s.rep.odd
	}
	if *count++; *count > maxPending {
		return // there is enough to do
	}
	s.rep.pending = append(s.rep.pending, finding{s.file, s.path, Problem{Kind: kind, Job: s.job, Text: text, Hint: hint, Warning: warns(kind)}})
}

func (s spot) wrong(text string)            { s.find(KindInvalid, text, "") }
func (s spot) hinted(text, hint string)     { s.find(KindInvalid, text, hint) }
func (s spot) warn(kind, text, hint string) { s.find(kind, text, hint) }

// untold counts the findings that there was no room for.
func (r *report) untold() int { return max(0, r.wrong-maxPending) + max(0, r.odd-maxPending) }

// errors returns what keeps the configuration from being used.
func (r *report) errors(in *inputs) Problems { return r.pick(in, false) }

// warnings returns what does not.
func (r *report) warnings(in *inputs) Problems { return r.pick(in, true) }

func (r *report) pick(in *inputs, warning bool) Problems {
	r.place(in)
	var out Problems
	for _, p := range r.problems {
		if p.Warning == warning {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	out = slices.CompactFunc(out, func(a, b Problem) bool { // what an alias repeats is told once
		return a.Position == b.Position && a.Text == b.Text && (a.Line > 0 || a.Path == b.Path)
	})
	if warning {
		out = append(out, untold("", r.untold())...)
	}
	return out
}

// place finds the positions of pending findings.
func (r *report) place(in *inputs) {
	trees := map[string]*tree{}
	at := func(file string) *tree {
		t, ok := trees[file]
		if !ok {
			t = treeOf(in.named(file))
			trees[file] = t
		}
		return t
	}
	for _, f := range r.pending {
		f.file, f.path = in.whence(f.file, f.path, at)
		t, p := at(f.file), f.Problem
		p.File, p.Path = f.file, f.path.String()
		p.Line, p.Column = t.find(f.path)
		p.Snippet = t.line(p.Line)
		r.problems = append(r.problems, p)
	}
	r.pending = nil
}

// placed returns what was found about the jobs of a file. To look up a place the
// file has to be parsed once more, which warnings are not worth while the server
// runs: unless precise, they are said to be where their job is.
func (r *report) placed(file *source, precise bool, jobs *JobConfig) Problems {
	exact := &report{}
	for _, f := range r.pending {
		if !f.Warning || precise {
			exact.pending = append(exact.pending, f)
			continue
		}
		p := f.Problem
		p.Position, p.Path = jobs.place(f.path), f.path.String()
		p.File = file.name
		r.problems = append(r.problems, p)
	}
	exact.place(&inputs{jobs: []*source{file}})
	return slices.Concat(r.problems, exact.problems, untold(file.name, r.untold()))
}

// place returns where the job stands that p leads into.
func (c *JobConfig) place(p trail) Position {
	at := func(n int) (i int) { i, _ = p[n].(int); return i }
	key := func() (k string) { k, _ = p[1].(string); return k }
	switch {
	case len(p) >= 3 && p[0] == "presubmits" && at(2) < len(c.PresubmitsStatic[key()]):
		return c.PresubmitsStatic[key()][at(2)].Source
	case len(p) >= 3 && p[0] == "postsubmits" && at(2) < len(c.PostsubmitsStatic[key()]):
		return c.PostsubmitsStatic[key()][at(2)].Source
	case len(p) >= 2 && p[0] == "periodics" && at(1) < len(c.Periodics):
		return c.Periodics[at(1)].Source
	}
	return Position{}
}
