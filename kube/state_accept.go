package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// stateAccepts makes one object of what comes while others are being created; a
// webhook that comes alone is an object of its own, named after it.
type stateAccepts struct {
	box *Inbox

	mu      sync.Mutex
	waiting []*stateAccepted
	flying  int
}

type stateAccepted struct {
	letter stateLetter
	packed []byte
	fresh  bool
	done   chan error
}

const (
	acceptLanes = 4  // objects that are being created at once
	acceptMost  = 32 // webhooks in an object

	// payloadInline is how much is written anew, and told to all, with each change
	// of what is known of the webhooks: one that comes alone. What is larger is
	// put aside.
	payloadInline = 8 << 10
)

// Accept stores d and returns when the API server has it.
func (b *Inbox) Accept(ctx context.Context, d *prow.Delivery) (fresh bool, err error) {
	if d.ID == "" {
		return false, errors.New("a delivery needs an id")
	}
	if o, _ := b.find(d.ID); o != nil {
		return false, nil
	}
	head, err := json.Marshal(d.Header)
	if err != nil {
		return false, fmt.Errorf("accept delivery %s: %w", d.ID, err)
	}
	packed, err := b.state.press.squeeze(head, []byte{'\n'}, d.Body)
	if err != nil {
		return false, fmt.Errorf("accept delivery %s: %w", d.ID, err)
	}
	a := &stateAccepted{packed: packed, done: make(chan error, 1), letter: stateLetter{
		ID: d.ID, Event: d.Event, Action: d.Action, Org: d.Where.Repo.Owner, Repo: d.Where.Repo.Name, Number: d.Where.Number, By: d.By,
		Received: nano(d.Received), State: prow.DeliveryWaiting, Size: len(packed),
	}}
	b.accepts.add(a)
	select {
	case err = <-a.done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return false, fmt.Errorf("accept delivery %s: %w", d.ID, err)
	}
	return a.fresh, nil
}

func splitLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte{'\n'})
	return line, rest
}

func (q *stateAccepts) add(a *stateAccepted) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, a)
	if q.flying < acceptLanes {
		q.flying++
		go q.work()
	}
}

func (q *stateAccepts) work() {
	for {
		all := q.take()
		if len(all) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(q.box.state.ctx), 2*q.box.state.api.timeout)
		err := q.store(ctx, all)
		cancel()
		for _, a := range all {
			a.done <- err
		}
	}
}

// take returns what goes into the next object; nothing ends the lane. One id
// comes once.
func (q *stateAccepts) take() []*stateAccepted {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out, rest []*stateAccepted
	size := 0
	ids := map[string]bool{}
	for _, a := range q.waiting {
		fits := len(out) == 0 || len(out) < acceptMost && size+len(a.packed) <= largestPayload
		if !fits || ids[a.letter.ID] {
			rest = append(rest, a)
			continue
		}
		ids[a.letter.ID] = true
		size += len(a.packed)
		out = append(out, a)
	}
	q.waiting = rest
	if len(out) == 0 {
		q.flying--
	}
	return out
}

func (q *stateAccepts) store(ctx context.Context, all []*stateAccepted) error {
	s := q.box.state
	me, err := s.replica.join(ctx)
	if err != nil {
		return err
	}
	o := &stateObject{name: stateName("d", all[0].letter.ID), Spec: stateSpec{Kind: stateDelivery, Owner: me}}
	if len(all) > 1 {
		o.name = randomName("b")
	}
	var payload []byte
	for _, a := range all {
		// One that was being created when this one came is known by now.
		known, _ := q.box.find(a.letter.ID)
		if a.fresh = known == nil; a.fresh {
			o.Spec.Deliveries = append(o.Spec.Deliveries, a.letter)
			payload = append(payload, a.packed...)
		}
	}
	if len(o.Spec.Deliveries) == 0 {
		return nil
	}
	if err := s.storePayload(ctx, o, payload, payloadInline); err != nil {
		return explainState(err)
	}
	unsure, err := s.create(ctx, o)
	if apierrors.IsAlreadyExists(err) {
		// Another process was faster, or our own answer was lost.
		there, err := s.read(ctx, o.name)
		if err != nil {
			return explainState(err)
		}
		if mine := unsure && there.Spec.Owner == me; !mine {
			all[0].fresh = false
			s.removeParts(ctx, o.Spec.Parts)
		}
		return nil
	}
	return explainState(err)
}

// catchUp waits a moment for the watch to tell what this process knows already
// by its own writes. Without it nothing is lost: it is claimed later.
func (c *stateStore) catchUp(ctx context.Context) {
	c.mu.Lock()
	want := uint64(0)
	for _, w := range c.lines.heads() {
		want = max(want, w.turn)
	}
	c.mu.Unlock()
	patience := time.NewTimer(catchUpPatience)
	defer patience.Stop()
	for {
		c.mu.Lock()
		shown, more := c.shown, c.more
		c.mu.Unlock()
		if shown >= want {
			return
		}
		select {
		case <-more:
		case <-patience.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

const catchUpPatience = 2 * time.Second

func isConflict(err error) bool { return apierrors.IsConflict(err) }
