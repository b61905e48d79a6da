//go:build acceptance

package postgres_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

// usualWebhooks are GitHub's own examples of those that come most, 18 kB each on
// average; scripts/install brings them.
func usualWebhooks(b *testing.B) (out [][]byte) {
	text, err := os.ReadFile(cmp.Or(os.Getenv("PROW_TEST_NODE_MODULES"), "../e2e/npm/node_modules") + "/@octokit/webhooks-examples/api.github.com/index.json")
	if err != nil {
		b.Fatal(err)
	}
	var all []struct {
		Name     string
		Examples []json.RawMessage
	}
	if err := json.Unmarshal(text, &all); err != nil {
		b.Fatal(err)
	}
	for _, e := range all {
		for _, x := range e.Examples {
			if strings.Contains(" pull_request issue_comment check_run status push pull_request_review ", " "+e.Name+" ") {
				var small bytes.Buffer
				if err := json.Compact(&small, x); err != nil {
					b.Fatal(err)
				}
				out = append(out, small.Bytes())
			}
		}
	}
	return out
}

func incoming(i int, bodies [][]byte) *prow.Delivery {
	d := delivery(fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i), i%200+1)
	d.Received, d.Body = time.Now(), bodies[i%len(bodies)]
	d.Header = http.Header{"X-Github-Event": {"issue_comment"}, "X-Hub-Signature-256": {"sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}}
	return d
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(ms(took[len(took)-1]), "max-ms")
}

// A thousand webhooks of the usual size a second for five seconds, while two replicas
// claim and settle them.
func BenchmarkAccept1000PerSecond(b *testing.B) {
	bodies := usualWebhooks(b)
	for b.Loop() {
		url := shared.database(b)
		one, two := open(b, url), open(b, url)
		var mu sync.Mutex
		var took []time.Duration
		var handled atomic.Int64
		var all sync.WaitGroup
		const n = 5000
		begun := time.Now()
		for _, r := range []prow.Inbox{one.Inbox, two.Inbox} {
			all.Go(func() {
				var settling sync.WaitGroup
				for handled.Load() < n {
					got, err := r.Claim(b.Context(), time.Now(), 64)
					if err != nil {
						b.Error(err)
					}
					for _, d := range got {
						settling.Go(func() {
							d.State, d.Handled = prow.DeliveryHandled, time.Now()
							if err := r.Settle(b.Context(), d); err != nil {
								b.Error(err)
							}
							handled.Add(1)
						})
					}
					if len(got) == 0 {
						time.Sleep(2 * time.Millisecond)
					}
					if len(got) == 64 {
						settling.Wait()
					}
				}
				settling.Wait()
			})
		}
		for i := range n {
			time.Sleep(time.Until(begun.Add(time.Duration(i) * time.Millisecond)))
			all.Go(func() {
				start := time.Now()
				if fresh, err := []prow.Inbox{one.Inbox, two.Inbox}[i%2].Accept(b.Context(), incoming(i, bodies)); err != nil || !fresh {
					b.Error(fresh, err)
				}
				mu.Lock()
				took = append(took, time.Since(start))
				mu.Unlock()
			})
		}
		accepted := time.Since(begun)
		all.Wait()
		report(b, took)
		b.ReportMetric(n/accepted.Seconds(), "accepted/s")
		b.ReportMetric(n/time.Since(begun).Seconds(), "handled/s")
	}
}

// As fast as it goes: 256 callers at once.
func BenchmarkAcceptFull(b *testing.B) {
	bodies := usualWebhooks(b)
	db := open(b, shared.database(b))
	var i atomic.Int64
	b.SetParallelism(128)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := db.Inbox.Accept(b.Context(), incoming(int(i.Add(1)), bodies)); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepted/s")
}
