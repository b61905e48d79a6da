// Package prowtest says, as tests, what each port promises. Every
// implementation runs its suite; a promise not tested here is not made.
package prowtest

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Epoch is when the tests' stories begin.
var Epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Job builds a triggered presubmit `unit` of o/r#5 and lets change adjust it.
func Job(id string, change ...func(*prow.Job)) *prow.Job {
	j := &prow.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: prow.APIVersion, Kind: prow.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: id, Labels: map[string]string{prow.LabelCreatedByProw: "true"}},
		Spec: prow.Spec{
			Type: prow.Presubmit, Agent: prow.KubernetesAgent, Cluster: "default", Job: "unit", Context: "unit", Report: true,
			RerunCommand: "/test unit",
			Refs: &prow.Refs{Org: "o", Repo: "r", BaseRef: "main", BaseSHA: "b0",
				Pulls: []prow.PullRef{{Number: 5, Author: "alice", SHA: "h1"}}},
			PodSpec: &corev1.PodSpec{Containers: []corev1.Container{{Image: "busybox", Command: []string{"true"}}}},
		},
		Status: prow.Status{State: prow.Triggered, StartTime: metav1.NewTime(Epoch)},
	}
	for _, c := range change {
		c(j)
	}
	return j
}

// Script makes a job run a shell script, decorated, with nothing to clone.
func Script(script string) func(*prow.Job) {
	return func(j *prow.Job) {
		j.Spec.Type, j.Spec.Refs, j.Spec.RerunCommand = prow.Periodic, nil, ""
		j.Spec.PodSpec = &corev1.PodSpec{Containers: []corev1.Container{{Image: "busybox", Command: []string{"sh", "-c", script}}}}
		j.Spec.DecorationConfig = &prow.DecorationConfig{}
		j.Status.BuildID = "1234567890123456789"
	}
}

// eventually calls ok until it is true, or fails after a generous time: on a
// busy machine slowness is no defect.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never happened: %s", what)
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ids(jobs []*prow.Job) []string {
	out := []string{}
	for _, j := range jobs {
		out = append(out, j.Name)
	}
	return out
}

func absent(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s of what is absent = %v, want fs.ErrNotExist", what, err)
	}
}

// seen collects what a Watch yields until the test ends.
func seen(t *testing.T, watch func(context.Context) func(func(string) bool)) func(id string) bool {
	ctx, cancel := context.WithCancel(t.Context())
	ch := make(chan string, 1024)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for id := range watch(ctx) {
			select {
			case ch <- id:
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	var all []string
	return func(id string) bool {
		for {
			select {
			case got := <-ch:
				all = append(all, got)
			default:
				if i := slices.Index(all, id); i >= 0 {
					all = slices.Delete(all, i, i+1)
					return true
				}
				return false
			}
		}
	}
}
