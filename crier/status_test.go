package crier

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/prowtest"
)

func TestCheckOfAJob(t *testing.T) {
	t.Parallel()
	base := strings.Repeat("a", 40)
	for state, want := range map[prow.State]prow.CheckState{
		prow.Scheduling: prow.CheckPending, prow.Triggered: prow.CheckPending, prow.Pending: prow.CheckPending,
		prow.Success: prow.CheckSuccess, prow.Failure: prow.CheckFailure, prow.Aborted: prow.CheckFailure, prow.Error: prow.CheckError,
	} {
		c := check(prowtest.Job("a", func(j *prow.Job) {
			j.Spec.Refs.BaseSHA, j.Status.State, j.Status.Description, j.Status.URL = base, state, "Job said.", "https://u"
		}))
		if c.State != want || c.Name != "unit" || c.URL != "https://u" || c.Plain() != "Job said." || c.BaseSHA() != base {
			t.Errorf("%s: %+v", state, c)
		}
	}
	long := check(prowtest.Job("a", func(j *prow.Job) { j.Spec.Refs.BaseSHA, j.Status.Description = base, strings.Repeat("ü", 500) }))
	if len(long.Text) > 140 || !strings.HasSuffix(long.Text, " BaseSHA:"+base) {
		t.Errorf("a long text becomes %q", long.Text)
	}
}

func TestWhoHasAStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*prow.Job)
		cfg    config.GitHubReporter
		want   bool
	}{
		{"a presubmit", func(*prow.Job) {}, config.GitHubReporter{}, true},
		{"a postsubmit", func(j *prow.Job) { j.Spec.Type, j.Spec.Refs.Pulls = prow.Postsubmit, nil }, config.GitHubReporter{}, true},
		{"a postsubmit not to be reported", func(j *prow.Job) { j.Spec.Type, j.Spec.Refs.Pulls = prow.Postsubmit, nil },
			config.GitHubReporter{JobTypesToReport: []prow.Type{prow.Presubmit}}, false},
		{"report: false", func(j *prow.Job) { j.Spec.Report = false }, config.GitHubReporter{}, false},
		{"a batch", func(j *prow.Job) { j.Spec.Type = prow.Batch }, config.GitHubReporter{}, false},
		{"several pulls", func(j *prow.Job) { j.Spec.Refs.Pulls = append(j.Spec.Refs.Pulls, j.Spec.Refs.Pulls[0]) }, config.GitHubReporter{}, false},
		{"a periodic", func(j *prow.Job) { j.Spec.Type, j.Spec.Refs = prow.Periodic, nil }, config.GitHubReporter{}, false},
		{"Gerrit's", func(j *prow.Job) { j.Labels[labelGerrit] = "" }, config.GitHubReporter{}, false},
	} {
		if got := wantsStatus(prowtest.Job("a", c.change), &c.cfg); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPointless(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"422 Validation Failed; This SHA and context has reached the maximum number of statuses.": true,
		`{"message":"Not Found","documentation_url":"x"}`:                                         true,
		`{"message":"No commit found for SHA: 1234"}`:                                             true,
		"502 Bad Gateway": false,
	} {
		if got := pointless(errors.New(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if !pointless(fmt.Errorf("x: %w", fs.ErrNotExist)) || pointless(nil) {
		t.Error("what does not exist is pointless, and no error is not")
	}
}
