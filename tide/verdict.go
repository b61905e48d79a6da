package tide

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// maxStatus is how long the text of a status may be, in bytes.
const maxStatus = 140

// Say puts into words how s stands: the text of the status, and the checklist.
// place is its place in the queue, 0 if it has none; set is the set it is tested
// with, or nil.
func Say(s *Standing, r *Rules, in *Input, place int, set *Set, now time.Time) prow.Verdict {
	v := prow.Verdict{Pull: s.Ref, Repo: r.Repo, Branch: r.Branch, At: now, Place: place, Tests: s.Tests}
	v.InPool = s.InPool && len(in.Blockers) == 0 && in.Freeze == nil
	v.State, v.Text = status(s, r, in)
	v.Items = items(s, r, in, place, set)
	return v
}

// status is the status `tide`, whole.
func status(s *Standing, r *Rules, in *Input) (prow.CheckState, string) {
	const no = "Not mergeable."
	switch {
	case s.Deny != "":
		return prow.CheckError, no + " " + s.Deny
	case len(in.Blockers) > 0:
		return prow.CheckError, no + " Merging is blocked by " + blockerList(in.Blockers) + "."
	case in.Freeze != nil:
		return prow.CheckError, no + " " + frozen(in.Freeze)
	case s.Gap != "":
		return prow.CheckPending, no + s.Gap
	case s.Facts.Broken != "":
		return prow.CheckError, no + " " + s.Facts.Broken
	case !s.InPool && s.Facts.Refusal != nil:
		return prow.CheckError, no + " The merge was refused: " + s.Facts.Refusal.Words
	case s.State == Failing:
		return prow.CheckPending, no + labelText(" Job %s has not succeeded.", " Jobs %s have not succeeded.", s.failed())
	case s.State != Passing:
		return prow.CheckPending, no + retesting(s)
	case r.Blocks == config.BlocksPermit && s.Facts.Pull.MergeState == "BLOCKED":
		return prow.CheckSuccess, "In merge pool (despite BLOCKED)."
	}
	return prow.CheckSuccess, "In merge pool."
}

func retesting(s *Standing) string {
	var c []string
	for _, t := range s.Tests {
		if t.State != prow.CheckSuccess {
			c = append(c, t.Context)
		}
	}
	slices.Sort(c)
	text := " Retesting: " + strings.Join(c, " ")
	if len("Not mergeable."+text) > maxStatus {
		text = fmt.Sprintf(" Retesting %d jobs.", len(c))
	}
	return text
}

// failed lists the tests that failed on this base, though no check says so.
func (s *Standing) failed() []string {
	var out []string
	for _, t := range s.Tests {
		if t.State == prow.CheckFailure || t.State == prow.CheckError {
			out = append(out, t.Context)
		}
	}
	return out
}

// Cut makes a verdict's text fit into a status.
func Cut(text string) string {
	if len(text) <= maxStatus {
		return text
	}
	end := maxStatus - len("...")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}

// items is the checklist, what is not met first. The most pressing is what
// only the author can mend, then what people have to give, then tests and queue.
func items(s *Standing, r *Rules, in *Input, place int, set *Set) []prow.Item {
	var out []prow.Item
	out = append(out, denyItems(s, r)...)
	for _, b := range in.Blockers {
		out = append(out, prow.Item{Kind: "blocker", What: fmt.Sprintf("issue %d", b.Number), Why: "It blocks merging: " + b.Title,
			Who: "whoever may close the issue", URL: b.URL})
	}
	if f := in.Freeze; f != nil {
		out = append(out, prow.Item{Kind: "blocker", What: "branch " + r.Branch + " is open", Why: frozen(f), Who: f.By + ", or an administrator"})
	}
	if s.Facts.Broken != "" {
		out = append(out, prow.Item{Kind: "config", What: "what it has to pass is known", Why: s.Facts.Broken, Who: "the author"})
	}
	if s.Query == nil {
		out = append(out, prow.Item{Kind: "branch", What: "branch " + r.Branch, Who: "an administrator",
			Why: "No tide query is about this repository, so nothing here merges by itself."})
	} else {
		out = append(out, queryItems(s.Query, s.Facts)...)
	}
	out = append(out, contextItems(s)...)
	if ref := s.Facts.Refusal; ref != nil && s.Deny == "" && s.Gap == "" && !s.InPool && s.Facts.Broken == "" {
		out = append(out, refusalItem(ref))
	}
	if s.InPool || set != nil {
		out = append(out, queueItem(s, in, place, set))
	}
	slices.SortStableFunc(out, func(a, b prow.Item) int {
		switch {
		case a.Met == b.Met:
			return 0
		case b.Met:
			return -1
		}
		return 1
	})
	return out
}

func denyItems(s *Standing, r *Rules) []prow.Item {
	p := s.Facts.Pull
	conflict := prow.Item{Kind: "conflict", What: "merges into " + r.Branch, Met: p.Mergeable != prow.MergeableNo && !s.Facts.Clash}
	if !conflict.Met {
		conflict.Why, conflict.Who = "It conflicts with "+r.Branch+".", "the author"
		conflict.Command = "git fetch origin " + r.Branch + " && git rebase FETCH_HEAD && git push --force-with-lease"
	}
	out := []prow.Item{conflict}
	if s.Deny != "" && conflict.Met {
		method := prow.Item{Kind: "method", What: "merge method " + string(s.Method), Why: s.Deny, Who: "an administrator"}
		if s.Deny == blockedText {
			method.Kind, method.What = "forge", "the forge's own rules"
		}
		out = append(out, method)
	}
	return out
}

func queryItems(q *config.TideQuery, f *Facts) []prow.Item {
	p := f.Pull
	var out []prow.Item
	if len(q.IncludedBranches)+len(q.ExcludedBranches) > 0 {
		i := prow.Item{Kind: "branch", What: "branch " + p.Base, Met: branchFits(q, p.Base)}
		if !i.Met {
			i.Why, i.Who = "Merging to branch "+p.Base+" is not open.", "an administrator, or the author by choosing another base"
		}
		out = append(out, i)
	}
	if q.Author != "" {
		out = append(out, prow.Item{Kind: "author", What: "author " + q.Author, Met: sameAuthor(q.Author, p.Author)})
	}
	if q.Milestone != "" {
		out = append(out, prow.Item{Kind: "milestone", What: "milestone " + q.Milestone, Met: strings.EqualFold(q.Milestone, p.Milestone),
			Who: "a milestone maintainer", Command: "/milestone " + q.Milestone})
	}
	for _, l := range q.Labels {
		g := giving(l)
		if people := f.Givers[l]; len(people) > 0 {
			g.who = oneOf(people) + ", " + g.role
		}
		out = append(out, prow.Item{Kind: "label", What: "label " + strings.ReplaceAll(l, ",", " or "), Met: hasAny(p, l), Who: g.who, Command: g.command})
	}
	for _, l := range q.MissingLabels {
		g := removing(l)
		out = append(out, prow.Item{Kind: "no-label", What: "no label " + l, Met: !p.HasLabel(l), Why: g.why, Who: g.who, Command: g.command})
	}
	if q.ReviewApprovedRequired {
		out = append(out, prow.Item{Kind: "review", What: "an approving review", Met: f.Approved, Who: "a reviewer with write access"})
	}
	return trimMet(out)
}

// trimMet leaves out of what is met how to get it.
func trimMet(items []prow.Item) []prow.Item {
	for i := range items {
		if items[i].Met {
			items[i].Why, items[i].Who, items[i].Command = "", "", ""
		}
	}
	return items
}

func contextItems(s *Standing) []prow.Item {
	var out []prow.Item
	for _, o := range s.Open {
		i := prow.Item{Kind: "check", What: "check " + o.Context, URL: o.URL}
		n := slices.IndexFunc(s.Facts.Needs, func(n Need) bool { return n.Context == o.Context })
		forge := slices.Contains(s.Facts.Policy.Forge, o.Context)
		switch {
		case o.State == prow.CheckPending:
			i.Why = "It has not finished."
		case o.State == "" && n < 0 && forge:
			i.Why = "The forge requires it on this branch, and it has not reported."
		case o.State == "":
			i.Why = "It is required and has not reported."
		default:
			i.Why = "It did not pass."
		}
		if o.Text != "" {
			i.Why += " It says: " + o.Text
		}
		if n >= 0 && o.State != prow.CheckPending {
			i.Command, i.Who = s.Facts.Needs[n].Command, "the author, or anyone who may ask for tests"
		}
		out = append(out, i)
	}
	for _, t := range s.Tests {
		if !slices.ContainsFunc(s.Open, func(o open) bool { return o.Context == t.Context }) {
			out = append(out, testItem(s, t))
		}
	}
	return out
}

// testItem is a required test whose check is fine, or silent.
func testItem(s *Standing, t prow.Test) prow.Item {
	i := prow.Item{Kind: "check", What: "check " + t.Context, Met: t.State == prow.CheckSuccess, URL: t.URL}
	switch {
	case i.Met:
	case t.State == prow.CheckPending:
		i.Why = "It runs on the newest " + s.Facts.Pull.Base + "."
	case t.State == "":
		i.Why = "It has no result on the newest " + s.Facts.Pull.Base + "; tide tests it when its turn comes."
	default:
		i.Why = "It did not pass on the newest " + s.Facts.Pull.Base + ". " + t.Why
		for _, n := range s.Facts.Needs {
			if n.Context == t.Context {
				i.Command, i.Who = n.Command, "the author, or anyone who may ask for tests"
			}
		}
	}
	return i
}

func refusalItem(ref *Refusal) prow.Item {
	return prow.Item{Kind: "forge", What: "the forge accepts the merge", Who: "the author, or an administrator of the repository",
		Why: fmt.Sprintf("The merge was refused %d times: %s Tide tries again when something changes, at the latest at %s.",
			ref.Tries, sentence(ref.Words), ref.Until.UTC().Format("15:04 MST"))}
}

func queueItem(s *Standing, in *Input, place int, set *Set) prow.Item {
	i := prow.Item{Kind: "queue", What: "its turn"}
	if place > 0 {
		i.What = fmt.Sprintf("place %d of %d in the queue", place, len(in.Pulls))
	}
	switch {
	case in.Hold != "":
		i.Why = in.Hold
	case set != nil:
		i.Why = fmt.Sprintf("It is being tested together with %s.", numbers(slices.DeleteFunc(slices.Clone(set.Refs),
			func(p prow.PullRef) bool { return p.Number == s.Ref.Number })))
	case s.State == Passing:
		i.Why = "It is merged next."
	case s.State == Pending:
		i.Why = "Its tests run."
	case s.State == Failing:
		i.Why = "Its tests did not pass on the newest " + s.Facts.Pull.Base + "."
	default:
		i.Why = "It waits to be tested on the newest " + s.Facts.Pull.Base + "."
	}
	return i
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
