package prow

import "time"

// Pool is what tide knows of one branch at one moment, what it decided, and why.
// Status, pages, API, command line and the merge itself all render this value.
// Tide keeps the newest in Memory under PoolName, as JSON.
type Pool struct {
	Repo     Repo      `json:"repo"`
	Branch   string    `json:"branch"`
	BaseSHA  string    `json:"base_sha"`
	At       time.Time `json:"at"`
	Move     Move      `json:"move"`
	Pulls    []Verdict `json:"pulls"`           // in the pool, in the order of the queue
	Batch    []PullRef `json:"batch,omitempty"` // being tested together
	Blockers []Blocker `json:"blockers,omitempty"`
	Error    string    `json:"error,omitempty"`
}

// Move is the one thing to do next for a pool, and why.
type Move struct {
	Do  Verb      `json:"do"`
	On  []PullRef `json:"on,omitempty"`
	Why string    `json:"why"` // one sentence
}

// Verb is what a Move does. The spelling is that of tide's history.
type Verb string

// The moves.
const (
	Wait         Verb = "WAIT"
	Trigger      Verb = "TRIGGER"
	TriggerBatch Verb = "TRIGGER_BATCH"
	Merge        Verb = "MERGE"
	MergeBatch   Verb = "MERGE_BATCH"
	Blocked      Verb = "BLOCKED"
)

// Blocker is an issue that keeps a branch from merging.
type Blocker struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	URL    string `json:"url"`
}

// Verdict says whether and why a pull request does or does not merge. Tide
// keeps the newest of each open pull request in Memory under VerdictName.
type Verdict struct {
	Pull   PullRef   `json:"pull"`
	Repo   Repo      `json:"repo"`
	Branch string    `json:"branch"`
	At     time.Time `json:"at"`
	// InPool: everything people have to give is there; what remains are tests
	// and the queue.
	InPool bool       `json:"in_pool"`
	State  CheckState `json:"state"`           // of the status context `tide`
	Text   string     `json:"text"`            // of the same, whole: not cut to 140 bytes
	Items  []Item     `json:"items"`           // the checklist, most pressing first
	Place  int        `json:"place,omitempty"` // in the queue, from 1
	Tests  []Test     `json:"tests,omitempty"` // what has to pass on BaseSHA
	Merged bool       `json:"merged,omitempty"`
}

// Item is one line of the checklist to merge.
type Item struct {
	Kind    string `json:"kind"` // label, no-label, check, review, conflict, branch, milestone, author, blocker, method, queue
	What    string `json:"what"` // "label lgtm"
	Met     bool   `json:"met"`
	Why     string `json:"why,omitempty"`     // one sentence
	Who     string `json:"who,omitempty"`     // who can give it
	Command string `json:"command,omitempty"` // what to type
	URL     string `json:"url,omitempty"`
}

// Test is one context that has to succeed, and how it stands.
type Test struct {
	Context string     `json:"context"`
	State   CheckState `json:"state"` // "" where there is no result
	Why     string     `json:"why,omitempty"`
	Job     string     `json:"job,omitempty"` // ID of the newest
	URL     string     `json:"url,omitempty"`
}

// PoolName is where Memory keeps the pool of a branch.
func PoolName(r Repo, branch string) string { return "tide/pool/" + r.String() + ":" + branch }

// VerdictName is where Memory keeps the verdict on a pull request.
func VerdictName(id IssueID) string { return "tide/pull/" + id.String() }

// HistoryName is where Memory keeps the newest moves of a branch, a JSON list of
// Record, newest first.
func HistoryName(r Repo, branch string) string { return "tide/history/" + r.String() + ":" + branch }

// CommentsPrefix begins the names under which Memory keeps what stands in the
// comment of failures of each pull request.
const CommentsPrefix = "crier/comment/"

// GiversName is where Memory keeps who may give a pull request a label that it
// lacks: a JSON list of logins, the best first. The plugin whose label it is writes
// it; absent, nobody in particular is known.
func GiversName(id IssueID, label string) string { return "givers/" + id.String() + ":" + label }

// FreezeName is where Memory keeps the Freeze of a branch; absent, it is open.
func FreezeName(r Repo, branch string) string { return "tide/freeze/" + r.String() + ":" + branch }

// Freeze keeps a branch from merging until the person who set it, or another,
// lifts it. Tide reads it at each look.
type Freeze struct {
	By  string    `json:"by"`
	Why string    `json:"why"`
	At  time.Time `json:"at"`
}

// Record is one move that was made.
type Record struct {
	Time    time.Time `json:"time"`
	Action  Verb      `json:"action"`
	BaseSHA string    `json:"baseSHA,omitempty"`
	Target  []PullRef `json:"target,omitempty"`
	Why     string    `json:"why,omitempty"`
	Err     string    `json:"err,omitempty"`
}
