package kube

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podspec"
	corev1 "k8s.io/api/core/v1"
)

// annotationStop is on a pod that Prow asked to end, and says why.
const annotationStop = "prow.k8s.io/stop"

// look says how the run stands that a pod is.
func look(p *corev1.Pod) prow.Run {
	r := prow.Run{ID: runID(p), BuildID: buildID(p), Phase: prow.Running, Containers: containers(p), Created: p.CreationTimestamp.Time}
	if p.Status.StartTime != nil {
		r.Started = p.Status.StartTime.Time
	}
	if why, ok := cut(p); ok {
		return end(r, p, prow.Error, true, why)
	}
	if state, why, ok := over(p); ok {
		r.ExitCode = exitCode(p)
		return end(r, p, state, false, why)
	}
	if waits, why := waiting(p); waits {
		r.Phase, r.Why, r.Unplaced = prow.Waiting, why, p.Status.StartTime == nil && p.Spec.NodeName == ""
		return r
	}
	r.Doing = doing(p)
	return r
}

func end(r prow.Run, p *corev1.Pod, state prow.State, lost bool, why string) prow.Run {
	r.Phase, r.Verdict, r.Lost, r.Why = prow.Ended, state, lost, why
	for _, c := range all(p) {
		if t := c.State.Terminated; t != nil && t.FinishedAt.After(r.Finished) {
			r.Finished = t.FinishedAt.Time
		}
	}
	if r.Finished.IsZero() {
		for _, c := range p.Status.Conditions {
			if c.LastTransitionTime.After(r.Finished) {
				r.Finished = c.LastTransitionTime.Time
			}
		}
	}
	if r.Finished.Before(r.Started) {
		r.Finished = r.Started
	}
	return r
}

func runID(p *corev1.Pod) string {
	if id := p.Labels[prow.LabelID]; id != "" {
		return id
	}
	return p.Name
}

func buildID(p *corev1.Pod) string {
	if id := p.Labels[prow.LabelBuildID]; id != "" || len(p.Spec.Containers) == 0 {
		return id
	}
	for _, e := range p.Spec.Containers[0].Env {
		if e.Name == "BUILD_ID" {
			return e.Value
		}
	}
	return ""
}

// containers are the tests first, for they are what people want to see.
func containers(p *corev1.Pod) []string {
	var out []string
	for _, c := range p.Spec.Containers {
		out = append(out, c.Name)
	}
	for _, c := range p.Spec.InitContainers {
		out = append(out, c.Name)
	}
	return out
}

func all(p *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses)
}

// cut says whether a run was cut off from outside, by nobody's wish, so that
// another try may work.
func cut(p *corev1.Pod) (why string, ok bool) {
	if c := unstarted(p); c != nil && interrupted(c) {
		return "The node was interrupted while it started container " + c.Name + said(c.State.Terminated.Message), true
	}
	if done(p) { // whatever happened to the node then, the run had come to its end
		return "", false
	}
	message := said(p.Status.Message)
	if why := cutBy(p.Status.Reason); why != "" {
		return why + message, true
	}
	if p.Status.Phase == corev1.PodUnknown {
		return "The node of its pod does not answer" + message, true
	}
	for _, c := range p.Status.Conditions {
		if c.Type != corev1.DisruptionTarget || c.Status != corev1.ConditionTrue {
			continue
		}
		return disruptedBy(c.Reason) + said(c.Message), true
	}
	return "", false
}

// unstarted is a container that could not be started, or nil.
func unstarted(p *corev1.Pod) *corev1.ContainerStatus {
	statuses := all(p)
	i := slices.IndexFunc(statuses, func(c corev1.ContainerStatus) bool {
		return c.State.Terminated != nil && notRun(c.State.Terminated)
	})
	if i < 0 {
		return nil
	}
	return &statuses[i]
}

// notRun reports whether a container ended before anything of it ran.
func notRun(t *corev1.ContainerStateTerminated) bool {
	return t.Reason == "ContainerCannotRun" || t.Reason == "StartError"
}

// interrupted reports whether a container could not be started because the kubelet
// or containerd ended in the midst of it, and not for what it is.
func interrupted(c *corev1.ContainerStatus) bool {
	return slices.ContainsFunc([]string{"context canceled", "context deadline exceeded", "transport is closing", "ttrpc: closed"}, func(words string) bool {
		return strings.Contains(c.State.Terminated.Message, words)
	})
}

// cutBy says what a reason in the status of a pod means, if it is that the run
// was cut off.
func cutBy(reason string) string {
	switch reason {
	case "Evicted":
		return "The node evicted its pod"
	case "NodeLost":
		return "The node of its pod was lost"
	case "NodeShutdown", "Terminated", "Shutdown":
		return "The node of its pod was shut down"
	case "Preempting":
		return "Its pod had to give way to a more important one"
	case "OutOfcpu":
		return "The node did not take its pod after all: it has no processor time left"
	case "OutOfmemory":
		return "The node did not take its pod after all: it has no memory left"
	case "OutOfpods":
		return "The node did not take its pod after all: it has too many pods"
	case "OutOfephemeral-storage":
		return "The node did not take its pod after all: it has no disk space left"
	case "NodeAffinity", "UnexpectedAdmissionError":
		return "The node did not take its pod after all"
	}
	return ""
}

// disruptedBy says what the reason of a DisruptionTarget means.
func disruptedBy(reason string) string {
	switch reason {
	case corev1.PodReasonPreemptionByScheduler:
		return "Its pod had to give way to a more important one"
	case corev1.PodReasonTerminationByKubelet:
		return "The node evicted its pod"
	case "DeletionByTaintManager":
		return "The node of its pod was lost"
	case "DeletionByPodGC":
		return "The node of its pod is gone"
	case "EvictionByEvictionAPI":
		return "Its pod was evicted, as when a node is drained"
	}
	return "Its pod was taken away (" + reason + ")"
}

// done reports whether all containers ended by themselves.
func done(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded ||
		p.Status.Phase == corev1.PodFailed && p.Status.Reason == "" && !disrupted(p)
}

func disrupted(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue
	})
}

// over says how a run ended that was not cut off.
func over(p *corev1.Pod) (state prow.State, why string, ok bool) {
	stop, stopped := p.Annotations[annotationStop]
	switch {
	case p.Status.Phase == corev1.PodSucceeded && unfinished(p) != "":
		return prow.Error, "Its pod ended well, but container " + unfinished(p) + " did not.", true
	case p.Status.Phase == corev1.PodSucceeded:
		return prow.Success, "", true
	case p.Status.Phase == corev1.PodFailed && stopped:
		return prow.Aborted, stop, true
	case p.Status.Phase == corev1.PodFailed && p.Status.Reason == "DeadlineExceeded":
		return prow.Failure, "It ran for longer than the active_deadline_seconds of its pod allow.", true
	case p.Status.Phase == corev1.PodFailed && ours(culprit(p)) && !conflicts(p):
		return prow.Error, failed(p), true
	case p.Status.Phase == corev1.PodFailed:
		return prow.Failure, failed(p), true
	}
	for _, c := range all(p) {
		if t := c.State.Terminated; t != nil && t.Reason == oomKilled {
			return prow.Error, outOfMemory(p, c.Name), true
		}
		if w := c.State.Waiting; w != nil && (w.Reason == "InvalidImageName" || w.Reason == "ErrImageNeverPull") { // time does not mend these
			return prow.Error, image(c, w), true
		}
	}
	if c := unstarted(p); c != nil { // its sidecar would wait for it for ever
		return prow.Failure, notStarted(c), true
	}
	if p.DeletionTimestamp != nil && !stopped {
		return prow.Error, "Its pod was deleted by somebody else.", true
	}
	return "", "", false
}

const oomKilled = "OOMKilled"

// unfinished names a container that did not end with 0.
func unfinished(p *corev1.Pod) string {
	for _, c := range all(p) {
		if restartable(p, c.Name) {
			continue
		}
		if t := c.State.Terminated; t == nil || t.ExitCode != 0 || t.FinishedAt.IsZero() {
			return c.Name
		}
	}
	return ""
}

// restartable reports whether an init container is a sidecar of Kubernetes' own
// kind, which ends when all else has ended, however.
func restartable(p *corev1.Pod, name string) bool {
	return slices.ContainsFunc(p.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == name && c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	})
}

// exitCode is that of the first container that failed, tests before utilities.
func exitCode(p *corev1.Pod) int {
	if c := culprit(p); c != nil {
		return int(c.State.Terminated.ExitCode)
	}
	return 0
}

// culprit is the container that made a run fail, or nil.
func culprit(p *corev1.Pod) *corev1.ContainerStatus {
	bad := func(c *corev1.ContainerStatus) bool {
		return c.State.Terminated != nil && c.State.Terminated.ExitCode != 0
	}
	for i := range p.Status.InitContainerStatuses {
		if c := &p.Status.InitContainerStatuses[i]; bad(c) && !restartable(p, c.Name) {
			return c
		}
	}
	var utility *corev1.ContainerStatus
	for i := range p.Status.ContainerStatuses {
		switch c := &p.Status.ContainerStatuses[i]; {
		case bad(c) && c.Name != podspec.Sidecar:
			return c
		case bad(c):
			utility = c
		}
	}
	return utility
}

// ours reports whether a container is one of Prow's utilities: if it failed, the
// test did not say no.
func ours(c *corev1.ContainerStatus) bool {
	return c != nil && slices.Contains([]string{podspec.CloneRefs, podspec.InitUpload, podspec.PlaceEntrypoint, podspec.Sidecar}, c.Name)
}

// conflicts reports whether the change could not be merged, which is its own fault:
// podutil tells that from other trouble by its exit status.
func conflicts(p *corev1.Pod) bool {
	c := culprit(p)
	return c.Name == podspec.InitUpload && c.State.Terminated.ExitCode == 1 && strings.Contains(strings.ToLower(c.State.Terminated.Message), "conflict")
}

// failed says why a run failed whose containers all ended.
func failed(p *corev1.Pod) string {
	c := culprit(p)
	if c == nil {
		return "Its pod failed" + said(p.Status.Message)
	}
	t := c.State.Terminated
	last := lastWords(t.Message)
	switch {
	case t.Reason == oomKilled:
		return outOfMemory(p, c.Name)
	case notRun(t):
		return notStarted(c)
	case c.Name == podspec.CloneRefs:
		return "The code could not be fetched" + said(last)
	case c.Name == podspec.InitUpload:
		return "The run could not be begun" + said(last)
	case c.Name == podspec.PlaceEntrypoint:
		return "The run could not be prepared" + said(last)
	case c.Name == podspec.Sidecar:
		return "The test passed, but what it left could not be uploaded" + said(last)
	case slices.ContainsFunc(p.Status.InitContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == c.Name }):
		return fmt.Sprintf("Init container %s exited with %d", c.Name, t.ExitCode) + said(last)
	}
	name := "The test"
	if c.Name != podspec.Test {
		name = "Container " + c.Name
	}
	if told := entrypointSays(t.Message); told != "" {
		return name + " failed" + said(told)
	}
	return fmt.Sprintf("%s exited with %d.", name, t.ExitCode)
}

func notStarted(c *corev1.ContainerStatus) string {
	return "Container " + c.Name + " could not be started" + said(c.State.Terminated.Message)
}

func outOfMemory(p *corev1.Pod, name string) string {
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		if limit, ok := c.Resources.Limits[corev1.ResourceMemory]; ok && c.Name == name {
			return fmt.Sprintf("Container %s ran out of memory and was killed: its limit is %s.", name, limit.String())
		}
	}
	return fmt.Sprintf("Container %s ran out of memory and was killed.", name)
}

// said appends what somebody said to a sentence, and its full stop.
func said(message string) string {
	message = strings.TrimRight(strings.TrimSpace(message), ".")
	if message == "" {
		return "."
	}
	const longest = 300
	if r := []rune(message); len(r) > longest {
		message = string(r[:longest]) + "…"
	}
	return ": " + message + "."
}

// lastWords is the last line of a message that is the end of a log, or what it
// says if it is one of ours.
func lastWords(message string) string {
	lines := strings.Split(strings.TrimSpace(message), "\n")
	last := lines[len(lines)-1]
	if l, ok := logLine(last); ok {
		return l.Msg + strings.TrimSuffix(": "+l.Err, ": ")
	}
	return last
}

// entrypointSays finds what the entrypoint said at the end of a test's log.
func entrypointSays(message string) string {
	var first string
	for line := range strings.Lines(message) {
		if l, ok := logLine(line); ok && l.Component == "entrypoint" && l.Level == "error" && first == "" {
			first = l.Msg
		}
	}
	return first
}

type line struct{ Component, Level, Msg, Err string }

func logLine(s string) (l line, ok bool) {
	err := json.Unmarshal([]byte(s), &l)
	return l, err == nil && l.Msg != ""
}

// waiting says whether nothing of a run works yet, or any more, and what for.
func waiting(p *corev1.Pod) (waits bool, why string) {
	if p.Status.Phase != corev1.PodPending && p.Status.Phase != "" {
		return false, ""
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return true, "No node has taken its pod yet" + said(c.Message)
		}
	}
	if p.Spec.NodeName == "" {
		return true, "No node has taken its pod yet."
	}
	running := func(c corev1.ContainerStatus) bool { return c.State.Running != nil && !restartable(p, c.Name) }
	if slices.ContainsFunc(p.Status.InitContainerStatuses, running) {
		return false, ""
	}
	for _, c := range all(p) {
		w := c.State.Waiting // be it beside a sidecar that runs
		if w == nil || w.Reason == "PodInitializing" {
			continue
		}
		switch w.Reason {
		case "", "ContainerCreating":
			return true, "Container " + c.Name + " is being made."
		case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed":
			return true, image(c, w)
		}
		return true, "Container " + c.Name + " cannot be made (" + w.Reason + ")" + said(w.Message)
	}
	if slices.ContainsFunc(p.Status.ContainerStatuses, running) {
		return false, ""
	}
	return true, "The node has its pod and prepares it."
}

func image(c corev1.ContainerStatus, w *corev1.ContainerStateWaiting) string {
	return fmt.Sprintf("The image %s of container %s cannot be had", c.Image, c.Name) + said(w.Message)
}

// doing says in a word what runs.
func doing(p *corev1.Pod) string {
	if p.DeletionTimestamp != nil || p.Annotations[annotationStop] != "" {
		return "stopping"
	}
	for _, c := range p.Status.InitContainerStatuses {
		if c.State.Running == nil || restartable(p, c.Name) {
			continue
		}
		if c.Name == podspec.CloneRefs {
			return "cloning"
		}
		return "preparing"
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.Name != podspec.Sidecar && c.State.Terminated == nil {
			return "testing"
		}
	}
	return "uploading"
}
