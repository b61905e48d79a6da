package plank

import (
	"fmt"
	"iter"
	"slices"
	"sync"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// slot is what a job that is not complete means for the limits.
type slot struct {
	id    string
	at    int64 // order of creation
	name  string
	limit int // the job's own max_concurrency
	queue string
	key   string // of a presubmit: the change it is about
	// taken: it runs, or is about to. An aborted job holds its place until
	// nothing of it runs any more.
	taken bool
	waits bool // it was refused, and has to be told when there is room
}

// mayStart decides whether s may start beside the others that are not complete,
// and says why not. Jobs of one name, and of one queue, start in the order of
// their creation.
func mayStart(s slot, open iter.Seq[slot], p *config.Plank) (ok bool, why string, err error) {
	var all, name, queue int
	for o := range open {
		if o.id == s.id {
			continue
		}
		if o.taken {
			all++
		}
		if o.taken || o.at < s.at {
			if o.name == s.name {
				name++
			}
			if s.queue != "" && o.queue == s.queue {
				queue++
			}
		}
	}
	if p.MaxConcurrency > 0 && all >= p.MaxConcurrency {
		return false, fmt.Sprintf("Waiting for a place: this installation runs at most %d jobs at once.", p.MaxConcurrency), nil
	}
	if s.limit > 0 && name >= s.limit {
		return false, fmt.Sprintf("Waiting for its turn: at most %d of %s run at once.", s.limit, s.name), nil
	}
	if s.queue == "" {
		return true, "", nil
	}
	capacity, known := p.JobQueueCapacities[s.queue]
	switch {
	case !known:
		return false, "", fmt.Errorf("job queue %q is not in plank.job_queue_capacities: add it there", s.queue)
	case capacity >= 0 && queue >= capacity:
		return false, fmt.Sprintf("Waiting for its turn: at most %d jobs of the queue %s run at once.", capacity, s.queue), nil
	}
	return true, "", nil
}

// ledger knows the jobs that are not complete, so that several workers can
// decide who may start without asking the store each time. It is filled from
// the store before the first decision.
type ledger struct {
	mu      sync.Mutex
	open    map[string]*slot
	next    int64
	waiting int            // slots that wait
	unsure  []string       // refused only because an older slot has no name yet
	keys    map[string]int // slots by key
}

// limited reports whether any limit applies to s.
func limited(s *slot, p *config.Plank) bool {
	return p.MaxConcurrency > 0 || s.limit > 0 || s.queue != ""
}

// seen gives id its place in the order of creation, if it has none.
func (l *ledger) seen(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slot(id)
}

// slot returns the slot of id, a new one if need be; mu is held.
func (l *ledger) slot(id string) *slot {
	s := l.open[id]
	if s == nil {
		if l.open == nil {
			l.open = map[string]*slot{}
		}
		l.next++
		s = &slot{id: id, at: l.next}
		l.open[id] = s
	}
	return s
}

// note brings the ledger up to j as the store has it, and returns those that may
// have their turn now that more is known of j.
func (l *ledger) note(j *prow.Job) (asked []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.slot(j.Name)
	if s.name == "" {
		asked, l.unsure = l.unsure, nil
	}
	if s.name == "" && j.Spec.Type == prow.Presubmit {
		s.key = changeKey(j)
		l.count(s.key, 1)
	}
	s.name, s.limit, s.queue = j.Spec.Job, j.Spec.MaxConcurrency, j.Spec.JobQueueName
	s.taken = s.taken || j.Status.State == prow.Pending || j.Status.PendingTime != nil
	return asked
}

// count notes that there is one more, or less, of a key; mu is held.
func (l *ledger) count(key string, n int) {
	if l.keys == nil {
		l.keys = map[string]int{}
	}
	if l.keys[key] += n; l.keys[key] == 0 {
		delete(l.keys, key)
	}
}

// twin reports whether there may be another job about the same change as id. Of
// two, at least the one that is noted second is told so.
func (l *ledger) twin(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.open[id]
	return s != nil && s.key != "" && l.keys[s.key] > 1
}

// take gives id a place to run, if the limits allow it. A refusal without a
// reason lasts only until the jobs that were created before it have been read.
func (l *ledger) take(id string, p *config.Plank) (ok bool, why string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.slot(id)
	if s.taken {
		return true, "", nil
	}
	if (s.limit > 0 || s.queue != "") && l.nameless(s) {
		l.unsure = append(l.unsure, id)
		return false, "", nil
	}
	if limited(s, p) {
		ok, why, err = mayStart(*s, l.all, p)
		if !ok || err != nil {
			l.wait(s, true)
			return false, why, err
		}
	}
	s.taken = true
	l.wait(s, false)
	return true, "", nil
}

// nameless reports whether a job that was created before s has not been read yet:
// it may be of the same name or queue; mu is held.
func (l *ledger) nameless(s *slot) bool {
	for _, o := range l.open {
		if o.at < s.at && o.name == "" {
			return true
		}
	}
	return false
}

func (l *ledger) wait(s *slot, waits bool) {
	if s.waits == waits {
		return
	}
	s.waits = waits
	if waits {
		l.waiting++
	} else {
		l.waiting--
	}
}

// drop forgets id, which is complete or gone, and returns those that may start
// now, oldest first.
func (l *ledger) drop(id string, p *config.Plank) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.open[id]; s != nil {
		l.wait(s, false)
		if s.key != "" {
			l.count(s.key, -1)
		}
		delete(l.open, id)
	}
	asked := l.unsure
	l.unsure = nil
	if l.waiting == 0 {
		return asked
	}
	return append(startable(slices.Collect(l.all), p), asked...)
}

// hold marks id as running, whatever the limits say: it does.
func (l *ledger) hold(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.slot(id)
	s.taken = true
	l.wait(s, false)
}

// all yields the slots; mu is held.
func (l *ledger) all(yield func(slot) bool) {
	for _, s := range l.open {
		if !yield(*s) {
			return
		}
	}
}

// startable returns the ids of those that were refused and may start now, oldest
// first, as if each had started before the next is looked at.
func startable(open []slot, p *config.Plank) []string {
	slices.SortFunc(open, func(a, b slot) int { return int(a.at - b.at) })
	var ids []string
	var all int
	name, queue := map[string]int{}, map[string]int{}
	for _, s := range open {
		if s.taken {
			all++
			name[s.name]++
			queue[s.queue]++
		}
	}
	for _, s := range open {
		if s.taken || s.name == "" {
			continue
		}
		capacity, known := p.JobQueueCapacities[s.queue]
		room := (s.limit <= 0 || name[s.name] < s.limit) && (s.queue == "" || known && (capacity < 0 || queue[s.queue] < capacity))
		name[s.name]++
		queue[s.queue]++
		if p.MaxConcurrency > 0 && all >= p.MaxConcurrency {
			break
		}
		if room {
			all++
		}
		if room && s.waits {
			ids = append(ids, s.id)
		}
	}
	return ids
}
