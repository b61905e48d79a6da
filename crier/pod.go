package crier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
)

// podTime bounds how long one pod is waited for.
const podTime = 20 * time.Second

// podPatience is how long a run goes on before its pod is kept for the first time.
// A pod that nobody takes, or whose image is not there, is gone with the time
// limits of plank, the shortest of which is five minutes; and of a run of hours the
// events of its beginning are forgotten at its end.
const podPatience = 4 * time.Minute

// keepPod writes what became of the pod of a run, once it is over and, of one that
// takes long, once before. kept says that it is done for the state of j; again is
// how long to wait for that.
func (w *Worker) keepPod(ctx context.Context, j *prow.Job) (kept bool, again time.Duration, err error) {
	if w.Pods == nil || w.Artifacts == nil || !wantsFiles(j) || j.Spec.Agent != prow.KubernetesAgent || j.Status.PendingTime == nil || reported(j, podReporter) {
		return false, 0, nil
	}
	if !j.Complete() {
		if j.Status.State != prow.Pending { // it is about to be
			return false, 0, nil
		}
		if wait := j.Status.PendingTime.Add(podPatience).Sub(w.Now()); wait > 0 {
			return false, wait, nil
		}
	}
	err = w.keepTrying(ctx, j, podReporter, w.storePod(ctx, j))
	return err == nil, 0, err
}

// storePod writes PodInfoFile. What cannot be had of a pod is not waited for: it
// will not come back.
func (w *Worker) storePod(ctx context.Context, j *prow.Job) error {
	ctx, cancel := context.WithTimeout(ctx, podTime)
	defer cancel()
	info, err := w.Pods.Pod(ctx, j)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.Log.Warn("not all could be had of a pod", "job", j.Name, "err", err)
	}
	if info.Empty() {
		return nil
	}
	name := path.Join(w.dir(j), prow.PodInfoFile)
	if _, before := j.Status.PrevReportStates[podReporter]; before {
		earlier, err := w.readPod(name)
		if err != nil {
			return err
		}
		info = joined(earlier, info)
	}
	return w.write(ctx, name, info)
}

// readPod reads what was written before. What cannot be understood is written anew.
func (w *Worker) readPod(name string) (info prow.PodInfo, err error) {
	b, err := fs.ReadFile(w.Artifacts, name)
	if errors.Is(err, fs.ErrNotExist) {
		return info, nil
	}
	if err != nil {
		return info, fmt.Errorf("%s: %w", name, err)
	}
	if json.Unmarshal(b, &info) != nil {
		return prow.PodInfo{}, nil
	}
	return info, nil
}

// joined is what is known now, and what was known before and is forgotten now.
func joined(before, now prow.PodInfo) prow.PodInfo {
	if now.Pod == nil {
		now.Pod = before.Pod
	}
	if now.Node == nil {
		now.Node = before.Node
	}
	known := map[string]bool{}
	for _, e := range now.Events {
		known[string(e.UID)] = true
	}
	var forgotten []corev1.Event
	for _, e := range before.Events {
		if !known[string(e.UID)] {
			forgotten = append(forgotten, e)
		}
	}
	now.Events = append(forgotten, now.Events...)
	return now
}
