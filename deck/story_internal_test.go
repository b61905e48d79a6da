package deck

import (
	"context"
	"slices"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

// The story has each thing once: what Prow caused itself, and told of, does not
// come back as an event.
func TestTheStoryHasNoEchoes(t *testing.T) {
	t.Parallel()
	notes := []prow.Note{
		{Who: "hook", Kind: "event", By: "prow-bot", Text: "prow-bot added label lgtm"},
		{Who: "lgtm", Kind: "decision", By: "bob", Text: "added label lgtm"},
		{Who: "hook", Kind: "event", By: "bob", Text: "bob commented: /lgtm"},
		{Who: "plank", Kind: "job", Text: "unit failed: The test exited with status 1."},
		{Who: "plank", Kind: "job", Text: "Started unit as build 17."},
		{Who: "trigger", Kind: "decision", By: "alice", Text: "started docs", Delivery: "d"},
		{Who: "trigger", Kind: "decision", By: "alice", Text: "started unit", Delivery: "d"},
	}
	for self, want := range map[string][]string{
		"prow-bot": {"added label lgtm", "bob commented: /lgtm", "unit failed: The test exited with status 1.", "started unit, docs"},
		"":         {"prow-bot added label lgtm", "added label lgtm", "bob commented: /lgtm", "unit failed: The test exited with status 1.", "started unit, docs"},
	} {
		var got []string
		for _, n := range told(notes, self) {
			got = append(got, n.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("as %q: %q", self, got)
		}
	}
	if len(notes) != 7 || notes[5].Text != "started docs" {
		t.Error("the notes themselves were changed")
	}
}

// Labels that are rightly absent share a line; one that is in the way has its own.
func TestTheChecklistIsShort(t *testing.T) {
	t.Parallel()
	v := pullView{Verdict: &prow.Verdict{Text: "Not mergeable. Needs approved label.", Items: []prow.Item{
		{What: "label approved"}, {What: "no label wip"}, {What: "label lgtm", Met: true}, {What: "no label hold", Met: true}, {What: "no label needs-rebase", Met: true},
	}}}
	var got []string
	for _, i := range v.Checklist() {
		got = append(got, i.What)
	}
	if want := []string{"label approved", "no label wip", "label lgtm", "no label hold, needs-rebase"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if v.Verdict.Items[3].What != "no label hold" {
		t.Error("the verdict itself was changed")
	}
	if v.Reason() != "Needs approved label." {
		t.Errorf("%q", v.Reason())
	}
}

// asked counts how often the forge is asked for a pull request.
type asked struct {
	prow.ForgeReader
	pulls int
}

func (a *asked) Pull(context.Context, prow.IssueID) (*prow.Pull, error) {
	a.pulls++
	return &prow.Pull{HeadSHA: "abc"}, nil
}

// Readers of a page share one call to the forge, until something happens to the
// pull request.
func TestAChangeIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	f, now := &asked{}, time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	var c forgeCache
	for _, step := range []struct {
		after   time.Duration
		changed time.Time
		calls   int
	}{
		{0, now.Add(-time.Minute), 1}, {time.Second, now.Add(-time.Minute), 1}, {2 * time.Second, now.Add(time.Second), 2}, {3 * time.Second, now.Add(time.Second), 2}, {13 * time.Second, now.Add(time.Second), 3},
	} {
		if p := c.pull(t.Context(), f, prow.IssueID{Number: 1}, now.Add(step.after), step.changed); p == nil || f.pulls != step.calls {
			t.Errorf("after %s: %d calls, not %d", step.after, f.pulls, step.calls)
		}
	}
}
