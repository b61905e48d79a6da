package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Names of tasks that stand for a clone, and of the task that clones.
const (
	gitCode  = "PROW_IMPLICIT_GIT_REF" // the code under test
	gitExtra = "PROW_EXTRA_GIT_REF_"   // followed by a place in extra_refs
	gitClone = "git-clone"
)

// Versions of Tekton's API.
const (
	tektonV1    = "v1"
	tektonBeta1 = "v1beta1"
)

// pipelineRun makes the PipelineRun of j, of the Prow at home, for a cluster that
// serves these versions of Tekton's API, and says in which of them it is.
func pipelineRun(j *prow.Job, namespace, home string, served []string) (body []byte, version string, err error) {
	spec, err := pipelineSpec(j)
	if err != nil {
		return nil, "", err
	}
	if err := placeClones(spec, j); err != nil {
		return nil, "", err
	}
	if err := addParams(spec, j); err != nil {
		return nil, "", err
	}
	// Tekton knows best how to read its older form, as long as it does.
	version = tektonBeta1
	if _, newer := spec["taskRunTemplate"]; newer || !slices.Contains(served, tektonBeta1) {
		version = tektonV1
		modernize(spec)
	}
	own := map[string]string{prow.LabelID: j.Name, prow.LabelBuildID: j.Status.BuildID}
	body, err = json.Marshal(map[string]any{
		"apiVersion": tektonGroup + "/" + version,
		"kind":       "PipelineRun",
		"metadata": map[string]any{
			"name": j.Name, "namespace": namespace,
			"labels":      j.Spec.Labels(j.Labels, own),
			"annotations": j.Spec.Annotations(j.Annotations, map[string]string{annotationHome: home}),
		},
		"spec": spec,
	})
	return body, version, err
}

// pipelineSpec returns a copy of the spec that j asks for.
func pipelineSpec(j *prow.Job) (map[string]any, error) {
	from := j.Spec.PipelineRunSpec
	if t := j.Spec.TektonPipelineRunSpec; t != nil && t.V1Beta1 != nil {
		from = t.V1Beta1
	}
	if from == nil {
		return nil, errors.New("the job has no pipeline: it needs tekton_pipeline_run_spec")
	}
	b, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	var spec map[string]any
	if err := json.Unmarshal(b, &spec); err != nil || spec == nil {
		return nil, errors.New("tekton_pipeline_run_spec is not a mapping; want the spec of a PipelineRun, with pipelineSpec or pipelineRef")
	}
	return spec, nil
}

// placeClones makes each task of an inline pipeline that stands for a clone one
// that clones.
func placeClones(spec map[string]any, j *prow.Job) error {
	pipeline, _ := spec["pipelineSpec"].(map[string]any)
	for _, list := range []string{"tasks", "finally"} {
		tasks, _ := pipeline[list].([]any)
		for _, t := range tasks {
			task, _ := t.(map[string]any)
			ref, _ := task["taskRef"].(map[string]any)
			name, _ := ref["name"].(string)
			refs, err := cloned(name, j)
			if err != nil {
				return err
			}
			if refs == nil {
				continue
			}
			ref["name"] = gitClone
			own, _ := task["params"].([]any)
			task["params"] = params(own, map[string]string{"url": refs.CloneFrom(), "revision": revision(refs)})
		}
	}
	return nil
}

// cloned returns what the task reference name stands for; nil if it is one of
// Tekton's own.
func cloned(name string, j *prow.Job) (*prow.Refs, error) {
	if name == gitCode {
		if j.Spec.Refs == nil {
			return nil, fmt.Errorf("a task refers to %s, the code under test, and this %s has none", gitCode, j.Spec.Type)
		}
		return j.Spec.Refs, nil
	}
	number, ok := strings.CutPrefix(name, gitExtra)
	if !ok {
		return nil, nil
	}
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(j.Spec.ExtraRefs) || strconv.Itoa(i) != number {
		return nil, fmt.Errorf("a task refers to %s, and the job has %d extra_refs, counted from 0", name, len(j.Spec.ExtraRefs))
	}
	return &j.Spec.ExtraRefs[i], nil
}

// revision is what a task checks out for r.
func revision(r *prow.Refs) string {
	switch {
	case len(r.Pulls) > 0 && r.Pulls[0].SHA != "":
		return r.Pulls[0].SHA
	case len(r.Pulls) > 0:
		return fmt.Sprintf("pull/%d/head", r.Pulls[0].Number)
	case r.BaseSHA != "":
		return r.BaseSHA
	}
	return r.BaseRef
}

// addParams gives the pipeline the environment of j.
func addParams(spec map[string]any, j *prow.Job) error {
	env, err := j.Env("", "")
	if err != nil {
		return err
	}
	delete(env, "BUILD_NUMBER") // an older name that only pods have
	own, _ := spec["params"].([]any)
	spec["params"] = params(own, env)
	return nil
}

// params lays ours over own, by name: Tekton refuses a name that is there twice.
func params(own []any, ours map[string]string) []any {
	out := slices.DeleteFunc(slices.Clone(own), func(p any) bool {
		param, _ := p.(map[string]any)
		name, _ := param["name"].(string)
		_, taken := ours[name]
		return taken
	})
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		out = append(out, map[string]any{"name": name, "value": ours[name]})
	}
	return out
}

// modernize makes a spec of v1beta1 one of v1, where that differs. What is of v1
// already stays.
func modernize(spec map[string]any) {
	template, _ := spec["taskRunTemplate"].(map[string]any)
	if template == nil {
		template = map[string]any{}
	}
	rename(spec, "serviceAccountName", template, "serviceAccountName")
	rename(spec, "podTemplate", template, "podTemplate")
	if len(template) > 0 {
		spec["taskRunTemplate"] = template
	}
	if limit, ok := spec["timeout"]; ok {
		delete(spec, "timeout")
		if _, newer := spec["timeouts"]; !newer {
			spec["timeouts"] = map[string]any{"pipeline": limit}
		}
	}
	for _, run := range mappings(spec["taskRunSpecs"]) {
		rename(run, "taskServiceAccountName", run, "serviceAccountName")
		rename(run, "taskPodTemplate", run, "podTemplate")
	}
	unbundle(spec["pipelineRef"], "pipeline")
	pipeline, _ := spec["pipelineSpec"].(map[string]any)
	for _, list := range []string{"tasks", "finally"} {
		for _, task := range mappings(pipeline[list]) {
			unbundle(task["taskRef"], "task")
			modernizeTask(task["taskSpec"])
		}
	}
}

func modernizeTask(spec any) {
	task, _ := spec.(map[string]any)
	if task == nil {
		return
	}
	parts := slices.Concat(mappings(task["steps"]), mappings(task["sidecars"]))
	if template, ok := task["stepTemplate"].(map[string]any); ok {
		parts = append(parts, template)
	}
	for _, part := range parts {
		rename(part, "resources", part, "computeResources")
	}
}

// unbundle makes a reference into a bundle one that a resolver follows.
func unbundle(ref any, kind string) {
	r, _ := ref.(map[string]any)
	bundle, ok := r["bundle"].(string)
	if !ok {
		return
	}
	name, _ := r["name"].(string)
	delete(r, "bundle")
	delete(r, "name")
	delete(r, "kind")
	r["resolver"] = "bundles"
	r["params"] = params(nil, map[string]string{"bundle": bundle, "name": name, "kind": kind})
}

// rename moves a field, unless there is one of the new name.
func rename(from map[string]any, old string, to map[string]any, name string) {
	v, ok := from[old]
	if !ok {
		return
	}
	delete(from, old)
	if _, taken := to[name]; !taken {
		to[name] = v
	}
}

// mappings returns the mappings of a list.
func mappings(list any) (out []map[string]any) {
	items, _ := list.([]any)
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
