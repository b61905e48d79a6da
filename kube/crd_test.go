package kube

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// TestCRD makes the definition of ProwJobs from the types of the root package, so
// that no field of theirs can be forgotten, which the API server would drop.
func TestCRD(t *testing.T) {
	t.Parallel()
	want, err := yaml.Marshal(definition())
	if err != nil {
		t.Fatal(err)
	}
	want = append([]byte("# The ProwJob resource. Made from the types by TestCRD in kube; `make golden` writes it anew.\n"), want...)
	if len(want) > 64<<10 {
		t.Errorf("%d bytes; kubectl apply should stay far from its limits: at most 64 KB", len(want))
	}
	for _, file := range []string{"crd.yaml", "../deploy/crd/prowjob.yaml"} {
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types say; run: make golden", file)
		}
	}
	if len(CRD) == 0 {
		t.Error("not embedded")
	}
}

type object = map[string]any

func definition() object {
	column := func(name, path, kind, description string) object {
		return object{"name": name, "jsonPath": path, "type": kind, "description": description}
	}
	s := schema(reflect.TypeFor[prow.Job](), "")
	s["properties"].(object)["apiVersion"] = object{"type": "string"}
	s["properties"].(object)["kind"] = object{"type": "string"}
	s["properties"].(object)["metadata"] = object{"type": "object"}
	return object{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": object{
			"name":        "prowjobs.prow.k8s.io",
			"annotations": object{"api-approved.kubernetes.io": "https://github.com/kubernetes/test-infra/pull/8669"},
		},
		"spec": object{
			"group": "prow.k8s.io", "scope": "Namespaced", "preserveUnknownFields": false,
			"names": object{"kind": "ProwJob", "listKind": "ProwJobList", "plural": "prowjobs", "singular": "prowjob", "shortNames": []string{"pj"}},
			"versions": []object{{
				"name": "v1", "served": true, "storage": true,
				"schema": object{"openAPIV3Schema": s},
				"additionalPrinterColumns": []object{
					column("Job", ".spec.job", "string", "The name of the job being run."),
					column("BuildId", ".status.build_id", "string", "The ID of the job being run."),
					column("Type", ".spec.type", "string", "The type of job being run."),
					column("Org", ".spec.refs.org", "string", "The org for which the job is running."),
					column("Repo", ".spec.refs.repo", "string", "The repo for which the job is running."),
					column("Pulls", ".spec.refs.pulls[*].number", "string", "The pulls for which the job is running."),
					column("StartTime", ".status.startTime", "date", "When the job started running."),
					column("CompletionTime", ".status.completionTime", "date", "When the job finished running."),
					column("State", ".status.state", "string", "The state of the job."),
				},
			}},
		},
	}
}

// says is what the types do not: rules of the schema by path, a [] being any item
// of a list.
func says() map[string]object {
	states := []any{prow.Scheduling, prow.Triggered, prow.Pending, prow.Success, prow.Failure, prow.Aborted, prow.Error}
	refs := object{"required": []string{"org", "repo"}}
	pull := object{"required": []string{"author", "number", "sha"}}
	return map[string]object{
		"":                                      {"description": "A ProwJob is one run of one configured test on one set of refs."},
		"spec":                                  {"required": []string{"job", "type"}, "description": "What to run."},
		"spec.type":                             {"enum": []any{prow.Presubmit, prow.Postsubmit, prow.Periodic, prow.Batch}, "description": "Why the job runs."},
		"spec.agent":                            {"description": "The controller that runs the job: kubernetes, tekton-pipeline or jenkins; others are left alone."},
		"spec.cluster":                          {"description": "The alias of the build cluster."},
		"spec.job":                              {"description": "The name of the job."},
		"spec.context":                          {"description": "The name of the check on the forge."},
		"spec.max_concurrency":                  {"minimum": 0, "description": "How many of the job may run at once; 0 is as many as there are."},
		"spec.pod_spec":                         {"required": []string{"containers"}, "properties": object{"containers": object{"type": "array", "items": free()}}, "description": "The pod before decoration."},
		"spec.pipeline_run_spec":                free(),
		"spec.tekton_pipeline_run_spec.v1beta1": free(),
		"spec.refs":                             refs,
		"spec.extra_refs[]":                     refs,
		"spec.refs.pulls[]":                     pull,
		"spec.extra_refs[].pulls[]":             pull,
		"spec.rerun_auth_config.github_team_slugs[]":        {"required": []string{"org", "slug"}},
		"spec.reporter_config.slack.job_states_to_report[]": {"enum": states},
		"status": {
			"description": "What became of the job.",
			"required":    []string{"state"},
			"anyOf": []object{
				{"not": object{"properties": object{"state": object{"enum": []any{prow.Success, prow.Failure, prow.Error}}}}},
				{"required": []string{"completionTime"}},
			},
		},
		"status.state":              {"enum": states},
		"status.startTime":          {"nullable": true, "description": "When the job was created."},
		"status.pendingTime":        {"nullable": true, "description": "When its run was started."},
		"status.completionTime":     {"nullable": true, "description": "When it came to its end. A job is complete if this is set."},
		"status.description":        {"description": "Why the job is where it is, in one sentence."},
		"status.prev_report_states": {"description": "The last state that each reporter has reported."},
	}
}

func free() object {
	return object{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
}

// schema is the structural schema of a type.
func schema(t reflect.Type, path string) object {
	s := plain(t, path)
	maps.Copy(s, says()[path])
	return s
}

func plain(t reflect.Type, path string) object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[metav1.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[metav1.Duration](), reflect.TypeFor[prow.Duration]():
		return object{"type": "string"}
	case reflect.TypeFor[resource.Quantity]():
		return object{"x-kubernetes-int-or-string": true}
	}
	if t.PkgPath() == reflect.TypeFor[corev1.Pod]().PkgPath() && t.Kind() == reflect.Struct || t.Kind() == reflect.Interface {
		return free()
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Slice:
		return object{"type": "array", "items": schema(t.Elem(), path+"[]")}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schema(t.Elem(), path+"{}")}
	case reflect.Struct:
		properties := object{}
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name == "metadata" {
				continue // TypeMeta and ObjectMeta: the API server knows them
			}
			properties[name] = schema(f.Type, strings.TrimPrefix(path+"."+name, "."))
		}
		return object{"type": "object", "properties": properties}
	}
	panic(fmt.Sprintf("%s: no schema for %v", path, t))
}

// What is said of a path that does not exist would be said in vain.
func TestCRDSaysNothingInVain(t *testing.T) {
	t.Parallel()
	paths := map[string]bool{}
	var walk func(s object, path string)
	walk = func(s object, path string) {
		paths[path] = true
		if items, ok := s["items"].(object); ok {
			walk(items, path+"[]")
		}
		properties, _ := s["properties"].(object)
		for name, p := range properties {
			walk(p.(object), strings.TrimPrefix(path+"."+name, "."))
		}
	}
	walk(schema(reflect.TypeFor[prow.Job](), ""), "")
	for _, path := range slices.Sorted(maps.Keys(says())) {
		if !paths[path] {
			t.Errorf("no such path: %q", path)
		}
	}
}
