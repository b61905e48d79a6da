//go:build kubernetes && linux

package kube_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/cluster"
)

func answering(o *kube.Options) { o.Answer = true }

// What other clients make wrong ends in error with the reason in its status, and
// what they make right runs.
func TestWrongResourcesAreAnswered(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	s := shared.openWith(t, shared.config(), ns, answering)
	for _, c := range []struct{ name, spec, status, state, why string }{
		{"a-duration", `{type: periodic, agent: kubernetes, job: x, pod_spec: {containers: [{image: x}]}, decoration_config: {timeout: soon}}`, "state: triggered", "error", "spec.decoration_config: time: invalid duration"},
		{"a-list", `{type: periodic, agent: kubernetes, job: x, pod_spec: {containers: [{image: x, command: make}]}}`, "state: triggered", "error", "spec.pod_spec: json: cannot unmarshal string"},
		{"no-pod", `{type: periodic, agent: kubernetes, job: x}`, "state: triggered", "error", "spec.pod_spec is missing"},
		{"no-containers", `{type: periodic, agent: kubernetes, job: x, pod_spec: {containers: []}}`, "state: pending", "error", "spec.pod_spec.containers is empty"},
		{"no-agent", `{type: periodic, job: x, pod_spec: {containers: [{image: x}]}}`, "state: triggered", "error", "spec.agent is missing"},
		{"no-refs", `{type: postsubmit, agent: kubernetes, job: x, pod_spec: {containers: [{image: x}]}}`, "state: scheduling", "error", "spec.refs is missing"},
		{"no-pulls", `{type: presubmit, agent: kubernetes, job: x, refs: {org: o, repo: r}, pod_spec: {containers: [{image: x}]}}`, "state: triggered", "error", "spec.refs.pulls is empty"},
		{strings.Repeat("long", 17), `{type: periodic, agent: kubernetes, job: x, pod_spec: {containers: [{image: x}]}}`, "state: triggered", "error", "longer than 63"},
		{"no-status", `{type: periodic, agent: kubernetes, job: x, pod_spec: {containers: [{image: x}]}}`, "", "triggered", "without a status"},
		{"somebody-elses", `{type: periodic, agent: other, job: x}`, "state: triggered", "triggered", ""},
		{"finished", `{type: periodic, agent: kubernetes, job: x}`, `{state: success, completionTime: "2026-01-02T03:04:05Z"}`, "success", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := "apiVersion: prow.k8s.io/v1\nkind: ProwJob\nmetadata: {name: " + c.name + "}\nspec: " + c.spec + "\n"
			if c.status != "" {
				y += "status: {" + strings.Trim(c.status, "{}") + "}\n"
			}
			if _, err := shared.Kubectl(t.Context(), []byte(y), "-n", ns, "create", "-f", "-"); err != nil {
				t.Fatal(err)
			}
			until(t, "it is "+c.state, func() bool { return string(stateOf(s, c.name)) == c.state })
			j := get(t, s, c.name)
			if !strings.Contains(j.Status.Description, c.why) || c.state == "error" && (!j.Complete() || j.Status.StartTime.IsZero()) {
				t.Errorf("status: %+v; want it to say %q", j.Status, c.why)
			}
			if j.Spec.Job != "x" {
				t.Errorf("what could be read was lost: %+v", j.Spec)
			}
		})
	}
	t.Run("edited", func(t *testing.T) {
		t.Parallel()
		create(t, s, "edited")
		advance(t, s, "edited", prow.Pending, "started")
		if _, err := shared.Kubectl(t.Context(), nil, "-n", ns, "patch", "prowjob", "edited", "--type=merge", "-p", `{"spec":{"pod_spec":null}}`); err != nil {
			t.Fatal(err)
		}
		until(t, "it ends in error", func() bool { return stateOf(s, "edited") == prow.Error })
	})
}

// A definition that has the status apart, as some installations changed it to.
func TestStatusApart(t *testing.T) {
	t.Parallel()
	h := &house{}
	var err error
	if h.Cluster, err = cluster.Start(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	crd := bytes.Replace(kube.CRD, []byte("    storage: true\n"), []byte("    storage: true\n    subresources:\n      status: {}\n"), 1)
	if err := h.Apply(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	prowtest.Jobs(t, func(t *testing.T) prow.Jobs { return h.open(t, h.namespace(t)) })
	ns := h.namespace(t)
	s := h.openWith(t, h.config(), ns, answering)
	create(t, s, "x")
	if _, err := s.Update(t.Context(), "x", func(j *prow.Job) error {
		j.Labels["k"], j.Spec.Cluster = "v", "other"
		return j.Advance(prow.Pending, prowtest.Epoch, "started")
	}); err != nil {
		t.Fatal(err)
	}
	fresh := get(t, h.open(t, ns), "x")
	if fresh.Labels["k"] != "v" || fresh.Spec.Cluster != "other" || fresh.Status.State != prow.Pending {
		t.Errorf("the API server has %+v", fresh)
	}
}

// Fields of other clients that Prow does not know stay when Prow writes, and what
// people see with kubectl is as it always was.
func TestOthersKeepWhatTheyWrote(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	s := shared.open(t, ns)
	y := `{apiVersion: prow.k8s.io/v1, kind: ProwJob, metadata: {name: x, finalizers: [example.com/mine], annotations: {theirs: "1"}},
spec: {type: presubmit, agent: kubernetes, job: unit, refs: {org: o, repo: r, pulls: [{number: 5, author: a, sha: b}]}, pod_spec: {futureField: {a: 1}, containers: [{image: x, futureToo: true}]}},
status: {state: triggered, startTime: "2026-01-02T03:04:05Z"}}`
	if _, err := shared.Kubectl(t.Context(), []byte(y), "-n", ns, "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	until(t, "it is seen", func() bool { return stateOf(s, "x") == prow.Triggered })
	if _, err := s.Update(t.Context(), "x", func(j *prow.Job) error {
		j.Status.BuildID = "77"
		j.Spec.PodSpec.NodeSelector = map[string]string{"disk": "fast"}
		return j.Advance(prow.Pending, prowtest.Epoch, "started")
	}); err != nil {
		t.Fatal(err)
	}
	raw := shared.raw(t, s, "x")
	for _, want := range []string{"futureField:", "example.com/mine", `theirs: "1"`, "disk: fast", "state: pending"} {
		if !strings.Contains(raw, want) {
			t.Errorf("%q is gone:\n%s", want, raw)
		}
	}
	out, err := shared.Kubectl(t.Context(), nil, "-n", ns, "get", "pj")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out, "\n")
	if got := strings.Fields(lines[0]); strings.Join(got, " ") != "NAME JOB BUILDID TYPE ORG REPO PULLS STARTTIME COMPLETIONTIME STATE" {
		t.Errorf("columns: %q", got)
	}
	if got := strings.Fields(lines[1]); strings.Join(got[:7], " ") != "x unit 77 presubmit o r 5" || got[len(got)-1] != "pending" {
		t.Errorf("row: %q", got)
	}
	// The finalizer holds the job: it is there until it is let go.
	if err := s.Delete(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if j := get(t, s, "x"); j.DeletionTimestamp.IsZero() {
		t.Error("it is not on its way out")
	}
	if _, err := s.Update(t.Context(), "x", func(j *prow.Job) error { j.Finalizers = nil; return nil }); err != nil {
		t.Fatal(err)
	}
	until(t, "it is gone", func() bool { _, err := s.Get(context.Background(), "x"); return err != nil })
}

// Jobs made within one second are listed in the order they were made, by every
// process and after a restart.
func TestOrderWithinASecond(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	s := shared.open(t, ns)
	want := ""
	for _, id := range []string{"q", "b", "z", "a", "m"} {
		create(t, s, id)
		want = id + want
	}
	advance(t, s, "b", prow.Pending, "started") // the order is not that of changes
	for range 2 {
		all, err := s.List(t.Context(), prow.JobFilter{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, j := range all {
			got += j.Name
		}
		if got != want {
			t.Errorf("listed %q, want %q", got, want)
		}
		s = shared.open(t, ns)
	}
}
