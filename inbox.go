package prow

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// Delivery is one webhook, from its acceptance to the last plugin's answer.
type Delivery struct {
	ID       string // GUID of the sender
	Event    string // the webhook's own word
	Action   string
	Where    IssueID
	By       string
	Received time.Time
	Header   http.Header
	Body     []byte // absent in lists

	State   DeliveryState
	Tries   int
	Next    time.Time // not to be tried before
	Handled time.Time
	Results []Result // by handler, the last of each
	Error   string   // why it is not handled yet, or is dead
}

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryWaiting DeliveryState = "waiting"
	DeliveryClaimed DeliveryState = "claimed"
	DeliveryHandled DeliveryState = "handled"
	DeliveryDead    DeliveryState = "dead" // given up; a person may replay it
)

// Result is what one plugin made of a delivery.
type Result struct {
	Plugin string        `json:"plugin"`
	Took   time.Duration `json:"took"`
	Did    []string      `json:"did,omitempty"` // effects, one sentence each
	Error  string        `json:"error,omitempty"`
	Done   bool          `json:"done"` // it needs no other try
}

// Inbox keeps accepted webhooks until they are handled. All methods may be
// called concurrently.
type Inbox interface {
	// Accept stores d durably before it returns: what it accepted survives a
	// power cut. fresh is false if the ID is known already; nothing is stored
	// then.
	Accept(ctx context.Context, d *Delivery) (fresh bool, err error)
	// Claim hands out waiting deliveries whose time has come, oldest first, at
	// most limit, and never one while an older one of the same Where is
	// waiting or claimed. Claims of a process that is gone are given back.
	Claim(ctx context.Context, now time.Time, limit int) ([]*Delivery, error)
	// Settle stores State, Tries, Next, Handled, Results and Error of d and
	// ends the claim.
	Settle(ctx context.Context, d *Delivery) error
	Delivery(ctx context.Context, id string) (*Delivery, error)
	// Deliveries lists, newest first, without bodies and headers.
	Deliveries(ctx context.Context, f DeliveryFilter) ([]*Delivery, error)
	// Replay makes a handled or dead delivery wait again, for all plugins.
	Replay(ctx context.Context, id string) error
	// Prune forgets handled and dead deliveries received before t.
	Prune(ctx context.Context, t time.Time) error
	// Watch yields the ID of each delivery that was accepted, settled or
	// replayed, until ctx is done.
	Watch(ctx context.Context) iter.Seq[string]
}

// DeliveryFilter describes deliveries. The zero value of a field asks nothing.
type DeliveryFilter struct {
	State  DeliveryState
	Event  string
	Where  IssueID // Number 0: the whole repository; empty Name: the whole owner
	Limit  int
	Before string // ID of a delivery: only those that come after it in the list
}

// Memory keeps small values by name: what a worker has to know again after a
// restart and cannot see elsewhere. Absent is fs.ErrNotExist.
type Memory interface {
	Load(ctx context.Context, name string) ([]byte, error)
	// Save replaces the value; nil forgets it.
	Save(ctx context.Context, name string, value []byte) error
	// Names lists the names that begin with prefix, sorted.
	Names(ctx context.Context, prefix string) ([]string, error)
}

// Note is one line of the story of an issue, pull request or branch: an event,
// a command, a decision.
type Note struct {
	At       time.Time `json:"at"`
	Where    IssueID   `json:"where"`
	Who      string    `json:"who"`          // component or plugin: "tide", "lgtm", "plank"
	Kind     string    `json:"kind"`         // event, command, decision, job, refusal, error
	Text     string    `json:"text"`         // one sentence
	By       string    `json:"by,omitempty"` // login of the person behind it
	Delivery string    `json:"delivery,omitempty"`
	Job      string    `json:"job,omitempty"` // ID
	URL      string    `json:"url,omitempty"`
}

// Journal keeps the story. Writing the same note (Where, Who, Kind, Text,
// Delivery, Job) twice within a delivery or job is writing it once.
type Journal interface {
	Record(ctx context.Context, n Note) error
	// Notes lists the newest limit notes of where, oldest first. Number 0 means
	// the whole repository.
	Notes(ctx context.Context, where IssueID, limit int) ([]Note, error)
}
