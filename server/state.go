package server

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/deck"
	"github.com/prow-ci/prow/local"
	"github.com/prow-ci/prow/sqlite"
)

// state is where a server keeps what it must not lose, and what runs its jobs:
// the hands behind the ports, whichever they are.
type state struct {
	Jobs      prow.Jobs
	Inbox     prow.Inbox
	Memory    prow.Memory
	Journal   prow.Journal
	Runner    prow.Runner
	Pods      prow.Pods // nil: runs are no pods
	Artifacts prow.Artifacts

	pipelines *pipelines // of Tekton; nil: there are none

	starts int // so many runs are looked at, or started, at once; 0 is plank's default
	// agentOf says by which agent a job runs; nil: ask Jobs.
	agentOf func(id string) string
	buckets bool         // names in Artifacts are those of prow.Place
	healthy func() error // nil: always
	// lead makes of a component's run one that only one of several processes
	// does at a time; nil: there are no others.
	lead  func(part, lease string, run func(context.Context) error) func(context.Context) error
	facts []deck.Fact    // for the system page
	build *buildClusters // nil: there are none
	close []func() error // in the order of opening
}

// Close gives back what was opened, the last first.
func (s *state) Close() error {
	var errs []error
	for _, f := range slices.Backward(s.close) {
		errs = append(errs, f())
	}
	s.close = nil
	return errors.Join(errs...)
}

// openLocal keeps everything in o.Data, and runs jobs on this machine.
func (s *Server) openLocal(ctx context.Context) (*state, error) {
	o := s.o
	st := &state{}
	db, err := sqlite.Open(ctx, filepath.Join(o.Data, "prow.db"))
	if err != nil {
		return st, err
	}
	st.close = append(st.close, db.Close)
	st.Jobs, st.Inbox, st.Memory, st.Journal = db.Jobs, db.Inbox, db.Memory, db.Journal
	if st.Artifacts, err = blob.Dir(filepath.Join(o.Data, "artifacts")); err != nil {
		return st, err
	}
	if err := o.containers(); err != nil {
		return st, err
	}
	runner, err := local.New(local.Options{
		Dir: filepath.Join(o.Data, "runs"), Self: append(slices.Clone(o.Self), filepath.Join(o.Data, "artifacts")), Engine: o.Engine,
		Secrets: o.Jobs, Hidden: []string{o.Data}, Login: s.login(), Log: o.Log, Now: o.Now,
	})
	if err != nil {
		return st, err
	}
	st.Runner = runner
	st.close = append(st.close, runner.Close)
	_, why := runner.Engine()
	st.facts = []deck.Fact{{Name: "State", Text: o.Data}}
	if why != "" {
		st.facts = append(st.facts, deck.Fact{Name: "Runner", Text: why})
	}
	return st, nil
}
