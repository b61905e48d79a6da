package horologium

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/sqlite"
)

// day is a store and the hours that go by over it.
type day struct {
	t    *testing.T
	path string
	db   *sqlite.DB
	cfg  atomic.Pointer[config.Config]
	stop func()
}

func (d *day) begin() {
	d.t.Helper()
	var err error
	if d.db, err = sqlite.Open(d.t.Context(), d.path); err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(d.t.Context())
	w := &Worker{Jobs: d.db.Jobs, Memory: d.db.Memory, Config: d.cfg.Load, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	d.stop = func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Error(err)
		}
		if err := d.db.Close(); err != nil {
			d.t.Error(err)
		}
	}
	synctest.Wait()
}

// jobs lists the runs of a periodic, oldest first.
func (d *day) jobs(name string) []*prow.Job {
	d.t.Helper()
	jobs, err := d.db.Jobs.List(d.t.Context(), prow.JobFilter{Job: name})
	if err != nil {
		d.t.Fatal(err)
	}
	slices.Reverse(jobs)
	return jobs
}

// end completes what runs.
func (d *day) end(name string, state prow.State) {
	d.t.Helper()
	for _, j := range d.jobs(name) {
		if j.Complete() {
			continue
		}
		_, err := d.db.Jobs.Update(d.t.Context(), j.Name, func(j *prow.Job) error {
			if err := j.Advance(prow.Pending, time.Now(), "started"); err != nil {
				return err
			}
			return j.Advance(state, time.Now(), "ended")
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
}

// sleep lets time pass and what it wakes come to rest.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func story(t *testing.T, of map[string]string, tell func(d *day)) {
	t.Helper()
	d := &day{path: filepath.Join(t.TempDir(), "prow.db")}
	d.cfg.Store(periodics(t, of))
	synctest.Test(t, func(t *testing.T) {
		d.t = t
		d.begin()
		tell(d)
		d.stop()
	})
}

func TestAnIntervalFromStartToStart(t *testing.T) {
	t.Parallel()
	story(t, map[string]string{"p": "interval: 1h"}, func(d *day) {
		if n := len(d.jobs("p")); n != 1 {
			t.Fatalf("%d runs at once, want 1", n)
		}
		sleep(20 * time.Minute)
		d.end("p", prow.Success)
		sleep(39 * time.Minute)
		if n := len(d.jobs("p")); n != 1 {
			t.Fatalf("%d runs within the hour", n)
		}
		sleep(2 * time.Minute)
		if n := len(d.jobs("p")); n != 2 {
			t.Fatalf("%d runs after the hour, want 2", n)
		}
		sleep(3 * time.Hour)
		if n := len(d.jobs("p")); n != 2 {
			t.Fatalf("%d runs while one is under way, want 2", n)
		}
		d.end("p", prow.Failure)
		sleep(time.Second)
		if n := len(d.jobs("p")); n != 3 {
			t.Fatalf("%d runs right after a long one, want 3", n)
		}
	})
}

func TestTicksOfDowntimeBecomeOneRun(t *testing.T) {
	t.Parallel()
	story(t, map[string]string{"p": "cron: '0 * * * *'"}, func(d *day) {
		if n := len(d.jobs("p")); n != 0 {
			t.Fatalf("%d runs before the first tick", n)
		}
		sleep(time.Hour)
		d.end("p", prow.Success)
		if n := len(d.jobs("p")); n != 1 {
			t.Fatalf("%d runs after the first tick, want 1", n)
		}
		d.stop()
		time.Sleep(5*time.Hour + time.Minute)
		d.begin()
		jobs := d.jobs("p")
		if len(jobs) != 2 {
			t.Fatalf("%d runs after five missed ticks, want one more", len(jobs))
		}
		now := time.Now().UTC()
		if got := jobs[1].Annotations[prow.AnnotationTick]; got != now.Truncate(time.Hour).Format(time.RFC3339) {
			t.Errorf("it answers the tick %s, and it is %s", got, now)
		}
		d.end("p", prow.Success)
		for range 3 { // a restart starts nothing
			d.stop()
			d.begin()
		}
		if n := len(d.jobs("p")); n != 2 {
			t.Errorf("%d runs after restarts, want 2", n)
		}
		sleep(time.Hour)
		if n := len(d.jobs("p")); n != 3 {
			t.Errorf("%d runs an hour later, want 3", n)
		}
	})
}

func TestADownedFirstTickIsOwedToo(t *testing.T) {
	t.Parallel()
	story(t, map[string]string{"p": "cron: '@daily'"}, func(d *day) {
		d.stop()
		time.Sleep(25 * time.Hour)
		d.begin()
		if n := len(d.jobs("p")); n != 1 {
			t.Errorf("%d runs, want 1", n)
		}
	})
}

func TestATickWhileItRunsIsAnsweredWhenItEnds(t *testing.T) {
	t.Parallel()
	story(t, map[string]string{"p": "cron: '*/10 * * * *'"}, func(d *day) {
		sleep(35 * time.Minute)
		if n := len(d.jobs("p")); n != 1 {
			t.Fatalf("%d runs, want 1", n)
		}
		d.end("p", prow.Success)
		sleep(time.Second)
		if n := len(d.jobs("p")); n != 2 {
			t.Errorf("%d runs right after the end, want 2", n)
		}
		d.end("p", prow.Success)
		sleep(time.Second)
		if n := len(d.jobs("p")); n != 2 {
			t.Errorf("%d runs although nothing is owed, want 2", n)
		}
	})
}

func TestRetriesAndTheirEnd(t *testing.T) {
	t.Parallel()
	story(t, map[string]string{"p": "cron: '0 0 * * *'\n  retry: {attempts: 2, interval: 10m}"}, func(d *day) {
		sleep(25 * time.Hour)
		for range 4 {
			d.end("p", prow.Failure)
			sleep(11 * time.Minute)
		}
		jobs := d.jobs("p")
		if len(jobs) != 3 {
			t.Fatalf("%d runs, want one and two retries", len(jobs))
		}
		for i, want := range []string{"", "1", "2"} {
			if got := jobs[i].Labels[prow.LabelReRun]; got != want {
				t.Errorf("run %d is attempt %q, want %q", i, got, want)
			}
		}
		sleep(24 * time.Hour)
		jobs = d.jobs("p")
		if len(jobs) != 4 || jobs[3].Labels[prow.LabelReRun] != "" {
			t.Errorf("%d runs; want the next tick to be no retry", len(jobs))
		}
	})
}

func TestAChangedConfiguration(t *testing.T) {
	t.Parallel()
	other := periodics(t, map[string]string{"new": "interval: 24h"})
	story(t, map[string]string{"old": "cron: '0 * * * *'"}, func(d *day) {
		d.cfg.Store(other)
		sleep(2 * time.Hour)
		if n := len(d.jobs("old")); n != 0 {
			t.Errorf("%d runs of what is gone", n)
		}
		if n := len(d.jobs("new")); n != 1 {
			t.Errorf("%d runs of what is new, want 1", n)
		}
	})
}

// Another schedule holds from when it is there: what it would have asked for
// before is not owed.
func TestAnotherSchedule(t *testing.T) {
	t.Parallel()
	later := periodics(t, map[string]string{"p": "cron: '0 10 * * *'"})
	story(t, map[string]string{"p": "cron: '0 2 * * *'"}, func(d *day) {
		sleep(3 * time.Hour)
		d.end("p", prow.Success)
		sleep(12 * time.Hour)
		d.cfg.Store(later)
		sleep(time.Hour)
		d.stop()
		d.begin()
		if n := len(d.jobs("p")); n != 1 {
			t.Fatalf("%d runs at four in the afternoon, want that of two in the night", n)
		}
		d.stop() // and now it is owed over a night of downtime, too
		time.Sleep(24 * time.Hour)
		d.begin()
		jobs := d.jobs("p")
		if len(jobs) != 2 {
			t.Fatalf("%d runs a day later, want 2", len(jobs))
		}
		if got := jobs[1].Annotations[prow.AnnotationTick]; got != "2000-01-02T10:00:00Z" {
			t.Errorf("it answers the tick %s", got)
		}
	})
}

func TestEachBadJobByItself(t *testing.T) {
	t.Parallel()
	story(t, map[string]string{"feb": "cron: '0 0 30 2 *'", "p": "interval: 1h"}, func(d *day) {
		if len(d.jobs("feb")) != 0 || len(d.jobs("p")) != 1 {
			t.Error("a schedule that is never due kept another from running, or ran")
		}
	})
}
