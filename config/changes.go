package config

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// ChangeMatcher limits a job to changes of files.
type ChangeMatcher struct {
	// RunIfChanged is a regular expression for paths, not anchored: the job runs if it matches a changed file. Example: ^(cmd|pkg)/
	RunIfChanged string `json:"run_if_changed,omitempty"`
	// SkipIfOnlyChanged is a regular expression for paths, not anchored: the job runs unless it matches every changed file. Example: ^docs/|\.md$
	SkipIfOnlyChanged string `json:"skip_if_only_changed,omitempty"`

	changes *pattern // of whichever of the two is set
}

// pattern is an expression, and what is known of the texts it matches.
type pattern struct {
	re *regexp.Regexp
	// needs lists alternatives: one text of each is in everything that matches.
	needs [][]string
}

// Conditional reports whether c asks anything of the changed files.
func (c ChangeMatcher) Conditional() bool { return c.RunIfChanged != "" || c.SkipIfOnlyChanged != "" }

// Matches reports whether files are such that the job runs. No files: it does not.
func (c ChangeMatcher) Matches(files []string) bool {
	_, ok := NewFiles(files).First(c)
	return ok
}

// Files are the changed files of one change, which many jobs ask about. It is not
// for concurrent use.
type Files struct {
	list   []string
	joined string
	known  map[*pattern]int // the first that matches; -1 if none does
}

// NewFiles returns files as jobs ask about them.
func NewFiles(list []string) *Files {
	return &Files{list: list, joined: strings.Join(list, "\n"), known: map[*pattern]int{}}
}

// Len returns how many there are.
func (f *Files) Len() int { return len(f.list) }

// First returns the first file because of which a job with c runs, if there is
// one. Nothing has changed for a job that asks for nothing.
func (f *Files) First(c ChangeMatcher) (file string, ok bool) {
	i := -1
	switch {
	case c.changes == nil:
	case c.RunIfChanged != "":
		i = f.first(c.changes)
	default:
		i = f.firstOther(c.changes.re)
	}
	if i < 0 {
		return "", false
	}
	return f.list[i], true
}

// first finds the first file that p matches.
func (f *Files) first(p *pattern) int {
	if i, ok := f.known[p]; ok {
		return i
	}
	found := -1
	if f.may(p) {
		for i, file := range f.list {
			if p.re.MatchString(file) {
				found = i
				break
			}
		}
	}
	f.known[p] = found
	return found
}

// may reports whether some file may match p, at a fraction of the cost.
func (f *Files) may(p *pattern) bool {
	for _, alternatives := range p.needs {
		if !slices.ContainsFunc(alternatives, func(n string) bool { return strings.Contains(f.joined, n) }) {
			return false
		}
	}
	return true
}

// firstOther finds the first file that re does not match.
func (f *Files) firstOther(re *regexp.Regexp) int {
	for i, file := range f.list {
		if !re.MatchString(file) {
			return i
		}
	}
	return -1
}

// newPattern finds out what re needs.
func newPattern(re *regexp.Regexp) *pattern {
	p := &pattern{re: re}
	if tree, err := syntax.Parse(re.String(), syntax.Perl); err == nil {
		p.needs = needs(tree.Simplify())
	}
	return p
}

// needs returns alternatives, one text of each of which is in all that matches;
// none if nothing can be told.
func needs(t *syntax.Regexp) [][]string {
	switch t.Op {
	case syntax.OpLiteral:
		if t.Flags&syntax.FoldCase == 0 {
			return [][]string{{string(t.Rune)}}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needs(t.Sub[0])
	case syntax.OpConcat:
		var all [][]string
		for _, s := range t.Sub {
			all = append(all, needs(s)...)
		}
		return all
	case syntax.OpAlternate:
		var one []string
		for _, s := range t.Sub {
			n := needs(s)
			if len(n) == 0 {
				return nil
			}
			one = append(one, slices.MaxFunc(n, func(a, b []string) int { return shortest(a) - shortest(b) })...)
		}
		return [][]string{one}
	}
	return nil
}

func shortest(list []string) int {
	n := len(list[0])
	for _, s := range list {
		n = min(n, len(s))
	}
	return n
}
