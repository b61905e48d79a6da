package hook

import (
	"context"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// Run handles what the Inbox holds until ctx is done, then lets running handlers
// end for the time of Grace. What is not finished by then is handled again at
// the next start.
func (w *Worker) Run(ctx context.Context) error {
	d := &dispatch{w: w, wake: make(chan struct{}, 1), free: make(chan struct{}, w.parallel())}
	var stop context.CancelFunc
	d.ctx, stop = context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	var watching sync.WaitGroup
	watching.Go(func() {
		for range w.Inbox.Watch(ctx) {
			d.poke()
		}
	})
	defer watching.Wait()

	d.remember(ctx)
	d.poke()
	d.loop(ctx)

	ended := make(chan struct{})
	go func() { d.running.Wait(); close(ended) }()
	grace := time.NewTimer(w.grace())
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		w.Log.Warn("webhook handlers cut off", "grace", w.grace())
		stop()
		<-ended
	}
	return nil
}

// dispatch hands deliveries to a bounded number of handlers.
type dispatch struct {
	w       *Worker
	ctx     context.Context // of handlers
	wake    chan struct{}   // something may be to be claimed
	free    chan struct{}   // holds one for each handler at work
	running sync.WaitGroup
}

func (d *dispatch) poke() {
	select {
	case d.wake <- struct{}{}:
	default: // it is awake already
	}
}

// net is how often we look although nobody called: what a watch may have lost.
const net = 30 * time.Second

func (d *dispatch) loop(ctx context.Context) {
	tick := time.NewTicker(net)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-tick.C:
		}
		if room := d.room(); room > 0 {
			d.claim(ctx, room)
		}
	}
}

// flood is how many webhooks may wait for their 200 before accepting goes first.
const flood = 32

// room is how many more deliveries may be handled now: while many are arriving,
// one at a time.
func (d *dispatch) room() int {
	most := cap(d.free)
	if d.w.accepting.Load() > flood {
		most = 1
	}
	return most - len(d.free)
}

// claim takes as many deliveries as there are handlers free.
func (d *dispatch) claim(ctx context.Context, room int) {
	claimed, err := d.w.Inbox.Claim(ctx, d.w.Now(), room)
	if err != nil {
		if ctx.Err() == nil {
			d.w.Log.Error("webhooks not claimed", "error", err)
			time.AfterFunc(time.Second, d.poke)
		}
		return
	}
	for _, delivery := range claimed {
		d.free <- struct{}{}
		d.running.Go(func() {
			d.w.Metrics.handling(1)
			again := d.w.handle(d.ctx, delivery)
			d.w.Metrics.handling(-1)
			<-d.free
			if again > 0 {
				time.AfterFunc(again, d.poke)
			}
			d.poke()
		})
	}
}

// remember sets the alarm for deliveries that an earlier process left waiting for
// their next try.
func (d *dispatch) remember(ctx context.Context) {
	waiting, err := d.w.Inbox.Deliveries(ctx, prow.DeliveryFilter{State: prow.DeliveryWaiting})
	if err != nil {
		d.w.Log.Error("waiting webhooks not listed", "error", err)
		return
	}
	now := d.w.Now()
	for _, delivery := range waiting {
		if delivery.Next.After(now) {
			time.AfterFunc(delivery.Next.Sub(now), d.poke)
		}
	}
}
