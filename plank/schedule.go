package plank

import (
	"context"
	"fmt"

	prow "github.com/prow-ci/prow"
)

// schedule gives a job its cluster, if it still waits for one. Jobs of other agents
// are scheduled here too, save those of Jenkins, which has no clusters.
func (w *Worker) schedule(ctx context.Context, j *prow.Job) error {
	if j.Complete() || j.Status.State != "" && j.Status.State != prow.Scheduling || j.Spec.Agent == prow.JenkinsAgent {
		return nil
	}
	cluster := j.Spec.Cluster
	if w.Cluster != nil {
		cluster = w.Cluster(ctx, j)
	}
	_, err := w.update(ctx, j, func(j *prow.Job) error {
		why := "Waiting to be started."
		if was := j.Spec.Cluster; was != "" && was != cluster {
			why = fmt.Sprintf("Waiting to be started, on cluster %s in place of %s.", cluster, was)
		}
		j.Spec.Cluster = cluster
		return j.Advance(prow.Triggered, w.Now(), why)
	})
	return err
}
