package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/sqlite"
)

// BenchmarkAccept sends signed webhooks of usual size at a steady rate to a worker
// that also handles them, and says how long the slowest hundredth waited for
// the 200. Run it with -benchtime 10000x for ten seconds at the rate of 1,000.
func BenchmarkAccept(b *testing.B) {
	const rate = 1000
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "prow.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	secrets, err := ParseSecrets([]byte(token))
	if err != nil {
		b.Fatal(err)
	}
	cfg := &config.Config{Plugins: &config.Plugins{Plugins: map[string]config.OrgPlugins{"o": {Plugins: []string{"p"}}}}}
	w := &Worker{
		Inbox: db.Inbox, Journal: db.Journal, Parse: github.ParseEvents, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Config: func() *config.Config { return cfg }, Secrets: func() Secrets { return secrets },
		Plugins: []plugin.Plugin{onComment("p", func(context.Context, *plugin.Call, prow.CommentEvent) error { return nil })},
	}
	srv := httptest.NewServer(w)
	defer srv.Close()
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	defer func() { cancel(); running.Wait() }()

	body := []byte(commentBody(0, string(bytes.Repeat([]byte("a line of a comment, "), 600))))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	took := make([]time.Duration, b.N)
	b.SetBytes(int64(len(body)))
	b.ResetTimer()
	var sending sync.WaitGroup
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	for i := range b.N {
		<-tick.C
		sending.Go(func() {
			own := bytes.Replace(body, []byte(`"number":0`), fmt.Appendf(nil, `"number":%d`, i%200+1), 1)
			mac := hmac.New(sha256.New, []byte(token))
			mac.Write(own)
			begin := time.Now()
			r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, srv.URL, bytes.NewReader(own))
			if err != nil {
				b.Error(err)
				return
			}
			r.Header = http.Header{
				"X-Github-Event": {"issue_comment"}, "X-Github-Delivery": {fmt.Sprint("id-", i)}, "Content-Type": {"application/json"},
				"X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))},
			}
			resp, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				b.Error(resp.Status)
			}
			took[i] = time.Since(begin)
		})
	}
	sending.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
	waiting, err := db.Inbox.Deliveries(b.Context(), prow.DeliveryFilter{State: prow.DeliveryWaiting})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(waiting)), "left-waiting")
}
