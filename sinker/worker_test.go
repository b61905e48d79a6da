package sinker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/local"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/sqlite"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// now is when the tables look.
var now = prowtest.Epoch.Add(365 * 24 * time.Hour)

const day = 24 * time.Hour

// ran makes a job that started so long ago and ended an hour later, or, if
// state is none of the ends, still goes on.
func ran(id string, ago time.Duration, state prow.State, change ...func(*prow.Job)) *prow.Job {
	return prowtest.Job(id, append([]func(*prow.Job){func(j *prow.Job) {
		j.CreationTimestamp = metav1.NewTime(now.Add(-ago))
		j.Status.StartTime, j.Status.State = j.CreationTimestamp, state
		if state.Final() {
			at := metav1.NewTime(now.Add(-ago + time.Hour))
			j.Status.CompletionTime = &at
		}
	}}, change...)...)
}

func periodic(name string) func(*prow.Job) {
	return func(j *prow.Job) { j.Spec.Type, j.Spec.Job, j.Spec.Refs = prow.Periodic, name, nil }
}

func TestJudgeRun(t *testing.T) {
	t.Parallel()
	d := func(x time.Duration) *metav1.Duration { return &metav1.Duration{Duration: x} }
	s := config.Sinker{MaxPodAge: d(12 * time.Hour), TerminatedPodTTL: d(2 * time.Hour), ExcludeClusters: []string{"far"}}
	run := func(ago time.Duration, p prow.Phase) prow.Run { return prow.Run{Started: now.Add(-ago), Phase: p} }
	for _, c := range []struct {
		name string
		run  prow.Run
		job  *prow.Job
		s    config.Sinker
		want verdict
	}{
		{"old, but still running", run(300*day, prow.Running), ran("a", 300*day, prow.Pending), s, verdict{}},
		{"ended, which is being noted", run(300*day, prow.Ended), ran("a", 300*day, prow.Pending), s, verdict{again: time.Second}},
		{"aged", run(13*time.Hour, prow.Ended), ran("a", 13*time.Hour, prow.Success), s, verdict{remove: "aged"}},
		{"over for long", run(4*time.Hour, prow.Ended), ran("a", 4*time.Hour, prow.Success), s, verdict{remove: "ttled"}},
		{"over, not for long", run(2*time.Hour, prow.Ended), ran("a", 2*time.Hour, prow.Success), s, verdict{again: time.Hour}},
		{"soon aged", run(12*time.Hour-time.Minute, prow.Ended), ran("a", time.Hour, prow.Success), s, verdict{again: time.Minute}},
		{"never started", prow.Run{Phase: prow.Ended}, ran("a", 2*time.Hour, prow.Error), s, verdict{again: time.Hour}},
		{"an excluded cluster", run(300*day, prow.Ended), ran("a", 300*day, prow.Success, func(j *prow.Job) { j.Spec.Cluster = "far" }), s, verdict{}},
		{"an orphan, young", run(10*time.Second, prow.Running), nil, s, verdict{again: 20 * time.Second}},
		{"an orphan that has just been made", prow.Run{Phase: prow.Waiting, Created: now.Add(-10 * time.Second)}, nil, s, verdict{again: 20 * time.Second}},
		{"an orphan that never started", prow.Run{Phase: prow.Waiting, Created: now.Add(-time.Minute)}, nil, s, verdict{remove: "orphaned"}},
		{"somebody else's in an excluded cluster", prow.Run{Phase: prow.Running, Started: now.Add(-300 * day), Cluster: "far"}, nil, s, verdict{}},
		{"an orphan", run(time.Minute, prow.Running), nil, s, verdict{remove: "orphaned"}},
		{"defaults: a day", run(25*time.Hour, prow.Ended), ran("a", 25*time.Hour, prow.Success), config.Sinker{}, verdict{remove: "aged"}},
		{"defaults: less than a day", run(20*time.Hour, prow.Ended), ran("a", 20*time.Hour, prow.Success), config.Sinker{}, verdict{again: 4 * time.Hour}},
	} {
		if got := judgeRun(c.run, c.job, &c.s, now); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func house(t *testing.T) (*Worker, *sqlite.DB) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	runner, err := local.New(local.Options{Dir: t.TempDir(), Engine: local.Process, Self: []string{"false"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runner.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := &config.Config{Plugins: &config.Plugins{}}
	cfg.Periodics = []config.Periodic{{JobBase: config.JobBase{Name: "nightly"}}, {JobBase: config.JobBase{Name: "rare"}}}
	return &Worker{
		Jobs: db.Jobs, Runner: runner, Inbox: db.Inbox, Config: func() *config.Config { return cfg }, Pace: time.Microsecond,
		Metrics: NewMetrics(), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	}, db
}

func TestASweepLeavesWhatIsNeeded(t *testing.T) {
	t.Parallel()
	w, db := house(t)
	for _, j := range []*prow.Job{
		ran("old", 8*day, prow.Success),
		ran("old, under way", 80*day, prow.Pending),
		ran("old, being aborted", 80*day, prow.Aborted, func(j *prow.Job) { j.Status.CompletionTime = nil }),
		ran("young", 6*day, prow.Failure),
		ran("rare 1", 90*day, prow.Success, periodic("rare")),
		ran("rare 2", 60*day, prow.Success, periodic("rare")),
		ran("rare 3, the newest", 30*day, prow.Success, periodic("rare")),
		ran("nightly 1", 8*day, prow.Success, periodic("nightly")),
		ran("nightly 2, the newest", day, prow.Success, periodic("nightly")),
		ran("unconfigured", 30*day, prow.Success, periodic("gone")),
	} {
		if err := db.Jobs.Create(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	jobs, err := db.Jobs.List(t.Context(), prow.JobFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, j := range jobs {
		left = append(left, j.Name)
	}
	slices.Sort(left)
	if want := []string{"nightly 2, the newest", "old, being aborted", "old, under way", "rare 3, the newest", "young"}; !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
}

func TestASweepOfManyPages(t *testing.T) {
	t.Parallel()
	w, db := house(t)
	const n = 2*page + 1
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			j := ran(fmt.Sprint("j", i), 8*day, prow.Success)
			if i%100 == 0 {
				j = ran(fmt.Sprint("young", i), day, prow.Success)
			}
			if err := db.Jobs.Create(t.Context(), j); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	jobs, err := db.Jobs.List(t.Context(), prow.JobFilter{})
	if err != nil || len(jobs) != (n+99)/100 {
		t.Errorf("%d jobs left, want the %d young ones: %v", len(jobs), (n+99)/100, err)
	}
}

func TestOldWebhooksAreForgotten(t *testing.T) {
	t.Parallel()
	w, db := house(t)
	for id, age := range map[string]time.Duration{"old": 4 * day, "young": 2 * day} {
		d := &prow.Delivery{ID: id, Event: "push", Received: now.Add(-age)}
		if _, err := db.Inbox.Accept(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		d.State = prow.DeliveryHandled
		if err := db.Inbox.Settle(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := db.Inbox.Deliveries(t.Context(), prow.DeliveryFilter{})
	if err != nil || len(left) != 1 || left[0].ID != "young" {
		t.Errorf("left are %v, %v", left, err)
	}
}

// A run goes the moment its time is up, not at the next sweep.
func TestCommentsOfPullsWithoutJobsAreForgotten(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	of := func(pull int) func(*prow.Job) {
		return func(j *prow.Job) {
			j.Spec.Refs.Org, j.Spec.Refs.Repo, j.Spec.Refs.Pulls[0].Number = "o", "r", pull
		}
	}
	for _, j := range []*prow.Job{ran("old", 8*day, prow.Failure, of(1)), ran("older", 8*day, prow.Failure, of(2)), ran("new", day, prow.Success, of(2))} {
		if err := db.Jobs.Create(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"crier/comment/o/r#1", "crier/comment/o/r#2", "crier/comment/o/r#12", "crier/comment/?", "tide/pull/o/r#1"} {
		if err := db.Memory.Save(t.Context(), name, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	w := &Worker{Jobs: db.Jobs, Memory: db.Memory, Config: func() *config.Config { return &config.Config{} }, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	for range 2 {
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	left, err := db.Memory.Names(t.Context(), "")
	if want := []string{"crier/comment/?", "crier/comment/o/r#2", "tide/pull/o/r#1"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left %q (%v), want %q", left, err, want)
	}
}

func TestRunsGoWhenTheirTimeIsUp(t *testing.T) {
	t.Parallel()
	w, db := house(t)
	w.Now = time.Now
	ttl := &metav1.Duration{Duration: 100 * time.Millisecond}
	cfg := w.Config()
	cfg.Sinker.TerminatedPodTTL = ttl
	for _, id := range []string{"ended", "under way"} {
		j := prowtest.Job(id, func(j *prow.Job) { j.Status.BuildID = "1"; j.Spec.DecorationConfig = &prow.DecorationConfig{} })
		if err := db.Jobs.Create(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		if err := w.Runner.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	if _, err := db.Jobs.Update(t.Context(), "ended", func(j *prow.Job) error {
		return errors.Join(j.Advance(prow.Pending, time.Now(), ""), j.Advance(prow.Success, time.Now(), ""))
	}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		runs, err := w.Runner.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range runs {
			ids = append(ids, r.ID)
		}
		if strings.Join(ids, ",") == "under way" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("runs left: %q", ids)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := w.Runner.Remove(t.Context(), "under way"); err != nil {
		t.Error(err)
	}
}
