//go:build kubernetes && linux

package kube_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prow-ci/prow/kube"
)

// Of three who stand one leads, never two at once, however the first is lost; the
// next one follows within the lease.
func TestOneLeads(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	var leading atomic.Int32
	var mu sync.Mutex
	leader := ""
	type person struct {
		wire *wire
		end  context.CancelFunc
		done chan error
	}
	people := map[string]*person{}
	for i := range 3 {
		name := fmt.Sprint("p", i)
		config, wire := shared.wired(shared.config())
		ctx, cancel := context.WithCancel(t.Context())
		p := &person{wire, cancel, make(chan error, 1)}
		people[name] = p
		e := kube.Election{Config: config, Namespace: ns, Name: "prow", Identity: name, Lease: 6 * time.Second, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
		go func() {
			p.done <- e.Lead(ctx, func(ctx context.Context) error {
				if n := leading.Add(1); n > 1 {
					t.Errorf("%d lead at once", n)
				}
				mu.Lock()
				leader = name
				mu.Unlock()
				<-ctx.Done()
				leading.Add(-1)
				return nil
			})
		}()
	}
	other := func(than string) string {
		now := ""
		until(t, "another than "+than+" leads", func() bool {
			mu.Lock()
			defer mu.Unlock()
			now = leader
			return leader != than && leader != "" && leading.Load() == 1
		})
		return now
	}
	first := other("")
	// The first hears nothing more of the API server.
	people[first].wire.set(func(r *http.Request) *http.Response { return answered(r, 503) }, nil)
	start := time.Now()
	second := other(first)
	t.Logf("cut off: the next one led after %v", time.Since(start))
	people[first].wire.set(nil, nil)
	// The second one stops properly.
	start = time.Now()
	people[second].end()
	if err := <-people[second].done; err != nil {
		t.Error(err)
	}
	third := other(second)
	t.Logf("stopped: the next one led after %v", time.Since(start))
	if third == second {
		t.Error("who had left leads")
	}
	for _, p := range people {
		p.end()
	}
	for name, p := range people {
		if name == second {
			continue
		}
		if err := <-p.done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A leader whose work fails gives up the lead and says why.
func TestALeaderThatFails(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	e := kube.Election{Config: shared.config(), Namespace: ns, Name: "prow", Identity: "a"}
	sorry := errors.New("sorry")
	if err := e.Lead(t.Context(), func(context.Context) error { return sorry }); !errors.Is(err, sorry) {
		t.Errorf("Lead = %v", err)
	}
	e.Identity = "b"
	ctx, cancel := context.WithCancel(t.Context())
	if err := e.Lead(ctx, func(context.Context) error { cancel(); return nil }); err != nil {
		t.Errorf("the next one: %v", err)
	}
}
