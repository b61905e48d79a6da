package main

import (
	"strings"
	"testing"
	"time"

	"github.com/prow-ci/prow/client"
)

// What a pod says is one line each, and moves no terminal.
func TestShowRun(t *testing.T) {
	var b strings.Builder
	err := showRun(&b, &client.Run{
		Run: client.Job{Job: "unit", Word: "error"}, Sentence: "It was still waiting.",
		Pod: &client.Pod{
			Hint: "The volume cache cannot be mounted.", Namespace: "test-pods", Name: "a", Cluster: "default", Phase: "Pending",
			Containers: []client.Container{{Name: "test", State: "waiting", Reason: "ErrImagePull", Message: "not\nfound\x1b[2J", Wrong: true}, {Name: "sidecar", State: "waiting"}},
			Conditions: []client.Condition{{Type: "PodScheduled", Status: "False", Reason: "Unschedulable", Wrong: true}, {Type: "Ready", Status: "False"}},
			Events:     []client.Event{{Type: "Normal", Reason: "Scheduled"}, {Type: "Warning", Reason: "FailedMount", Message: "\u009bno secret", Count: 7, Last: time.Now().Add(-90 * time.Minute)}},
		},
	})
	const want = `unit: error. It was still waiting.
The volume cache cannot be mounted.
  pod      test-pods/a, Pending, node none, cluster default
  waiting  container test: ErrImagePull: not found [2J
  False    PodScheduled: Unschedulable
  warning  FailedMount, 7 times, last 1h ago:  no secret
`
	if got := b.String(); err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}
