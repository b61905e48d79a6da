package hook

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

// noteEvents writes into the story what happened.
func (w *Worker) noteEvents(ctx context.Context, d *prow.Delivery, events []prow.Event, said []plugin.Text) {
	for i, e := range events {
		n, ok := noteOf(e)
		n.At, n.Who, n.Kind, n.Delivery = d.Received, "hook", "event", d.ID
		if ok {
			w.note(ctx, n)
		}
		if said[i].Unread > 0 {
			n.Kind, n.Text = "error", fmt.Sprintf("%d more commands of this text were not read: at most %d are", said[i].Unread, plugin.MaxLines)
			w.note(ctx, n)
		}
		if said[i].Cut {
			n.Kind, n.Text = "error", "the end of this text was not read: it is longer than anybody can write"
			w.note(ctx, n)
		}
	}
}

// noteResult writes into the story what a plugin did.
func (w *Worker) noteResult(ctx context.Context, d *prow.Delivery, r prow.Result) {
	n := prow.Note{Where: d.Where, Who: r.Plugin, By: d.By, Delivery: d.ID}
	for _, text := range r.Did {
		n.At, n.Kind, n.Text = w.Now(), "decision", text
		if why, refused := strings.CutPrefix(text, "refused: "); refused {
			n.Kind, n.Text = "refusal", why
		}
		w.note(ctx, n)
	}
	if r.Error != "" {
		n.At, n.Kind, n.Text = w.Now(), "error", r.Error
		w.note(ctx, n)
	}
}

// note keeps n. The story is for people; that a line of it could not be written
// holds nothing up.
func (w *Worker) note(ctx context.Context, n prow.Note) {
	if w.Journal == nil {
		return
	}
	if err := w.Journal.Record(ctx, n); err != nil && ctx.Err() == nil {
		w.Log.Warn("note not kept", "at", n.Where.String(), "error", err)
	}
}

// noteOf puts an event into one sentence. A pull request's or issue's own text is
// no note beside the one of its change.
func noteOf(e prow.Event) (prow.Note, bool) {
	n := prow.Note{Where: e.Where()}
	switch e := e.(type) {
	case prow.CommentEvent:
		if e.Kind != "issue_comment" && e.Kind != "pull_request_review_comment" {
			return n, false
		}
		verb := map[string]string{prow.Created: "commented", prow.Edited: "edited a comment", prow.Deleted: "deleted a comment"}[e.Action]
		n.By, n.URL, n.Text = e.By, e.URL, fmt.Sprintf("%s %s: %s", e.By, verb, firstLine(e.Body))
	case prow.PullEvent:
		n.By, n.URL, n.Text = e.By, e.Pull.URL, e.By+" "+pullVerb(e)
	case prow.ReviewEvent:
		n.By, n.URL, n.Text = e.By, e.Review.URL, e.By+" "+reviewVerb(e)
	case prow.IssueEvent:
		n.By, n.URL, n.Text = e.By, e.Issue.URL, e.By+" "+changeVerb(e.Action, e.Label, "issue")
	case prow.PushEvent:
		n.By, n.URL, n.Text = e.By, e.CompareURL, fmt.Sprintf("%s pushed %s to %s", e.By, short(e.After), e.Branch)
		if e.Deleted {
			n.Text = fmt.Sprintf("%s deleted %s", e.By, e.Branch)
		}
	default:
		return n, false
	}
	return n, true
}

func pullVerb(e prow.PullEvent) string {
	switch {
	case e.Action == "closed" && e.Pull.Merged:
		return "merged the pull request"
	case e.Action == "synchronize":
		return "pushed " + short(e.Pull.HeadSHA)
	}
	return changeVerb(e.Action, e.Label, "pull request")
}

func reviewVerb(e prow.ReviewEvent) string {
	switch {
	case e.Action == "dismissed":
		return "dismissed the review of " + e.Review.Author
	case e.Review.State == prow.ReviewApproved:
		return "approved"
	case e.Review.State == prow.ReviewChanges:
		return "asked for changes"
	}
	return "reviewed"
}

func changeVerb(action, label, what string) string {
	switch action {
	case "labeled":
		return "added label " + label
	case "unlabeled":
		return "removed label " + label
	case "review_requested":
		return "asked for a review"
	case "review_request_removed":
		return "no longer asks for a review"
	case "ready_for_review":
		return "marked the " + what + " as ready for review"
	case "converted_to_draft":
		return "made the " + what + " a draft"
	}
	if strings.Contains(action, "_") { // a word of GitHub's that we do not put into ours
		return "changed the " + what + ": " + strings.ReplaceAll(action, "_", " ")
	}
	return action + " the " + what
}

// firstLine is the first line of s that says something, cut to a length that
// fits a list.
func firstLine(s string) string {
	const most = 160
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(line) > most {
			end := most
			for end > 0 && !utf8.RuneStart(line[end]) {
				end--
			}
			line = line[:end] + "…"
		}
		return line
	}
	return ""
}
