// Package hub tells watchers which names changed: what stands behind every
// Watch of a port.
//
// Takes: names that changed. Gives: each watcher those it has not yet seen, each
// once. Woken by: Tell.
package hub

import (
	"context"
	"iter"
	"sync"
	"time"
)

// Hub tells watchers which names changed. What a slow watcher has not yet taken
// waits in a set of its own, so nothing is lost and nothing grows without end.
// All methods may be called concurrently. The zero value is ready.
type Hub struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	closed   bool
}

// watcher is guarded by the mutex of its hub.
type watcher struct {
	order   []string
	waiting map[string]struct{}
	wake    chan struct{}
	end     chan struct{}
}

// Tell wakes all watchers for names.
func (h *Hub) Tell(names ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.add(names)
	}
}

// Watched reports whether anybody watches.
func (h *Hub) Watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

// Close ends all watches, those that come later too.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.watchers {
		close(w.end)
	}
	h.watchers = nil
}

// maxPause is between two tries to learn what exists.
const maxPause = 10 * time.Second

// Watch yields what existing returns, then each name that is told of, until ctx
// is done or the hub is closed. The watcher joins before existing is asked, so
// nothing falls between the two; existing is asked until it answers, as nothing
// may be left out.
func (h *Hub) Watch(ctx context.Context, existing func(context.Context) ([]string, error)) iter.Seq[string] {
	return func(yield func(string) bool) {
		w, ok := h.join()
		if !ok {
			return
		}
		defer h.leave(w)
		names, err := existing(ctx)
		for pause := 100 * time.Millisecond; err != nil; pause = min(2*pause, maxPause) {
			if !w.wait(ctx, pause) {
				return
			}
			names, err = existing(ctx)
		}
		for {
			for _, n := range names {
				if ctx.Err() != nil || !yield(n) {
					return
				}
			}
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			case <-w.end:
				return
			}
			names = h.take(w)
		}
	}
}

func (h *Hub) join() (*watcher, bool) {
	w := &watcher{waiting: map[string]struct{}{}, wake: make(chan struct{}, 1), end: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, false
	}
	if h.watchers == nil {
		h.watchers = map[*watcher]struct{}{}
	}
	h.watchers[w] = struct{}{}
	return w, true
}

func (h *Hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

func (h *Hub) take(w *watcher) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := w.order
	w.order = nil
	clear(w.waiting)
	return names
}

func (w *watcher) add(names []string) {
	for _, n := range names {
		if _, ok := w.waiting[n]; !ok {
			w.waiting[n] = struct{}{}
			w.order = append(w.order, n)
		}
	}
	select {
	case w.wake <- struct{}{}:
	default: // it is awake already
	}
}

// wait reports whether d passed before ctx or the hub ended.
func (w *watcher) wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-w.end:
	}
	return false
}
