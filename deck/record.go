package deck

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// testRecord is how one test went in the newest runs of a job.
type testRecord struct {
	Suite  string `json:"suite,omitempty"`
	Class  string `json:"class,omitempty"`
	Name   string `json:"name"`
	Failed int    `json:"failed"` // runs in which it failed
	Flaky  int    `json:"flaky"`  // runs in which it failed and then passed
	Of     int    `json:"of"`     // runs with test results
	Last   string `json:"last"`   // ID of the newest run in which it did
}

// Bounds of looking at the tests of other runs: pages do not wait for a slow
// bucket.
const (
	recordRuns = 20
	recordTime = 700 * time.Millisecond
	recordSize = 20
)

// record sums up the tests that failed or were flaky in the newest finished runs
// of a job, the worst first; it is nil if no run has test results.
func (s *Server) record(ctx context.Context, f prow.JobFilter) ([]testRecord, error) {
	done := true
	f.Complete, f.Limit, f.Before = &done, recordRuns, ""
	jobs, _, err := s.find(ctx, f)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	by, of := map[[3]string]*testRecord{}, 0
	for _, j := range jobs {
		if j.Status.BuildID == "" || ctx.Err() != nil {
			continue
		}
		t := s.testsOf(ctx, j)
		if t == nil {
			continue
		}
		of++
		for _, c := range t.Bad {
			key := [3]string{c.Suite, c.Class, c.Name}
			if by[key] == nil {
				by[key] = &testRecord{Suite: c.Suite, Class: c.Class, Name: c.Name, Last: j.Name}
			}
			if c.State == "flaky" {
				by[key].Flaky++
			} else {
				by[key].Failed++
			}
		}
	}
	var out []testRecord
	for _, r := range by {
		r.Of = of
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b testRecord) int {
		return cmp.Or(cmp.Compare(b.Failed+b.Flaky, a.Failed+a.Flaky), cmp.Compare(a.Suite, b.Suite), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), recordSize)], nil
}

// testsCache remembers the test results of finished runs, which do not change.
type testsCache struct {
	mu   sync.Mutex
	of   map[string]*testResults // by the run's directory
	used []string                // oldest first
}

const maxTests = 500

// settled is how long after its end a run may still get files.
const settled = time.Minute

// testsOf reads the test results of a finished run, once.
func (s *Server) testsOf(ctx context.Context, j *prow.Job) *testResults {
	dir := s.dir(j)
	s.results.mu.Lock()
	t, ok := s.results.of[dir]
	s.results.mu.Unlock()
	if ok {
		return t
	}
	files, _, err := s.listFiles(ctx, dir)
	if err == nil {
		t = s.tests(ctx, j, files)
	}
	if err != nil || ctx.Err() != nil || j.Status.CompletionTime == nil || s.Now().Sub(j.Status.CompletionTime.Time) < settled {
		return t
	}
	s.results.mu.Lock()
	defer s.results.mu.Unlock()
	if s.results.of == nil {
		s.results.of = map[string]*testResults{}
	}
	if _, ok := s.results.of[dir]; !ok {
		s.results.used = append(s.results.used, dir)
	}
	s.results.of[dir] = t
	if len(s.results.used) > maxTests {
		delete(s.results.of, s.results.used[0])
		s.results.used = s.results.used[1:]
	}
	return t
}
