//go:build acceptance

package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/postgres"
	"github.com/prow-ci/prow/prowtest"
)

func delivery(id string, number int) *prow.Delivery {
	return &prow.Delivery{
		ID: id, Event: "issue_comment", Action: "created", By: "alice", Received: prowtest.Epoch, Body: []byte(`{"id":"` + id + `"}`),
		Where: prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: number},
	}
}

// eventually waits for ok: on a busy machine slowness is no defect.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
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

// handle is a hook replica: it claims when it is told to look.
func (l *ledger) handle(ctx context.Context, b prow.Inbox) {
	free := make(chan struct{}, 8)
	var all sync.WaitGroup
	defer all.Wait()
	for range b.Watch(ctx) {
		for {
			got, err := b.Claim(ctx, time.Now(), cap(free)-len(free))
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				l.t.Error(err)
			}
			if len(got) == 0 {
				break
			}
			for _, d := range got {
				free <- struct{}{}
				all.Go(func() {
					l.begin(d)
					time.Sleep(time.Millisecond) // the plugins at work
					l.end(d)
					d.State, d.Handled = prow.DeliveryHandled, time.Now()
					if err := b.Settle(ctx, d); err != nil && ctx.Err() == nil {
						l.t.Error(err)
					}
					<-free
				})
			}
		}
	}
}

// Two replicas accept and handle 300 webhooks of 20 pull requests, while all
// connections are cut again and again.
func TestTwoReplicasHandleEachOnceAndInOrderThoughConnectionsBreak(t *testing.T) {
	t.Parallel()
	url := shared.database(t)
	replicas := []*postgres.DB{open(t, url), open(t, url)}
	l := &ledger{t: t, busy: map[int]string{}, done: map[int][]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for _, r := range replicas {
		all.Go(func() { l.handle(ctx, r.Inbox) })
	}
	all.Go(func() {
		for range 3 {
			n := l.handled()
			eventually(t, "some are handled", func() bool { return l.handled() >= n+60 || l.handled() >= 250 || ctx.Err() != nil })
			shared.exec(t, "postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prow' AND datname = '`+databaseOf(url)+`'`)
		}
	})
	want := map[int][]string{}
	var accepting sync.WaitGroup
	for pull := range 20 {
		var ids []string
		for i := range 15 {
			ids = append(ids, fmt.Sprint(pull+1, "-", i))
		}
		want[pull+1] = ids
		accepting.Go(func() {
			for i, id := range ids {
				if fresh, err := replicas[(i+pull)%2].Inbox.Accept(t.Context(), delivery(id, pull+1)); err != nil || !fresh {
					t.Errorf("Accept(%s) = %v, %v", id, fresh, err)
				}
			}
		})
	}
	accepting.Wait()
	eventually(t, "all are handled", func() bool { return l.handled() >= 300 })
	eventually(t, "all are settled", func() bool {
		left, err := replicas[0].Inbox.Deliveries(t.Context(), prow.DeliveryFilter{State: prow.DeliveryHandled})
		return err == nil && len(left) == 300
	})
	for pull, ids := range want {
		if !slices.Equal(l.done[pull], ids) {
			t.Errorf("pull request %d: handled %v", pull, l.done[pull])
		}
	}
}

// databaseOf returns the name in a URL.
func databaseOf(url string) string {
	_, rest, _ := strings.Cut(url, "@/")
	name, _, _ := strings.Cut(rest, "?")
	return name
}

// The whole server is killed and started again while webhooks come: those that
// were accepted are there, and handled.
func TestTheServerRestartsInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	url := s.database(t)
	replicas := []*postgres.DB{open(t, url), open(t, url)}
	l := &ledger{t: t, busy: map[int]string{}, done: map[int][]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	var all, accepting sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for _, r := range replicas {
		all.Go(func() { l.handle(ctx, r.Inbox) })
	}
	var mu sync.Mutex
	var promised []string
	for pull := range 10 {
		accepting.Go(func() {
			for i := range 20 {
				id := fmt.Sprint(pull+1, "-", i)
				if _, err := replicas[i%2].Inbox.Accept(t.Context(), delivery(id, pull+1)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				promised = append(promised, id)
				mu.Unlock()
			}
		})
	}
	eventually(t, "some are handled", func() bool { return l.handled() >= 50 })
	s.stop(t)
	s.start(t)
	accepting.Wait()
	eventually(t, "all are settled", func() bool {
		done, err := replicas[1].Inbox.Deliveries(t.Context(), prow.DeliveryFilter{State: prow.DeliveryHandled})
		return err == nil && len(done) == 200
	})
	if len(promised) != 200 || l.handled() != 200 {
		t.Errorf("%d promised, %d handled; want 200 each, once", len(promised), l.handled())
	}
}

func TestWhatAReplicaThatIsGoneHadClaimedIsTakenOverByItself(t *testing.T) {
	t.Parallel()
	url := shared.database(t)
	gone, left := postgres.OpenShort(t, url), postgres.OpenShort(t, url)
	for _, id := range []string{"a", "b"} {
		if _, err := gone.Inbox.Accept(t.Context(), delivery(id, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := gone.Inbox.Claim(t.Context(), time.Now(), 9); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	l := &ledger{t: t, busy: map[int]string{}, done: map[int][]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { l.handle(ctx, left.Inbox) })
	if got, err := left.Inbox.Claim(t.Context(), time.Now(), 9); err != nil || len(got) != 0 {
		t.Fatalf("claimed what another one has: %v, %v", got, err)
	}
	postgres.Kill(t, gone)
	eventually(t, "both are handled", func() bool { return l.handled() == 2 })
	if !slices.Equal(l.done[1], []string{"a", "b"}) {
		t.Error(l.done)
	}
}

func TestAReplicaThatStopsGivesBackAtOnce(t *testing.T) {
	t.Parallel()
	url := shared.database(t)
	a, b := open(t, url), open(t, url)
	if _, err := a.Inbox.Accept(t.Context(), delivery("x", 1)); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Inbox.Claim(t.Context(), time.Now(), 9); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Inbox.Claim(t.Context(), time.Now(), 9); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
}

// A replica that was cut off for longer than its lease comes back and settles
// what another one has by now.
func TestSettlingTooLateChangesNothing(t *testing.T) {
	t.Parallel()
	url := shared.database(t)
	slow, quick := open(t, url), open(t, url)
	for _, id := range []string{"x", "y"} {
		if _, err := slow.Inbox.Accept(t.Context(), delivery(id, 1)); err != nil {
			t.Fatal(err)
		}
	}
	mine, err := slow.Inbox.Claim(t.Context(), time.Now(), 1)
	if err != nil || len(mine) != 1 {
		t.Fatal(mine, err)
	}
	postgres.Forget(t, slow)
	if got, err := slow.Inbox.Claim(t.Context(), time.Now(), 1); err != nil || len(got) != 0 {
		t.Fatalf("it has in hand what it claims: %v, %v", got, err)
	}
	theirs, err := quick.Inbox.Claim(t.Context(), time.Now(), 1)
	if err != nil || len(theirs) != 1 || theirs[0].ID != "x" {
		t.Fatal(theirs, err)
	}
	mine[0].State = prow.DeliveryDead
	if err := slow.Inbox.Settle(t.Context(), mine[0]); err != nil {
		t.Fatal(err)
	}
	if d, err := slow.Inbox.Delivery(t.Context(), "x"); err != nil || d.State == prow.DeliveryDead {
		t.Errorf("%+v, %v", d, err)
	}
	if got, err := slow.Inbox.Claim(t.Context(), time.Now(), 1); err != nil || len(got) != 0 {
		t.Fatalf("the line is held by the other: %v, %v", got, err)
	}
	theirs[0].State = prow.DeliveryHandled
	if err := quick.Inbox.Settle(t.Context(), theirs[0]); err != nil {
		t.Fatal(err)
	}
	if got, err := slow.Inbox.Claim(t.Context(), time.Now(), 1); err != nil || len(got) != 1 || got[0].ID != "y" {
		t.Fatal(got, err)
	}
}

func TestOneHearsWhatTheOthersDo(t *testing.T) {
	t.Parallel()
	url := shared.database(t)
	here, there := open(t, url), open(t, url)
	var mu sync.Mutex
	heard := map[string]bool{}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() {
		for id := range here.Inbox.Watch(ctx) {
			mu.Lock()
			heard[id] = true
			mu.Unlock()
		}
	})
	hears := func(id string) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return heard[id] }
	}
	accept := func(id string) {
		if _, err := there.Inbox.Accept(t.Context(), delivery(id, 1)); err != nil {
			t.Fatal(err)
		}
	}
	accept("a")
	eventually(t, "it hears", hears("a"))
	// The connection that listens is cut, and what comes before it is there again
	// is not lost.
	shared.exec(t, "postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = '`+databaseOf(url)+`'`)
	accept("b")
	eventually(t, "it hears of what it missed", hears("b"))
}
