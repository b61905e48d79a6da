package kube

import (
	"context"
	"iter"
	"slices"
	"sync"
)

// hub tells watchers which ids changed. What a slow watcher has not yet taken
// waits, each id once, so nothing is lost and nothing grows without end.
type hub struct {
	mu       sync.Mutex
	watchers []*watcher
	closed   chan struct{}
	once     sync.Once
}

type watcher struct {
	mu      sync.Mutex
	order   []string
	waiting map[string]struct{}
	wake    chan struct{}
}

func newHub() *hub { return &hub{closed: make(chan struct{})} }

func (h *hub) close() { h.once.Do(func() { close(h.closed) }) }

func (h *hub) tell(ids ...string) {
	if len(ids) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watchers {
		w.add(ids)
	}
}

func (w *watcher) add(ids []string) {
	w.mu.Lock()
	for _, id := range ids {
		if _, ok := w.waiting[id]; !ok {
			w.waiting[id] = struct{}{}
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
	ids := w.order
	w.order = nil
	clear(w.waiting)
	return ids
}

// watch yields what existing returns, then what is told. The watcher joins
// before existing is asked, so nothing falls between the two.
func (h *hub) watch(ctx context.Context, existing func() []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		w := &watcher{waiting: map[string]struct{}{}, wake: make(chan struct{}, 1)}
		h.mu.Lock()
		h.watchers = append(h.watchers, w)
		h.mu.Unlock()
		defer func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.watchers = slices.DeleteFunc(h.watchers, func(x *watcher) bool { return x == w })
		}()
		ids := existing()
		for {
			for _, id := range ids {
				if ctx.Err() != nil || !yield(id) {
					return
				}
			}
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			case <-h.closed:
				return
			}
			ids = w.take()
		}
	}
}
