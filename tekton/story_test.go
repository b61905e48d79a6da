//go:build kubernetes && linux

package tekton_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTheLifeOfAPipelineRun(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	h.job("a")
	j := h.runs("a")
	if j.Status.BuildID != "1" || j.Status.PodName != "a" || j.Status.URL != "http://here/1" || j.Status.PendingTime == nil {
		t.Errorf("it was started as %+v", j.Status)
	}
	h.says("a", "Unknown", "Running", "Tasks Completed: 1 (Failed: 0, Cancelled 0), Incomplete: 1, Skipped: 0")
	h.until("a", "tells how far it is", func(j *prow.Job) bool { return strings.HasPrefix(j.Status.Description, "Tasks Completed: 1") })
	h.says("a", "True", "Succeeded", "Tasks Completed: 2 (Failed: 0, Cancelled 0), Skipped: 0")
	if j := h.complete("a"); j.Status.State != prow.Success || j.Status.Description != "Tasks Completed: 2 (Failed: 0, Cancelled 0), Skipped: 0" {
		t.Errorf("it ended as %+v", j.Status)
	}
	if _, ok := h.exists("a"); !ok {
		t.Error("its PipelineRun is gone, and what it tells")
	}
	if err := h.db.Jobs.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	h.eventually("no PipelineRun stays without its job", func() bool { _, ok := h.exists("a"); return !ok })
}

func TestEnds(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	for _, c := range []struct {
		id, status, reason, message string
		state                       prow.State
		words                       string
	}{
		{"fails", "False", "Failed", "Tasks Completed: 1 (Failed: 1, Cancelled 0), Skipped: 0", prow.Failure, "Failed: 1"},
		{"silent", "False", "PipelineRunTimeout", "", prow.Failure, "PipelineRunTimeout"},
		{"cancelled", "False", "Cancelled", "somebody did", prow.Aborted, "was cancelled: somebody did"},
	} {
		h.job(c.id, func(j *prow.Job) { j.Spec.Job = c.id })
		h.says(c.id, c.status, c.reason, c.message)
		if j := h.complete(c.id); j.Status.State != c.state || !strings.Contains(j.Status.Description, c.words) || j.Status.BuildID == "" {
			t.Errorf("%s ended as %+v", c.id, j.Status)
		}
	}
	for id, c := range map[string]struct {
		change func(*prow.Job)
		words  string
	}{
		"no pipeline": {func(j *prow.Job) { j.Spec.TektonPipelineRunSpec = nil }, "needs tekton_pipeline_run_spec"},
		"no cluster":  {func(j *prow.Job) { j.Spec.Cluster = "moon" }, `"moon" is not known`},
		"nowhere":     {func(j *prow.Job) { j.Spec.Namespace = "absent" }, "absent"},
	} {
		name := strings.ReplaceAll(id, " ", "-")
		h.job(name, func(j *prow.Job) { j.Spec.Job = name }, c.change)
		if j := h.complete(name); j.Status.State != prow.Error || !strings.Contains(j.Status.Description, c.words) {
			t.Errorf("%s ended as %+v", id, j.Status)
		}
	}
}

func TestAborts(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	old := func(j *prow.Job) { j.Status.StartTime = metav1.NewTime(time.Now().Add(-time.Minute)) }
	h.job("older", old)
	h.runs("older")
	h.job("newer", func(j *prow.Job) { j.Status.StartTime = metav1.Now() })
	cancelled := func(id string) {
		t.Helper()
		h.eventually(id+" is cancelled", func() bool {
			run, ok := h.exists(id)
			return ok && strings.Contains(run, `"status":"CancelledRunFinally"`)
		})
		if h.get(id).Complete() {
			t.Errorf("%s is complete while its PipelineRun goes on", id)
		}
		h.says(id, "False", "CancelledRunFinally", "PipelineRun was cancelled")
		if j := h.complete(id); j.Status.State != prow.Aborted {
			t.Errorf("%s ended as %+v", id, j.Status)
		}
	}
	cancelled("older")
	if j := h.get("older"); !strings.Contains(j.Status.Description, "newer run") || j.Status.PrevReportStates["github-reporter"] != prow.Aborted {
		t.Errorf("the older ended as %+v", j.Status)
	}
	h.runs("newer")
	if _, err := h.db.Jobs.Update(t.Context(), "newer", func(j *prow.Job) error { return j.Advance(prow.Aborted, time.Now(), "Enough.") }); err != nil {
		t.Fatal(err)
	}
	cancelled("newer")

	h.cfg.Pipeline.AllowConcurrentPostsubmitJobs = true
	post := func(j *prow.Job) { j.Spec.Type, j.Spec.Job, j.Spec.Refs.Pulls = prow.Postsubmit, "post", nil }
	h.job("first", post, old)
	h.runs("first")
	h.job("second", post)
	h.runs("second")
	h.says("first", "True", "Succeeded", "")
	if j := h.complete("first"); j.Status.State != prow.Success {
		t.Errorf("a postsubmit that need not give way ended as %+v", j.Status)
	}
}

func TestOneAfterTheOther(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	limit := func(j *prow.Job) { j.Spec.MaxConcurrency = 1 }
	h.job("a", pull(1), limit)
	h.runs("a")
	h.job("b", pull(2), limit)
	h.until("b", "waits", func(j *prow.Job) bool { return strings.Contains(j.Status.Description, "at most 1 of unit") })
	h.restart()
	h.says("a", "True", "Succeeded", "")
	h.complete("a")
	h.runs("b") // within ten seconds
}

// A PipelineRun that somebody deletes is made anew, and not for ever.
func TestDeletedFromOutside(t *testing.T) {
	t.Parallel()
	h := build(t)
	once := 1
	h.cfg.Plank.MaxRevivals = &once
	h.start()
	h.job("a")
	h.runs("a")
	h.do("DELETE", h.path("a"), "")
	j := h.until("a", "runs anew", func(j *prow.Job) bool { return j.Status.PodRevivals == 1 && j.Status.PodName != "" })
	if run, ok := h.exists("a"); j.Status.BuildID != "2" || !ok || !strings.Contains(run, `"prow.k8s.io/build-id":"2"`) {
		t.Errorf("it runs anew as %+v: %s", j.Status, run)
	}
	h.do("DELETE", h.path("a"), "")
	if j := h.complete("a"); j.Status.State != prow.Error || !strings.Contains(j.Status.Description, "was deleted 2 times") {
		t.Errorf("it ended as %+v", j.Status)
	}
	h.job("gone", pull(9))
	h.runs("gone")
	h.stop()
	if err := h.db.Jobs.Delete(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.eventually("what has no job any more is removed after a restart", func() bool { _, ok := h.exists("gone"); return !ok })
}

// However often the worker is killed, each job has one PipelineRun.
func TestKilledAgainAndAgainEachJobRunsOnce(t *testing.T) {
	t.Parallel()
	const n = 15
	h := build(t)
	for i := range n {
		h.job(fmt.Sprint("j", i), pull(i+1))
	}
	for range 8 {
		h.start()
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(80))*time.Millisecond)
		<-ctx.Done()
		cancel()
		h.stop()
	}
	h.start()
	for i := range n {
		id := fmt.Sprint("j", i)
		h.says(id, "True", "Succeeded", "")
		j := h.complete(id)
		run, _ := h.exists(id)
		if j.Status.State != prow.Success || j.Status.PodRevivals > 0 || !strings.Contains(run, `"prow.k8s.io/build-id":"`+j.Status.BuildID+`"`) {
			t.Errorf("%s ended as %+v", id, j.Status)
		}
	}
}
