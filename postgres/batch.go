package postgres

import (
	"context"
	"sync"
)

// batch makes one write of what many callers want written at once: while one is
// under way, what comes waits for the next. Nobody waits for others to come.
type batch[T any] struct {
	db  *DB
	key func(T) string // two of one key are never in one write
	do  func(context.Context, []T) error

	mu      sync.Mutex
	waiting []*wish[T]
	flying  int
}

type wish[T any] struct {
	item T
	done chan error
}

const (
	largest = 256 // in one write
	lanes   = 2   // writes under way: while one is synced another is read
)

// write returns when item is stored, or ctx ended, and then it may be or not.
func (b *batch[T]) write(ctx context.Context, item T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &wish[T]{item: item, done: make(chan error, 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, w)
	start := b.flying < lanes
	if start {
		b.flying++
	}
	b.mu.Unlock()
	if start {
		go b.run()
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *batch[T]) run() {
	for {
		wishes := b.take()
		if len(wishes) == 0 {
			return
		}
		b.fulfil(wishes)
	}
}

// take returns what goes together; nothing ends the lane.
func (b *batch[T]) take() []*wish[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out, rest []*wish[T]
	keys := map[string]bool{}
	for _, w := range b.waiting {
		if k := b.key(w.item); len(out) < largest && !keys[k] {
			keys[k] = true
			out = append(out, w)
			continue
		}
		rest = append(rest, w)
	}
	b.waiting = rest
	if len(out) == 0 {
		b.flying--
	}
	return out
}

func (b *batch[T]) fulfil(wishes []*wish[T]) {
	items := make([]T, len(wishes))
	for i, w := range wishes {
		items[i] = w.item
	}
	err := b.do(b.db.ctx, items)
	if err != nil && len(wishes) > 1 && !passes(err) && b.db.ctx.Err() == nil {
		// One that cannot be stored must not take the others with it.
		for _, w := range wishes {
			w.done <- b.do(b.db.ctx, []T{w.item})
		}
		return
	}
	for _, w := range wishes {
		w.done <- err
	}
}
