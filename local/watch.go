package local

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// notes tells watchers the names of runs that changed. A name that is waiting to
// be taken is not added again, so none is lost and none piles up.
type notes struct {
	mu  sync.Mutex
	all map[*watcher]struct{}
}

type watcher struct {
	waiting []string
	has     map[string]bool
	wake    chan struct{}
}

func (n *notes) tell(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for w := range n.all {
		w.add(id)
	}
}

func (w *watcher) add(id string) {
	if w.has[id] {
		return
	}
	w.has[id] = true
	w.waiting = append(w.waiting, id)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (n *notes) open(ids []string) *watcher {
	w := &watcher{has: map[string]bool{}, wake: make(chan struct{}, 1)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = map[*watcher]struct{}{}
	}
	n.all[w] = struct{}{}
	for _, id := range ids {
		w.add(id)
	}
	return w
}

func (n *notes) close(w *watcher) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.all, w)
}

func (n *notes) watched() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.all) > 0
}

// take returns what is waiting.
func (n *notes) take(w *watcher) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := w.waiting
	w.waiting = nil
	clear(w.has)
	return out
}

// Watch yields the ID of each run that may have changed.
func (r *Runner) Watch(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		r.mu.Lock()
		var ids []string
		for id := range r.runs {
			ids = append(ids, id)
		}
		w := r.notes.open(ids)
		r.mu.Unlock()
		defer r.notes.close(w)
		for {
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			case <-r.ctx.Done():
				return
			}
			for _, id := range r.notes.take(w) {
				if ctx.Err() != nil || !yield(id) {
					return
				}
			}
		}
	}
}

// noticing is how often we look what the runs do; their end is told at once.
const noticing = 250 * time.Millisecond

// notice tells of runs that do something else now.
func (r *Runner) notice() {
	tick := time.NewTicker(noticing)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			return
		}
		if !r.notes.watched() {
			continue
		}
		r.mu.Lock()
		var live []*run
		for _, x := range r.runs {
			if x.ended == nil {
				live = append(live, x)
			}
		}
		r.mu.Unlock()
		for _, x := range live {
			if i, err := os.Stat(filepath.Join(x.folder, stateFile)); err == nil && !i.ModTime().Equal(x.state) {
				x.state = i.ModTime()
				r.notes.tell(x.id)
			}
		}
	}
}
