package tekton

import (
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOlderDuplicates(t *testing.T) {
	t.Parallel()
	job := func(id string, minutes int, change ...func(*prow.Job)) *prow.Job {
		return prowtest.Job(id, append([]func(*prow.Job){func(j *prow.Job) {
			j.Spec.Agent = prow.TektonAgent
			j.Status.StartTime = metav1.NewTime(prowtest.Epoch.Add(time.Duration(minutes) * time.Minute))
		}}, change...)...)
	}
	periodic := func(j *prow.Job) { j.Spec.Type, j.Spec.Refs = prow.Periodic, nil }
	postsubmit := func(j *prow.Job) { j.Spec.Type, j.Spec.Refs.Pulls = prow.Postsubmit, nil }
	for _, c := range []struct {
		name string
		jobs []*prow.Job // newest created first
		want string
	}{
		{"one", []*prow.Job{job("b", 5)}, ""},
		{"two", []*prow.Job{job("b", 5), job("a", 0)}, "a"},
		{"the start time says which is older", []*prow.Job{job("b", 0), job("a", 5)}, "b"},
		{"with one start time the later created stays", []*prow.Job{job("b", 0), job("a", 0)}, "a"},
		{"commits do not matter", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Spec.Refs.Pulls[0].SHA = "h0" })}, "a"},
		{"another pull", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Spec.Refs.Pulls[0].Number = 6 })}, ""},
		{"another base", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Spec.Refs.BaseRef = "release" })}, ""},
		{"postsubmits", []*prow.Job{job("b", 5, postsubmit), job("a", 0, postsubmit)}, "a"},
		{"periodics", []*prow.Job{job("b", 5, periodic), job("a", 0, periodic)}, "a"},
		{"another agent", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Spec.Agent = prow.KubernetesAgent })}, ""},
		{"one on its way out", []*prow.Job{job("b", 5), job("a", 0, func(j *prow.Job) { j.Status.State = prow.Aborted })}, ""},
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
