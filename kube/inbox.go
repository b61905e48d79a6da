package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	names "github.com/prow-ci/prow/hub"
)

// Inbox implements prow.Inbox on ProwStates. The process that accepted a webhook
// owns it: to claim it costs no request. What a process owns that is gone is
// taken by whoever writes so first. Whether a webhook is the first of its line
// is decided when the watch has shown it, and with it all that are older.
type Inbox struct {
	state   *State
	hub     names.Hub
	accepts stateAccepts

	mu sync.Mutex
	// claimed are the owners under which deliveries were handed out that are not
	// settled.
	claimed map[string]stateClaim
}

type stateClaim struct {
	owner string
	where prow.IssueID
}

var _ prow.Inbox = (*Inbox)(nil)

func newInbox(s *State) *Inbox {
	b := &Inbox{state: s, claimed: map[string]stateClaim{}}
	b.accepts.box = b
	return b
}

// Claim hands out deliveries whose turn it is: those of this process, and those
// of processes that are gone.
func (b *Inbox) Claim(ctx context.Context, now time.Time, limit int) ([]*prow.Delivery, error) {
	if limit <= 0 {
		return nil, nil
	}
	b.state.store.catchUp(ctx)
	me, err := b.state.replica.sure(ctx)
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	b.dropTwice(ctx, me)
	var out []*prow.Delivery
	chosen := b.choose(me, now, limit)
	for _, w := range chosen {
		d, err := b.take(ctx, w, me)
		if err != nil {
			for _, w := range chosen { // the next claim hands them out
				b.release(w.id)
			}
			return nil, fmt.Errorf("claim delivery %s: %w", w.id, err)
		}
		if d != nil {
			out = append(out, d)
		}
	}
	return out, nil
}

// choose marks as claimed what may be handed out.
func (b *Inbox) choose(me string, now time.Time, limit int) []*stateWaiting {
	c := b.state.store
	c.mu.Lock()
	defer c.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	busy := map[prow.IssueID]bool{}
	for _, x := range b.claimed {
		busy[x.where] = true
	}
	var out []*stateWaiting
	for _, w := range c.lines.heads() {
		o := c.objects[w.object]
		where := o.Spec.Deliveries[w.place].where()
		free := w.owner == me || c.objects[w.owner] == nil
		if w.turn > c.shown || w.next > nano(now) || busy[where] || !free || c.lines.twice(w) {
			continue
		}
		b.claimed[w.id] = stateClaim{me, where}
		if out = append(out, w); len(out) == limit {
			break
		}
	}
	return out
}

func (b *Inbox) release(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.claimed, id)
}

// take returns a delivery that was chosen, nil if another process has it.
func (b *Inbox) take(ctx context.Context, w *stateWaiting, me string) (*prow.Delivery, error) {
	if w.owner != me {
		if err := b.inherit(ctx, w, me); err != nil {
			b.release(w.id)
			if errors.Is(err, errTaken) || errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			return nil, err
		}
	}
	d, err := b.Delivery(ctx, w.id)
	if err != nil {
		b.release(w.id)
		return nil, err
	}
	return d, nil
}

var errTaken = errors.New("another process has it")

// inherit makes this process the owner of what one owned that is gone.
func (b *Inbox) inherit(ctx context.Context, w *stateWaiting, me string) error {
	err := b.state.amends.amend(ctx, w.object, "", func(_ context.Context, o *stateObject) error {
		if o.Spec.Owner != me && o.Spec.Owner != w.owner {
			return errTaken
		}
		o.Spec.Owner = me
		return nil
	})
	if err == nil {
		b.state.log.Info("took over webhooks of a process that is gone", "delivery", w.id, "replica", w.owner)
	}
	return err
}

// orphaned is told that a process is gone.
func (b *Inbox) orphaned(replica string) {
	var ids []string
	c := b.state.store
	c.mu.Lock()
	for _, w := range c.lines.waiting() {
		if w.owner == replica {
			ids = append(ids, w.id)
		}
	}
	c.mu.Unlock()
	b.hub.Tell(ids...)
}

// dropTwice settles what two processes accepted at once and this one has as the
// second.
func (b *Inbox) dropTwice(ctx context.Context, me string) {
	c := b.state.store
	c.mu.Lock()
	var again []*stateWaiting
	for _, w := range c.lines.heads() {
		if (w.owner == me || c.objects[w.owner] == nil) && c.lines.twice(w) && w.turn <= c.shown {
			again = append(again, w)
		}
	}
	c.mu.Unlock()
	for _, w := range again {
		err := b.state.amends.amend(ctx, w.object, "", func(_ context.Context, o *stateObject) error {
			if l := o.letter(w.id); l != nil {
				l.State, l.Handled, l.Error = prow.DeliveryHandled, nano(b.state.now()), "accepted twice: the other one is handled"
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.state.log.Warn("a webhook that came twice is not put aside, tried again", "delivery", w.id, "err", err)
		}
	}
}

func (o *stateObject) letter(id string) *stateLetter {
	for i := range o.Spec.Deliveries {
		if o.Spec.Deliveries[i].ID == id {
			return &o.Spec.Deliveries[i]
		}
	}
	return nil
}

// Settle stores what became of d and ends its claim. If this process was given up
// meanwhile and another one took d over, nothing is stored: that one says what
// becomes of it.
func (b *Inbox) Settle(ctx context.Context, d *prow.Delivery) error {
	switch d.State {
	case prow.DeliveryWaiting, prow.DeliveryHandled, prow.DeliveryDead:
	default:
		return fmt.Errorf("settle delivery %s: it is %q; want waiting, handled or dead", d.ID, d.State)
	}
	b.mu.Lock()
	claim, held := b.claimed[d.ID]
	b.mu.Unlock()
	err := b.change(ctx, d.ID, func(o *stateObject, l *stateLetter) error {
		if held && o.Spec.Owner != claim.owner {
			return errTaken
		}
		l.State, l.Tries, l.Next, l.Handled, l.Results, l.Error = d.State, d.Tries, nano(d.Next), nano(d.Handled), slices.Clone(d.Results), d.Error
		return nil
	})
	if errors.Is(err, errTaken) {
		b.state.log.Warn("delivery settled too late, another process has it", "delivery", d.ID)
		err = nil
	}
	if err != nil {
		return fmt.Errorf("settle delivery %s: %w", d.ID, err)
	}
	b.release(d.ID)
	b.hub.Tell(d.ID)
	return nil
}

// Replay makes a handled or dead delivery wait again, for all plugins, behind
// those that wait.
func (b *Inbox) Replay(ctx context.Context, id string) error {
	err := b.change(ctx, id, func(_ *stateObject, l *stateLetter) error {
		if l.State == prow.DeliveryWaiting {
			return nil
		}
		l.State, l.Tries, l.Next, l.Handled, l.Results, l.Error, l.Turn = prow.DeliveryWaiting, 0, 0, 0, nil, "", -1
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay delivery %s: %w", id, err)
	}
	return nil
}

// change changes what is known of a delivery.
func (b *Inbox) change(ctx context.Context, id string, do func(*stateObject, *stateLetter) error) error {
	o, _ := b.find(id)
	if o == nil {
		return fs.ErrNotExist
	}
	return b.state.amends.amend(ctx, o.name, "", func(_ context.Context, o *stateObject) error {
		l := o.letter(id)
		if l == nil {
			return fs.ErrNotExist
		}
		return do(o, l)
	})
}

// find returns the object that a delivery is in, and its place there.
func (b *Inbox) find(id string) (*stateObject, int) {
	c := b.state.store
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.lines.known[id]; len(k) > 0 {
		return c.objects[k[0].object], k[0].place
	}
	return nil, 0
}

// Delivery returns one, with header and body.
func (b *Inbox) Delivery(ctx context.Context, id string) (*prow.Delivery, error) {
	o, place := b.find(id)
	if o == nil {
		return nil, fmt.Errorf("delivery %s: %w", id, fs.ErrNotExist)
	}
	d := b.shown(&o.Spec.Deliveries[place])
	payload, err := b.state.loadPayload(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("delivery %s: %w", id, explainState(err))
	}
	from := 0
	for i := range place {
		from += o.Spec.Deliveries[i].Size
	}
	to := from + o.Spec.Deliveries[place].Size
	if to > len(payload) {
		return nil, fmt.Errorf("delivery %s: its payload is damaged", id)
	}
	plain, err := unsqueeze(payload[from:to])
	if err != nil {
		return nil, fmt.Errorf("delivery %s: its payload is damaged: %w", id, err)
	}
	head, body := splitLine(plain)
	d.Body = body
	return d, json.Unmarshal(head, &d.Header)
}

// shown is how a delivery stands, as this process sees it.
func (b *Inbox) shown(l *stateLetter) *prow.Delivery {
	d := l.delivery()
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.claimed[d.ID]; ok && d.State == prow.DeliveryWaiting {
		d.State = prow.DeliveryClaimed
	}
	return d
}

// Deliveries lists what f describes, newest first.
func (b *Inbox) Deliveries(_ context.Context, f prow.DeliveryFilter) ([]*prow.Delivery, error) {
	objects := b.state.store.list(stateDelivery)
	slices.SortFunc(objects, func(x, y *stateObject) int {
		return cmp.Or(cmp.Compare(y.Spec.Order, x.Spec.Order), cmp.Compare(y.name, x.name))
	})
	out := []*prow.Delivery{}
	begun := f.Before == ""
	for _, o := range objects {
		for i := len(o.Spec.Deliveries) - 1; i >= 0; i-- {
			l := &o.Spec.Deliveries[i]
			if !begun {
				begun = l.ID == f.Before
				continue
			}
			if d := b.shown(l); matchesDelivery(f, d) {
				if out = append(out, d); len(out) == f.Limit {
					return out, nil
				}
			}
		}
	}
	return out, nil
}

func matchesDelivery(f prow.DeliveryFilter, d *prow.Delivery) bool {
	return (f.State == "" || f.State == d.State) && (f.Event == "" || f.Event == d.Event) &&
		(f.Where.Repo.Owner == "" || f.Where.Repo.Owner == d.Where.Repo.Owner) &&
		(f.Where.Repo.Name == "" || f.Where.Repo.Name == d.Where.Repo.Name) &&
		(f.Where.Number == 0 || f.Where.Number == d.Where.Number)
}

// Prune forgets what was received before t and is done with.
func (b *Inbox) Prune(ctx context.Context, t time.Time) error {
	for _, o := range b.state.store.list(stateDelivery) {
		old := true
		for i := range o.Spec.Deliveries {
			l := &o.Spec.Deliveries[i]
			old = old && l.State != prow.DeliveryWaiting && l.Received < nano(t)
		}
		if old {
			if err := b.discard(ctx, o); err != nil {
				return fmt.Errorf("prune deliveries: %w", err)
			}
		}
	}
	return nil
}

// discard deletes an object as it is; one that somebody just replayed stays.
func (b *Inbox) discard(ctx context.Context, o *stateObject) error {
	if err := b.state.remove(ctx, o.name, fmt.Sprint(o.version)); err != nil {
		if isConflict(err) {
			return nil
		}
		return err
	}
	b.state.removeParts(ctx, o.Spec.Parts)
	return nil
}

// Watch yields the id of each delivery that was accepted, settled or replayed, by
// any process; first of those that wait.
func (b *Inbox) Watch(ctx context.Context) iter.Seq[string] {
	return b.hub.Watch(ctx, func(context.Context) ([]string, error) {
		c := b.state.store
		c.mu.Lock()
		defer c.mu.Unlock()
		var ids []string
		for _, w := range c.lines.waiting() {
			ids = append(ids, w.id)
		}
		return ids, nil
	})
}
