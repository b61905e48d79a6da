package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// stateReplica is this process among those who handle webhooks: an object that
// it writes to again and again. When it does not, others delete the object, and
// what it owned is anybody's.
type stateReplica struct {
	state *State

	joining sync.Mutex

	mu    sync.Mutex
	id    string    // "" before it takes part, and after it was given up
	until time.Time // nobody takes from us before
	// others are when each was last heard of, by our own clock.
	others map[string]stateHeard
}

type stateHeard struct {
	version uint64
	at      time.Time
}

func newStateReplica(s *State) *stateReplica {
	return &stateReplica{state: s, others: map[string]stateHeard{}}
}

// errLapsed says that this process was not heard of for too long.
var errLapsed = errors.New("the API server has not heard of this process for too long: others may handle what it accepted")

// join makes this process take part and returns its name.
func (r *stateReplica) join(ctx context.Context) (string, error) {
	r.joining.Lock()
	defer r.joining.Unlock()
	if id := r.name(); id != "" {
		return id, nil
	}
	o := &stateObject{name: randomName("r"), Spec: stateSpec{Kind: stateProcess}}
	o.Spec.Name = o.name
	sent := time.Now()
	if unsure, err := r.state.create(ctx, o); err != nil && !(unsure && apierrors.IsAlreadyExists(err)) {
		return "", fmt.Errorf("take part in handling webhooks: %w", explainState(err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.id, r.until = o.name, sent.Add(r.state.options.Lease*2/3)
	return r.id, nil
}

// name is "" while this process does not take part.
func (r *stateReplica) name() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.id
}

// sure makes this process take part and returns its name when nobody can have
// taken from it what it owns.
func (r *stateReplica) sure(ctx context.Context) (string, error) {
	for range 2 { // given up by the others, it comes back under another name
		id, err := r.join(ctx)
		if err != nil || r.trusted(id) {
			return id, err
		}
		err = r.beat(ctx, id)
		if err == nil && r.trusted(id) {
			return id, nil
		}
		if err != nil && !errors.Is(err, errLapsed) {
			return "", fmt.Errorf("%w: %w", errLapsed, err)
		}
	}
	return "", errLapsed
}

// trusted reports whether the last sign of life is recent enough.
func (r *stateReplica) trusted(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.id == id && time.Now().Before(r.until)
}

// alive reports whether a process takes part.
func (r *stateReplica) alive(id string) bool { return r.state.store.get(id) != nil }

// live keeps this process alive, and gives up others that are not.
func (r *stateReplica) live(ctx context.Context) {
	for {
		select {
		case <-time.After(r.state.options.Lease / 5):
		case <-ctx.Done():
			return
		}
		id := r.name()
		if id == "" {
			continue // who only looks gives nobody up, and need not be permitted to
		}
		if err := r.beat(ctx, id); err != nil && ctx.Err() == nil {
			r.state.log.Warn("the API server does not hear of this process, tried again", "err", err)
		}
		r.bury(ctx)
	}
}

// beat is one sign of life. It is not tried again: the next comes soon.
func (r *stateReplica) beat(ctx context.Context, id string) error {
	sent := time.Now()
	ctx, cancel := context.WithTimeout(ctx, r.state.options.Lease/3)
	defer cancel()
	body := `{"metadata":{"managedFields":[{}]},"spec":{"beat":` + strconv.FormatInt(sent.UnixNano(), 10) + `}}`
	_, _, err := r.state.api.once(ctx, request{method: http.MethodPatch, path: r.state.path + "/" + id, kind: "application/merge-patch+json", body: []byte(body), accept: metadataOnly})
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case apierrors.IsNotFound(err):
		// Others gave this process up. It comes back under another name, so that
		// nobody takes for its own what it was told to be anybody's.
		if r.id == id {
			r.id = ""
		}
		return errLapsed
	case err != nil:
		return err
	case r.id == id:
		if until := sent.Add(r.state.options.Lease * 2 / 3); until.After(r.until) {
			r.until = until
		}
	}
	return nil
}

// heard is told of each change of a process.
func (r *stateReplica) heard(o *stateObject) {
	lives := r.alive(o.name)
	r.mu.Lock()
	if lives {
		if r.others[o.name].version < o.version {
			r.others[o.name] = stateHeard{o.version, time.Now()}
		}
	} else {
		delete(r.others, o.name)
	}
	r.mu.Unlock()
	if !lives {
		r.state.Inbox.orphaned(o.name)
	}
}

// heardAnew gives all a fresh start: we did not listen.
func (r *stateReplica) heardAnew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, h := range r.others {
		h.at = time.Now()
		r.others[id] = h
	}
}

// bury deletes the objects of processes that are not heard of.
func (r *stateReplica) bury(ctx context.Context) {
	if r.state.Healthy() != nil {
		r.heardAnew() // it is we who do not hear
		return
	}
	r.mu.Lock()
	silent := map[string]uint64{}
	for id, h := range r.others {
		if id != r.id && time.Since(h.at) > r.state.options.Lease {
			silent[id] = h.version
		}
	}
	r.mu.Unlock()
	for id, version := range silent {
		// A sign of life that we have not heard of has another version.
		err := r.state.remove(ctx, id, strconv.FormatUint(version, 10))
		switch {
		case err == nil:
			r.state.log.Warn("a process is gone, others handle its webhooks", "replica", id)
		case !apierrors.IsConflict(err) && ctx.Err() == nil:
			r.state.log.Warn("a silent process could not be given up, tried again", "replica", id, "err", err)
		}
	}
}

// leave gives to others what this process has not handled.
func (r *stateReplica) leave(ctx context.Context) error {
	id := r.name()
	if id == "" {
		return nil
	}
	if err := r.state.remove(ctx, id, ""); err != nil {
		return fmt.Errorf("leave: others take over in %v: %w", r.state.options.Lease, err)
	}
	return nil
}
