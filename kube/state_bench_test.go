//go:build kubernetes && linux

package kube_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
)

// metric reads one number of the API server's own.
func metric(b *testing.B, name string) float64 {
	text, err := shared.Do(b.Context(), "GET", "/metrics", nil)
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok && (value[0] == ' ' || value[0] == '{') {
			f := strings.Fields(value)
			n, err := strconv.ParseFloat(f[len(f)-1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatal("no metric " + name)
	return 0
}

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

// Webhooks at a steady rate, accepted and handled by two replicas, each with two
// notes in the story of its pull request. In the end what a webhook cost, the
// deletion apart.
func BenchmarkStateWebhooks(b *testing.B) {
	bodies := usualWebhooks(b)
	for _, rate := range []int{10, 100, 300, 1000} {
		b.Run(fmt.Sprint(rate, "-per-second"), func(b *testing.B) {
			for b.Loop() {
				webhooksAt(b, rate, min(rate*10, 3000), bodies)
			}
		})
	}
}

func webhooksAt(b *testing.B, rate, n int, bodies [][]byte) {
	ns := shared.namespace(b)
	config, wire := shared.wired(shared.config())
	states := []*kube.State{openState(b, config, ns, 0), openState(b, config, ns, 0)}
	for i, s := range states { // a cluster that has just learnt of ProwStates is slow at first
		accept(b, s.Inbox, webhook(fmt.Sprint("first", i), 1000+i))
	}
	var mu sync.Mutex
	var took []time.Duration
	var done atomic.Int64
	var all sync.WaitGroup
	wire.counted(b)
	size, cpu, begun := metric(b, "apiserver_storage_size_bytes"), metric(b, "process_cpu_seconds_total"), time.Now()
	for _, s := range states {
		all.Go(func() { handleAll(b, s, &done, n+len(states)) })
	}
	for i := range n {
		time.Sleep(time.Until(begun.Add(time.Second / time.Duration(rate) * time.Duration(i))))
		all.Go(func() {
			d := webhook(fmt.Sprintf("%s-%08x-4000-8000-%012x", ns, i, i), i%200+1)
			d.Received, d.Body, d.Header = time.Now(), bodies[i%len(bodies)], http.Header{"X-Github-Event": {"pull_request"}, "X-Hub-Signature-256": {strings.Repeat("0123456789abcdef", 4)}}
			start := time.Now()
			if _, err := states[i%2].Inbox.Accept(b.Context(), d); err != nil {
				b.Error(err)
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
	time.Sleep(1500 * time.Millisecond) // the last notes
	requests := 0
	for verb, count := range wire.counted(b) {
		if verb != "WATCH" {
			requests += count
		}
	}
	b.ReportMetric(float64(requests)/float64(n), "requests/webhook")
	b.ReportMetric((metric(b, "process_cpu_seconds_total")-cpu)*1000/float64(n), "apiserver-cpu-ms/webhook")
	b.ReportMetric((metric(b, "apiserver_storage_size_bytes")-size)/float64(n), "etcd-bytes/webhook")
}

// handleAll claims, notes and settles until n are done, by whomever.
func handleAll(b *testing.B, s *kube.State, done *atomic.Int64, n int) {
	var all sync.WaitGroup
	defer all.Wait()
	free := make(chan struct{}, 32)
	for done.Load() < int64(n) {
		got, err := s.Inbox.Claim(b.Context(), time.Now(), cap(free)-len(free))
		if err != nil {
			b.Log(err)
		}
		for _, d := range got {
			free <- struct{}{}
			all.Go(func() {
				for _, kind := range []string{"event", "command"} {
					_ = s.Journal.Record(b.Context(), prow.Note{Where: d.Where, At: time.Now(), Who: "lgtm", Kind: kind, Text: "alice commented " + d.ID, Delivery: d.ID})
				}
				d.State, d.Handled = prow.DeliveryHandled, time.Now()
				d.Results = []prow.Result{{Plugin: "lgtm", Did: []string{"added the label lgtm"}, Done: true}, {Plugin: "trigger", Done: true}}
				if err := s.Inbox.Settle(b.Context(), d); err != nil {
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
