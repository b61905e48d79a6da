//go:build kubernetes && linux

package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest"
	"k8s.io/client-go/rest"
)

// tekton gives the control plane Tekton's resources, as Tekton's installation does.
func tekton(t *testing.T) {
	t.Helper()
	crd, err := os.ReadFile("testdata/pipelinerun-crd.yaml")
	if err == nil {
		err = shared.Apply(t.Context(), crd)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func pipelines(t *testing.T, ns string, clusters map[string]*rest.Config) *kube.Pipelines {
	t.Helper()
	p, err := kube.NewPipelines(kube.RunnerOptions{Clusters: clusters, Namespace: ns, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// pipelineJob is a presubmit with two tasks, one of which clones.
func pipelineJob(id string, change ...func(*prow.Job)) *prow.Job {
	return prowtest.Job(id, append([]func(*prow.Job){func(j *prow.Job) {
		j.Spec.Agent, j.Spec.PodSpec, j.Spec.DecorationConfig = prow.TektonAgent, nil, nil
		j.Spec.TektonPipelineRunSpec = &prow.TektonPipelineRunSpec{V1Beta1: map[string]any{
			"serviceAccountName": "tester",
			"pipelineSpec": map[string]any{"tasks": []any{
				map[string]any{"name": "fetch", "taskRef": map[string]any{"name": "PROW_IMPLICIT_GIT_REF"}},
				map[string]any{"name": "build", "taskRef": map[string]any{"name": "make"}, "runAfter": []any{"fetch"}},
			}},
		}}
	}}, change...)...)
}

// says writes the status of a PipelineRun, as Tekton's controller would.
func says(t *testing.T, ns, name, status string) {
	t.Helper()
	_, err := shared.Do(t.Context(), http.MethodPatch, "/apis/tekton.dev/v1/namespaces/"+ns+"/pipelineruns/"+name+"/status",
		strings.NewReader(`{"status":`+status+`}`), "Content-Type: application/merge-patch+json")
	if err != nil {
		t.Fatal(err)
	}
}

func TestPipelines(t *testing.T) {
	t.Parallel()
	tekton(t)
	ns, elsewhere := shared.namespace(t), shared.namespace(t)
	p, other := pipelines(t, ns, shared.one()), pipelines(t, ns, shared.one())
	ctx := t.Context()
	start := func(p *kube.Pipelines, j *prow.Job) {
		t.Helper()
		until(t, j.Name+" starts", func() bool {
			err := p.Start(ctx, j)
			if prow.IsFinal(err) {
				t.Fatal(err)
			}
			return err == nil
		})
	}
	start(p, pipelineJob("a"))
	start(p, pipelineJob("a"))
	start(other, pipelineJob("a"))
	start(p, pipelineJob("b", func(j *prow.Job) { j.Spec.Namespace = elsewhere }))
	var run struct {
		Spec struct {
			Params             []struct{ Name, Value string }
			ServiceAccountName string
		}
	}
	raw, err := shared.Do(ctx, http.MethodGet, "/apis/tekton.dev/v1/namespaces/"+ns+"/pipelineruns/a", nil)
	if err == nil {
		err = json.Unmarshal(raw, &run)
	}
	if err != nil || run.Spec.ServiceAccountName != "tester" || len(run.Spec.Params) < 10 || !strings.Contains(string(raw), `"git-clone"`) {
		t.Fatalf("%v: %s", err, raw)
	}
	look := func(id, what string, ok func(prow.Run) bool) prow.Run {
		t.Helper()
		var r prow.Run
		until(t, id+" is "+what, func() bool {
			var err error
			r, err = other.Look(context.Background(), id)
			return err == nil && ok(r)
		})
		return r
	}
	look("b", "waiting", func(r prow.Run) bool { return r.Phase == prow.Waiting })
	says(t, ns, "a", `{"startTime":"2026-01-02T03:04:05Z","conditions":[{"type":"Succeeded","status":"Unknown","reason":"Running","message":"Tasks Completed: 1, Incomplete: 1"}]}`)
	look("a", "running", func(r prow.Run) bool { return r.Phase == prow.Running && r.Why == "Tasks Completed: 1, Incomplete: 1" })
	if err := other.Stop(ctx, "a", "A newer commit came."); err != nil {
		t.Fatal(err)
	}
	if raw, err := shared.Do(ctx, http.MethodGet, "/apis/tekton.dev/v1/namespaces/"+ns+"/pipelineruns/a", nil); err != nil || !strings.Contains(string(raw), `"CancelledRunFinally"`) {
		t.Errorf("it is not cancelled: %v %s", err, raw)
	}
	says(t, ns, "a", `{"completionTime":"2026-01-02T03:05:05Z","conditions":[{"type":"Succeeded","status":"False","reason":"CancelledRunFinally","message":"PipelineRun \"a\" was cancelled"}]}`)
	look("a", "aborted", func(r prow.Run) bool { return r.Phase == prow.Ended && r.Verdict == prow.Aborted })
	if all, err := p.List(ctx); err != nil || len(all) != 2 {
		t.Errorf("List = %+v, %v", all, err)
	}
	if err := errors.Join(p.Remove(ctx, "a"), p.Remove(ctx, "a"), p.Remove(ctx, "none")); err != nil {
		t.Error(err)
	}
	until(t, "a is gone", func() bool { _, err := other.Look(ctx, "a"); return errors.Is(err, fs.ErrNotExist) })
}
