package prow_test

import (
	"maps"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
)

func TestLabels(t *testing.T) {
	a62 := strings.Repeat("a", 62)
	for name, c := range map[string]struct {
		spec prow.Spec
		over map[string]string
		want map[string]string // "-" is absent
	}{
		"long name": {spec: prow.Spec{Job: a62 + "-" + strings.Repeat("b", 20)}, want: map[string]string{prow.LabelJob: a62, prow.LabelContext: ""}},
		"what is no value": {
			spec: prow.Spec{Context: "ci/x y", Refs: &prow.Refs{Org: "https://foo.googlesource.com", Repo: "a/b", BaseRef: "feature/foo"}},
			want: map[string]string{prow.LabelOrg: "foo.googlesource.com", prow.LabelRepo: "b", prow.LabelBaseRef: "foo", prow.LabelContext: "-"},
		},
		"the job's own win": {
			spec: prow.Spec{Refs: &prow.Refs{Org: "o"}}, over: map[string]string{prow.LabelOrg: "zz", "x": "-"},
			want: map[string]string{prow.LabelOrg: "zz", "x": "-"},
		},
		"extra refs": {
			spec: prow.Spec{Type: prow.Periodic, ExtraRefs: []prow.Refs{{Org: "o", Repo: "r", Pulls: []prow.PullRef{{Number: 7}}}}},
			want: map[string]string{prow.LabelOrg: "o", prow.LabelPull: "7", prow.LabelType: "periodic", prow.LabelCreatedByProw: "true"},
		},
		"no refs": {want: map[string]string{prow.LabelOrg: "-", prow.LabelPull: "-"}},
		"edges": {
			over: map[string]string{"1": "_a", "2": "a.", "3": "a_b-c.d", "4": strings.Repeat("x", 64), "5": "a/", "6": "é"},
			want: map[string]string{"1": "-", "2": "-", "3": "a_b-c.d", "4": "-", "5": "a", "6": "-"},
		},
	} {
		got := c.spec.Labels(c.over)
		for k, want := range c.want {
			if v, ok := got[k]; ok != (want != "-") || ok && v != want {
				t.Errorf("%s: %s is %q, %v; want %q", name, k, v, ok, want)
			}
		}
	}
	s := prow.Spec{Job: "unit", Context: "ci/x y"}
	if got, want := s.Annotations(map[string]string{"a": "b"}), map[string]string{prow.AnnotationJob: "unit", prow.AnnotationContext: "ci/x y", "a": "b"}; !maps.Equal(got, want) {
		t.Errorf("annotations are %v, want %v", got, want)
	}
}
