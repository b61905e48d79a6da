package plank_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

func TestAJobRunsToItsEnd(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	h.job("good", "echo hello", presubmit(5))
	h.job("bad", "exit 3", presubmit(6))
	h.job("to be scheduled", "true", func(j *prow.Job) { j.Status.State = prow.Scheduling })
	if j := h.complete("to be scheduled"); j.Status.State != prow.Success {
		t.Errorf("to be scheduled = %+v", j.Status)
	}
	good, bad := h.complete("good"), h.complete("bad")
	if good.Status.State != prow.Success || good.Status.Description == "" || good.Status.PendingTime == nil || good.Status.PodName != "good" {
		t.Errorf("good = %+v", good.Status)
	}
	if want := "http://here/run/good?build=" + good.Status.BuildID; good.Status.URL != want || good.Status.BuildID == bad.Status.BuildID {
		t.Errorf("good is at %s, want %s; bad is build %s", good.Status.URL, want, bad.Status.BuildID)
	}
	if bad.Status.State != prow.Failure || !strings.Contains(bad.Status.Description, "3") {
		t.Errorf("bad = %+v; want a failure that names the exit status", bad.Status)
	}
	h.eventually("the story has both notes", func() bool {
		notes, err := h.db.Journal.Notes(t.Context(), prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: 5}, 9)
		if err != nil {
			t.Fatal(err)
		}
		return len(notes) == 2 && strings.HasPrefix(notes[0].Text, "Started unit as build ") && strings.HasPrefix(notes[1].Text, "unit succeeded: ")
	})
}

func TestWhatCanNeverRunIsAnErrorWithASentence(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	h.job("a", "", func(j *prow.Job) { j.Spec.PodSpec = nil })
	if j := h.complete("a"); j.Status.State != prow.Error || !strings.HasPrefix(j.Status.Description, "It cannot be started: ") || j.Status.PendingTime != nil {
		t.Errorf("a = %+v", j.Status)
	}
}

func TestANewerJobOfTheSameChangeTakesThePlace(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	h.job("old", "trap 'exit 1' INT TERM; echo up; while :; do sleep 0.02; done", presubmit(5))
	h.job("other change", "sleep 0.2", presubmit(6))
	h.job("other base", "sleep 0.2", presubmit(5), func(j *prow.Job) { j.Spec.Refs.BaseRef = "release" })
	h.job("periodic", "sleep 0.2")
	h.printed("old", "up")
	h.job("new", "echo new", presubmit(5), func(j *prow.Job) {
		j.Spec.Refs.Pulls[0].SHA = "h2"
		j.Status.StartTime.Time = j.Status.StartTime.Add(time.Minute)
	})
	old := h.complete("old")
	if old.Status.State != prow.Aborted || old.Status.PrevReportStates["github-reporter"] != prow.Aborted || old.Status.Description == "" {
		t.Errorf("old = %+v", old.Status)
	}
	for _, id := range []string{"new", "other change", "other base", "periodic"} {
		if j := h.complete(id); j.Status.State != prow.Success {
			t.Errorf("%s = %+v", id, j.Status)
		}
	}
}

func TestAPersonAborts(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	h.job("a", `trap 'echo bye > $ARTIFACTS/bye; exit 1' INT TERM; echo up; while :; do sleep 0.02; done`)
	h.printed("a", "up")
	h.abort("a", "bob pressed abort")
	j := h.complete("a")
	if j.Status.State != prow.Aborted || j.Status.Description != "bob pressed abort" {
		t.Errorf("a = %+v", j.Status)
	}
	if b, err := os.ReadFile(filepath.Join(h.dir, "artifacts", prow.Dir(j), "artifacts", "bye")); err != nil || string(b) != "bye\n" {
		t.Errorf("what the test left in its grace period: %q, %v", b, err)
	}
	run, err := h.runner.Look(t.Context(), "a")
	if err != nil || run.Phase != prow.Ended {
		t.Errorf("complete, but its run is %+v, %v", run, err)
	}
}

func TestAbortedBeforeItStarted(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.job("a", "echo never")
	h.abort("a", "")
	h.start()
	if j := h.complete("a"); j.Status.BuildID != "" || j.Status.Description != "Job aborted." {
		t.Errorf("a = %+v", j.Status)
	}
	h.noRun("a")
}

func TestARestartFindsEverythingAgain(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	h.job("long", untilGate, shared(h))
	h.printed("long", "up")
	build := h.until("long", "is pending", func(j *prow.Job) bool { return j.Status.State == prow.Pending }).Status.BuildID
	h.stop()
	h.job("born while nobody was there", "true")
	if err := h.runner.Start(t.Context(), h.unsaved("orphan")); err != nil {
		t.Fatal(err)
	}
	h.restart()
	h.noRun("orphan")
	h.openGate()
	for _, id := range []string{"long", "born while nobody was there"} {
		if j := h.complete(id); j.Status.State != prow.Success {
			t.Errorf("%s = %+v", id, j.Status)
		}
	}
	if j := h.get("long"); j.Status.BuildID != build || j.Status.PodRevivals != 0 {
		t.Errorf("long ran anew: %+v", j.Status)
	}
}

// A process that is killed between the start of a run and the word of it.
func TestARunThatNobodyToldOfIsAdopted(t *testing.T) {
	t.Parallel()
	h := build(t)
	j := h.job("a", "echo once >> $ARTIFACTS/count")
	j.Status.BuildID = "77"
	if err := h.runner.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	h.start()
	j = h.complete("a")
	if j.Status.State != prow.Success || j.Status.BuildID != "77" || !strings.HasSuffix(j.Status.URL, "build=77") {
		t.Errorf("a = %+v", j.Status)
	}
	if b, err := os.ReadFile(filepath.Join(h.dir, "artifacts", prow.Dir(j), "artifacts", "count")); err != nil || string(b) != "once\n" {
		t.Errorf("it ran %q, %v", b, err)
	}
}

func TestADeletedJobLosesItsRun(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	h.job("a", "echo up; sleep 300")
	h.printed("a", "up")
	if err := h.db.Jobs.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	h.noRun("a")
}

func TestARunCutOffIsRunAnewAndNotForEver(t *testing.T) {
	t.Parallel()
	two := 2
	h := build(t, func(p *config.Plank) { p.MaxRevivals = &two })
	h.start()
	h.job("recovers", untilGate, shared(h), presubmit(5))
	h.job("never", "echo up; sleep 300")
	cut := func(id string, revivals int) {
		h.until(id, "runs", func(j *prow.Job) bool { return j.Status.PodRevivals == revivals && j.Status.PodName != "" })
		h.printed(id, "up")
		h.kill(id)
	}
	cut("recovers", 0)
	first := h.get("recovers").Status.BuildID
	if _, err := h.db.Jobs.Update(t.Context(), "recovers", func(j *prow.Job) error {
		if j.Status.PodRevivals > 0 {
			return prow.ErrUnchanged
		}
		j.Status.PrevReportStates = map[string]prow.State{"github-reporter": prow.Pending}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	h.until("recovers", "runs anew and is told anew", func(j *prow.Job) bool {
		return j.Status.PodRevivals == 1 && j.Status.PodName != "" && len(j.Status.PrevReportStates) == 0
	})
	h.openGate()
	j := h.complete("recovers")
	if j.Status.State != prow.Success || j.Status.BuildID == first {
		t.Errorf("recovers = %+v; want success under another build than %s", j.Status, first)
	}
	for n := range 3 {
		cut("never", n)
	}
	if j := h.complete("never"); j.Status.State != prow.Error || j.Status.PodRevivals != 2 || !strings.Contains(j.Status.Description, "max_revivals") {
		t.Errorf("never = %+v", j.Status)
	}
}

// Each job notes its beginning and its end in one file; what lies between two
// lines says how many ran.
func TestLimitsHoldThroughRestarts(t *testing.T) {
	t.Parallel()
	const n = 12
	for _, c := range []struct {
		name   string
		plank  func(*config.Plank)
		job    func(*prow.Job)
		most   int
		strict bool // in the order of creation
	}{
		{"everything", func(p *config.Plank) { p.MaxConcurrency = 3 }, func(*prow.Job) {}, 3, false},
		{"one name", func(*config.Plank) {}, func(j *prow.Job) { j.Spec.MaxConcurrency = 1 }, 1, true},
		{"a queue", func(p *config.Plank) { p.JobQueueCapacities = map[string]int{"q": 2} }, func(j *prow.Job) { j.Spec.JobQueueName = "q" }, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := build(t, c.plank)
			diary := filepath.Join(h.shared(), "diary")
			h.start()
			var ids []string
			for i := range n {
				id := string(rune('a' + i))
				ids = append(ids, id)
				h.job(id, "echo + "+id+" >> $SHARED/diary; sleep 0.05; echo - "+id+" >> $SHARED/diary", shared(h), c.job)
			}
			h.restart()
			h.complete("b")
			h.restart()
			for _, id := range ids {
				if j := h.complete(id); j.Status.State != prow.Success {
					t.Errorf("%s = %+v", id, j.Status)
				}
			}
			b, err := os.ReadFile(diary)
			if err != nil {
				t.Fatal(err)
			}
			var order []string
			now, most := 0, 0
			for line := range strings.Lines(string(b)) {
				if rest, ok := strings.CutPrefix(line, "+ "); ok {
					order = append(order, strings.TrimSpace(rest))
					now++
				} else {
					now--
				}
				most = max(most, now)
			}
			if most > c.most || len(order) != n {
				t.Errorf("%d at once, want at most %d; %d ran, want %d:\n%s", most, c.most, len(order), n, b)
			}
			if c.strict && !slices.Equal(order, ids) {
				t.Errorf("started in the order %v", order)
			}
		})
	}
}
