package plank_test

import (
	"context"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
)

// What is to be scheduled gets the cluster that is chosen for it, whoever runs it,
// and what is triggered already keeps its own.
func TestJobsAreScheduled(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.choose = func(_ context.Context, j *prow.Job) string {
		if j.Spec.Cluster == "west" {
			return "east"
		}
		return j.Spec.Cluster
	}
	of := func(agent string, state prow.State, cluster string) func(*prow.Job) {
		return func(j *prow.Job) {
			if j.Spec.Agent, j.Spec.Cluster, j.Status.State = agent, cluster, state; agent != prow.KubernetesAgent {
				j.Spec.PodSpec, j.Spec.DecorationConfig = nil, nil
			}
		}
	}
	h.job("ours", "true", of(prow.KubernetesAgent, prow.Scheduling, "west"))
	h.job("stays", "true", of(prow.KubernetesAgent, prow.Scheduling, "north"))
	h.job("triggered", "true", of(prow.KubernetesAgent, prow.Triggered, "west"))
	h.job("tekton", "", of(prow.TektonAgent, prow.Scheduling, "west"))
	h.job("other", "", of("other", prow.Scheduling, "west"))
	h.job("jenkins", "", of(prow.JenkinsAgent, prow.Scheduling, "west"))
	h.start()
	for id, cluster := range map[string]string{"ours": "east", "stays": "north", "triggered": "west"} {
		if j := h.complete(id); j.Status.State != prow.Success || j.Spec.Cluster != cluster {
			t.Errorf("%s ran on %s and is %+v, want it on %s", id, j.Spec.Cluster, j.Status, cluster)
		}
	}
	for _, id := range []string{"tekton", "other"} {
		h.eventually(id+" is triggered", func() bool { return h.get(id).Status.State == prow.Triggered })
		if j := h.get(id); j.Spec.Cluster != "east" || !strings.Contains(j.Status.Description, "on cluster east in place of west") {
			t.Errorf("%s: %s, %+v", id, j.Spec.Cluster, j.Status)
		}
	}
	if j := h.get("jenkins"); j.Status.State != prow.Scheduling || j.Spec.Cluster != "west" {
		t.Errorf("what is Jenkins' was touched: %s, %+v", j.Spec.Cluster, j.Status)
	}
}
