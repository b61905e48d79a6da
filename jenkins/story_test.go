package jenkins_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/jenkins"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func TestTheLifeOfABuild(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/unit")
	h.start()
	h.job("a")
	h.queued("a")
	h.until("a", "is enqueued", func(j *prow.Job) bool {
		return j.Status.State == prow.Triggered && j.Status.Description == "Jenkins job enqueued."
	})
	b := h.begin("a")
	j := h.until("a", "runs", func(j *prow.Job) bool { return j.Status.State == prow.Pending })
	if j.Status.JenkinsBuildID != "1" || j.Status.BuildID != "1" || j.Status.URL != "http://logs/unit/1" || j.Status.Description != "Jenkins job running." {
		t.Errorf("it runs as %+v", j.Status)
	}
	if got := b.parameters; got["PROW_JOB_ID"] != "a" || got["BUILD_ID"] != "1" || got["PULL_NUMBER"] != "5" || got["JOB_NAME"] != "unit" || got["BUILD_NUMBER"] != "" {
		t.Errorf("its parameters are %v", got)
	}
	h.ends("a", "SUCCESS")
	if j := h.complete("a"); j.Status.State != prow.Success || j.Status.Description != "Jenkins job succeeded." {
		t.Errorf("it ended as %+v", j.Status)
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]struct {
		state prow.State
		words string
	}{
		"FAILURE": {prow.Failure, "Jenkins job failed."}, "UNSTABLE": {prow.Failure, "Jenkins job failed."},
		"ABORTED": {prow.Aborted, "Jenkins job aborted."}, "NOT_BUILT": {prow.Error, "NOT_BUILT"},
	} {
		t.Run(result, func(t *testing.T) {
			t.Parallel()
			h := build(t, "/job/unit")
			h.start()
			h.job("a")
			h.begin("a")
			h.ends("a", result) // perhaps before it was seen to run
			if j := h.complete("a"); j.Status.State != want.state || !strings.Contains(j.Status.Description, want.words) || j.Status.JenkinsBuildID != "1" || j.Status.PendingTime == nil {
				t.Errorf("it ended as %+v", j.Status)
			}
		})
	}
}

func (h *house) abort(id string) {
	h.t.Helper()
	if _, err := h.db.Jobs.Update(h.t.Context(), id, func(j *prow.Job) error { return j.Advance(prow.Aborted, time.Now(), "Enough.") }); err != nil {
		h.t.Fatal(err)
	}
}

func TestAborts(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/queued", "/job/running", "/job/deaf")
	h.start()
	for _, name := range []string{"queued", "running", "deaf"} {
		h.job(name, named(name))
		h.queued(name)
	}
	h.begin("running")
	deaf := h.begin("deaf")
	h.box.with(func() { deaf.deaf = true })
	for _, id := range []string{"running", "deaf"} {
		h.until(id, "runs", func(j *prow.Job) bool { return j.Status.State == prow.Pending })
	}
	for _, id := range []string{"queued", "running", "deaf"} {
		h.abort(id)
		if j := h.complete(id); j.Status.State != prow.Aborted || j.Status.Description != "Enough." {
			t.Errorf("%s ended as %+v", id, j.Status)
		}
	}
	h.box.with(func() {
		if h.box.queued("queued") != nil || len(h.box.of("queued")) > 0 || h.box.of("running")[0].result != "ABORTED" {
			t.Error("what was aborted goes on in Jenkins")
		}
		if d := slices.Compact(slices.Clone(deaf.asked)); !slices.Equal(d, []string{"stop", "term", "kill"}) {
			t.Errorf("the build that does not listen was asked %v", d)
		}
	})
	h.job("never", named("queued"), func(j *prow.Job) { j.Status.State, j.Status.Description = prow.Aborted, "" })
	if j := h.complete("never"); j.Status.Description != "Jenkins job aborted." {
		t.Errorf("one that never began ended as %+v", j.Status)
	}
}

func TestANewerCommitTakesThePlaceOfTheOlder(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/unit")
	h.start()
	age := func(d time.Duration) func(*prow.Job) {
		return func(j *prow.Job) { j.Status.StartTime = metav1.NewTime(time.Now().Add(-d)) }
	}
	h.job("old", age(time.Minute))
	h.job("other", pull(6), age(time.Minute))
	h.begin("old")
	h.begin("other")
	h.until("old", "runs", func(j *prow.Job) bool { return j.Status.State == prow.Pending })
	h.job("new", age(0))
	j := h.complete("old")
	if j.Status.State != prow.Aborted || j.Status.Description != "Aborted as the newer version of this job is running." || j.Status.PrevReportStates["github-reporter"] != prow.Aborted {
		t.Errorf("the older ended as %+v", j.Status)
	}
	h.begin("new")
	h.ends("new", "SUCCESS")
	h.ends("other", "SUCCESS")
	for _, id := range []string{"new", "other"} {
		if j := h.complete(id); j.Status.State != prow.Success {
			t.Errorf("%s ended as %+v", id, j.Status)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit int
		job   func(*prow.Job)
		words string
	}{
		"of the operator": {2, func(*prow.Job) {}, "at most 2 jobs"},
		"of a job":        {0, func(j *prow.Job) { j.Spec.MaxConcurrency = 2 }, "at most 2 of unit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, "/job/unit")
			h.cfg.JenkinsOperators[0].MaxConcurrency = c.limit
			h.start()
			var ids []string
			for n := range 5 {
				ids = append(ids, fmt.Sprint("j", n))
				h.job(ids[n], pull(n+1), c.job)
			}
			for n, id := range ids {
				h.queued(id)
				if n < 3 {
					h.until("j4", "is told why it waits", func(j *prow.Job) bool { return strings.Contains(j.Status.Description, c.words) })
				}
				h.restart() // what is under way counts for the next process too
				h.box.with(func() {
					if n := len(h.box.queue); n > 2 {
						t.Errorf("%d at once", n)
					}
				})
				h.begin(id)
				h.ends(id, "SUCCESS")
				h.complete(id)
			}
		})
	}
}

func TestWhatCannotBeStarted(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/disabled", "/job/refused")
	h.box.jobs["/job/disabled"].disabled = true
	h.box.fault = func(r *http.Request) fault {
		if r.URL.Path == "/job/refused/buildWithParameters" {
			return refuse
		}
		return none
	}
	h.start()
	for name, words := range map[string]string{"absent": "has no job at /job/absent", "disabled": "is disabled", "refused": "Nothing is submitted"} {
		h.job(name, named(name))
		j := h.complete(name)
		if j.Status.State != prow.Error || j.Status.URL != "http://help" || !strings.HasPrefix(j.Status.Description, "Error starting Jenkins job.") || !strings.Contains(j.Status.Description, words) {
			t.Errorf("%s ended as %+v", name, j.Status)
		}
	}
}

func TestABuildThatDisappears(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/deleted", "/job/unqueued", "/job/nameless")
	h.start()
	h.job("deleted", named("deleted"))
	h.begin("deleted")
	h.until("deleted", "runs", func(j *prow.Job) bool { return j.Status.State == prow.Pending })
	h.box.with(func() { h.box.jobs["/job/deleted"].builds = nil })
	if j := h.complete("deleted"); j.Status.State != prow.Error || j.Status.URL != "http://help" || !strings.HasPrefix(j.Status.Description, "Error finding Jenkins job.") {
		t.Errorf("deleted ended as %+v", j.Status)
	}
	h.job("unqueued", named("unqueued"))
	h.queued("unqueued")
	h.box.with(func() {
		i := h.box.queued("unqueued")
		i.cancelled, h.box.queue = true, nil
	})
	if j := h.complete("unqueued"); j.Status.State != prow.Aborted || !strings.Contains(j.Status.Description, "took it out") {
		t.Errorf("unqueued ended as %+v", j.Status)
	}
	h.job("nameless", named("nameless"))
	h.queued("nameless")
	h.box.with(func() { h.box.begin(h.box.queued("nameless")).parameters = nil }) // Jenkins drops parameters it was not told of
	if j := h.complete("nameless"); j.Status.State != prow.Error || !strings.Contains(j.Status.Description, "PROW_JOB_ID") {
		t.Errorf("nameless ended as %+v", j.Status)
	}
	h.box.with(func() {
		if n := len(h.box.jobs["/job/nameless"].builds); n != 1 {
			t.Errorf("%d builds of a job whose builds cannot be found, want 1", n)
		}
	})
}

func TestTheFirstBuildTeachesTheParameters(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/unit/view/change-requests/job/PR-5")
	h.box.jobs["/job/unit/view/change-requests/job/PR-5"] = &sandboxJob{learns: true}
	h.start()
	h.job("a", func(j *prow.Job) { j.Spec.JenkinsSpec = &prow.JenkinsSpec{GitHubBranchSourceJob: true} })
	b := h.begin("a")
	h.ends("a", "SUCCESS")
	if j := h.complete("a"); j.Status.State != prow.Success || b.number != 2 {
		t.Errorf("it ended as build %d, %+v", b.number, j.Status)
	}
	h.box.with(func() {
		if first := h.box.jobs["/job/unit/view/change-requests/job/PR-5"].builds[0]; first.result != "ABORTED" {
			t.Errorf("the first build was not aborted: %+v", first)
		}
	})
}

func TestSeveralOperators(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/unit")
	of := func(selector string) config.JenkinsOperator {
		parsed, err := labels.Parse(selector)
		if err != nil {
			t.Fatal(err)
		}
		return config.JenkinsOperator{LabelSelector: selector, Selector: parsed}
	}
	h.cfg.JenkinsOperators = []config.JenkinsOperator{of("on=fast"), of("on!=fast")}
	h.change = func(w *jenkins.Worker) { w.Selector = "on=fast" }
	h.start()
	h.job("slow", pull(1))
	h.job("fast", pull(2), func(j *prow.Job) { j.Labels = map[string]string{"on": "fast"} })
	h.begin("fast")
	j := h.until("fast", "runs", func(j *prow.Job) bool { return j.Status.State == prow.Pending })
	if j.Status.URL != h.box.URL+"/job/unit/1/" {
		t.Errorf("without a template its address is %s", j.Status.URL)
	}
	if h.get("slow").Status.Description != "" {
		t.Error("a job of the other operator was touched")
	}
	h.stop()
	for _, selector := range []string{"", "on=moon"} {
		w := &jenkins.Worker{Jobs: h.db.Jobs, Config: func() *config.Config { return h.cfg }, Selector: selector, Now: time.Now}
		if err := w.Run(t.Context()); !errors.Is(err, jenkins.ErrNoOperator) {
			t.Errorf("Run for %q = %v", selector, err)
		}
	}
}

// A build that is not among the newest hundred is found all the same.
func TestManyBuilds(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/unit")
	h.start()
	h.job("a")
	h.begin("a")
	h.until("a", "runs", func(j *prow.Job) bool { return j.Status.State == prow.Pending })
	h.stop()
	h.box.with(func() {
		for n := range 250 {
			h.box.begin(&sandboxItem{path: "/job/unit", parameters: map[string]string{"PROW_JOB_ID": fmt.Sprint("x", n)}}).result = "SUCCESS"
		}
	})
	h.start()
	h.ends("a", "SUCCESS")
	if j := h.complete("a"); j.Status.State != prow.Success || j.Status.JenkinsBuildID != "1" {
		t.Errorf("it ended as %+v", j.Status)
	}
	// Nobody reads what ended long before a job began.
	h.box.with(func() {
		for _, b := range h.box.jobs["/job/unit"].builds {
			b.at = b.at.Add(-3 * time.Hour)
		}
		h.box.requests = nil
	})
	h.job("b", pull(9), func(j *prow.Job) { j.Status.StartTime = metav1.Now() })
	h.queued("b")
	h.box.with(func() {
		if slices.ContainsFunc(h.box.requests, func(r string) bool { return strings.Contains(r, "allBuilds") }) {
			t.Error("it read all builds there ever were")
		}
	})
}

// An idle operator asks Jenkins nothing.
func TestNothingToDo(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.start()
	h.job("other", func(j *prow.Job) { j.Spec.Agent = prow.KubernetesAgent })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	h.box.with(func() {
		if len(h.box.requests) > 0 {
			t.Errorf("it asked %v", h.box.requests)
		}
	})
}
