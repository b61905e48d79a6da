// Package loop is a reconcile loop on names.
//
// Takes: names, from whatever watches something. Gives: one call of Do at a time
// for each name, many names side by side, again later when Do asks for it or
// fails. Woken by: its Watch.
package loop

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"k8s.io/client-go/util/workqueue"
)

// Watch yields names to look at until its context ends.
type Watch func(ctx context.Context) iter.Seq[string]

// Loop calls Do for each name that Watch yields. A name that comes again while
// it waits is one; one that comes while Do works on it is looked at once more
// afterwards, never twice at once.
type Loop struct {
	Name  string // in the log
	Watch Watch
	// Do looks at what the name stands for and acts. It is called again after
	// again, if that is more than 0, and after a growing pause if it fails;
	// with prow.RetryAfter not before the time it says, and with a final error
	// not until the name comes again.
	Do      func(ctx context.Context, id string) (again time.Duration, err error)
	Workers int // default 1
	Log     *slog.Logger
	Now     prow.Clock // default time.Now
}

// Pauses after failures: they double from the first to the longest, give or take
// a fifth.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Minute
)

// Run works until ctx ends and every Do has returned. It fails if Watch ends
// before ctx does, for then nothing would wake it again.
func (l Loop) Run(ctx context.Context) error {
	if l.Now == nil {
		l.Now = time.Now
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := workqueue.NewTypedDelayingQueue[string]()
	r := &run{Loop: l, queue: queue, failures: map[string]int{}}
	var workers sync.WaitGroup
	for range max(l.Workers, 1) {
		workers.Go(func() { r.work(ctx) })
	}
	context.AfterFunc(ctx, queue.ShutDown)
	for id := range l.Watch(ctx) {
		queue.Add(id)
	}
	early := ctx.Err() == nil
	cancel()
	queue.ShutDown()
	workers.Wait()
	if early {
		return fmt.Errorf("%s: the watch ended by itself", l.Name)
	}
	return nil
}

type run struct {
	Loop
	queue workqueue.TypedDelayingInterface[string]

	mu       sync.Mutex
	failures map[string]int
}

func (r *run) work(ctx context.Context) {
	for {
		id, shutdown := r.queue.Get()
		if shutdown {
			return
		}
		if ctx.Err() == nil { // what still waits is found again by whoever comes next
			r.one(ctx, id)
		}
		r.queue.Done(id)
	}
}

func (r *run) one(ctx context.Context, id string) {
	again, err := r.try(ctx, id)
	var later *prow.RetryAfter
	switch {
	case err == nil:
		r.forget(id)
		if again > 0 {
			r.queue.AddAfter(id, again)
		}
	case ctx.Err() != nil:
	case errors.As(err, &later):
		r.Log.Warn("put off", "loop", r.Name, "id", id, "until", later.At, "err", err)
		r.queue.AddAfter(id, max(later.At.Sub(r.Now()), firstPause))
	case prow.IsFinal(err):
		r.forget(id)
		r.Log.Error("given up", "loop", r.Name, "id", id, "err", err)
	default:
		pause := r.pause(id)
		r.Log.Warn("failed, tried again later", "loop", r.Name, "id", id, "pause", pause, "err", err)
		r.queue.AddAfter(id, pause)
	}
}

// try calls Do and makes a panic an error: one bad name must not stop the rest.
func (r *run) try(ctx context.Context, id string) (again time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return r.Do(ctx, id)
}

func (r *run) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failures, id)
}

func (r *run) pause(id string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.failures[id]
	r.failures[id] = n + 1
	return Pause(n)
}

// Pause returns how long to wait after the failure n, counted from 0: doubling,
// with jitter, so that many who failed together do not come back together.
func Pause(n int) time.Duration {
	p := longestPause
	if n < 16 {
		p = min(firstPause<<n, longestPause)
	}
	return time.Duration(float64(p) * (0.8 + 0.4*rand.Float64()))
}
