package sqlite

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"
)

// hub tells watchers which ids changed. A watcher that is slow loses nothing:
// what it has not yet seen waits in a set of its own, each id once.
type hub struct {
	mu       sync.Mutex
	watchers []*watcher
	ended    chan struct{}
}

type watcher struct {
	mu      sync.Mutex
	order   []string
	waiting map[string]bool
	wake    chan struct{}
}

func newHub() *hub { return &hub{ended: make(chan struct{})} }

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.ended:
	default:
		close(h.ended)
	}
}

func (h *hub) tell(ids ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watchers {
		w.add(ids)
	}
}

func (h *hub) join() *watcher {
	w := &watcher{waiting: map[string]bool{}, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers = append(h.watchers, w)
	return w
}

func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers = slices.DeleteFunc(h.watchers, func(x *watcher) bool { return x == w })
}

func (w *watcher) add(ids []string) {
	w.mu.Lock()
	for _, id := range ids {
		if !w.waiting[id] {
			w.waiting[id] = true
			w.order = append(w.order, id)
		}
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.order
	w.order = nil
	clear(w.waiting)
	return out
}

// watch yields what existing returns, then each id that is told of. The watcher
// joins first, so nothing falls between the two.
func (h *hub) watch(ctx context.Context, existing func(context.Context) ([]string, error)) iter.Seq[string] {
	return func(yield func(string) bool) {
		w := h.join()
		defer h.leave(w)
		ids, err := existing(ctx)
		for err != nil { // nothing may be left out: it is tried until it works
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return
			case <-h.ended:
				return
			}
			ids, err = existing(ctx)
		}
		for _, id := range ids {
			if ctx.Err() != nil || !yield(id) {
				return
			}
		}
		for {
			for _, id := range w.take() {
				if ctx.Err() != nil || !yield(id) {
					return
				}
			}
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			case <-h.ended:
				return
			}
		}
	}
}
