package gate

import (
	"fmt"
	"maps"
	"math/rand"
	"path"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/owners"
)

// approvalFacts is everything that approval depends on.
type approvalFacts struct {
	ID        prow.IssueID
	Options   ApproveConfig
	Base      string
	Author    string
	Assignees []string
	Body      string
	URL       string
	LinkURL   string
	Self      string // the bot
	Files     []prow.File
	Said      []said
	Owners    *owners.Owners
	Labelled  bool // it carries the label
	ByHand    bool // which a person set
}

// approvalVerdict is what follows from the facts.
type approvalVerdict struct {
	approvalFacts
	Met       bool // everything required is there
	Approved  bool // Met, or by hand
	Truncated bool
	Approvals []approval // sorted by login
	Dirs      []ownedDir // sorted by path
	Issue     string     // number of the linked issue
	NoIssueBy []string   // approvers who waived it
	Ask       []string   // assigned already
	Assign    []string
}

// ownedDir is a directory, or Markdown file, whose owners have to approve.
type ownedDir struct {
	Dir      string
	Approved bool
	By       []string // current approvers who own something here
}

// part is a set of changed files with the same directory and the same approvers.
type part struct {
	dir  string
	all  []string // who may approve, parents' included
	leaf []string
}

// decideApproval fails closed: files that GitHub did not list are not approved.
func decideApproval(f approvalFacts) approvalVerdict {
	v := approvalVerdict{approvalFacts: f, Truncated: len(f.Files) >= prow.ListedFiles}
	current := f.approvals()
	v.Approvals = slices.SortedFunc(maps.Values(current), func(a, b approval) int { return strings.Compare(a.Who, b.Who) })
	parts := f.parts()
	var open []part
	for _, p := range parts {
		if !slices.ContainsFunc(p.all, func(who string) bool { _, ok := current[who]; return ok }) {
			open = append(open, p)
		}
	}
	v.Dirs = v.display(parts, open, current)
	v.Issue = f.linkedIssue()
	for _, a := range v.Approvals {
		if a.NoIssue && slices.ContainsFunc(parts, func(p part) bool { return slices.Contains(p.all, a.Who) }) {
			v.NoIssueBy = append(v.NoIssueBy, a.Login)
		}
	}
	issue := !f.Options.IssueRequired || v.Issue != "" || len(v.NoIssueBy) > 0
	v.Met = len(f.Files) > 0 && !v.Truncated && len(open) == 0 && issue
	v.Approved = v.Met || f.ByHand
	if !v.Approved {
		v.suggest(open)
	}
	return v
}

// parts sorts the changed files, under their old and new names, by who owns
// them. Files that need nobody's approval are left out.
func (f *approvalFacts) parts() []part {
	var out []part
	index := map[string]bool{}
	for _, name := range f.names() {
		dir := f.Owners.Dir(owners.Approvers, name)
		if f.Owners.AutoApprove(dir) && parentDir(name) != dir {
			continue
		}
		layers := f.Owners.Layers(owners.Approvers, name)
		key := fmt.Sprint(dir, "\n", layers)
		if index[key] {
			continue
		}
		index[key] = true
		p := part{dir: dir, all: slices.Concat(layers...)}
		if len(layers) > 0 {
			p.leaf = layers[0]
		}
		out = append(out, p)
	}
	return out
}

func (f *approvalFacts) names() []string {
	var out []string
	for _, x := range f.Files {
		out = append(out, x.Name)
		if x.OldName != "" {
			out = append(out, x.OldName)
		}
	}
	return out
}

func parentDir(file string) string {
	if d := path.Dir(file); d != "." {
		return d
	}
	return ""
}

// display returns the directories to show. One whose parent is shown, stands
// alike and counts for it too, is left out.
func (v *approvalVerdict) display(parts, open []part, current map[string]approval) []ownedDir {
	dirs := map[string]*ownedDir{}
	for _, p := range parts {
		d := dirs[p.dir]
		if d == nil {
			d = &ownedDir{Dir: p.dir, Approved: true}
			dirs[p.dir] = d
		}
		for _, who := range p.all {
			if a, ok := current[who]; ok && !slices.Contains(d.By, a.Login) {
				d.By = append(d.By, a.Login)
			}
		}
	}
	for _, p := range open {
		dirs[p.dir].Approved = false
	}
	var out []ownedDir
	for _, name := range slices.Sorted(maps.Keys(dirs)) {
		d := dirs[name]
		if !v.covered(d, dirs) {
			slices.Sort(d.By)
			out = append(out, *d)
		}
	}
	return out
}

func (v *approvalVerdict) covered(d *ownedDir, dirs map[string]*ownedDir) bool {
	for name := d.Dir; name != "" && !v.Owners.NoParent(name); {
		name = parentDir(name)
		if above := dirs[name]; above != nil && above.Approved == d.Approved {
			return true
		}
	}
	return false
}

// linkedIssue returns the first issue that the description names.
func (f *approvalFacts) linkedIssue() string {
	re := regexp.MustCompile(`(?:#|` + regexp.QuoteMeta(f.ID.Repo.Owner) + `/[^/\s]+/issues/)(\d+)`)
	if m := re.FindStringSubmatch(f.Body); m != nil {
		return m[1]
	}
	return ""
}

// suggest finds few people who together could approve what is open. The order
// in which people are considered is shuffled, the same way for one pull request
// each time, so that not all the work goes to the first of the alphabet.
func (v *approvalVerdict) suggest(open []part) {
	var assignees, candidates []string
	for _, a := range v.Assignees {
		assignees = append(assignees, prow.NormLogin(a))
	}
	left := slices.DeleteFunc(slices.Clone(open), func(p part) bool { return overlap(p.leaf, assignees) })
	for _, p := range left {
		candidates = append(candidates, p.leaf...)
	}
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	rand.New(rand.NewSource(int64(v.ID.Number))).Shuffle(len(candidates), func(i, j int) {
		candidates[i], candidates[j] = candidates[j], candidates[i]
	})
	v.Assign = cover(candidates, left)
	slices.Sort(v.Assign)
	for _, who := range assignees {
		if slices.ContainsFunc(open, func(p part) bool { return slices.Contains(p.all, who) }) {
			v.Ask = append(v.Ask, who)
		}
	}
	slices.Sort(v.Ask)
}

// givers lists who is asked to approve: assignees who can, then those suggested.
func (v *approvalVerdict) givers() []string {
	if v.Approved {
		return nil
	}
	out := slices.Concat(v.Ask, v.Assign)
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(who string) bool {
		twice := seen[who]
		seen[who] = true
		return twice
	})
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// cover picks candidates greedily, each time the one who may approve most of
// what is left.
func cover(candidates []string, parts []part) []string {
	left := slices.Clone(parts)
	var out []string
	for len(left) > 0 {
		best, most := "", 0
		for _, who := range candidates {
			n := 0
			for _, p := range left {
				if slices.Contains(p.all, who) {
					n++
				}
			}
			if n > most {
				best, most = who, n
			}
		}
		if most == 0 {
			break
		}
		out = append(out, best)
		left = slices.DeleteFunc(left, func(p part) bool { return slices.Contains(p.all, best) })
	}
	return out
}
