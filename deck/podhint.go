package deck

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
)

// hint says in a sentence what keeps a pod from its work, and by which words one
// knows a sentence that says it already; "" if nothing does. The first that applies
// is told.
func hint(info prow.PodInfo) (text string, known []string) {
	var status corev1.PodStatus
	if info.Pod != nil {
		status = info.Pod.Status
	}
	pending := status.Phase == corev1.PodPending || status.Phase == ""
	failed := status.Phase == corev1.PodFailed
	switch {
	case status.Phase == corev1.PodSucceeded:
		return "", nil
	case failed && status.Reason == "Evicted":
		return "The node evicted the pod" + because(status.Message), []string{"evicted"}
	}
	if c := waitingFor(status, "ImagePullBackOff", "ErrImagePull"); c != nil {
		return fmt.Sprintf("The image %s of container %s cannot be pulled", c.Image, c.Name) + because(c.State.Waiting.Message), []string{c.Image}
	}
	if e := newest(info.Events, "FailedMount", "FailedAttachVolume"); e != nil && pending {
		if m := ofVolume.FindStringSubmatch(e.Message); m != nil {
			return fmt.Sprintf("The volume %s cannot be mounted", m[1]) + because(m[2]), []string{m[2]}
		}
		return "A volume cannot be mounted" + because(e.Message), []string{e.Message}
	}
	if failed && (status.Reason == "MatchNodeSelector" || status.Reason == "NodeAffinity") {
		return "The node did not take the pod after all, for it does not match the pod's node selector" + because(status.Message), []string{"did not take its pod"}
	}
	if e := newest(info.Events, "FailedScheduling"); e != nil && pending && (info.Pod == nil || info.Pod.Spec.NodeName == "") {
		return "No node can take the pod" + because(e.Message), []string{e.Message}
	}
	if e := newest(info.Events, "FailedCreatePodSandBox", "FailedSync"); e != nil && (pending || failed) {
		return "The node could not set the pod up, and may not be well" + because(e.Message), []string{e.Message}
	}
	return initHint(status)
}

// initHint is hint of init containers.
func initHint(status corev1.PodStatus) (string, []string) {
	for _, c := range status.InitContainerStatuses {
		switch w, t := c.State.Waiting, c.State.Terminated; {
		case c.Ready:
		case w != nil && !usual(w):
			return fmt.Sprintf("Init container %s waits (%s)", c.Name, w.Reason) + because(w.Message), []string{c.Name}
		case t != nil && t.ExitCode != 0:
			// The first words are those of Prow's own containers.
			return fmt.Sprintf("Init container %s ended (%s, exited with %d)", c.Name, t.Reason, t.ExitCode) + because(lastLine(t.Message)),
				[]string{"could not be fetched", "could not be begun", "could not be prepared", c.Name}
		}
	}
	return "", nil
}

// ofVolume matches what a kubelet says of a volume.
var ofVolume = regexp.MustCompile(`(?s)for volume "([^"]+)"\s*:\s*(.+)`)

// waitingFor returns the first container that waits for one of the reasons.
func waitingFor(status corev1.PodStatus, reasons ...string) *corev1.ContainerStatus {
	for _, c := range slices.Concat(status.InitContainerStatuses, status.ContainerStatuses) {
		if w := c.State.Waiting; w != nil && slices.Contains(reasons, w.Reason) {
			return &c
		}
	}
	return nil
}

// newest returns the last event of one of the reasons.
func newest(events []corev1.Event, reasons ...string) *corev1.Event {
	var out *corev1.Event
	for i := range events {
		e := &events[i]
		if slices.ContainsFunc(reasons, func(r string) bool { return strings.EqualFold(r, e.Reason) }) &&
			(out == nil || !viewEvent(e).Last.Before(viewEvent(out).Last)) {
			out = e
		}
	}
	return out
}

// lastLine is the end of what may be the end of a log.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// hintShown bounds what somebody else's message adds to a hint.
const hintShown = 300

// because adds what somebody said to a sentence, and its full stop.
func because(message string) string {
	message = strings.TrimRight(strings.TrimSpace(message), ".")
	if message == "" {
		return "."
	}
	if r := []rune(message); len(r) > hintShown {
		message = string(r[:hintShown]) + "…"
	}
	return ": " + message + "."
}

// said reports whether a sentence holds the beginning of one of the words.
func said(sentence string, words []string) bool {
	const beginning = 60
	fold := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
	return slices.ContainsFunc(words, func(w string) bool {
		w = fold(w)
		if r := []rune(w); len(r) > beginning {
			w = string(r[:beginning])
		}
		w = strings.TrimRight(w, ". ")
		return w != "" && strings.Contains(fold(sentence), w)
	})
}
