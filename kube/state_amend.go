package kube

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// stateAmends writes changes of objects. What is wanted of one object while a
// write of it is under way goes into the next write together.
type stateAmends struct {
	state *State

	mu      sync.Mutex
	waiting map[string][]*stateAmendment // by object; there is an entry while somebody works on it
}

// stateAmendment is a change of one object. do gets a copy, with no version if
// the object does not exist, and may be called more than once; what it answers
// with an error is left as it was.
type stateAmendment struct {
	do   func(ctx context.Context, o *stateObject) error
	done chan error
}

// errGone is what a change answers to have the object deleted.
var errGone = errors.New("delete it")

// amend changes an object and returns when the change is stored. kind is that of
// an object that may be made; with none, an absent one is fs.ErrNotExist.
func (a *stateAmends) amend(ctx context.Context, name, kind string, do func(context.Context, *stateObject) error) error {
	m := &stateAmendment{do: do, done: make(chan error, 1)}
	a.mu.Lock()
	_, busy := a.waiting[name]
	a.waiting[name] = append(a.waiting[name], m)
	a.mu.Unlock()
	if !busy {
		go a.work(name, kind)
	}
	select {
	case err := <-m.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *stateAmends) work(name, kind string) {
	for {
		a.mu.Lock()
		all := a.waiting[name]
		if len(all) == 0 {
			delete(a.waiting, name)
			a.mu.Unlock()
			return
		}
		a.waiting[name] = []*stateAmendment{}
		a.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.state.ctx), 2*a.state.api.timeout)
		errs, err := a.write(ctx, name, kind, all)
		cancel()
		for i, m := range all {
			if errs != nil && errs[i] != nil {
				m.done <- errs[i]
			} else {
				m.done <- err
			}
		}
	}
}

// write makes all changes in one write, again from the start if another writer
// came first. errs are those of the changes themselves.
func (a *stateAmends) write(ctx context.Context, name, kind string, all []*stateAmendment) (errs []error, err error) {
	s := a.state
	old := s.store.get(name)
	for {
		if old == nil && kind == "" {
			return nil, fs.ErrNotExist
		}
		now := &stateObject{name: name, Spec: stateSpec{Kind: kind}}
		if old != nil {
			now = old.copy()
		}
		remove := false
		errs = make([]error, len(all))
		for i, m := range all {
			before := now.copy()
			switch err := m.do(ctx, now); {
			case errors.Is(err, errGone):
				remove = true
				now = &stateObject{name: name, Spec: stateSpec{Kind: kind}}
			case err != nil:
				errs[i], now = err, before
			default:
				remove = false
			}
		}
		switch {
		case remove && old == nil:
			return errs, nil
		case remove:
			// A later change may find the name free: it begins anew.
			if err := s.remove(ctx, name, ""); err != nil {
				return errs, err
			}
			return errs, nil
		case old == nil:
			_, err := s.create(ctx, now)
			if !apierrors.IsAlreadyExists(err) {
				return errs, explainState(err)
			}
		default:
			done, err := a.patch(ctx, old, now)
			if done || err != nil {
				return errs, err
			}
		}
		if old, err = s.read(ctx, name); apierrors.IsNotFound(err) {
			old = nil
		} else if err != nil {
			return errs, explainState(err)
		}
	}
}

// patch writes now over old. Neither done nor an error: another writer came
// first, or our own answer was lost.
func (a *stateAmends) patch(ctx context.Context, old, now *stateObject) (done bool, err error) {
	body, err := old.patch(now)
	if err != nil || body == nil {
		return true, err
	}
	s := a.state
	answer, _, err := s.api.call(ctx, request{method: http.MethodPatch, path: s.path + "/" + old.name, kind: "application/merge-patch+json", body: body, accept: metadataOnly})
	switch {
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("write ProwState %s: %w", old.name, explainState(err))
	}
	if err := now.learn(answer); err != nil {
		return true, err
	}
	now.ordered = true
	s.store.hold(now)
	return true, nil
}
