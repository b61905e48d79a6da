package sqlite_test

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/sqlite"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// many is a store with 100,000 jobs of 50 names in 20 repositories; every
// thousandth is under way.
func many(b *testing.B) *sqlite.DB {
	b.Helper()
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "prow.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	var wg sync.WaitGroup
	for part := range 50 {
		wg.Go(func() {
			for i := range 2000 {
				if err := db.Jobs.Create(b.Context(), nth(part*2000+i)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return db
}

func nth(n int) *prow.Job {
	return prowtest.Job(fmt.Sprint("job-", n), func(j *prow.Job) {
		j.Spec.Job = fmt.Sprint("pull-test-", n%50)
		j.Spec.Context = j.Spec.Job
		j.Spec.Refs.Repo = fmt.Sprint("repo-", n%20)
		j.Spec.Refs.Pulls[0].Number, j.Spec.Refs.Pulls[0].SHA = n/100, fmt.Sprintf("%040x", n/50)
		j.Labels[prow.LabelJob], j.Labels[prow.LabelRepo], j.Labels[prow.LabelPull] = j.Spec.Job, j.Spec.Refs.Repo, fmt.Sprint(n/100)
		j.Annotations = map[string]string{prow.AnnotationJob: j.Spec.Job, prow.AnnotationContext: j.Spec.Context}
		if n%1000 != 0 {
			at := metav1.NewTime(prowtest.Epoch)
			j.Status.State, j.Status.CompletionTime = []prow.State{prow.Success, prow.Success, prow.Failure}[n%3], &at
		}
	})
}

func BenchmarkList100Of100000(b *testing.B) {
	db := many(b)
	no := false
	for _, c := range []struct {
		name string
		f    prow.JobFilter
	}{
		{"all", prow.JobFilter{}},
		{"visible", prow.JobFilter{Visible: true}},
		{"state", prow.JobFilter{States: []prow.State{prow.Failure}}},
		{"states", prow.JobFilter{States: []prow.State{prow.Failure, prow.Error}}},
		{"incomplete", prow.JobFilter{Complete: &no}},
		{"job", prow.JobFilter{Job: "pull-test-7"}},
		{"pattern", prow.JobFilter{Job: "*test-7"}},
		{"repo", prow.JobFilter{Repo: prow.Repo{Owner: "o", Name: "repo-7"}}},
		{"pull", prow.JobFilter{Repo: prow.Repo{Owner: "o", Name: "repo-7"}, Pull: 500}},
		{"author", prow.JobFilter{Author: "alice"}},
		{"label", prow.JobFilter{Labels: map[string]string{prow.LabelCreatedByProw: "true"}}},
		{"nothing", prow.JobFilter{Job: "*none*"}},
		{"page 500", prow.JobFilter{Before: "job-50000"}},
		{"since", prow.JobFilter{Since: time.Now().Add(-time.Hour), Types: []prow.Type{prow.Presubmit}}},
	} {
		c.f.Limit = 100
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := db.Jobs.List(b.Context(), c.f); err != nil {
					b.Fatal(err)
				}
			}
		})
		c.f.Limit, c.f.Before = 0, ""
		b.Run("count "+c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := db.Jobs.Count(b.Context(), c.f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkJob(b *testing.B) {
	db := open(b)
	i := 0
	b.Run("create", func(b *testing.B) {
		for b.Loop() {
			i++
			if err := db.Jobs.Create(b.Context(), nth(i)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("update", func(b *testing.B) {
		for b.Loop() {
			i++
			_, err := db.Jobs.Update(b.Context(), "job-1", func(j *prow.Job) error { j.Status.Description = fmt.Sprint(i); return nil })
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			if _, err := db.Jobs.Get(b.Context(), "job-1"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A thousand webhooks of 20 kB a second for three seconds, each on the disk
// before its Accept returns.
func BenchmarkAccept1000PerSecond(b *testing.B) {
	body := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 200)
	for b.Loop() {
		db := open(b)
		var mu sync.Mutex
		var took []time.Duration
		var wg sync.WaitGroup
		tick := time.NewTicker(time.Millisecond)
		for i := range 3000 {
			<-tick.C
			wg.Go(func() {
				d := &prow.Delivery{
					ID: fmt.Sprint("d", i), Event: "issue_comment", Received: time.Now(), Body: body, Header: http.Header{"X-Github-Event": {"issue_comment"}},
					Where: prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: i % 100},
				}
				start := time.Now()
				if _, err := db.Inbox.Accept(b.Context(), d); err != nil {
					b.Error(err)
				}
				mu.Lock()
				took = append(took, time.Since(start))
				mu.Unlock()
			})
		}
		wg.Wait()
		tick.Stop()
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
	}
}
