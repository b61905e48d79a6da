package plank

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/prowtest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	now := prowtest.Epoch.Add(24 * time.Hour)
	ended := func(v prow.State, why string) *prow.Run {
		return &prow.Run{BuildID: "1", Phase: prow.Ended, Verdict: v, Why: why}
	}
	cut := &prow.Run{BuildID: "1", Phase: prow.Ended, Verdict: prow.Error, Lost: true, Why: "the node vanished"}
	usual := limits{unplaced: 5 * time.Minute, waiting: 10 * time.Minute, running: 48 * time.Hour, revivals: 3}
	for _, c := range []struct {
		name   string
		run    *prow.Run
		change func(*prow.Job)
		want   step
		why    string // a part of it
	}{
		{"passed", ended(prow.Success, ""), nil, step{do: end, to: prow.Success}, "Job succeeded."},
		{"passed with words", ended(prow.Success, "All 7 tests passed."), nil, step{do: end, to: prow.Success}, "All 7 tests passed."},
		{"failed", ended(prow.Failure, "exit status 2"), nil, step{do: end, to: prow.Failure}, "exit status 2"},
		{"failed without words", ended(prow.Failure, " "), nil, step{do: end, to: prow.Failure}, "Job failed."},
		{"our fault", ended(prow.Error, "no such image"), nil, step{do: end, to: prow.Error}, "no such image"},
		{"ended without a verdict", ended("", ""), nil, step{do: end, to: prow.Error}, "without saying how"},
		{"stopped from outside", ended(prow.Aborted, "SIGTERM"), nil, step{do: end, to: prow.Aborted}, "SIGTERM"},
		{"cut off", cut, nil, step{do: revive}, "Run anew (1 of 3): the node vanished."},
		{"cut off the last time", cut, func(j *prow.Job) { j.Status.PodRevivals = 3 }, step{do: end, to: prow.Error}, "cut off 4 times"},
		{"cut off, not to be run anew", cut, func(j *prow.Job) { j.Spec.ErrorOnEviction = true }, step{do: end, to: prow.Error}, "error_on_eviction"},
		{"disappeared", nil, nil, step{do: revive}, "its run disappeared"},
		{"a counted revival not yet started", nil, func(j *prow.Job) { j.Status.PodName, j.Status.PodRevivals = "", 3 }, step{do: restart}, ""},
		{"the same, the old run still there", cut, func(j *prow.Job) { j.Status.PodName, j.Status.BuildID = "", "2" }, step{do: restart}, ""},
		{"the same, started before it could be told", &prow.Run{BuildID: "1", Phase: prow.Running, Started: now}, func(j *prow.Job) { j.Status.PodName = "" }, step{do: wait, again: 48 * time.Hour}, ""},
		{"running", &prow.Run{BuildID: "1", Phase: prow.Running, Started: now.Add(-time.Hour)}, nil, step{do: wait, again: 47 * time.Hour}, ""},
		{"running for too long", &prow.Run{BuildID: "1", Phase: prow.Running, Started: now.Add(-48 * time.Hour)}, nil, step{do: end, to: prow.Aborted}, "ran for 48h"},
		{"waiting", &prow.Run{BuildID: "1", Phase: prow.Waiting}, func(j *prow.Job) { since := metav1.NewTime(now.Add(-9 * time.Minute)); j.Status.PendingTime = &since },
			step{do: wait, again: time.Minute}, ""},
		{"waiting for too long", &prow.Run{BuildID: "1", Phase: prow.Waiting, Why: "The image is being fetched."}, nil, step{do: end, to: prow.Error}, "after 10m: The image is being fetched."},
		{"waiting for room", &prow.Run{BuildID: "1", Phase: prow.Waiting, Unplaced: true, Created: now.Add(-4 * time.Minute)}, nil, step{do: wait, again: time.Minute}, ""},
		{"no room for too long", &prow.Run{BuildID: "1", Phase: prow.Waiting, Unplaced: true, Created: now.Add(-5 * time.Minute), Why: "3 Insufficient cpu."}, nil,
			step{do: end, to: prow.Error}, "Nothing had room for it within 5m: 3 Insufficient cpu."},
		{"waiting anew, long after the job began", &prow.Run{BuildID: "1", Phase: prow.Waiting, Created: now.Add(-time.Minute)}, nil, step{do: wait, again: 9 * time.Minute}, ""},
		{"placed after a long wait", &prow.Run{BuildID: "1", Phase: prow.Waiting, Created: now.Add(-14 * time.Minute), Started: now.Add(-time.Minute)}, nil,
			step{do: wait, again: 9 * time.Minute}, ""},
	} {
		j := prowtest.Job("a", func(j *prow.Job) {
			since := metav1.NewTime(now.Add(-10 * time.Minute))
			j.Status = prow.Status{State: prow.Pending, BuildID: "1", PodName: "a", PendingTime: &since}
		})
		if c.change != nil {
			c.change(j)
		}
		got := decide(j, c.run, usual, now)
		if got.do != c.want.do || got.to != c.want.to || got.again != c.want.again || !strings.Contains(got.why, c.why) || c.why == "" != (got.why == "") {
			t.Errorf("%s: decide = %+v, want %+v because %q", c.name, got, c.want, c.why)
		}
	}
}

func TestLimitsOfAJobGoBeforeThoseOfAll(t *testing.T) {
	t.Parallel()
	d := func(x time.Duration) *metav1.Duration { return &metav1.Duration{Duration: x} }
	zero := 0
	p := &config.Plank{PodUnscheduledTimeout: d(30 * time.Second), PodPendingTimeout: d(time.Minute), PodRunningTimeout: d(time.Hour), MaxRevivals: &zero}
	j := prowtest.Job("a")
	if got := limitsOf(j, &config.Plank{}); got != (limits{5 * time.Minute, 10 * time.Minute, 48 * time.Hour, 3}) {
		t.Errorf("without configuration: %+v", got)
	}
	if got := limitsOf(j, p); got != (limits{30 * time.Second, time.Minute, time.Hour, 0}) {
		t.Errorf("configured: %+v", got)
	}
	j.Spec.DecorationConfig = &prow.DecorationConfig{PodUnscheduledTimeout: d(3 * time.Second), PodPendingTimeout: d(time.Second), PodRunningTimeout: d(2 * time.Second)}
	if got := limitsOf(j, p); got != (limits{3 * time.Second, time.Second, 2 * time.Second, 0}) {
		t.Errorf("of the job: %+v", got)
	}
}

func TestMayStart(t *testing.T) {
	t.Parallel()
	taken := func(at int64, name, queue string) slot {
		return slot{id: strconv.FormatInt(at, 10), at: at, name: name, queue: queue, taken: true}
	}
	waits := func(at int64, name, queue string) slot {
		return slot{id: strconv.FormatInt(at, 10), at: at, name: name, queue: queue}
	}
	for _, c := range []struct {
		name  string
		s     slot
		open  []slot
		plank config.Plank
		ok    bool
		err   string
	}{
		{"no limit", slot{id: "x", at: 9, name: "n"}, []slot{taken(1, "n", "")}, config.Plank{}, true, ""},
		{"room for all", slot{id: "x", at: 9, name: "n"}, []slot{taken(1, "n", ""), waits(2, "m", "")}, config.Plank{MaxConcurrency: 2}, true, ""},
		{"no room for all", slot{id: "x", at: 9, name: "n"}, []slot{taken(1, "n", ""), taken(2, "m", "")}, config.Plank{MaxConcurrency: 2}, false, ""},
		{"itself does not count", slot{id: "1", at: 1, name: "n", limit: 1}, []slot{waits(1, "n", "")}, config.Plank{MaxConcurrency: 1}, true, ""},
		{"an older one of the name waits", slot{id: "x", at: 9, name: "n", limit: 1}, []slot{waits(1, "n", "")}, config.Plank{}, false, ""},
		{"a younger one of the name waits", slot{id: "x", at: 9, name: "n", limit: 1}, []slot{waits(10, "n", "")}, config.Plank{}, true, ""},
		{"a younger one of the name runs", slot{id: "x", at: 9, name: "n", limit: 1}, []slot{taken(10, "n", "")}, config.Plank{}, false, ""},
		{"others have other names", slot{id: "x", at: 9, name: "n", limit: 1}, []slot{taken(1, "m", ""), waits(2, "m", "")}, config.Plank{}, true, ""},
		{"room in the queue", slot{id: "x", at: 9, name: "n", queue: "q"}, []slot{taken(1, "m", "q"), taken(2, "m", "p")}, config.Plank{JobQueueCapacities: map[string]int{"q": 2}}, true, ""},
		{"no room in the queue", slot{id: "x", at: 9, name: "n", queue: "q"}, []slot{taken(1, "m", "q"), waits(2, "m", "q")}, config.Plank{JobQueueCapacities: map[string]int{"q": 2}}, false, ""},
		{"a queue that stands still", slot{id: "x", at: 9, name: "n", queue: "q"}, nil, config.Plank{JobQueueCapacities: map[string]int{"q": 0}}, false, ""},
		{"a queue without end", slot{id: "x", at: 9, name: "n", queue: "q"}, []slot{taken(1, "m", "q")}, config.Plank{JobQueueCapacities: map[string]int{"q": -1}}, true, ""},
		{"a queue nobody knows", slot{id: "x", at: 9, name: "n", queue: "q"}, nil, config.Plank{}, false, "job_queue_capacities"},
	} {
		ok, why, err := mayStart(c.s, slices.Values(c.open), &c.plank)
		if ok != c.ok || err == nil && ok == (why != "") || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: mayStart = %v, %q, %v", c.name, ok, why, err)
		}
	}
}

func TestThoseWhoWaitedLongestAreToldFirst(t *testing.T) {
	t.Parallel()
	p := &config.Plank{MaxConcurrency: 3, JobQueueCapacities: map[string]int{"q": 1}}
	open := []slot{
		{id: "runs", at: 1, name: "n", limit: 1, taken: true},
		{id: "same name", at: 2, name: "n", limit: 1, waits: true},
		{id: "queue first", at: 3, name: "m", queue: "q", waits: true},
		{id: "queue second", at: 4, name: "m", queue: "q", waits: true},
		{id: "free", at: 5, name: "k", waits: true},
		{id: "beyond the limit of all", at: 6, name: "j", waits: true},
	}
	slices.Reverse(open)
	if got := startable(open, p); !slices.Equal(got, []string{"queue first", "free"}) {
		t.Errorf("startable = %q", got)
	}
}

func TestOlderDuplicates(t *testing.T) {
	t.Parallel()
	job := func(id string, minutes int, change ...func(*prow.Job)) *prow.Job {
		return prowtest.Job(id, append(change, func(j *prow.Job) {
			j.Status.StartTime = metav1.NewTime(prowtest.Epoch.Add(time.Duration(minutes) * time.Minute))
		})...)
	}
	extra := func(j *prow.Job) { j.Spec.ExtraRefs = []prow.Refs{{Org: "o", Repo: "x", BaseRef: "main"}} }
	for _, c := range []struct {
		name string
		jobs []*prow.Job // newest created first
		want string
	}{
		{"one", []*prow.Job{job("b", 5)}, ""},
		{"two", []*prow.Job{job("b", 5), job("a", 0)}, "a"},
		{"the start time says which is older", []*prow.Job{job("b", 0), job("a", 5)}, "b"},
		{"with one start time the later created stays", []*prow.Job{job("b", 0), job("a", 0)}, "a"},
		{"three", []*prow.Job{job("c", 7), job("b", 5), job("a", 0)}, "b a"},
		{"commits do not matter", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Spec.Refs.Pulls[0].SHA = "h0"; j.Spec.Refs.BaseSHA = "b9" })}, "a"},
		{"another pull", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Spec.Refs.Pulls[0].Number = 6 })}, ""},
		{"another base", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Spec.Refs.BaseRef = "release" })}, ""},
		{"another repository", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Spec.Refs.Repo = "s" })}, ""},
		{"other extra refs", []*prow.Job{job("b", 5), job("a", 0, extra)}, ""},
		{"equal extra refs", []*prow.Job{job("b", 5, extra), job("a", 0, extra)}, "a"},
		{"a batch stays", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Spec.Type = prow.Batch })}, ""},
		{"one on its way out", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Status.State = prow.Aborted })}, ""},
		{"one that is complete", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { at := metav1.NewTime(prowtest.Epoch); j.Status.CompletionTime = &at })}, ""},
	} {
		var got []string
		for _, j := range olderDuplicates(c.jobs, changeKey(c.jobs[0])) {
			got = append(got, j.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v are older, want %q", c.name, got, c.want)
		}
	}
}

func TestBuildIDs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
	b := &BuildIDs{Node: "a", Now: clock}
	other := &BuildIDs{Node: "b", Now: clock}
	seen := map[string]bool{}
	last := int64(0)
	for i := range 20_000 { // five times what fits into a millisecond
		if i == 10_000 {
			mu.Lock()
			at = at.Add(-time.Hour) // the clock is set back
			mu.Unlock()
		}
		id := b.Next()
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || len(id) != 19 || n <= last || seen[id] {
			t.Fatalf("id %d is %s after %d: %v", i, id, last, err)
		}
		last, seen[id] = n, true
	}
	if seen[other.Next()] {
		t.Error("two nodes made one id")
	}
	first, err := strconv.ParseInt((&BuildIDs{Node: "a", Now: clock}).Next(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if ms := first >> 22; !time.UnixMilli(ms).Add(time.Date(2010, 11, 4, 1, 42, 54, 657_000_000, time.UTC).Sub(time.Unix(0, 0))).Equal(at) {
		t.Errorf("the id says %d ms", ms)
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{48 * time.Hour: "48h", 10 * time.Minute: "10m", 90 * time.Second: "1m30s", 90 * time.Minute: "1h30m", 300 * time.Millisecond: "300ms"} {
		if got := short(d); got != want {
			t.Errorf("short(%v) = %s, want %s", d, got, want)
		}
	}
}

// Two workers meet two jobs of one name at once: whoever is faster, the older job
// starts first.
func TestTheOlderStartsFirst(t *testing.T) {
	t.Parallel()
	var l ledger
	job := func(id string) *prow.Job {
		return &prow.Job{ObjectMeta: metav1.ObjectMeta{Name: id}, Spec: prow.Spec{Job: "unit", MaxConcurrency: 1}}
	}
	rules := &config.Plank{}
	take := func(id string, want bool, words string) {
		t.Helper()
		ok, why, err := l.take(id, rules)
		if ok != want || err != nil || (words == "") != (why == "") || !strings.Contains(why, words) {
			t.Errorf("take(%s) = %v, %q, %v; want %v, %q", id, ok, why, err, want, words)
		}
	}
	l.seen("a")
	l.seen("b")
	l.note(job("b"))
	take("b", false, "")
	if asked := l.note(job("a")); !slices.Equal(asked, []string{"b"}) {
		t.Errorf("asked %v to try again, want b", asked)
	}
	take("a", true, "")
	take("b", false, "at most 1 of unit")
	if next := l.drop("a", rules); !slices.Equal(next, []string{"b"}) {
		t.Errorf("next is %v, want b", next)
	}
	l.seen("c")
	l.seen("d")
	l.note(job("d"))
	take("d", false, "")
	if next := l.drop("c", rules); !slices.Contains(next, "d") { // it was none of ours
		t.Errorf("next is %v, want d among them", next)
	}
}
