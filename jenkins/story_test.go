package jenkins_test

import (
	"testing"

	prow "github.com/prow-ci/prow"
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
