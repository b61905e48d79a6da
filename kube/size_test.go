//go:build kubernetes && linux

package kube_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
)

// BenchmarkSize holds 20,000 finished and 2,000 running jobs and says what that
// takes; it is long, for the API server has to be told of them first.
func BenchmarkSize(b *testing.B) { size(b, 20_000, 2_000) }

func TestSize(t *testing.T) { size(t, 1_000, 100) }

func size(t testing.TB, finished, running int) {
	ns := shared.namespace(t)
	config, wire := shared.wired(shared.config())
	s := shared.openWith(t, config, ns)
	var wg sync.WaitGroup
	start := time.Now()
	for w := range 16 {
		wg.Go(func() {
			for n := w; n < finished+running; n += 16 {
				j := prowtest.Job(fmt.Sprintf("%08x-1111-2222-3333-%012x", n, n), prowtest.Usual(n, n < finished))
				if err := s.Create(t.Context(), j); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("created in %v", time.Since(start))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = nil
	raw := shared.rawSize(t, ns)
	before := heap()
	wire.counted(t)
	start = time.Now()
	s = shared.openWith(t, config, ns)
	opened := time.Since(start)
	held := heap() - before
	t.Logf("opened in %v with %v; a resource is %d bytes, the store holds %d for each", opened, wire.counted(t), raw, held/(finished+running))
	if limit := 5_000; held/(finished+running) > limit {
		t.Errorf("%d bytes a job, more than %d: 22,000 jobs should stay far below 150 MB", held/(finished+running), limit)
	}
	yes := true
	for name, f := range map[string]prow.JobFilter{
		"of a pull":     {Repo: prow.Repo{Owner: "o", Name: "r"}, Pull: 77, Types: []prow.Type{prow.Presubmit}},
		"newest page":   {Limit: 50},
		"old page":      {Complete: &yes, Until: time.Now().Add(time.Hour), Limit: 50},
		"of a name":     {Job: "pull-component-7-unit", Limit: 50},
		"by a pattern":  {Job: "pull-*-7-unit", Limit: 50},
		"nothing found": {SHA: "none"},
	} {
		start := time.Now()
		all, err := s.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("list %s: %d jobs in %v", name, len(all), time.Since(start))
	}
	runtime.KeepAlive(s)
}

func heap() int {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func (h *house) rawSize(t testing.TB, ns string) int {
	t.Helper()
	b, err := h.Do(t.Context(), "GET", fmt.Sprintf("/apis/prow.k8s.io/v1/namespaces/%s/prowjobs/%08x-1111-2222-3333-%012x", ns, 5, 5), nil)
	if err != nil {
		t.Fatal(err)
	}
	return len(b)
}
