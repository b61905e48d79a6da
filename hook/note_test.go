package hook

import (
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
)

// How an event reads in the story of a pull request.
func TestNotes(t *testing.T) {
	t.Parallel()
	at := func(kind, action string) prow.Header {
		return prow.Header{At: prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: 1}, Kind: kind, Action: action, By: "ann"}
	}
	pull := func(action string) prow.PullEvent {
		return prow.PullEvent{Header: at("pull_request", action), Pull: prow.Pull{HeadSHA: "0123456789abcdef"}}
	}
	merged, labeled := pull("closed"), pull("labeled")
	merged.Pull.Merged, labeled.Label = true, "lgtm"
	review := func(action string, state prow.ReviewState) prow.ReviewEvent {
		return prow.ReviewEvent{Header: at("pull_request_review", action), Review: prow.Review{State: state, Author: "rev"}}
	}
	for _, c := range []struct {
		e    prow.Event
		want string
	}{
		{prow.CommentEvent{Header: at("issue_comment", prow.Created), Body: "\r\n /lgtm \r\nand more"}, "ann commented: /lgtm"},
		{prow.CommentEvent{Header: at("issue_comment", prow.Edited), Body: "x"}, "ann edited a comment: x"},
		{prow.CommentEvent{Header: at("pull_request_review_comment", prow.Deleted), Body: "x"}, "ann deleted a comment: x"},
		{prow.CommentEvent{Header: at("issue_comment", prow.Created), Body: strings.Repeat("ä", 200)}, "ann commented: " + strings.Repeat("ä", 80) + "…"},
		{prow.CommentEvent{Header: at("pull_request", prow.Created), Body: "x"}, ""},
		{pull("opened"), "ann opened the pull request"},
		{pull("synchronize"), "ann pushed 01234567"},
		{pull("ready_for_review"), "ann marked the pull request as ready for review"},
		{pull("auto_merge_enabled"), "ann changed the pull request: auto merge enabled"},
		{merged, "ann merged the pull request"},
		{labeled, "ann added label lgtm"},
		{review("submitted", prow.ReviewApproved), "ann approved"},
		{review("submitted", prow.ReviewChanges), "ann asked for changes"},
		{review("submitted", prow.ReviewComment), "ann reviewed"},
		{review("dismissed", prow.ReviewDismissed), "ann dismissed the review of rev"},
		{prow.IssueEvent{Header: at("issues", "closed")}, "ann closed the issue"},
		{prow.PushEvent{Header: at("push", ""), Branch: "main", After: "0123456789"}, "ann pushed 01234567 to main"},
		{prow.PushEvent{Header: at("push", ""), Branch: "main", Deleted: true}, "ann deleted main"},
		{prow.StatusEvent{Header: at("status", "")}, ""},
		{prow.OtherEvent{Header: at("star", "created")}, ""},
	} {
		n, ok := noteOf(c.e)
		if ok != (c.want != "") || ok && (n.Text != c.want || n.By != "ann") {
			t.Errorf("%T: %q by %s, want %q", c.e, n.Text, n.By, c.want)
		}
	}
}
