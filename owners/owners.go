// Package owners reads OWNERS files: who may approve and review what.
//
// Takes: an fs.FS of one revision, the paths of its OWNERS files, and options.
// Gives: an *Owners that answers for a path. It knows no git and no forge. What
// cannot be read is a Problem: it grants nothing, and whoever shows answers to
// people shows the problems too.
package owners

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Role is what a list of an OWNERS file is about.
type Role int

// The four lists.
const (
	Approvers Role = iota
	Reviewers
	RequiredReviewers
	Labels
	roles
)

// Options say which files count.
type Options struct {
	OwnersFile  string // default OWNERS
	AliasesFile string // default OWNERS_ALIASES; only at the root
	Markdown    bool   // headers of *.md count, for that file
	Denylist    []*regexp.Regexp
}

// Problem is something in a file that does not count, and why.
type Problem struct {
	Path string
	Text string
}

// Owners answers who owns what in one revision. It is immutable. Paths have no
// leading slash; the root directory is "". Logins are normalised.
type Owners struct {
	options  Options
	dirs     map[string]*dir
	problems []Problem
	only     map[string]bool // nil: everyone counts
}

// dir is what one OWNERS file, or the header of one Markdown file, says.
type dir struct {
	file        string
	noParent    bool
	autoApprove bool
	entries     []entry
}

// entry is who is named for the files its filter matches; nil matches all.
type entry struct {
	filter *regexp.Regexp
	named  [roles][]string
}

// New reads the files of paths that the options want.
func New(fsys fs.FS, paths []string, o Options) (*Owners, error) {
	o = o.withDefaults()
	p := parser{fsys: fsys, out: &Owners{options: o, dirs: map[string]*dir{}}}
	if err := p.readAliases(paths); err != nil {
		return nil, err
	}
	for _, f := range paths {
		if !o.Wants(f) || f == o.AliasesFile {
			continue
		}
		if err := p.readFile(f); err != nil {
			return nil, err
		}
	}
	return p.out, nil
}

func (o Options) withDefaults() Options {
	if o.OwnersFile == "" {
		o.OwnersFile = "OWNERS"
	}
	if o.AliasesFile == "" {
		o.AliasesFile = "OWNERS_ALIASES"
	}
	return o
}

// Wants reports whether New would read the file.
func (o Options) Wants(file string) bool {
	o = o.withDefaults()
	if file == o.AliasesFile {
		return true
	}
	if path.Base(file) != o.OwnersFile && !(o.Markdown && isMarkdown(file)) {
		return false
	}
	for d := parent(file); d != ""; d = parent(d) {
		if slices.ContainsFunc(o.Denylist, func(re *regexp.Regexp) bool { return re.MatchString(d) }) {
			return false
		}
	}
	return true
}

func isMarkdown(file string) bool { return strings.HasSuffix(file, ".md") }

// Only returns o with approvers and reviewers limited to logins. Required
// reviewers and labels stay.
func (o *Owners) Only(logins []string) *Owners {
	only := make(map[string]bool, len(logins))
	for _, l := range logins {
		only[norm(l)] = true
	}
	c := *o
	c.only = only
	return &c
}

// Problems lists what was found wrong, by path.
func (o *Owners) Problems() []Problem { return o.problems }

// File returns the path of the file that speaks for a directory as Dir returns
// it: its OWNERS file, there or not, or the Markdown file itself.
func (o *Owners) File(dir string) string {
	if d := o.dirs[dir]; d != nil {
		return d.file
	}
	return path.Join(dir, o.options.OwnersFile)
}

// Layers returns who is named for a path, nearest first; nobody appears twice.
// It begins at the path itself and ends at the root, or below a directory with
// no_parent_owners in which, or below which, somebody was named for the role.
func (o *Owners) Layers(role Role, file string) [][]string {
	var out [][]string
	seen := map[string]bool{}
	for d := file; ; d = parent(d) {
		var layer []string
		for _, who := range o.at(role, d, file) {
			if !seen[who] {
				seen[who] = true
				layer = append(layer, who)
			}
		}
		if len(layer) > 0 {
			slices.Sort(layer)
			out = append(out, layer)
		}
		if d == "" || o.NoParent(d) && len(out) > 0 {
			return out
		}
	}
}

// Who returns everybody named for a path, sorted.
func (o *Owners) Who(role Role, file string) []string {
	return slices.Sorted(slices.Values(slices.Concat(o.Layers(role, file)...)))
}

// Leaf returns those of the nearest layer alone, sorted.
func (o *Owners) Leaf(role Role, file string) []string {
	if l := o.Layers(role, file); len(l) > 0 {
		return l[0]
	}
	return nil
}

// Dir returns the nearest directory, or Markdown file, that names somebody for
// a path; the root if none does.
func (o *Owners) Dir(role Role, file string) string {
	for d := file; d != ""; d = parent(d) {
		if len(o.at(role, d, file)) > 0 {
			return d
		}
	}
	return ""
}

// NoParent reports whether a directory has no_parent_owners.
func (o *Owners) NoParent(dir string) bool {
	d := o.dirs[dir]
	return d != nil && d.noParent
}

// AutoApprove reports whether a directory has auto_approve_unowned_subfolders.
func (o *Owners) AutoApprove(dir string) bool {
	d := o.dirs[dir]
	return d != nil && d.autoApprove
}

// TopLevel returns the approvers of the root.
func (o *Owners) TopLevel() []string { return o.Leaf(Approvers, "") }

// Everyone returns all approvers and reviewers of every directory, sorted.
func (o *Owners) Everyone() []string {
	all := map[string]bool{}
	for _, d := range o.dirs {
		for _, e := range d.entries {
			for _, who := range slices.Concat(e.named[Approvers], e.named[Reviewers]) {
				if o.counts(Approvers, who) {
					all[who] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// at returns who directory d names for a file below it.
func (o *Owners) at(role Role, d, file string) []string {
	entries := o.dirs[d]
	if entries == nil {
		return nil
	}
	rel := relative(d, file)
	var out []string
	for _, e := range entries.entries {
		if e.filter != nil && !e.filter.MatchString(rel) {
			continue
		}
		for _, who := range e.named[role] {
			if o.counts(role, who) {
				out = append(out, who)
			}
		}
	}
	return out
}

func (o *Owners) counts(role Role, who string) bool {
	return o.only == nil || role > Reviewers || o.only[who]
}

func relative(dir, file string) string {
	switch {
	case dir == file:
		return "."
	case dir == "":
		return file
	}
	return strings.TrimPrefix(file, dir+"/")
}

func parent(file string) string {
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		return file[:i]
	}
	return ""
}
