package config_test

import (
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
)

func TestDecodeJob(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"apiVersion: prow.k8s.io/v1\nkind: ProwJob\nspec:\n  job: unit\n  decoration_config: {timeout: 2h}\n": "",
		`{"spec": {"job": "unit"}, "status": {"startTime": "2026-01-02T03:04:05Z"}}`:                          "",
		"spec:\n  job: unit\n  refs: {org: o, pulls: [{number: many}]}\n":                                     "f:3:35: spec.refs.pulls[0].number: ",
		"spec:\n  job: unit\n  pod_sepc: {}\n":                                                                `f:3:3: spec.pod_sepc: is not a key that means anything here (did you mean "pod_spec"?)`,
		"spec:\n  job: [unit\n":                                                                               "is not YAML",
		"- spec: {job: unit}\n":                                                                               "f:1:1: ",
	} {
		j, problems := config.DecodeJob("f", []byte(text))
		if got := problems.Error(); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: problems are %q, want %q", text, got, want)
		}
		if want == "" && j.Spec.Job != "unit" {
			t.Errorf("%s: job is %q", text, j.Spec.Job)
		}
	}
}
