package mkpj

import (
	"fmt"
	"iter"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/podspec"
	corev1 "k8s.io/api/core/v1"
)

// Row is one line about one job.
type Row struct {
	Type     prow.Type   `json:"type"`
	Repo     string      `json:"repo,omitempty"`
	Job      string      `json:"job"`
	Branch   string      `json:"branch,omitempty"`
	ProwJob  *prow.Job   `json:"prowjob"`
	Pod      *corev1.Pod `json:"pod,omitempty"`
	PodError string      `json:"pod_error,omitempty"`
}

// AddPod makes the pod of the row's job, if pods run it. As the original's, the
// row then shows the job with the labels that its pod added.
func (r *Row) AddPod() {
	if r.ProwJob.Spec.Agent != prow.KubernetesAgent {
		return
	}
	pod, err := podspec.Decorate(r.ProwJob, podspec.Options{})
	if err != nil {
		r.PodError = err.Error()
		return
	}
	r.Pod = pod
	r.ProwJob.Labels[prow.LabelID] = pod.Labels[prow.LabelID]
	r.ProwJob.Labels[prow.LabelBuildID] = pod.Labels[prow.LabelBuildID]
}

// The sample that two installations of Prow are compared by.
const (
	sampleID      = "11111111-2222-3333-4444-555555555555"
	sampleBuildID = "1234567890123456789"
)

// Sample is the name that sample rows have.
func Sample() Name {
	return Name{ID: sampleID, BuildID: sampleBuildID, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// SampleRefs returns the refs that a job is tried with in a sample: a presubmit tests
// pull request 17, and then, as a batch, 17 and 23.
func SampleRefs(f Found) []prow.Refs {
	switch {
	case f.Presubmit != nil:
		return []prow.Refs{sampleRefs(f, 17), sampleRefs(f, 17, 23)}
	case f.Postsubmit != nil:
		return []prow.Refs{sampleRefs(f)}
	}
	return []prow.Refs{{}}
}

// Rows yields a row for each of the jobs and each of the refs that it is to have, with
// its pod if that is asked for.
func Rows(cfg *config.Config, jobs iter.Seq[Found], refs func(Found) []prow.Refs, name func() Name, pods bool) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for f := range jobs {
			for _, r := range refs(f) {
				if !yield(NewRow(cfg, f, r, name(), pods)) {
					return
				}
			}
		}
	}
}

// NewRow makes one row, with its pod if that is asked for.
func NewRow(cfg *config.Config, f Found, refs prow.Refs, n Name, pod bool) Row {
	j := f.Job(cfg, refs, n)
	r := Row{Type: j.Spec.Type, Repo: f.Repo, Job: j.Spec.Job, Branch: refs.BaseRef, ProwJob: j}
	if pod {
		r.AddPod()
	}
	return r
}

func sampleRefs(f Found, pulls ...int) prow.Refs {
	org, name, _ := strings.Cut(f.Repo, "/") // at the first slash, also of an address
	refs := prow.Refs{Org: org, Repo: name, BaseRef: f.Branch(), BaseSHA: strings.Repeat("a", 40)}
	for _, n := range pulls {
		refs.Pulls = append(refs.Pulls, prow.PullRef{
			Number: n, Author: "octocat", SHA: strings.Repeat(fmt.Sprint(n%10), 40),
			Title: fmt.Sprintf("Fix thing %d", n), HeadRef: fmt.Sprintf("topic-%d", n),
		})
	}
	return refs
}
