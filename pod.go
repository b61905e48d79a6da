package prow

import corev1 "k8s.io/api/core/v1"

// PodInfo is what a cluster says of the pod of a run; its JSON is PodInfoFile. A
// pod names Secrets and does not hold them: variables with a value of their own
// are in it just as they are in the job.
type PodInfo struct {
	Pod    *corev1.Pod    `json:"pod,omitempty"`
	Events []corev1.Event `json:"events,omitempty"` // in no order
	Node   *corev1.Node   `json:"node,omitempty"`   // where Prow may read nodes
}

// Empty reports whether nothing is known of the pod.
func (p PodInfo) Empty() bool { return p.Pod == nil && len(p.Events) == 0 }
