package gate

import (
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

// said is a comment or review, as far as approval goes.
type said struct {
	By    string
	Bot   bool
	At    time.Time
	Text  string
	URL   string
	State prow.ReviewState // of a review
}

// gatherSaid puts what people said in the order of time; at one time line
// comments come first, then comments, then reviews.
func gatherSaid(onLines, comments []prow.Comment, reviews []prow.Review) []said {
	var out []said
	for _, x := range slices.Concat(onLines, comments) {
		out = append(out, said{By: x.Author, At: x.Created, Text: x.Body, URL: x.URL})
	}
	bots := map[string]bool{}
	for _, r := range reviews {
		bots[prow.NormLogin(r.Author)] = bots[prow.NormLogin(r.Author)] || r.AuthorBot
		out = append(out, said{By: r.Author, At: r.At, Text: r.Body, URL: r.URL, State: r.State})
	}
	for i := range out {
		out[i].Bot = bots[prow.NormLogin(out[i].By)]
	}
	slices.SortStableFunc(out, func(a, b said) int { return a.At.Compare(b.At) })
	return out
}

// wish is what a command does to the approval of the one who says it.
type wish int

const (
	nothing wish = iota
	approves
	approvesNoIssue
	withdraws
)

// command reads a line.
func (o ApproveConfig) command(l plugin.Line) wish {
	switch strings.ToLower(l.Name) {
	case "approve":
	case "lgtm":
		if !o.LGTMActsAsApprove || !slices.Contains([]string{"", "cancel", "no-issue"}, strings.ToLower(l.Rest)) {
			return nothing
		}
	case "remove-approve":
		return withdraws
	case "remove-lgtm":
		if !o.LGTMActsAsApprove {
			return nothing
		}
		return withdraws
	default:
		return nothing
	}
	switch words := strings.Fields(strings.ToLower(l.Rest)); {
	case slices.Contains(words, "cancel"):
		return withdraws
	case len(words) == 1 && words[0] == "no-issue":
		return approvesNoIssue
	}
	return approves
}

// commands returns the lines of a text that are about approval.
func (o ApproveConfig) commands(text string) []plugin.Line {
	return slices.DeleteFunc(plugin.Lines(text), func(l plugin.Line) bool { return o.command(l) == nothing })
}

// How somebody approved.
const (
	howApproved = "Approved"
	howLGTM     = "LGTM"
	howSelf     = "Author self-approved"
)

// approval is one person's standing approval.
type approval struct {
	Who     string // normalised
	Login   string // as they write it
	How     string
	URL     string
	NoIssue bool
}

// approvals walks through what was said and returns who approves in the end, by
// login.
func (f *approvalFacts) approvals() map[string]approval {
	out := map[string]approval{}
	add := func(login, how, url string, noIssue bool) {
		who := prow.NormLogin(login)
		if out[who].NoIssue && !noIssue {
			return
		}
		out[who] = approval{who, login, how, url, noIssue}
	}
	if !f.Options.RequireSelfApproval {
		add(f.Author, howSelf, f.URL, false)
	}
	for _, s := range f.Said {
		if s.By == "" || s.Bot || plugin.SameBot(f.Self, s.By) {
			continue
		}
		who := prow.NormLogin(s.By)
		switch {
		case f.Options.IgnoreReviewState:
		case s.State == prow.ReviewApproved:
			add(s.By, howApproved, s.URL, false)
		case s.State == prow.ReviewChanges:
			delete(out, who)
		}
		for _, l := range plugin.Lines(s.Text) {
			how := howApproved
			switch {
			case who == prow.NormLogin(f.Author):
				how = howSelf
			case strings.EqualFold(l.Name, "lgtm"):
				how = howLGTM
			}
			switch f.Options.command(l) {
			case approves:
				add(s.By, how, s.URL, false)
			case approvesNoIssue:
				add(s.By, how, s.URL, true)
			case withdraws:
				delete(out, who)
			}
		}
	}
	return out
}
