package kube

import (
	"encoding/json"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pipelineResource is what is read of a PipelineRun, in either version.
type pipelineResource struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Status string `json:"status"` // asks Tekton to cancel it
	} `json:"spec"`
	Status struct {
		Start      *metav1.Time       `json:"startTime"`
		Completion *metav1.Time       `json:"completionTime"`
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// readPipeline says what is held of a PipelineRun.
func readPipeline(raw []byte) (held, error) {
	var p pipelineResource
	if err := json.Unmarshal(raw, &p); err != nil {
		return held{}, err
	}
	id, err := identify(raw)
	if err != nil {
		return held{}, err
	}
	h := held{run: lookPipeline(&p), name: p.Metadata.Name, namespace: p.Metadata.Namespace, uid: id.uid, version: id.version,
		stopping: strings.HasPrefix(p.Spec.Status, "Cancelled")}
	if p.Metadata.DeletionTimestamp != nil {
		h.leaving = p.Metadata.DeletionTimestamp.Time
	}
	return h, nil
}

// lookPipeline says how the run stands that a PipelineRun is.
func lookPipeline(p *pipelineResource) prow.Run {
	r := prow.Run{ID: p.Metadata.Labels[prow.LabelID], BuildID: p.Metadata.Labels[prow.LabelBuildID], Phase: prow.Running,
		Created: p.Metadata.CreationTimestamp.Time, Started: timeOf(p.Status.Start), Finished: timeOf(p.Status.Completion)}
	if r.ID == "" { // as the original Prow names it
		r.ID = p.Metadata.Name
	}
	c := succeeded(p)
	switch {
	case c == nil && !r.Finished.IsZero():
		r.Phase, r.Verdict, r.Why = prow.Ended, prow.Error, "Its PipelineRun ended, and Tekton does not say how."
	case c == nil:
		r.Phase, r.Why = prow.Waiting, "Tekton has not taken up its PipelineRun yet."
	case c.Status == metav1.ConditionTrue:
		r.Phase, r.Verdict, r.Why = prow.Ended, prow.Success, spoken(c, "Its PipelineRun succeeded.")
	case c.Status == metav1.ConditionFalse && strings.Contains(c.Reason, "Cancelled"):
		r.Phase, r.Verdict, r.Why = prow.Ended, prow.Aborted, "Its PipelineRun was cancelled: "+spoken(c, "nobody said why.")
	case c.Status == metav1.ConditionFalse:
		r.Phase, r.Verdict, r.Why = prow.Ended, prow.Failure, spoken(c, "Its PipelineRun failed.")
	case r.Started.IsZero() || c.Reason == "PipelineRunPending":
		r.Phase, r.Why = prow.Waiting, spoken(c, "Tekton has not started its PipelineRun yet.")
	default:
		r.Doing, r.Why = "testing", spoken(c, "Its PipelineRun is running.")
	}
	if r.Phase == prow.Ended && r.Finished.IsZero() && c != nil {
		r.Finished = c.LastTransitionTime.Time
	}
	return r
}

// succeeded returns the condition that says how a PipelineRun stands, or nil.
func succeeded(p *pipelineResource) *metav1.Condition {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == "Succeeded" {
			return c
		}
	}
	return nil
}

// spoken is what Tekton says of a condition: its message, else its reason.
func spoken(c *metav1.Condition, otherwise string) string {
	for _, text := range []string{c.Message, c.Reason} {
		if text = strings.TrimSpace(text); text != "" {
			return text
		}
	}
	return otherwise
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}
