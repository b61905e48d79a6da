package local

import (
	"context"
	"errors"
	"io"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podutil"
)

// containers is a podutil.Executor on the Docker API.
type containers struct {
	socket string
	plan   plan
}

var errNoContainers = errors.New("containers: this build cannot run them yet")

func sockets(string) []string { return nil }

func ping(context.Context, string) error { return errNoContainers }

func (*containers) Places(string) (home, artifacts string) { return prow.PodHome, prow.PodArtifacts }
func (*containers) Check(*prow.Job) error                  { return errNoContainers }
func (*containers) Prepare(context.Context, []podutil.Container, func(string)) error {
	return errNoContainers
}
func (*containers) Start(context.Context, string, podutil.Container, io.Writer) (podutil.Process, error) {
	return nil, errNoContainers
}
func (*containers) Close(context.Context) error         { return nil }
func (*containers) sweep(context.Context, string) error { return nil }
