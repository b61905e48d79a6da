package deck_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/deck"
	"github.com/prow-ci/prow/sqlite"
	"log/slog"
	"path/filepath"
)

// BenchmarkJobs is the list of jobs with 100,000 jobs in the store, in several
// ways of asking.
func BenchmarkJobs(b *testing.B) {
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "prow.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	fill(b, db.Jobs, 100_000)
	files, err := blob.Dir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	cfg := &config.Config{Plugins: &config.Plugins{}}
	d := &deck.Server{Jobs: db.Jobs, Artifacts: files, Inbox: db.Inbox, Memory: db.Memory, Journal: db.Journal, Config: func() *config.Config { return cfg }, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)}
	for _, address := range []string{"/", "/jobs", "/jobs?state=failed", "/jobs?repo=acme/boats&job=unit-7", "/jobs?job=unit-*", "/jobs?author=alice&since=24h", "/job/unit-7", "/pr/acme/boats/7", "/repo/acme/boats", "/run/j99999", "/data.js"} {
		b.Run(strings.ReplaceAll(address, "/", "."), func(b *testing.B) {
			size := 0
			for b.Loop() {
				w := httptest.NewRecorder()
				d.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}

// fill makes n jobs of 20 kinds on 500 pull requests.
func fill(b *testing.B, jobs prow.Jobs, n int) {
	b.Helper()
	states := []prow.State{prow.Success, prow.Success, prow.Success, prow.Success, prow.Failure, prow.Success, prow.Error, prow.Success, prow.Aborted, prow.Success}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < n; i += 8 {
				state := states[i*7%10]
				if i > n-20 {
					state = prow.Pending
				}
				j := job(fmt.Sprintf("j%05d", i), fmt.Sprintf("unit-%d", i%20), i/20%500, state, time.Duration(n-i)*6*time.Second)
				if err := jobs.Create(b.Context(), j); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkLog is a log of 200 MB, opened for the first time.
func BenchmarkLog(b *testing.B) {
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "prow.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	files, err := blob.Dir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	j := job("long", "unit", 7, prow.Failure, time.Minute)
	if err := db.Jobs.Create(b.Context(), j); err != nil {
		b.Fatal(err)
	}
	w, err := files.Create(b.Context(), prow.Dir(j)+"/build-log.txt")
	if err != nil {
		b.Fatal(err)
	}
	line := strings.Repeat("all is well on the river today, and the boat is light\n", 1000)
	for n := 0; n < 200<<20; n += len(line) {
		_, _ = io.WriteString(w, line)
	}
	_, _ = io.WriteString(w, "panic: at the very end\n")
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	cfg := &config.Config{Plugins: &config.Plugins{}}
	for _, address := range []string{"/run/long", "/run/long/log?from=2000000&count=400", "/api/v1/runs/long/search", "/api/v1/runs/long/search?q=nothing+like+it"} {
		b.Run(strings.ReplaceAll(address, "/", "."), func(b *testing.B) {
			size := 0
			for b.Loop() { // a new server: it has no index yet
				d := &deck.Server{Jobs: db.Jobs, Artifacts: files, Memory: db.Memory, Journal: db.Journal, Config: func() *config.Config { return cfg }, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)}
				w := httptest.NewRecorder()
				d.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
