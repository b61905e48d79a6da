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

	"github.com/jackc/pgx/v5"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/postgres"
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

// Webhooks of the usual size at a steady rate for five seconds, claimed and
// settled by two replicas.
func BenchmarkWebhooks(b *testing.B) {
	bodies := usualWebhooks(b)
	for _, rate := range []int{10, 100, 300, 1000} {
		b.Run(fmt.Sprint(rate, "-per-second"), func(b *testing.B) {
			for b.Loop() {
				webhooksAt(b, rate, max(rate*5, 100), bodies)
			}
		})
	}
}

func webhooksAt(b *testing.B, rate, n int, bodies [][]byte) {
	url := shared.database(b)
	boxes := []*postgres.Inbox{open(b, url).Inbox, open(b, url).Inbox}
	var mu sync.Mutex
	var took []time.Duration
	var done atomic.Int64
	var all sync.WaitGroup
	begun := time.Now()
	for _, box := range boxes {
		all.Go(func() { handleAll(b, box, &done, int64(n)) })
	}
	for i := range n {
		time.Sleep(time.Until(begun.Add(time.Second / time.Duration(rate) * time.Duration(i))))
		all.Go(func() {
			start := time.Now()
			if fresh, err := boxes[i%2].Accept(b.Context(), incoming(i, bodies)); err != nil || !fresh {
				b.Error(fresh, err)
			}
			mu.Lock()
			took = append(took, time.Since(start))
			mu.Unlock()
		})
	}
	accepted := time.Since(begun)
	all.Wait()
	handled := time.Since(begun)
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[n/2]), "p50-ms")
	b.ReportMetric(ms(took[n*99/100]), "p99-ms")
	b.ReportMetric(float64(n)/accepted.Seconds(), "offered/s")
	b.ReportMetric(float64(n)/handled.Seconds(), "handled/s")
	var size float64
	c, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(b.Context())
	const sizes = `SELECT sum(pg_total_relation_size(oid))::float FROM pg_class WHERE relnamespace = 'prow'::regnamespace AND relkind = 'r'`
	if err := c.QueryRow(b.Context(), sizes).Scan(&size); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(size/float64(n), "bytes/webhook")
}

// handleAll claims and settles until n are done, by whomever.
func handleAll(b *testing.B, box *postgres.Inbox, done *atomic.Int64, n int64) {
	var all sync.WaitGroup
	defer all.Wait()
	free := make(chan struct{}, 64)
	for done.Load() < n {
		got, err := box.Claim(b.Context(), time.Now(), cap(free)-len(free))
		if err != nil {
			b.Error(err)
		}
		for _, d := range got {
			free <- struct{}{}
			all.Go(func() {
				d.State, d.Handled = prow.DeliveryHandled, time.Now()
				if err := box.Settle(b.Context(), d); err != nil {
					b.Error(err)
				}
				done.Add(1)
				<-free
			})
		}
		if len(got) == 0 {
			time.Sleep(2 * time.Millisecond)
		}
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
