//go:build kubernetes && linux

package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
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

// A cluster without Tekton has no runs, and says so of those that are to start.
func TestWithoutTekton(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	config, wire := shared.wired(shared.config())
	wire.set(func(r *http.Request) *http.Response {
		if strings.HasPrefix(r.URL.Path, "/apis/tekton.dev") {
			return answered(r, http.StatusNotFound)
		}
		return nil
	}, nil)
	p := pipelines(t, ns, map[string]*rest.Config{"default": config, "gone": {Host: "http://127.0.0.1:1"}})
	ctx := t.Context()
	until(t, "it is known that there is none", func() bool {
		err := p.Start(ctx, pipelineJob("a"))
		return prow.IsFinal(err) && strings.Contains(err.Error(), "has no Tekton: install it")
	})
	if err := p.Start(ctx, pipelineJob("a", func(j *prow.Job) { j.Spec.Cluster = "gone" })); err == nil || prow.IsFinal(err) {
		t.Errorf("on a cluster that cannot be reached: %v", err)
	}
	if _, err := p.Look(ctx, "a"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("while a cluster cannot be asked, nothing is absent: %v", err)
	}
	if err := p.SetClusters(map[string]*rest.Config{"default": config}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Look(ctx, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without Tekton there are no runs: %v", err)
	}
}

// What passes is tried again, and what others own is left alone.
func TestPipelinesOfOthers(t *testing.T) {
	t.Parallel()
	tekton(t)
	ns, theirs := shared.namespace(t), shared.namespace(t)
	p, other := pipelines(t, ns, shared.one()), pipelines(t, theirs, shared.one())
	ctx := t.Context()
	in := func(j *prow.Job) { j.Spec.Namespace = ns }
	until(t, "theirs starts", func() bool { return other.Start(ctx, pipelineJob("theirs", in)) == nil })
	manifest := "{apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: {name: foreign}, spec: {}}\n---\n" +
		"{apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: {name: original, labels: {created-by-prow: 'true', prow.k8s.io/build-id: '77'}}, spec: {}}"
	if _, err := shared.Kubectl(ctx, []byte(manifest), "-n", ns, "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	elsewhere := "{apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: {name: elsewhere, labels: {created-by-prow: 'true', prow.k8s.io/build-id: '78'}}, spec: {}}"
	if _, err := shared.Kubectl(ctx, []byte(elsewhere), "-n", theirs, "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	until(t, "the one of the original is seen", func() bool { r, err := p.Look(ctx, "original"); return err == nil && r.BuildID == "77" })
	for _, id := range []string{"foreign", "theirs"} {
		if _, err := p.Look(ctx, id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is seen: %v", id, err)
		}
		if err := p.Start(ctx, pipelineJob(id)); !prow.IsFinal(err) || !strings.Contains(err.Error(), "not this job's") {
			t.Errorf("%s is taken over: %v", id, err)
		}
	}
	if err := errors.Join(p.Start(ctx, pipelineJob("original")), p.Start(ctx, pipelineJob("elsewhere", func(j *prow.Job) { j.Spec.Namespace = theirs }))); err != nil {
		t.Errorf("those of the original are not taken over: %v", err)
	}
	says(t, theirs, "elsewhere", `{"conditions":[{"type":"Succeeded","status":"True"}]}`)
	until(t, "what was taken over is followed", func() bool { r, err := p.Look(ctx, "elsewhere"); return err == nil && r.Phase == prow.Ended })
}

func TestLogsOfSteps(t *testing.T) {
	t.Parallel()
	tekton(t)
	ns := shared.namespace(t)
	config, wire := shared.wired(shared.config())
	p := pipelines(t, ns, map[string]*rest.Config{"default": config})
	ctx := t.Context()
	until(t, "a starts", func() bool { return p.Start(ctx, pipelineJob("a")) == nil })
	pod := func(name, task, steps string) string {
		return "{apiVersion: v1, kind: Pod, metadata: {name: " + name + ", labels: {tekton.dev/pipelineRun: a, tekton.dev/pipelineTask: " + task + "}}, spec: {containers: [" + steps + ", {name: sidecar-x, image: i}]}}\n"
	}
	manifest := pod("p1", "fetch", "{name: step-clone, image: i}") + "---\n" + pod("p2", "test", "{name: step-unit, image: i}, {name: step-late, image: i}")
	if _, err := shared.Kubectl(ctx, []byte(manifest), "-n", ns, "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	// There is no node here that could tell.
	wire.set(func(r *http.Request) *http.Response {
		if !strings.HasSuffix(r.URL.Path, "/log") {
			return nil
		}
		container := r.URL.Query().Get("container")
		if container == "step-late" {
			return answered(r, http.StatusBadRequest)
		}
		res := answered(r, http.StatusOK)
		res.Body = io.NopCloser(strings.NewReader(container + " says hello\n"))
		return res
	}, nil)
	read := func(step string, offset int64) string {
		rc, err := p.Logs(ctx, "a", step, offset, false)
		if err != nil {
			return err.Error()
		}
		defer rc.Close()
		b, err := io.ReadAll(rc)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	if got := read("test/unit", 10); got != "says hello\n" {
		t.Errorf("one step: %q", got)
	}
	if got := read("test/none", 0); !strings.Contains(got, "it has fetch/clone, test/unit, test/late") {
		t.Errorf("a step that there is not: %q", got)
	}
	whole := "# fetch/clone\nstep-clone says hello\n# test/unit\nstep-unit says hello\n"
	if got := read("", 0); got != whole {
		t.Errorf("all steps: %q", got)
	}
	if got := read("", 14); got != whole[14:] {
		t.Errorf("all steps, from an offset: %q", got)
	}
	rc, err := p.Logs(ctx, "a", "", 0, true)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	says(t, ns, "a", `{"conditions":[{"type":"Succeeded","status":"True"}]}`)
	if b, err := io.ReadAll(rc); err != nil || string(b) != whole {
		t.Errorf("followed to its end: %q, %v", b, err)
	}
}

// With rights in its own namespace alone Prow runs the jobs that are at home there.
func TestPipelinesAtHomeOnly(t *testing.T) {
	t.Parallel()
	tekton(t)
	ns := shared.namespace(t)
	config, wire := shared.wired(shared.config())
	wire.set(func(r *http.Request) *http.Response {
		if r.URL.Path == "/apis/tekton.dev/v1/pipelineruns" {
			return answered(r, http.StatusForbidden)
		}
		return nil
	}, nil)
	p := pipelines(t, ns, map[string]*rest.Config{"default": config})
	until(t, "a starts", func() bool { return p.Start(t.Context(), pipelineJob("a")) == nil })
	says(t, ns, "a", `{"conditions":[{"type":"Succeeded","status":"True"}]}`)
	until(t, "it is followed", func() bool { r, err := p.Look(t.Context(), "a"); return err == nil && r.Phase == prow.Ended })
	err := p.Start(t.Context(), pipelineJob("b", func(j *prow.Job) { j.Spec.Namespace = "elsewhere" }))
	if !prow.IsFinal(err) || !strings.Contains(err.Error(), "list and watch them in all namespaces") {
		t.Errorf("in another namespace: %v", err)
	}
}

// An answer that is lost makes no second run, and none that is not known.
func TestPipelineAnswersAreLost(t *testing.T) {
	t.Parallel()
	tekton(t)
	ns := shared.namespace(t)
	config, wire := shared.wired(shared.config())
	p := pipelines(t, ns, map[string]*rest.Config{"default": config})
	until(t, "Tekton is found", func() bool { return p.Clusters()["default"] == nil })
	wire.set(nil, times(1, func(r *http.Request) bool { return r.Method == http.MethodPost }))
	if err := p.Start(t.Context(), pipelineJob("a")); err != nil {
		t.Fatal(err)
	}
	if r, err := p.Look(t.Context(), "a"); err != nil || r.Phase != prow.Waiting {
		t.Errorf("it is %+v, %v", r, err)
	}
	wire.set(nil, times(1, func(r *http.Request) bool { return r.Method == http.MethodDelete }))
	if err := p.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	until(t, "it is gone", func() bool { _, err := p.Look(t.Context(), "a"); return errors.Is(err, fs.ErrNotExist) })
}
