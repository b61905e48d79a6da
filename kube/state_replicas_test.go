//go:build kubernetes && linux

package kube_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/cluster"
)

func webhook(id string, number int) *prow.Delivery {
	return &prow.Delivery{
		ID: id, Event: "issue_comment", Action: "created", By: "alice", Received: prowtest.Epoch, Body: []byte(`{"id":"` + id + `"}`),
		Where: prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: number},
	}
}

func accept(t testing.TB, b prow.Inbox, d *prow.Delivery) {
	t.Helper()
	if fresh, err := b.Accept(t.Context(), d); err != nil || !fresh {
		t.Fatalf("Accept(%s) = %v, %v", d.ID, fresh, err)
	}
}

func claimed(t testing.TB, b prow.Inbox) (out []*prow.Delivery) {
	t.Helper()
	out, err := b.Claim(t.Context(), time.Now(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTwoStatesHandleEachOnceThoughAnswersAreLost(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	config, wire := shared.wired(shared.config())
	boxes := []prow.Inbox{openState(t, config, ns, 0).Inbox, openState(t, shared.config(), ns, 0).Inbox}
	wire.set(func(r *http.Request) *http.Response {
		if r.Method != http.MethodGet && rand.IntN(20) == 0 {
			return answered(r, 429)
		}
		return nil
	}, func(r *http.Request) bool { return rand.IntN(20) == 0 })
	prowtest.Replicas(t, boxes, 10, 15, func(func() int) {})
	wire.set(nil, nil)
}

func TestTheAPIServerRestartsUnderTwoStates(t *testing.T) {
	t.Parallel()
	if err := stateDefined(); err != nil {
		t.Fatal(err)
	}
	h := &house{}
	var err error
	if h.Cluster, err = cluster.Start(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	if err := h.Apply(t.Context(), kube.StateCRD); err != nil {
		t.Fatal(err)
	}
	ns := h.namespace(t)
	a, b := openState(t, h.config(), ns, 0), openState(t, h.config(), ns, 0)
	prowtest.Replicas(t, []prow.Inbox{a.Inbox, b.Inbox}, 10, 15, func(handled func() int) {
		for _, part := range []string{cluster.APIServer, cluster.Etcd} {
			n := handled()
			until(t, "some are handled", func() bool { return handled() >= min(n+30, 120) })
			h.Kill(part)
			if err := h.Restart(t.Context(), part); err != nil {
				t.Error(err)
			}
		}
	})
	until(t, "both are healthy", func() bool { return a.Healthy() == nil && b.Healthy() == nil })
	// For one of them the past is forgotten: it lists anew.
	if err := a.Memory.Save(t.Context(), "x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	until(t, "it is seen", func() bool { v, err := b.Memory.Load(t.Context(), "x"); return err == nil && string(v) == "1" })
}

func TestWebhooksOfAProcessThatIsGoneAreTakenOver(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	gone, left := openState(t, shared.config(), ns, shortLease), openState(t, shared.config(), ns, shortLease)
	for i, id := range []string{"a", "b"} {
		accept(t, gone.Inbox, webhook(id, 1+i))
	}
	if got := claimed(t, gone.Inbox); len(got) != 2 {
		t.Fatal(got)
	}
	if got := claimed(t, left.Inbox); len(got) != 0 {
		t.Fatal("claimed what another one has", got)
	}
	kube.KillState(gone)
	n := 0
	for range left.Inbox.Watch(t.Context()) { // it is told to look
		for _, d := range claimed(t, left.Inbox) {
			n++
			if d.State = prow.DeliveryHandled; left.Inbox.Settle(t.Context(), d) != nil {
				t.Error("not settled")
			}
		}
		if n == 2 {
			break
		}
	}
}

func TestWebhooksOfAProcessThatStopsAreTakenOverAtOnce(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	first, second := openState(t, shared.config(), ns, time.Hour), openState(t, shared.config(), ns, time.Hour)
	accept(t, first.Inbox, webhook("a", 1))
	claimed(t, first.Inbox)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the other one has it", func() bool { return len(claimed(t, second.Inbox)) == 1 })
}

// A process that was cut off for longer than its lease claims nothing, and what
// it settles when it comes back counts only if nobody else has it.
func TestAProcessThatComesBackTooLate(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	config, wire := shared.wired(shared.config())
	slow, quick := openState(t, config, ns, shortLease), openState(t, shared.config(), ns, shortLease)
	accept(t, slow.Inbox, webhook("x", 1))
	accept(t, slow.Inbox, webhook("y", 2))
	mine := claimed(t, slow.Inbox)
	if len(mine) != 2 {
		t.Fatal(mine)
	}
	wire.set(func(r *http.Request) *http.Response { return answered(r, 503) }, nil)
	until(t, "it may claim nothing more", func() bool { _, err := slow.Inbox.Claim(t.Context(), time.Now(), 1); return err != nil })
	var theirs []*prow.Delivery
	until(t, "the other one takes both", func() bool { theirs = append(theirs, claimed(t, quick.Inbox)...); return len(theirs) == 2 })
	wire.set(nil, nil)
	for _, d := range mine {
		d.State = prow.DeliveryDead
		until(t, "it comes back", func() bool { return slow.Inbox.Settle(t.Context(), d) == nil })
	}
	for _, d := range theirs {
		d.State = prow.DeliveryHandled
		if err := quick.Inbox.Settle(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []*kube.State{slow, quick} {
		until(t, "both are handled, by the one that has them", func() bool {
			done, err := s.Inbox.Deliveries(t.Context(), prow.DeliveryFilter{State: prow.DeliveryHandled})
			return err == nil && len(done) == 2
		})
	}
	accept(t, slow.Inbox, webhook("z", 3))
	until(t, "it takes part again", func() bool {
		got, err := slow.Inbox.Claim(t.Context(), time.Now(), 9)
		return err == nil && len(got) == 1
	})
}

func TestAWebhookThatComesToTwoAtOnceIsHandledOnce(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	states := []*kube.State{openState(t, shared.config(), ns, 0), openState(t, shared.config(), ns, 0)}
	var all sync.WaitGroup
	for i := range 100 {
		for _, s := range states {
			all.Go(func() {
				if _, err := s.Inbox.Accept(t.Context(), webhook(fmt.Sprint("d", i), i)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	seen := map[string]int{}
	until(t, "each is handled", func() bool {
		for _, s := range states {
			for _, d := range claimed(t, s.Inbox) {
				seen[d.ID]++
				if d.State = prow.DeliveryHandled; s.Inbox.Settle(t.Context(), d) != nil {
					t.Error("not settled")
				}
			}
		}
		return len(seen) == 100
	})
	until(t, "nothing waits", func() bool {
		for _, s := range states {
			for _, d := range claimed(t, s.Inbox) {
				seen[d.ID]++
			}
		}
		for _, s := range states {
			if left, err := s.Inbox.Deliveries(t.Context(), prow.DeliveryFilter{State: prow.DeliveryWaiting}); err != nil || len(left) > 0 {
				return false
			}
		}
		return true
	})
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was handled %d times", id, n)
		}
	}
}

// 3 MB that do not shrink are what GitHub's largest webhook, 25 MB, shrinks to.
func TestPayloadsTooLargeForOneObject(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	a, b := openState(t, shared.config(), ns, 0), openState(t, shared.config(), ns, 0)
	d := webhook("large", 1)
	var seed [32]byte
	noise := rand.NewChaCha8(seed)
	d.Body = make([]byte, 3<<20)
	_, _ = noise.Read(d.Body)
	accept(t, a.Inbox, d)
	until(t, "the other one sees it whole", func() bool {
		got, err := b.Inbox.Delivery(t.Context(), "large")
		return err == nil && bytes.Equal(got.Body, d.Body)
	})
	d = claimed(t, a.Inbox)[0]
	d.State = prow.DeliveryHandled
	if err := a.Inbox.Settle(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for i, value := range [][]byte{d.Body, []byte("small"), d.Body[:1<<20]} {
		if err := a.Memory.Save(t.Context(), "large", value); err != nil {
			t.Fatal(err)
		}
		until(t, fmt.Sprint("the other one sees value ", i), func() bool {
			got, err := b.Memory.Load(t.Context(), "large")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			return bytes.Equal(got, value)
		})
	}
	if err := a.Memory.Save(t.Context(), "large", nil); err != nil {
		t.Fatal(err)
	}
	if err := a.Inbox.Prune(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	out, err := shared.Kubectl(t.Context(), nil, "get", "prowstates", "-n", ns, "-o", "name")
	if err != nil || strings.Count(out, "\n") != 1 { // the process itself
		t.Errorf("left behind: %s %v", out, err)
	}
}

func TestStoriesOfSeveralWritersAreOneAndBounded(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	a, b := openState(t, shared.config(), ns, 0), openState(t, shared.config(), ns, 0)
	at := webhook("", 7).Where
	var all sync.WaitGroup
	for i, s := range []*kube.State{a, b} {
		all.Go(func() {
			for n := range 150 {
				err := s.Journal.Record(t.Context(), prow.Note{Where: at, At: prowtest.Epoch.Add(time.Duration(n) * time.Second), Who: "tide", Kind: "decision", Text: fmt.Sprint(i, " ", n)})
				if err != nil {
					t.Error(err)
				}
				if n%50 == 49 {
					kube.FlushNotes(t, s)
				}
			}
		})
	}
	all.Wait()
	for _, s := range []*kube.State{a, b} {
		until(t, "the newest of both are there", func() bool {
			notes, err := s.Journal.Notes(t.Context(), at, 0)
			return err == nil && len(notes) == 200 && notes[199].At.Equal(prowtest.Epoch.Add(149*time.Second)) && notes[198].At.Equal(notes[199].At)
		})
	}
}

// What is done costs.
func TestRequestsOfAWebhook(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	config, wire := shared.wired(shared.config())
	s := openState(t, config, ns, time.Hour)
	accept(t, s.Inbox, webhook("first", 1)) // it also takes part now
	wire.counted(t)
	accept(t, s.Inbox, webhook("a", 2))
	for _, d := range claimed(t, s.Inbox) {
		if d.State = prow.DeliveryHandled; d.ID == "a" && s.Inbox.Settle(t.Context(), d) != nil {
			t.Error("not settled")
		}
	}
	n := wire.counted(t)
	if n["POST"] != 1 || n["PATCH"] != 1 || n["GET"]+n["PUT"]+n["DELETE"] != 0 {
		t.Errorf("requests of one webhook: %v; want one to accept and one to settle", n)
	}
	if err := s.Memory.Save(t.Context(), "m", []byte("v")); err != nil {
		t.Fatal(err)
	}
	wire.counted(t)
	if err := s.Memory.Save(t.Context(), "m", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if n := wire.counted(t); len(n) > 0 {
		t.Errorf("saving an equal value: %v", n)
	}
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() { accept(t, s.Inbox, webhook(fmt.Sprint("many", i), i)) })
	}
	all.Wait()
	if n := wire.counted(t)["POST"]; n > 200 {
		t.Errorf("500 webhooks at once took %d requests", n)
	}
}

func TestHandledWebhooksAreBounded(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	if err := stateDefined(); err != nil {
		t.Fatal(err)
	}
	now := prowtest.Epoch
	s, err := kube.OpenState(t.Context(), kube.StateOptions{Config: shared.config(), Namespace: ns, KeepMost: 5, Keep: time.Hour, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 10 {
		accept(t, s.Inbox, webhook(fmt.Sprint("d", i), i))
	}
	for _, d := range claimed(t, s.Inbox) {
		switch d.ID {
		case "d0":
			continue
		case "d9":
			d.State = prow.DeliveryDead
		default:
			d.State = prow.DeliveryHandled
		}
		d.Handled = now
		if err := s.Inbox.Settle(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	left := func() string {
		kube.Tidy(t, s)
		all, err := s.Inbox.Deliveries(t.Context(), prow.DeliveryFilter{})
		var ids []string
		for _, d := range all {
			ids = append(ids, d.ID)
		}
		return fmt.Sprint(ids, err)
	}
	if got := left(); got != "[d9 d8 d7 d6 d5 d0] <nil>" { // what waits stays
		t.Error(got)
	}
	now = now.Add(2 * time.Hour)
	if got := left(); got != "[d9 d0] <nil>" { // what is dead stays, too
		t.Error(got)
	}
}

func TestOpenStateWithoutADefinition(t *testing.T) {
	t.Parallel()
	config, wire := shared.wired(shared.config())
	wire.set(func(r *http.Request) *http.Response { return answered(r, 404) }, nil) // as of a path that nothing serves
	_, err := kube.OpenState(t.Context(), kube.StateOptions{Config: config, Namespace: "default"})
	if err == nil || !prow.IsFinal(err) || !strings.Contains(err.Error(), "deploy/crd/prowstate.yaml") {
		t.Errorf("OpenState = %v", err)
	}
}
