package sqlite

import (
	"container/heap"
	"slices"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// queue knows the order of the deliveries that wait: one line per place, and of
// each line only the first may be handed out.
type queue struct {
	mu    sync.Mutex
	lines map[prow.IssueID]*line
	at    map[string]prow.IssueID // of each id that waits
	// The lines that nobody holds: those whose first may go, by age, and those
	// whose first may not go yet, by when it may.
	ready, later heads
}

// entry is a delivery that waits.
type entry struct {
	seq   int64
	id    string
	where prow.IssueID
	next  time.Time // not before
}

type line struct {
	waiting []entry // by seq
	claimed string  // the id that is handed out
	among   *heads  // nil if it is held or empty
	place   int     // among those
}

func newQueue() *queue {
	return &queue{
		lines: map[prow.IssueID]*line{}, at: map[string]prow.IssueID{},
		ready: heads{less: func(a, b entry) bool { return a.seq < b.seq }},
		later: heads{less: func(a, b entry) bool { return a.next.Before(b.next) }},
	}
}

// heads is a heap of lines by their first.
type heads struct {
	lines []*line
	less  func(a, b entry) bool
}

func (h *heads) Len() int           { return len(h.lines) }
func (h *heads) Less(i, j int) bool { return h.less(h.lines[i].waiting[0], h.lines[j].waiting[0]) }
func (h *heads) Swap(i, j int) {
	h.lines[i], h.lines[j] = h.lines[j], h.lines[i]
	h.lines[i].place, h.lines[j].place = i, j
}
func (h *heads) Push(x any) {
	l := x.(*line)
	l.among, l.place = h, len(h.lines)
	h.lines = append(h.lines, l)
}
func (h *heads) Pop() any {
	l := h.lines[len(h.lines)-1]
	h.lines = h.lines[:len(h.lines)-1]
	l.among = nil
	return l
}

// put adds e, or does nothing if it is there.
func (q *queue) put(e entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.at[e.id]; ok {
		return
	}
	q.at[e.id] = e.where
	l := q.lines[e.where]
	if l == nil {
		l = &line{}
		q.lines[e.where] = l
	}
	q.take(l)
	i, _ := slices.BinarySearchFunc(l.waiting, e.seq, func(x entry, seq int64) int { return int(x.seq - seq) })
	l.waiting = slices.Insert(l.waiting, i, e)
	q.place(l)
}

// remove takes id out of its line and ends its claim.
func (q *queue) remove(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	where, ok := q.at[id]
	if !ok {
		return
	}
	delete(q.at, id)
	l := q.lines[where]
	q.take(l)
	l.waiting = slices.DeleteFunc(l.waiting, func(e entry) bool { return e.id == id })
	if l.claimed == id {
		l.claimed = ""
	}
	if q.place(l); len(l.waiting) == 0 {
		delete(q.lines, where)
	}
}

// take takes l from among the heads, before its first changes.
func (q *queue) take(l *line) {
	if l.among != nil {
		heap.Remove(l.among, l.place)
	}
}

// place puts l where it belongs.
func (q *queue) place(l *line) {
	switch {
	case len(l.waiting) == 0 || l.claimed != "":
	case l.waiting[0].next.IsZero():
		heap.Push(&q.ready, l)
	default:
		heap.Push(&q.later, l)
	}
}

// claim hands out at most limit ids whose time has come.
func (q *queue) claim(now time.Time, limit int) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.later.Len() > 0 && !q.later.lines[0].waiting[0].next.After(now) {
		heap.Push(&q.ready, heap.Pop(&q.later))
	}
	var ids []string
	for len(ids) < limit && q.ready.Len() > 0 {
		l := heap.Pop(&q.ready).(*line)
		l.claimed = l.waiting[0].id
		ids = append(ids, l.claimed)
	}
	return ids
}

// giveBack ends a claim.
func (q *queue) giveBack(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l := q.lines[q.at[id]]; l != nil && l.claimed == id {
		l.claimed = ""
		q.place(l)
	}
}

func (q *queue) isClaimed(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[q.at[id]]
	return l != nil && l.claimed == id
}

// ids lists all that wait, oldest first.
func (q *queue) ids() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []entry
	for _, l := range q.lines {
		all = append(all, l.waiting...)
	}
	slices.SortFunc(all, func(a, b entry) int { return int(a.seq - b.seq) })
	ids := make([]string, len(all))
	for i, e := range all {
		ids[i] = e.id
	}
	return ids
}
