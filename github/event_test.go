package github

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
)

func typeName(e prow.Event) string { return fmt.Sprintf("%T", e) }

// kind is the short form of an event: CommentEvent(created).
func kind(e prow.Event) string {
	action := map[bool]string{}
	switch e := e.(type) {
	case prow.CommentEvent:
		action[true] = e.Action
	case prow.PullEvent:
		action[true] = e.Action
	case prow.ReviewEvent:
		action[true] = e.Action
	case prow.IssueEvent:
		action[true] = e.Action
	case prow.StatusEvent:
		action[true] = e.Action
	case prow.PushEvent:
		action[true] = e.Action
	case prow.OtherEvent:
		action[true] = e.Action
	}
	return strings.TrimPrefix(typeName(e), "prow.") + "(" + action[true] + ")"
}

// What each webhook is, and whether it also carries text.
func TestWhatAWebhookIs(t *testing.T) {
	t.Parallel()
	const parts = `"repository":{"name":"r","owner":{"login":"o"}},"sender":{"login":"sam"},
		"issue":{"number":3,"state":"open","user":{"login":"ann"},"body":"b"},
		"pull_request":{"number":4,"state":"open","user":{"login":"ann"},"base":{"repo":{"name":"r","owner":{"login":"o"}}}},
		"comment":{"id":9,"user":{"login":"bob"},"body":"c"},"review":{"id":8,"user":{"login":"rev"},"state":"APPROVED","body":"v"},
		"check_run":{"name":"x","head_sha":"abc","status":"completed","conclusion":"success"},
		"ref":"refs/heads/main","sha":"abc","context":"ci","state":"success"`
	for _, c := range []struct{ event, action, want string }{
		{"issues", "opened", "IssueEvent(opened) CommentEvent(created)"},
		{"issues", "edited", "IssueEvent(edited) CommentEvent(edited)"},
		{"issues", "deleted", "IssueEvent(deleted) CommentEvent(deleted)"},
		{"issues", "labeled", "IssueEvent(labeled)"},
		{"issues", "closed", "IssueEvent(closed)"},
		{"issue_comment", "created", "CommentEvent(created)"},
		{"issue_comment", "edited", "CommentEvent(edited)"},
		{"issue_comment", "deleted", "CommentEvent(deleted)"},
		{"issue_comment", "pinned", ""},
		{"pull_request", "opened", "PullEvent(opened) CommentEvent(created)"},
		{"pull_request", "edited", "PullEvent(edited) CommentEvent(edited)"},
		{"pull_request", "synchronize", "PullEvent(synchronize)"},
		{"pull_request", "labeled", "PullEvent(labeled)"},
		{"pull_request", "closed", "PullEvent(closed)"},
		{"pull_request_review", "submitted", "ReviewEvent(submitted) CommentEvent(created)"},
		{"pull_request_review", "edited", "ReviewEvent(edited) CommentEvent(edited)"},
		{"pull_request_review", "dismissed", "ReviewEvent(dismissed) CommentEvent(deleted)"},
		{"pull_request_review_comment", "created", "CommentEvent(created)"},
		{"pull_request_review_comment", "deleted", "CommentEvent(deleted)"},
		{"push", "", "PushEvent()"},
		{"status", "", "StatusEvent()"},
		{"check_run", "completed", "StatusEvent(completed)"},
		{"check_suite", "completed", "OtherEvent(completed)"},
		{"workflow_run", "requested", "OtherEvent(requested)"},
		{"something_new", "done", "OtherEvent(done)"},
	} {
		events, err := ParseEvents(c.event, "id", []byte(`{"action":"`+c.action+`",`+parts+`}`))
		if err != nil {
			t.Errorf("%s %s: %v", c.event, c.action, err)
		}
		var got []string
		for _, e := range events {
			got = append(got, kind(e))
			if e.Delivery() != "id" || e.Name() != c.event || e.Where().Repo != (prow.Repo{Owner: "o", Name: "r"}) {
				t.Errorf("%s %s: %s at %s", c.event, c.action, e.Delivery(), e.Where())
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s %s is %q, want %q", c.event, c.action, s, c.want)
		}
	}
}

// The payloads of testdata/events, named after their event, and what is read of
// them.
func TestEventsGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no payloads", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		event, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
		events, err := ParseEvents(event, "72d3162e-cc78-11e3-81ab-4c9367dc0958", body)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		var got bytes.Buffer
		for _, e := range events {
			text, err := json.MarshalIndent(e, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "%s %s\n", typeName(e), text)
		}
		golden(t, strings.TrimSuffix(file, ".json")+".golden", got.Bytes())
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s (make golden writes it anew; %v): got\n%s", file, err, got)
	}
}

// A body that is not what GitHub sends is one clear error for the kinds that we
// read, and nothing for others.
func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	read := []string{"push", "status", "check_run", "issues", "issue_comment", "pull_request", "pull_request_review", "pull_request_review_comment"}
	for _, event := range append([]string{"star", ""}, read...) {
		for _, body := range []string{``, `{`, `[]`, `null`, `"x"`, `{}`, `{"repository":{"name":"r"}}`, `{"repository":5}`, `{"repository":null,"issue":null}`} {
			events, err := ParseEvents(event, "id", []byte(body))
			if !slices.Contains(read, event) {
				if err != nil || len(events) != 1 {
					t.Errorf("%q %q: %v, %v; want one OtherEvent", event, body, events, err)
				}
				continue
			}
			if err == nil && event != "status" {
				t.Errorf("%s %q: no error, %+v", event, body, events)
			}
			if err != nil && !strings.Contains(err.Error(), event+" webhook id: ") {
				t.Errorf("%s %q: %v does not say which webhook", event, body, err)
			}
		}
	}
}

func FuzzParseEvents(f *testing.F) {
	files, _ := filepath.Glob("testdata/events/*.json")
	for _, file := range files {
		if body, err := os.ReadFile(file); err == nil {
			event, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
			f.Add(event, body)
		}
	}
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		events, err := ParseEvents(event, "id", body)
		if err != nil && len(events) > 0 {
			t.Errorf("events and an error: %v", err)
		}
		for _, e := range events {
			if e.Delivery() != "id" || e.Name() != event {
				t.Errorf("header of %T: %s %s", e, e.Delivery(), e.Name())
			}
		}
	})
}
