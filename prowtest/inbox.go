package prowtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

func delivery(id string, number int) *prow.Delivery {
	return &prow.Delivery{
		ID: id, Event: "issue_comment", Action: "created", By: "alice", Received: Epoch,
		Where:  prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: number},
		Header: http.Header{"X-Github-Event": {"issue_comment"}}, Body: []byte(`{"id":"` + id + `"}`),
	}
}

// Inbox tests a store of webhooks. open returns an empty one at dir; reopen
// returns what a new process finds there after the first was killed.
func Inbox(t *testing.T, open func(t *testing.T) (box prow.Inbox, reopen func() prow.Inbox)) {
	accept := func(t *testing.T, b prow.Inbox, d *prow.Delivery) {
		t.Helper()
		if fresh, err := b.Accept(t.Context(), d); err != nil || !fresh {
			t.Fatalf("Accept(%s) = %v, %v", d.ID, fresh, err)
		}
	}
	claim := func(t *testing.T, b prow.Inbox, at time.Time) []string {
		t.Helper()
		var out []string
		for _, d := range must[[]*prow.Delivery](t)(b.Claim(t.Context(), at, 100)) {
			out = append(out, d.ID)
		}
		return out
	}
	settle := func(t *testing.T, b prow.Inbox, id string, change func(*prow.Delivery)) {
		t.Helper()
		d := must[*prow.Delivery](t)(b.Delivery(t.Context(), id))
		change(d)
		if err := b.Settle(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	handled := func(d *prow.Delivery) { d.State = prow.DeliveryHandled }

	t.Run("what goes in comes out", func(t *testing.T) {
		b, _ := open(t)
		accept(t, b, delivery("a", 1))
		d := must[*prow.Delivery](t)(b.Delivery(t.Context(), "a"))
		want := delivery("a", 1)
		if !bytes.Equal(d.Body, want.Body) || d.Header.Get("X-Github-Event") != "issue_comment" || d.Where != want.Where ||
			!d.Received.Equal(want.Received) || d.Event != want.Event || d.Action != want.Action || d.By != want.By || d.State != prow.DeliveryWaiting {
			t.Errorf("Delivery = %+v", d)
		}
		_, err := b.Delivery(t.Context(), "none")
		absent(t, "Delivery", err)
		absent(t, "Replay", b.Replay(t.Context(), "none"))
	})
	t.Run("a known id is not fresh, also after it was handled", func(t *testing.T) {
		b, _ := open(t)
		accept(t, b, delivery("a", 1))
		for range 2 {
			if fresh, err := b.Accept(t.Context(), delivery("a", 1)); fresh || err != nil {
				t.Fatalf("second Accept = %v, %v", fresh, err)
			}
			claim(t, b, Epoch)
			settle(t, b, "a", handled)
		}
		if got := claim(t, b, Epoch); len(got) != 0 {
			t.Fatalf("claimed %v; want nothing", got)
		}
	})
	t.Run("one at a time and in order for a pull request, side by side for others", func(t *testing.T) {
		b, _ := open(t)
		for i, n := range []int{1, 1, 2, 3, 2} {
			accept(t, b, delivery(fmt.Sprint("d", i), n))
		}
		if got := claim(t, b, Epoch); !slices.Equal(got, []string{"d0", "d2", "d3"}) {
			t.Fatalf("claimed %v", got)
		}
		if got := claim(t, b, Epoch); len(got) != 0 {
			t.Fatalf("claimed %v before anything was settled", got)
		}
		settle(t, b, "d2", handled)
		if got := claim(t, b, Epoch); !slices.Equal(got, []string{"d4"}) {
			t.Fatalf("claimed %v", got)
		}
	})
	t.Run("a retry waits for its time and holds back the later ones", func(t *testing.T) {
		b, _ := open(t)
		accept(t, b, delivery("a", 1))
		accept(t, b, delivery("b", 1))
		claim(t, b, Epoch)
		settle(t, b, "a", func(d *prow.Delivery) {
			d.State, d.Tries, d.Next, d.Error = prow.DeliveryWaiting, 1, Epoch.Add(time.Minute), "502"
			d.Results = []prow.Result{{Plugin: "lgtm", Done: true, Did: []string{"added the label"}}, {Plugin: "size", Error: "502"}}
		})
		if got := claim(t, b, Epoch.Add(59*time.Second)); len(got) != 0 {
			t.Fatalf("claimed %v too early", got)
		}
		if got := claim(t, b, Epoch.Add(time.Minute)); !slices.Equal(got, []string{"a"}) {
			t.Fatalf("claimed %v", got)
		}
		d := must[*prow.Delivery](t)(b.Delivery(t.Context(), "a"))
		if d.Tries != 1 || d.Error != "502" || len(d.Results) != 2 || !d.Results[0].Done || d.Results[0].Did[0] != "added the label" {
			t.Errorf("Delivery = %+v", d)
		}
	})
	t.Run("a dead letter frees the way and can be replayed", func(t *testing.T) {
		b, _ := open(t)
		accept(t, b, delivery("a", 1))
		accept(t, b, delivery("b", 1))
		claim(t, b, Epoch)
		settle(t, b, "a", func(d *prow.Delivery) {
			d.State, d.Error, d.Results = prow.DeliveryDead, "gave up", []prow.Result{{Plugin: "x", Done: true}}
		})
		if got := claim(t, b, Epoch); !slices.Equal(got, []string{"b"}) {
			t.Fatalf("claimed %v", got)
		}
		settle(t, b, "b", handled)
		if err := b.Replay(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		got := must[[]*prow.Delivery](t)(b.Claim(t.Context(), Epoch, 5))
		if len(got) != 1 || got[0].ID != "a" || len(got[0].Results) != 0 || got[0].Tries != 0 || got[0].Error != "" {
			t.Fatalf("after Replay claimed %+v; want a, for all plugins", got)
		}
	})
	t.Run("claims of a killed process are given back in order", func(t *testing.T) {
		b, reopen := open(t)
		accept(t, b, delivery("a", 1))
		accept(t, b, delivery("b", 1))
		claim(t, b, Epoch)
		b = reopen()
		if got := claim(t, b, Epoch); !slices.Equal(got, []string{"a"}) {
			t.Fatalf("claimed %v", got)
		}
	})
	t.Run("lists", func(t *testing.T) {
		b, _ := open(t)
		for i := range 5 {
			accept(t, b, delivery(fmt.Sprint("d", i), i%2+1))
		}
		claim(t, b, Epoch)
		settle(t, b, "d0", handled)
		for _, c := range []struct {
			f    prow.DeliveryFilter
			want []string
		}{
			{prow.DeliveryFilter{}, []string{"d4", "d3", "d2", "d1", "d0"}},
			{prow.DeliveryFilter{Limit: 2, Before: "d3"}, []string{"d2", "d1"}},
			{prow.DeliveryFilter{State: prow.DeliveryHandled}, []string{"d0"}},
			{prow.DeliveryFilter{Where: delivery("", 2).Where}, []string{"d3", "d1"}},
			{prow.DeliveryFilter{Event: "push"}, nil},
		} {
			var got []string
			for _, d := range must[[]*prow.Delivery](t)(b.Deliveries(t.Context(), c.f)) {
				got = append(got, d.ID)
				if d.Body != nil {
					t.Errorf("a list carries bodies")
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("Deliveries(%+v) = %v, want %v", c.f, got, c.want)
			}
		}
	})
	t.Run("pruning leaves what waits", func(t *testing.T) {
		b, _ := open(t)
		accept(t, b, delivery("a", 1))
		accept(t, b, delivery("b", 2))
		claim(t, b, Epoch)
		settle(t, b, "a", handled)
		if err := b.Prune(t.Context(), Epoch.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Delivery(t.Context(), "a"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("handled and old, but kept: %v", err)
		}
		must[*prow.Delivery](t)(b.Delivery(t.Context(), "b"))
	})
	t.Run("watch tells of each delivery", func(t *testing.T) {
		b, _ := open(t)
		saw := seen(t, func(ctx context.Context) func(func(string) bool) { return b.Watch(ctx) })
		n := 0
		eventually(t, "an accepted delivery is yielded", func() bool {
			n++ // the watch may start after the first
			_, err := b.Accept(t.Context(), delivery(fmt.Sprint("w", n), n))
			return err == nil && saw("w1") || n > 1 && saw(fmt.Sprint("w", n-1))
		})
	})
}

// Memory tests a store of small values.
func Memory(t *testing.T, open func(t *testing.T) prow.Memory) {
	m, ctx := open(t), t.Context()
	_, err := m.Load(ctx, "tide/x")
	absent(t, "Load", err)
	for _, v := range []string{"one", "two"} {
		if err := m.Save(ctx, "tide/x", []byte(v)); err != nil {
			t.Fatal(err)
		}
		if got := must[[]byte](t)(m.Load(ctx, "tide/x")); string(got) != v {
			t.Errorf("Load = %q, want %q", got, v)
		}
	}
	if err := m.Save(ctx, "tide/a%_", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := m.Save(ctx, "other", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if got := must[[]string](t)(m.Names(ctx, "tide/")); !slices.Equal(got, []string{"tide/a%_", "tide/x"}) {
		t.Errorf("Names = %v", got)
	}
	if err := m.Save(ctx, "tide/x", nil); err != nil {
		t.Fatal(err)
	}
	_, err = m.Load(ctx, "tide/x")
	absent(t, "Load after forgetting", err)
}

// Journal tests a store of stories.
func Journal(t *testing.T, open func(t *testing.T) prow.Journal) {
	s, ctx := open(t), t.Context()
	id := prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: 5}
	other := prow.IssueID{Repo: id.Repo, Number: 6}
	for i := range 4 {
		n := prow.Note{At: Epoch.Add(time.Duration(i) * time.Second), Where: id, Who: "tide", Kind: "decision", Text: fmt.Sprint("n", i), Delivery: "d"}
		for range 2 {
			if err := s.Record(ctx, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Record(ctx, prow.Note{At: Epoch.Add(time.Hour), Where: other, Who: "x", Kind: "event", Text: "o"}); err != nil {
		t.Fatal(err)
	}
	texts := func(where prow.IssueID, limit int) (out []string) {
		for _, n := range must[[]prow.Note](t)(s.Notes(ctx, where, limit)) {
			out = append(out, n.Text)
		}
		return out
	}
	if got := texts(id, 3); !slices.Equal(got, []string{"n1", "n2", "n3"}) {
		t.Errorf("Notes = %v", got)
	}
	if got := texts(prow.IssueID{Repo: id.Repo}, 2); !slices.Equal(got, []string{"n3", "o"}) {
		t.Errorf("Notes of the repository = %v", got)
	}
	if got := texts(prow.IssueID{Repo: id.Repo, Number: 7}, 3); len(got) != 0 {
		t.Errorf("Notes of nothing = %v", got)
	}
}
