package prowtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

// Replicas tests several processes that share one store of webhooks: pulls*each
// of them are accepted here and there and handled by all, each once, those of a
// pull request in their order and never two at a time. disturb runs meanwhile;
// it is told how many are handled, and may break what it likes as long as no
// process is given up by the others for it.
func Replicas(t *testing.T, boxes []prow.Inbox, pulls, each int, disturb func(handled func() int)) {
	t.Helper()
	l := &ledger{t: t, busy: map[int]string{}, done: map[int][]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	var all, accepting sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for _, b := range boxes {
		all.Go(func() { l.handle(ctx, b) })
	}
	want := map[int][]string{}
	for pull := 1; pull <= pulls; pull++ {
		var ids []string
		for i := range each {
			ids = append(ids, fmt.Sprint(pull, "-", i))
		}
		want[pull] = ids
		accepting.Go(func() {
			for i, id := range ids {
				if _, err := boxes[(i+pull)%len(boxes)].Accept(t.Context(), delivery(id, pull)); err != nil {
					t.Errorf("Accept(%s) = %v", id, err)
				}
			}
		})
	}
	disturb(l.handled)
	accepting.Wait()
	eventually(t, "all are handled", func() bool { return l.handled() >= pulls*each })
	for i, b := range boxes {
		eventually(t, fmt.Sprintf("process %d sees them all settled", i), func() bool {
			done, err := b.Deliveries(t.Context(), prow.DeliveryFilter{State: prow.DeliveryHandled})
			return err == nil && len(done) == pulls*each
		})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for pull, ids := range want {
		if !slices.Equal(l.done[pull], ids) {
			t.Errorf("pull request %d: handled %v", pull, l.done[pull])
		}
	}
}

// ledger sees whether deliveries are handled as they must be.
type ledger struct {
	t    *testing.T
	mu   sync.Mutex
	busy map[int]string   // by pull request
	done map[int][]string // likewise, in order
	n    int
}

func (l *ledger) begin(d *prow.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other := l.busy[d.Where.Number]; other != "" {
		l.t.Errorf("%s is handled while %s of the same pull request is", d.ID, other)
	}
	l.busy[d.Where.Number] = d.ID
	l.done[d.Where.Number] = append(l.done[d.Where.Number], d.ID)
	l.n++
}

func (l *ledger) end(d *prow.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, d.Where.Number)
}

func (l *ledger) handled() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// handle is hook: it claims when it is told to look, and after each that it
// settled.
func (l *ledger) handle(ctx context.Context, b prow.Inbox) {
	free := make(chan struct{}, 8)
	wake := make(chan struct{}, 1)
	poke := func() {
		select {
		case wake <- struct{}{}:
		default: // it is awake already
		}
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		for range b.Watch(ctx) {
			poke()
		}
	})
	for {
		select {
		case <-wake:
		case <-ctx.Done():
			return
		}
		got, err := b.Claim(ctx, time.Now(), cap(free)-len(free))
		if err != nil && ctx.Err() == nil {
			l.t.Log("claimed later:", err)
			time.AfterFunc(100*time.Millisecond, poke)
		}
		for _, d := range got {
			free <- struct{}{}
			all.Go(func() {
				l.begin(d)
				time.Sleep(time.Millisecond) // the plugins at work
				l.end(d)
				d.State, d.Handled = prow.DeliveryHandled, time.Now()
				for b.Settle(ctx, d) != nil && ctx.Err() == nil {
					time.Sleep(10 * time.Millisecond)
				}
				<-free
				poke()
			})
		}
	}
}
