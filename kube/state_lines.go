package kube

import (
	"cmp"
	"slices"

	prow "github.com/prow-ci/prow"
)

// stateLines knows the order of the deliveries that wait: a line for each place.
// It is guarded by the store.
type stateLines struct {
	lines map[prow.IssueID][]*stateWaiting // by turn
	known map[string][]*stateKnown         // of each delivery where it is; the first counts
}

// stateWaiting is a delivery that waits.
type stateWaiting struct {
	id, object, owner string
	turn              uint64
	place             int // in the object
	next              int64
}

// stateKnown says where a delivery is.
type stateKnown struct {
	object string
	order  uint64
	place  int
}

func newStateLines() *stateLines {
	return &stateLines{lines: map[prow.IssueID][]*stateWaiting{}, known: map[string][]*stateKnown{}}
}

// change puts an object in the place of what it was; nil is none.
func (q *stateLines) change(old, now *stateObject) {
	if old != nil && old.Spec.Kind == stateDelivery {
		q.remove(old)
	}
	if now != nil && now.Spec.Kind == stateDelivery {
		q.add(now)
	}
}

func (q *stateLines) remove(o *stateObject) {
	for i := range o.Spec.Deliveries {
		l := &o.Spec.Deliveries[i]
		rest := slices.DeleteFunc(q.known[l.ID], func(k *stateKnown) bool { return k.object == o.name })
		if len(rest) == 0 {
			delete(q.known, l.ID)
		} else {
			q.known[l.ID] = rest
		}
		at := l.where()
		line := slices.DeleteFunc(q.lines[at], func(w *stateWaiting) bool { return w.object == o.name && w.id == l.ID })
		if len(line) == 0 {
			delete(q.lines, at)
		} else {
			q.lines[at] = line
		}
	}
}

func (q *stateLines) add(o *stateObject) {
	for i := range o.Spec.Deliveries {
		l := &o.Spec.Deliveries[i]
		q.known[l.ID] = sorted(q.known[l.ID], &stateKnown{o.name, o.Spec.Order, i}, func(a, b *stateKnown) int {
			return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.object, b.object))
		})
		if l.State != prow.DeliveryWaiting {
			continue
		}
		turn := o.Spec.Order
		if l.Turn > 0 {
			turn = uint64(l.Turn)
		}
		at := l.where()
		q.lines[at] = sorted(q.lines[at], &stateWaiting{l.ID, o.name, o.Spec.Owner, turn, i, l.Next}, (*stateWaiting).compare)
	}
}

func (w *stateWaiting) compare(x *stateWaiting) int {
	return cmp.Or(cmp.Compare(w.turn, x.turn), cmp.Compare(w.object, x.object), cmp.Compare(w.place, x.place))
}

func sorted[T any](list []T, item T, compare func(a, b T) int) []T {
	i, _ := slices.BinarySearchFunc(list, item, compare)
	return slices.Insert(list, i, item)
}

// twice reports whether w is in an older object already: it was accepted by two
// processes at once.
func (q *stateLines) twice(w *stateWaiting) bool {
	k := q.known[w.id]
	return len(k) > 0 && k[0].object != w.object
}

// heads lists the first of each line, oldest first.
func (q *stateLines) heads() []*stateWaiting {
	out := make([]*stateWaiting, 0, len(q.lines))
	for _, line := range q.lines {
		out = append(out, line[0])
	}
	slices.SortFunc(out, (*stateWaiting).compare)
	return out
}

// waiting lists all that wait, oldest first.
func (q *stateLines) waiting() []*stateWaiting {
	var out []*stateWaiting
	for _, line := range q.lines {
		out = append(out, line...)
	}
	slices.SortFunc(out, (*stateWaiting).compare)
	return out
}
