//go:build acceptance

package postgres_test

import (
	"context"
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

// Two replicas accept and handle 300 webhooks of 20 pull requests, while all
// connections are cut again and again.
func TestTwoReplicasHandleEachOnceAndInOrderThoughConnectionsBreak(t *testing.T) {
	t.Parallel()
	url := shared.database(t)
	boxes := []prow.Inbox{open(t, url).Inbox, open(t, url).Inbox}
	prowtest.Replicas(t, boxes, 20, 15, func(handled func() int) {
		for range 3 {
			n := handled()
			eventually(t, "some are handled", func() bool { return handled() >= n+60 || handled() >= 250 })
			shared.exec(t, "postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prow' AND datname = '`+databaseOf(url)+`'`)
		}
	})
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
	prowtest.Replicas(t, []prow.Inbox{open(t, url).Inbox, open(t, url).Inbox}, 10, 20, func(handled func() int) {
		eventually(t, "some are handled", func() bool { return handled() >= 50 })
		s.stop(t)
		s.start(t)
	})
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
	if got, err := left.Inbox.Claim(t.Context(), time.Now(), 9); err != nil || len(got) != 0 {
		t.Fatalf("claimed what another one has: %v, %v", got, err)
	}
	postgres.Kill(t, gone)
	// The other one is told to look, though nobody did anything.
	for range left.Inbox.Watch(t.Context()) {
		got, err := left.Inbox.Claim(t.Context(), time.Now(), 9)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 1 && got[0].ID == "a" {
			return
		}
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
