package podutil

import (
	"context"
	"io"
	"syscall"

	prow "github.com/prow-ci/prow"
)

// Executor runs containers: as processes, or in an engine. One belongs to one run.
type Executor interface {
	// Places says where a container sees the home (GOPATH, root of the clones)
	// and the artifacts of the run in folder.
	Places(folder string) (home, artifacts string)
	// Check says why the job can never run here, or nil. It is quick.
	Check(j *prow.Job) error
	// Prepare gets ready to start the containers: it fetches images. doing is told
	// of what takes time.
	Prepare(ctx context.Context, containers []Container, doing func(what string)) error
	// Start starts a container. What it prints, on both streams, goes to log as
	// it comes; a log that is an *os.File may be handed on. The error is *NotStarted
	// where the test itself is at fault.
	Start(ctx context.Context, folder string, c Container, log io.Writer) (Process, error)
	// Close ends what is left of the run, and waits until it has.
	Close(ctx context.Context) error
}

// Process is a started container.
type Process interface {
	// Wait waits for the end. An error means that we could not tell.
	Wait() (Exit, error)
	// Signal sends a signal to all processes of the container.
	Signal(s syscall.Signal) error
}

// Exit is how a container ended.
type Exit struct {
	Code int    // 128+n where a signal n ended it
	Why  string // more than the code says: "it used more memory than its limit of 1Gi"
}

// NotStarted says that the command of a container cannot be run.
type NotStarted struct {
	Command string
	Err     error
}

func (e *NotStarted) Error() string {
	return "the test could not be started: " + e.Command + ": " + e.Err.Error()
}
func (e *NotStarted) Unwrap() error { return e.Err }
