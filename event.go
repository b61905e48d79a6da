package prow

// Event is something that happened on the forge. The set is closed: the types
// of this file are all there are.
type Event interface {
	Where() IssueID   // Number is 0 for events of a whole repo
	Delivery() string // unique per event; a redelivery keeps it
	Name() string     // the webhook's own word: "pull_request", "push", …
	event()
}

// Header is what all events share.
type Header struct {
	At     IssueID
	ID     string
	Kind   string // the webhook's own word
	By     string // login of who did it
	ByBot  bool   // it is of type Bot
	Action string // as the webhook says it; "" where it says none
}

// Where names the issue, pull request or repository.
func (h Header) Where() IssueID { return h.At }

// Delivery returns the id of the webhook delivery.
func (h Header) Delivery() string { return h.ID }

// Name returns the webhook's own word for the event.
func (h Header) Name() string { return h.Kind }
func (h Header) event()       {}

// Actions of a CommentEvent, whatever the webhook called them.
const (
	Created = "created"
	Edited  = "edited"
	Deleted = "deleted"
)

type (
	// CommentEvent is text by a person: a comment, a review, a review comment,
	// or the body of an issue or pull request. Action is Created, Edited or
	// Deleted. By is the author of the text; for an issue or pull request its
	// author, not the editor. One webhook may be both a CommentEvent and a
	// PullEvent, ReviewEvent or IssueEvent.
	CommentEvent struct {
		Header
		Body      string
		URL       string // of the text
		CommentID int64  // 0 unless it is an issue or review comment
		Issue     Issue  // what it was said on; Issue.IsPull tells which
	}
	// PullEvent is a change of a pull request.
	PullEvent struct {
		Header
		Pull     Pull
		Label    string // of actions labeled and unlabeled
		OldTitle string // of action edited, if the title changed
		OldBase  string // of action edited, if the base branch changed
		OldBody  string // of action edited, if the body changed
	}
	// ReviewEvent is a review submitted, edited or dismissed.
	ReviewEvent struct {
		Header
		Review Review
		Pull   Pull
	}
	// IssueEvent is a change of an issue that is not a pull request.
	IssueEvent struct {
		Header
		Issue Issue
		Label string
	}
	// PushEvent is a branch or tag that moved. Zero SHAs are forty zeros.
	PushEvent struct {
		Header
		Ref           string // refs/heads/main
		Branch        string // Ref without refs/heads/ or refs/tags/
		Before, After string
		Created       bool
		Deleted       bool
		Forced        bool
		Files         []string // added, removed and modified by the listed commits
		Truncated     bool     // the forge listed fewer commits than were pushed
		CompareURL    string
		RepoURL       string
		OwnerName     string
		DefaultBranch string
	}
	// StatusEvent is a commit status or check run that changed.
	StatusEvent struct {
		Header
		SHA   string
		Check Check
	}
	// OtherEvent is anything else; only external plugins and the page of
	// deliveries care.
	OtherEvent struct{ Header }
)

var _ = []Event{CommentEvent{}, PullEvent{}, ReviewEvent{}, IssueEvent{}, PushEvent{}, StatusEvent{}, OtherEvent{}}
