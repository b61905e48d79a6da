package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Names of tasks that Prow replaces by a task that clones.
const (
	tektonCode  = "PROW_IMPLICIT_GIT_REF" // the code under test
	tektonExtra = "PROW_EXTRA_GIT_REF_"   // followed by a place in extra_refs
)

// checkTekton checks that what tasks clone is there, and that what is there is
// cloned by a task. A task that describes itself, without a reference, is none of
// Prow's business.
func checkTekton(at spot, j *JobBase, t prow.Type) {
	spec, at := pipelineOf(at, j)
	run, ok := spec.(map[string]any)
	if !ok {
		if spec != nil {
			at.hinted("is not a mapping", "want the spec of a PipelineRun, with pipelineSpec or pipelineRef")
		}
		return
	}
	pipeline, _ := run["pipelineSpec"].(map[string]any)
	tasks, _ := pipeline["tasks"].([]any)
	if pipeline == nil {
		return // it is in the cluster, where Prow cannot see it
	}
	used := make([]bool, len(j.ExtraRefs))
	for i, task := range tasks {
		fields, _ := task.(map[string]any)
		ref, _ := fields["taskRef"].(map[string]any)
		name, _ := ref["name"].(string)
		at := at.at("pipelineSpec", "tasks", i, "taskRef", "name")
		n, isExtra := strings.CutPrefix(name, tektonExtra)
		switch {
		case name == tektonCode && t == prow.Periodic:
			at.hinted(name+" stands for the code under test, and a periodic has none", "use "+tektonExtra+"0 and extra_refs")
		case isExtra:
			index, err := strconv.Atoi(n)
			if err != nil || index < 0 || strconv.Itoa(index) != n {
				at.hinted(fmt.Sprintf("%q does not end in a number", name), "the first of extra_refs is "+tektonExtra+"0")
				continue
			}
			if index >= len(used) {
				at.hinted(fmt.Sprintf("there is no extra_refs[%d]", index), fmt.Sprintf("the job has %d", len(used)))
				continue
			}
			used[index] = true
		}
	}
	if i := slices.Index(used, false); i >= 0 {
		at.hinted(fmt.Sprintf("no task uses extra_refs[%d]", i), fmt.Sprintf("refer to it in a task as %s%d, or remove it", tektonExtra, i))
	}
}

// pipelineOf returns the pipeline that counts, and where it stands.
func pipelineOf(at spot, j *JobBase) (any, spot) {
	if j.TektonPipelineRunSpec != nil && j.TektonPipelineRunSpec.V1Beta1 != nil {
		return j.TektonPipelineRunSpec.V1Beta1, at.at("tekton_pipeline_run_spec", "v1beta1")
	}
	return j.PipelineRunSpec, at.at("pipeline_run_spec")
}
