package kube

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// StateCRD is the definition of ProwStates for `kubectl apply`, the same as
// deploy/crd/prowstate.yaml.
//
//go:embed statecrd.yaml
var StateCRD []byte

// StateOptions are what OpenState needs to know.
type StateOptions struct {
	Config    *rest.Config
	Namespace string // of the ProwStates
	Log       *slog.Logger
	Now       prow.Clock

	// Lease is how long a process that is not heard of keeps the webhooks that it
	// accepted. Default 15 seconds.
	Lease time.Duration
	// Keep and KeepMost say for how long handled webhooks can be looked at and
	// replayed, and how many. Dead ones stay until they are too many. Default an
	// hour and 2,000.
	Keep     time.Duration
	KeepMost int
}

const (
	defaultStateLease = 15 * time.Second
	defaultKeep       = time.Hour
	defaultKeepMost   = 2000
)

func (o *StateOptions) setDefaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lease <= 0 {
		o.Lease = defaultStateLease
	}
	if o.Keep <= 0 {
		o.Keep = defaultKeep
	}
	if o.KeepMost <= 0 {
		o.KeepMost = defaultKeepMost
	}
}

// State keeps webhooks, small values and stories as ProwState resources, shared
// by any number of processes. Its fields implement the ports of their names.
type State struct {
	Inbox   *Inbox
	Memory  *Memory
	Journal *Journal

	api      *api
	path     string
	options  StateOptions
	log      *slog.Logger
	now      prow.Clock
	store    *stateStore
	amends   *stateAmends
	replica  *stateReplica
	parts    stateParts
	press    statePress
	mirrored *reflection

	ctx     context.Context // of what runs beside the callers; ends with Close
	stop    context.CancelFunc
	stopped sync.WaitGroup
	once    sync.Once
}

// OpenState reads all ProwStates of a namespace and follows them until Close. A
// process takes part in handling webhooks from its first Accept or Claim on.
func OpenState(ctx context.Context, o StateOptions) (*State, error) {
	o.setDefaults()
	api, err := newAPI(o.Config)
	if err != nil {
		return nil, err
	}
	s := &State{api: api, path: apiPath + "/namespaces/" + o.Namespace + "/prowstates", options: o, log: o.Log, now: o.Now}
	s.store = newStateStore(s)
	s.amends = &stateAmends{state: s, waiting: map[string][]*stateAmendment{}}
	s.replica = newStateReplica(s)
	s.Inbox = newInbox(s)
	s.Memory = &Memory{state: s}
	s.Journal = newJournal(s)
	s.mirrored = &reflection{api: api, path: s.path, query: url.Values{"labelSelector": {stateLabel + "!=" + statePart}}, mirror: s.store, log: o.Log}
	if err := s.mirrored.list(ctx); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, prow.Final(errors.New("the cluster does not know ProwStates: apply their definition first, kubectl apply -f deploy/crd/prowstate.yaml"))
		}
		return nil, fmt.Errorf("list ProwStates in namespace %s: %w", o.Namespace, explainState(err))
	}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.stopped.Go(func() { s.mirrored.follow(s.ctx) })
	s.stopped.Go(func() { s.replica.live(s.ctx) })
	s.stopped.Go(func() { s.tidyUp(s.ctx) })
	return s, nil
}

// Healthy returns an error while the API server cannot be followed.
func (s *State) Healthy() error { return s.mirrored.healthy() }

// Close writes what the journal holds back, gives what this process accepted to
// others, and ends all watches. It does not wait for calls under way.
func (s *State) Close() error {
	var err error
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.api.timeout)
		defer cancel()
		err = s.Journal.flush(ctx)
		s.stop()
		s.Inbox.hub.Close()
		s.stopped.Wait()
		err = errors.Join(err, s.replica.leave(ctx))
	})
	return err
}

// create makes an object and holds it. unsure says that an earlier try may have
// made it, where it exists already.
func (s *State) create(ctx context.Context, o *stateObject) (unsure bool, err error) {
	body, err := o.encode()
	if err != nil {
		return false, err
	}
	answer, unsure, err := s.api.call(ctx, request{method: http.MethodPost, path: s.path, kind: "application/json", body: body, accept: metadataOnly})
	if err != nil {
		return unsure, err
	}
	if err := o.learn(answer); err != nil {
		return unsure, err
	}
	s.store.hold(o)
	return unsure, nil
}

// read asks the API server for an object and holds it.
func (s *State) read(ctx context.Context, name string) (*stateObject, error) {
	body, _, err := s.api.call(ctx, request{method: http.MethodGet, path: s.path + "/" + name})
	if apierrors.IsNotFound(err) {
		s.store.lose(name)
	}
	if err != nil {
		return nil, err
	}
	o, err := decodeState(body)
	if err != nil {
		return nil, err
	}
	if o.Spec.Kind == statePart {
		return o, nil
	}
	return s.store.hold(o), nil
}

// remove deletes an object; if version is given, only that version of it.
func (s *State) remove(ctx context.Context, name, version string) error {
	r := request{method: http.MethodDelete, path: s.path + "/" + name, accept: metadataOnly}
	if version != "" {
		r.kind, r.body = "application/json", []byte(`{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"resourceVersion":"`+version+`"}}`)
	}
	_, _, err := s.api.call(ctx, r)
	if err != nil && !apierrors.IsNotFound(err) {
		return explainState(err)
	}
	s.store.lose(name)
	return nil
}

// explainState says of an API server's refusal what a caller can do.
func explainState(err error) error {
	switch {
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return prow.Final(err)
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w: %w", prow.ErrForbidden, err)
	}
	return err
}
