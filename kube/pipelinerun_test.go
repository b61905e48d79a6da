package kube

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
	"sigs.k8s.io/yaml"
)

// pipelineOf makes the PipelineRun of a presubmit with a spec given as YAML, and
// returns it and its spec without Prow's own params.
func pipelineOf(t *testing.T, spec string, served []string, change ...func(*prow.Job)) (run map[string]any, own map[string]any, err error) {
	t.Helper()
	j := prowtest.Job("x", append([]func(*prow.Job){func(j *prow.Job) {
		j.Spec.Agent, j.Spec.PodSpec, j.Spec.DecorationConfig = prow.TektonAgent, nil, nil
		var v any
		if err := yaml.Unmarshal([]byte(spec), &v); err != nil {
			t.Fatal(err)
		}
		j.Spec.TektonPipelineRunSpec = &prow.TektonPipelineRunSpec{V1Beta1: v}
		j.Spec.ExtraRefs = []prow.Refs{{Org: "o", Repo: "extra", BaseRef: "main"}, {Org: "o", Repo: "two", BaseRef: "dev", BaseSHA: "cafe", CloneURI: "git@host:two.git"}}
	}}, change...)...)
	body, version, err := pipelineRun(j, "ns", "pods", served)
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(body, &run); err != nil {
		t.Fatal(err)
	}
	if run["apiVersion"] != "tekton.dev/"+version {
		t.Errorf("it is of %s, and says %s", version, run["apiVersion"])
	}
	own, _ = run["spec"].(map[string]any)
	var rest []any
	for _, p := range own["params"].([]any) {
		if name := p.(map[string]any)["name"].(string); name == strings.ToLower(name) {
			rest = append(rest, p)
		}
	}
	delete(own, "params")
	if rest != nil {
		own["params"] = rest
	}
	return run, own, nil
}

func both() []string { return []string{"v1", "v1beta1"} }

func TestPipelineRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, spec, want, version string
		served                    []string
	}{
		{"as it is where it is known", "{serviceAccountName: s, timeout: 1h, pipelineRef: {name: p}}", "{serviceAccountName: s, timeout: 1h, pipelineRef: {name: p}}", "v1beta1", both()},
		{"own params stay, Prow's win", "{pipelineRef: {name: p}, params: [{name: mine, value: x}, {name: JOB_NAME, value: other}]}", "{pipelineRef: {name: p}, params: [{name: mine, value: x}]}", "v1beta1", both()},
		{"already of v1", "{taskRunTemplate: {serviceAccountName: s}, pipelineRef: {name: p}}", "{taskRunTemplate: {serviceAccountName: s}, pipelineRef: {name: p}}", "v1", both()},
		{"made new where the older form is not served", "{serviceAccountName: s, podTemplate: {nodeSelector: {a: b}}, timeout: 1h, pipelineRef: {name: p, bundle: b}, taskRunSpecs: [{pipelineTaskName: t, taskServiceAccountName: u, taskPodTemplate: {}}]}",
			"{taskRunTemplate: {serviceAccountName: s, podTemplate: {nodeSelector: {a: b}}}, timeouts: {pipeline: 1h}, pipelineRef: {resolver: bundles, params: [{name: bundle, value: b}, {name: kind, value: pipeline}, {name: name, value: p}]}, taskRunSpecs: [{pipelineTaskName: t, serviceAccountName: u, podTemplate: {}}]}",
			"v1", []string{"v1"}},
		{"tasks made new", "{timeouts: {pipeline: 2h}, timeout: 1h, pipelineSpec: {tasks: [{name: a, taskSpec: {stepTemplate: {resources: {}}, steps: [{name: s, resources: {limits: {cpu: 1}}}]}}], finally: [{name: b, taskRef: {name: t, bundle: b, kind: Task}}]}}",
			"{timeouts: {pipeline: 2h}, pipelineSpec: {tasks: [{name: a, taskSpec: {stepTemplate: {computeResources: {}}, steps: [{name: s, computeResources: {limits: {cpu: 1}}}]}}], finally: [{name: b, taskRef: {resolver: bundles, params: [{name: bundle, value: b}, {name: kind, value: task}, {name: name, value: t}]}}]}}",
			"v1", []string{"v1"}},
		{"clones", `{pipelineSpec: {tasks: [
			{name: code, taskRef: {name: PROW_IMPLICIT_GIT_REF}, workspaces: [{name: out}], params: [{name: depth, value: "1"}, {name: url, value: old}]},
			{name: extra, taskRef: {name: PROW_EXTRA_GIT_REF_0}}, {name: build, taskRef: {name: make}}, {name: inline, taskSpec: {steps: []}}],
			finally: [{name: two, taskRef: {name: PROW_EXTRA_GIT_REF_1, kind: ClusterTask}}]}}`,
			`{pipelineSpec: {tasks: [
			{name: code, taskRef: {name: git-clone}, workspaces: [{name: out}], params: [{name: depth, value: "1"}, {name: revision, value: h1}, {name: url, value: "https://github.com/o/r.git"}]},
			{name: extra, taskRef: {name: git-clone}, params: [{name: revision, value: main}, {name: url, value: "https://github.com/o/extra.git"}]}, {name: build, taskRef: {name: make}}, {name: inline, taskSpec: {steps: []}}],
			finally: [{name: two, taskRef: {name: git-clone, kind: ClusterTask}, params: [{name: revision, value: cafe}, {name: url, value: "git@host:two.git"}]}]}}`, "v1beta1", both()},
	} {
		run, got, err := pipelineOf(t, c.spec, c.served)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var want map[string]any
		if err := yaml.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" || run["apiVersion"] != "tekton.dev/"+c.version {
			t.Errorf("%s, %s:\n%s", c.name, run["apiVersion"], d)
		}
	}
}

func TestPipelineRunTellsWhoseItIs(t *testing.T) {
	t.Parallel()
	j := prowtest.Job("x", func(j *prow.Job) {
		j.Spec.Agent, j.Spec.DecorationConfig, j.Status.BuildID = prow.TektonAgent, nil, "9"
		j.Spec.PipelineRunSpec = map[string]any{"pipelineRef": map[string]any{"name": "older"}}
		j.Labels, j.Annotations = map[string]string{"mine": "1"}, map[string]string{"note": "n"}
	})
	body, _, err := pipelineRun(j, "ns", "pods", both())
	if err != nil {
		t.Fatal(err)
	}
	var run struct {
		Metadata struct {
			Name, Namespace     string
			Labels, Annotations map[string]string
		}
		Spec struct {
			Params []struct{ Name, Value string }
		}
	}
	if err := json.Unmarshal(body, &run); err != nil {
		t.Fatal(err)
	}
	m := run.Metadata
	if m.Name != "x" || m.Namespace != "ns" || m.Labels["created-by-prow"] != "true" || m.Labels["prow.k8s.io/id"] != "x" || m.Labels["prow.k8s.io/build-id"] != "9" ||
		m.Labels["mine"] != "1" || m.Annotations["prow.k8s.io/job"] != "unit" || m.Annotations["note"] != "n" || m.Annotations["prow.k8s.io/installation"] != "pods" {
		t.Errorf("it is %+v", m)
	}
	var names []string
	for _, p := range run.Spec.Params {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "BUILD_ID CI JOB_NAME JOB_SPEC JOB_TYPE PROW_JOB_ID PULL_BASE_REF PULL_BASE_SHA PULL_HEAD_REF PULL_NUMBER PULL_PULL_SHA PULL_REFS PULL_TITLE REPO_NAME REPO_OWNER SRC_BASE SRC_HOST" {
		t.Errorf("its params are %s", got)
	}
}

func TestPipelinesThatCannotBe(t *testing.T) {
	t.Parallel()
	task := func(name string) string { return "{pipelineSpec: {tasks: [{name: a, taskRef: {name: " + name + "}}]}}" }
	for _, c := range []struct {
		spec, words string
		change      func(*prow.Job)
	}{
		{"~", "needs tekton_pipeline_run_spec", func(*prow.Job) {}},
		{"[a]", "is not a mapping", func(*prow.Job) {}},
		{task("PROW_IMPLICIT_GIT_REF"), "this periodic has none", func(j *prow.Job) { j.Spec.Type, j.Spec.Refs = prow.Periodic, nil }},
		{task("PROW_EXTRA_GIT_REF_2"), "has 2 extra_refs", func(*prow.Job) {}},
		{task("PROW_EXTRA_GIT_REF_x"), "counted from 0", func(*prow.Job) {}},
		{task("PROW_EXTRA_GIT_REF_00"), "counted from 0", func(*prow.Job) {}},
	} {
		if _, _, err := pipelineOf(t, c.spec, both(), c.change); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v; want it to say %q", c.spec, err, c.words)
		}
	}
}

func TestRevision(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		refs prow.Refs
		want string
	}{
		{prow.Refs{BaseRef: "main", BaseSHA: "b", Pulls: []prow.PullRef{{Number: 5, SHA: "h"}, {Number: 6, SHA: "i"}}}, "h"},
		{prow.Refs{BaseRef: "main", BaseSHA: "b", Pulls: []prow.PullRef{{Number: 5}}}, "pull/5/head"},
		{prow.Refs{BaseRef: "main", BaseSHA: "b"}, "b"},
		{prow.Refs{BaseRef: "main"}, "main"},
	} {
		if got := revision(&c.refs); got != c.want {
			t.Errorf("revision of %s = %s, want %s", c.refs, got, c.want)
		}
	}
}

func TestLookPipeline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, status string
		want         prow.Run
	}{
		{"new", `{}`, prow.Run{Phase: prow.Waiting, Why: "Tekton has not taken up its PipelineRun yet."}},
		{"ended without a word", `{completionTime: "2026-01-02T03:04:05Z"}`, prow.Run{Phase: prow.Ended, Verdict: prow.Error, Why: "Its PipelineRun ended, and Tekton does not say how."}},
		{"pending", `{conditions: [{type: Succeeded, status: Unknown, reason: PipelineRunPending}]}`, prow.Run{Phase: prow.Waiting, Why: "PipelineRunPending"}},
		{"started", `{startTime: "2026-01-02T03:04:05Z", conditions: [{type: Other, status: "True"}, {type: Succeeded, status: Unknown, reason: Started, message: "Not all Tasks have completed"}]}`,
			prow.Run{Phase: prow.Running, Doing: "testing", Why: "Not all Tasks have completed"}},
		{"without words", `{startTime: "2026-01-02T03:04:05Z", conditions: [{type: Succeeded, status: Unknown}]}`, prow.Run{Phase: prow.Running, Doing: "testing", Why: "Its PipelineRun is running."}},
		{"passed", `{conditions: [{type: Succeeded, status: "True", message: "All Tasks have completed"}]}`, prow.Run{Phase: prow.Ended, Verdict: prow.Success, Why: "All Tasks have completed"}},
		{"failed", `{conditions: [{type: Succeeded, status: "False", reason: Failed}]}`, prow.Run{Phase: prow.Ended, Verdict: prow.Failure, Why: "Failed"}},
		{"failed without words", `{conditions: [{type: Succeeded, status: "False"}]}`, prow.Run{Phase: prow.Ended, Verdict: prow.Failure, Why: "Its PipelineRun failed."}},
		{"cancelled", `{conditions: [{type: Succeeded, status: "False", reason: PipelineRunCancelled}]}`, prow.Run{Phase: prow.Ended, Verdict: prow.Aborted, Why: "Its PipelineRun was cancelled: PipelineRunCancelled"}},
	} {
		raw, err := yaml.YAMLToJSON([]byte("{metadata: {name: x, uid: u, resourceVersion: '7', labels: {prow.k8s.io/build-id: '9'}}, status: " + c.status + "}"))
		if err != nil {
			t.Fatal(err)
		}
		h, err := readPipeline(raw)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := h.run
		if got.ID != "x" || got.BuildID != "9" || got.Phase != c.want.Phase || got.Verdict != c.want.Verdict || got.Why != c.want.Why || got.Doing != c.want.Doing {
			t.Errorf("%s: look = %+v, want %+v", c.name, got, c.want)
		}
	}
	if _, err := readPipeline([]byte("<html>")); err == nil {
		t.Error("a page was read as a PipelineRun")
	}
}

func FuzzPipelineRun(f *testing.F) {
	f.Add(`{"pipelineSpec":{"tasks":[{"taskRef":{"name":"PROW_IMPLICIT_GIT_REF"}},null,7],"finally":"x"},"params":[1,{"name":2}],"timeout":[],"taskRunSpecs":{}}`)
	f.Add(`{"pipelineSpec":7,"pipelineRef":{"bundle":1},"taskRunTemplate":"x","serviceAccountName":{}}`)
	f.Fuzz(func(t *testing.T, spec string) {
		var v any
		if json.Unmarshal([]byte(spec), &v) != nil {
			return
		}
		j := prowtest.Job("x", func(j *prow.Job) { j.Spec.TektonPipelineRunSpec = &prow.TektonPipelineRunSpec{V1Beta1: v} })
		for _, served := range [][]string{both(), {"v1"}} {
			body, _, err := pipelineRun(j, "ns", "pods", served)
			if err == nil && !json.Valid(body) {
				t.Errorf("%s became %s", spec, body)
			}
		}
	})
}
