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
	heads heads                   // the lines that nobody holds
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
	place   int     // in heads, -1 if it is not there
}

func newQueue() *queue {
	return &queue{lines: map[prow.IssueID]*line{}, at: map[string]prow.IssueID{}}
}

// heads orders lines by when their first may go, then by age.
type heads []*line

func (h heads) Len() int { return len(h) }
func (h heads) Less(i, j int) bool {
	a, b := h[i].waiting[0], h[j].waiting[0]
	if !a.next.Equal(b.next) {
		return a.next.Before(b.next)
	}
	return a.seq < b.seq
}
func (h heads) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *heads) Push(x any) {
	l := x.(*line)
	l.place = len(*h)
	*h = append(*h, l)
}
func (h *heads) Pop() any {
	l := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	l.place = -1
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
		l = &line{place: -1}
		q.lines[e.where] = l
	}
	i, _ := slices.BinarySearchFunc(l.waiting, e.seq, func(x entry, seq int64) int { return int(x.seq - seq) })
	l.waiting = slices.Insert(l.waiting, i, e)
	q.sort(l)
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
	l.waiting = slices.DeleteFunc(l.waiting, func(e entry) bool { return e.id == id })
	if l.claimed == id {
		l.claimed = ""
	}
	if q.sort(l); len(l.waiting) == 0 {
		delete(q.lines, where)
	}
}

// sort puts l where it belongs among the heads.
func (q *queue) sort(l *line) {
	switch wanted := len(l.waiting) > 0 && l.claimed == ""; {
	case wanted && l.place >= 0:
		heap.Fix(&q.heads, l.place)
	case wanted:
		heap.Push(&q.heads, l)
	case l.place >= 0:
		heap.Remove(&q.heads, l.place)
	}
}

// claim hands out at most limit ids whose time has come.
func (q *queue) claim(now time.Time, limit int) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var taken []entry
	for len(taken) < limit && len(q.heads) > 0 && !q.heads[0].waiting[0].next.After(now) {
		l := heap.Pop(&q.heads).(*line)
		l.claimed = l.waiting[0].id
		taken = append(taken, l.waiting[0])
	}
	slices.SortFunc(taken, func(a, b entry) int { return int(a.seq - b.seq) })
	var ids []string
	for _, e := range taken {
		ids = append(ids, e.id)
	}
	return ids
}

// giveBack ends a claim.
func (q *queue) giveBack(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l := q.lines[q.at[id]]; l != nil && l.claimed == id {
		l.claimed = ""
		q.sort(l)
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
