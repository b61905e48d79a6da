package prow

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"time"
)

// Forge is the place where people and code meet: GitHub, or the sandbox.
type Forge interface {
	ForgeReader
	ForgeWriter
}

// ForgeReader asks. Absent things are fs.ErrNotExist; a call that the
// credentials do not permit is ErrForbidden; "come back later" is *RetryAfter.
// All methods may be called concurrently. Lists are complete, whatever the
// paging, and oldest first unless said otherwise.
type ForgeReader interface {
	// Self returns the login that writes are made by, without "[bot]".
	Self(ctx context.Context) (login string, err error)
	Repository(ctx context.Context, r Repo) (*Repository, error)
	// Repositories lists the repositories of an organisation or user.
	Repositories(ctx context.Context, owner string) ([]Repository, error)
	Branch(ctx context.Context, r Repo, name string) (*Branch, error)
	Issue(ctx context.Context, id IssueID) (*Issue, error)
	Pull(ctx context.Context, id IssueID) (*Pull, error)
	Files(ctx context.Context, id IssueID) ([]File, error)
	Commits(ctx context.Context, id IssueID) ([]Commit, error)
	Comments(ctx context.Context, id IssueID) ([]Comment, error)
	// ReviewComments lists the comments on lines of the diff.
	ReviewComments(ctx context.Context, id IssueID) ([]Comment, error)
	Reviews(ctx context.Context, id IssueID) ([]Review, error)
	LabelChanges(ctx context.Context, id IssueID) ([]LabelChange, error)
	// Checks lists statuses (the newest of each context) and check runs (of
	// runs with one name the best: success, pending, failure).
	Checks(ctx context.Context, r Repo, sha string) ([]Check, error)
	Labels(ctx context.Context, r Repo) ([]string, error)
	Milestones(ctx context.Context, r Repo) ([]string, error)
	Permission(ctx context.Context, r Repo, login string) (Permission, error)
	Collaborator(ctx context.Context, r Repo, login string) (bool, error)
	Collaborators(ctx context.Context, r Repo) ([]string, error)
	Member(ctx context.Context, org, login string) (bool, error)
	// Team lists the logins of a team, named by slug or name.
	Team(ctx context.Context, org, team string) ([]string, error)
	// FindPulls yields what q finds, with Checks filled where the forge can.
	// It ends after the first error.
	FindPulls(ctx context.Context, q Query) iter.Seq2[*Pull, error]
	FindIssues(ctx context.Context, q Query) iter.Seq2[*Issue, error]
	// WorkflowRuns lists the forge's own CI runs for a commit, oldest first.
	WorkflowRuns(ctx context.Context, r Repo, sha string) ([]WorkflowRun, error)
}

// ForgeWriter tells. Telling twice is telling once: each method leaves alone
// what is already so, and removing what is absent is no error.
type ForgeWriter interface {
	// Comment keeps one comment per issue and key: the second edits the first,
	// and an equal body is not sent again. The key travels unseen in the body,
	// as <!-- key -->. Only comments of Self count.
	Comment(ctx context.Context, id IssueID, key, body string) error
	// Uncomment deletes the comments with that key.
	Uncomment(ctx context.Context, id IssueID, key string) error
	DeleteComment(ctx context.Context, r Repo, comment int64) error
	React(ctx context.Context, r Repo, comment int64, reaction string) error
	AddLabel(ctx context.Context, id IssueID, labels ...string) error
	RemoveLabel(ctx context.Context, id IssueID, label string) error
	// Assign and the three after it answer *PeopleError for those they could
	// not serve. A reviewer "org/team" is a team.
	Assign(ctx context.Context, id IssueID, logins ...string) error
	Unassign(ctx context.Context, id IssueID, logins ...string) error
	AskReview(ctx context.Context, id IssueID, reviewers ...string) error
	UnaskReview(ctx context.Context, id IssueID, reviewers ...string) error
	Edit(ctx context.Context, id IssueID, e Edit) error
	SetCheck(ctx context.Context, r Repo, sha string, c Check) error
	// Merge merges id at m.SHA. The error wraps ErrHeadMoved, ErrBaseMoved,
	// ErrNotMergeable, ErrPushForbidden or ErrMergeForbidden where the forge
	// says so. Merging a pull request that is merged at m.SHA does nothing.
	Merge(ctx context.Context, id IssueID, m MergeHow) error
	OpenPull(ctx context.Context, p NewPull) (IssueID, error)
	DeleteBranch(ctx context.Context, r Repo, name string) error
	// RerunWorkflow runs a finished workflow's failed jobs again; a run that
	// waits for approval is approved. One that already runs is left alone.
	// ErrForbidden where the forge does not let it run.
	RerunWorkflow(ctx context.Context, r Repo, run WorkflowRun) error
}

// Jobs keeps jobs: Kubernetes custom resources, or one SQLite file. Absent jobs
// are fs.ErrNotExist. All methods may be called concurrently. Jobs handed out
// belong to the caller.
type Jobs interface {
	// Create stores j and sets its CreationTimestamp if it has none. A second
	// Create of the same name does nothing.
	Create(ctx context.Context, j *Job) error
	Get(ctx context.Context, id string) (*Job, error)
	// List returns the jobs that f describes, newest created first.
	List(ctx context.Context, f JobFilter) ([]*Job, error)
	// Count counts the jobs that f describes, by state; Limit and Before do
	// not matter.
	Count(ctx context.Context, f JobFilter) (map[State]int, error)
	// Update reads the job, calls change, and writes it back, again from the
	// start if another writer came first. An error of change is returned and
	// changes nothing; ErrUnchanged is not an error, and writes nothing.
	Update(ctx context.Context, id string, change func(*Job) error) (*Job, error)
	// Delete of an absent job does nothing.
	Delete(ctx context.Context, id string) error
	// Watch yields the ID of each job that may have changed, at least once
	// after each change, until ctx is done. It tells when to look, not what to
	// see; each job that exists when it starts is yielded too.
	Watch(ctx context.Context) iter.Seq[string]
}

// JobFilter describes jobs. The zero value of a field asks nothing; all that is
// given must hold.
type JobFilter struct {
	Types    []Type
	States   []State
	Job      string // job name; a * in it matches anything
	Repo     Repo   // of MainRefs; Name may be empty for a whole owner
	Base     string // branch of Refs
	BaseSHA  string
	Pull     int    // one of the pulls
	SHA      string // head of one of the pulls
	Author   string // of one of the pulls
	Cluster  string
	BuildID  string
	Queue    string
	Labels   map[string]string
	Since    time.Time // created at or after
	Until    time.Time // created before
	Complete *bool
	Visible  bool   // leaves out hidden jobs
	Limit    int    // at most so many
	Before   string // ID of a job: only jobs that come after it in the list
}

// Runner runs jobs: as pods, as containers, or as processes. A run has its
// job's ID. Absent runs are fs.ErrNotExist.
type Runner interface {
	// Start begins the run of j, which has a build id. A second Start of the
	// same ID does nothing. An error that is Final means that it can never work.
	Start(ctx context.Context, j *Job) error
	Look(ctx context.Context, id string) (Run, error)
	// Stop asks the run to end; the test gets its grace period. Look says when
	// it has ended. Stopping an absent or ended run does nothing.
	Stop(ctx context.Context, id, why string) error
	// Remove forgets an ended run and frees what it holds; one that still runs
	// is killed. Files in Artifacts stay. Absent is done.
	Remove(ctx context.Context, id string) error
	// Logs returns the output of a container of the run from its byte offset on.
	// With follow it goes on until the run ends or ctx is done. container ""
	// is the first. One that has not begun has an empty log, or none.
	Logs(ctx context.Context, id, container string, offset int64, follow bool) (io.ReadCloser, error)
	List(ctx context.Context) ([]Run, error)
	// Watch yields the ID of each run that may have changed, like Jobs.Watch.
	Watch(ctx context.Context) iter.Seq[string]
}

// Phase is where a run stands.
type Phase string

// The phases of a run.
const (
	Waiting Phase = "waiting" // for a node, an image, a volume
	Running Phase = "running"
	Ended   Phase = "ended"
)

// Run is what a runner sees of a job.
type Run struct {
	ID         string
	BuildID    string
	Phase      Phase
	Doing      string // while not ended: "cloning", "testing", "uploading", …
	Verdict    State  // of an ended run: Success, Failure, Aborted or Error
	Why        string // one sentence: why it waits, or why it ended
	Lost       bool   // of Error: the run was cut off from outside (node lost, evicted, killed); another try may work
	Unplaced   bool   // of Waiting: no node has taken it yet
	ExitCode   int
	Containers []string
	Cluster    string    // alias of the build cluster that has it; "" where there is but one
	Created    time.Time // when somebody asked for the run; zero if that is not known
	Started    time.Time
	Finished   time.Time
}

// Pods tells of runs that are pods what a Runner has no words for. It follows
// nothing: each call asks the cluster that j names.
type Pods interface {
	// Pod returns what is known of the pod of j's build, and comes with an error
	// for what could not be had of it. A pod that is gone, or is another build's,
	// is left out; the events that still name it are not. If there is nothing at
	// all, the error is fs.ErrNotExist. It may be called concurrently, and a cluster
	// that does not answer holds up one caller at a time.
	Pod(ctx context.Context, j *Job) (PodInfo, error)
}

// Artifacts keeps what jobs leave behind: a directory, or a bucket. Names are
// slash separated, as in Dir. The fs.FS also serves fs.ReadDirFS and fs.StatFS,
// and its regular files serve io.ReaderAt and io.Seeker.
type Artifacts interface {
	fs.FS
	// Create replaces the file when the writer is closed; until then, and if
	// ctx ends before, the old one stays. Directories need not exist.
	Create(ctx context.Context, name string) (io.WriteCloser, error)
	// URL returns where a person may look at name, or "".
	URL(name string) string
}

// ServingArtifacts is implemented by Artifacts that others can serve to a browser
// without us, as buckets do: they keep how each file is to be served.
type ServingArtifacts interface {
	Artifacts
	// CreateServed is Create, and how the file is served. What is written comes
	// compressed already where s has an encoding; whoever opens the file reads it
	// decompressed.
	CreateServed(ctx context.Context, name string, s Served) (io.WriteCloser, error)
}

// Served is how a file is served. What is empty is left to the store.
type Served struct {
	ContentType     string
	ContentEncoding string            // "gzip" or ""
	CacheControl    string            // such as "no-cache"
	Metadata        map[string]string // keys with the store's own prefix, if any, as x-goog-meta-
}

// Clock tells the time. Tests hold the hands.
type Clock func() time.Time
