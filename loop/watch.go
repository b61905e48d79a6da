package loop

import (
	"context"
	"iter"
	"sync"
	"time"
)

// Merge watches all of them at once. It ends when ctx does, or as soon as one
// of them ends.
func Merge(watches ...Watch) Watch {
	return func(ctx context.Context) iter.Seq[string] {
		return func(yield func(string) bool) {
			ctx, cancel := context.WithCancel(ctx)
			names := make(chan string)
			var all sync.WaitGroup
			for _, w := range watches {
				all.Go(func() {
					defer cancel()
					for id := range w(ctx) {
						select {
						case names <- id:
						case <-ctx.Done():
							return
						}
					}
				})
			}
			defer all.Wait()
			defer cancel()
			for {
				select {
				case id := <-names:
					if !yield(id) {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

// Every yields what list returns, at once and after each pause: the slow net
// under watches that wake quickly. If list fails, nothing is yielded that time.
func Every(pause func() time.Duration, list func(ctx context.Context) []string) Watch {
	return func(ctx context.Context) iter.Seq[string] {
		return func(yield func(string) bool) {
			for ctx.Err() == nil {
				for _, id := range list(ctx) {
					if !yield(id) {
						return
					}
				}
				select {
				case <-time.After(pause()):
				case <-ctx.Done():
				}
			}
		}
	}
}

// Bell is a Watch that is rung by hand. It loses nothing: what is rung before
// anybody watches, or faster than it is taken, waits, each name once. The zero
// value is ready. One watcher at a time.
type Bell struct {
	mu      sync.Mutex
	order   []string
	waiting map[string]bool
	wake    chan struct{}
}

// Ring yields ids to whoever watches.
func (b *Bell) Ring(ids ...string) {
	if len(ids) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		b.waiting = map[string]bool{}
	}
	for _, id := range ids {
		if !b.waiting[id] {
			b.waiting[id] = true
			b.order = append(b.order, id)
		}
	}
	select {
	case b.channel() <- struct{}{}:
	default:
	}
}

// channel returns wake; mu is held.
func (b *Bell) channel() chan struct{} {
	if b.wake == nil {
		b.wake = make(chan struct{}, 1)
	}
	return b.wake
}

func (b *Bell) take() ([]string, chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := b.order
	b.order = nil
	clear(b.waiting)
	return ids, b.channel()
}

// Watch yields what is rung until ctx ends.
func (b *Bell) Watch(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			ids, wake := b.take()
			for _, id := range ids {
				if ctx.Err() != nil || !yield(id) {
					return
				}
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
		}
	}
}
