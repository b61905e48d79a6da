package deck

import (
	"fmt"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func podIn(phase corev1.PodPhase, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{Status: corev1.PodStatus{Phase: phase}}
	for _, c := range change {
		c(p)
	}
	return p
}

func container(name string, s corev1.ContainerState) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, Image: "golang:1.99", State: s})
	}
}

func initial(name string, s corev1.ContainerState) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, corev1.ContainerStatus{Name: name, Image: "golang:1.99", State: s})
	}
}

func reason(reason, message string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Reason, p.Status.Message = reason, message }
}

func waitsFor(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func happened(pairs ...string) (out []corev1.Event) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, corev1.Event{Reason: pairs[i], Message: pairs[i+1], LastTimestamp: metav1.NewTime(time.Unix(int64(1000+i), 0))})
	}
	return out
}

// What keeps a pod from its work, in the order in which it is told, and what the
// run's own sentence says already.
func TestHints(t *testing.T) {
	t.Parallel()
	const noRoom = "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available."
	mount := happened("FailedMount", `MountVolume.SetUp failed for volume "cache" : secret "anchor" not found`, "Scheduled", "x")
	failed := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error", Message: "one\nno such branch\n"}}
	for i, c := range []struct {
		info     prow.PodInfo
		sentence string
		want     string
	}{
		{prow.PodInfo{Pod: podIn(corev1.PodPending, container("test", waitsFor("ImagePullBackOff", "Back-off pulling")))}, "Running.", "The image golang:1.99 of container test cannot be pulled: Back-off pulling."},
		{prow.PodInfo{Pod: podIn(corev1.PodPending, initial("own", waitsFor("ErrImagePull", "")))}, "", "The image golang:1.99 of container own cannot be pulled."},
		{prow.PodInfo{Pod: podIn(corev1.PodPending, container("test", waitsFor("ErrImagePull", "404")))}, "The image golang:1.99 of container test cannot be had: 404.", ""},
		{prow.PodInfo{Pod: podIn(corev1.PodPending, container("test", waitsFor("ErrImagePull", "404"))), Events: mount}, "", "The image golang:1.99 of container test cannot be pulled: 404."},
		{prow.PodInfo{Pod: podIn(corev1.PodPending), Events: mount}, "Container test is being made.", `The volume cache cannot be mounted: secret "anchor" not found.`},
		{prow.PodInfo{Events: mount}, "It was still waiting.", `The volume cache cannot be mounted: secret "anchor" not found.`},
		{prow.PodInfo{Pod: podIn(corev1.PodRunning), Events: mount}, "", ""},
		{prow.PodInfo{Pod: podIn(corev1.PodSucceeded, container("test", waitsFor("ErrImagePull", ""))), Events: mount}, "", ""},
		{prow.PodInfo{Pod: podIn(corev1.PodPending), Events: happened("FailedMount", "Unable to attach or mount volumes.")}, "", "A volume cannot be mounted: Unable to attach or mount volumes."},
		{prow.PodInfo{Pod: podIn(corev1.PodFailed, reason("MatchNodeSelector", ""))}, "The pod failed.", "The node did not take the pod after all, for it does not match the pod's node selector."},
		{prow.PodInfo{Pod: podIn(corev1.PodFailed, reason("NodeAffinity", ""))}, "The node did not take its pod after all.", ""},
		{prow.PodInfo{Pod: podIn(corev1.PodPending), Events: happened("FailedScheduling", "old", "FailedScheduling", noRoom)}, "Waiting.", "No node can take the pod: " + strings.TrimSuffix(noRoom, ".") + "."},
		{prow.PodInfo{Pod: podIn(corev1.PodPending), Events: happened("FailedScheduling", noRoom)}, "No node has taken its pod yet: " + noRoom, ""},
		{prow.PodInfo{Pod: podIn(corev1.PodPending, func(p *corev1.Pod) { p.Spec.NodeName = "n" }), Events: happened("FailedScheduling", noRoom)}, "", ""},
		{prow.PodInfo{Pod: podIn(corev1.PodPending), Events: happened("FailedCreatePodSandBox", "no network")}, "", "The node could not set the pod up, and may not be well: no network."},
		{prow.PodInfo{Pod: podIn(corev1.PodFailed), Events: happened("FailedSync", "it hangs")}, "", "The node could not set the pod up, and may not be well: it hangs."},
		{prow.PodInfo{Pod: podIn(corev1.PodFailed, reason("Evicted", "Memory was low."))}, "", "The node evicted the pod: Memory was low."},
		{prow.PodInfo{Pod: podIn(corev1.PodFailed, reason("Evicted", "Memory was low."))}, "The node evicted its pod: Memory was low.", ""},
		{prow.PodInfo{Pod: podIn(corev1.PodPending, initial("own", waitsFor("CreateContainerConfigError", `secret "x" not found`)))}, "", `Init container own waits (CreateContainerConfigError): secret "x" not found.`},
		{prow.PodInfo{Pod: podIn(corev1.PodPending, initial("own", waitsFor("PodInitializing", "")))}, "", ""},
		{prow.PodInfo{Pod: podIn(corev1.PodFailed, initial("own", failed))}, "", "Init container own ended (Error, exited with 3): no such branch."},
		{prow.PodInfo{Pod: podIn(corev1.PodFailed, initial("clonerefs", failed))}, "The code could not be fetched: no such branch.", ""},
		{prow.PodInfo{}, "", ""},
	} {
		text, known := hint(c.info)
		if said(c.sentence, known) {
			text = ""
		}
		if text != c.want {
			t.Errorf("%d: beside %q it says %q, want %q", i, c.sentence, text, c.want)
		}
	}
}

// Of conditions only those count that a pod which works and ends should not have.
func TestWrongConditions(t *testing.T) {
	t.Parallel()
	for is, want := range map[string]bool{
		"Pending PodScheduled False": true, "Running PodScheduled True": false, "Running Ready False": false, "Failed Ready False": false, "Running Ready Unknown": true,
		"Pending Initialized False": false, "Failed Initialized False": true, "Running DisruptionTarget True": true, "Running DisruptionTarget False": false, "Running Something False": false,
	} {
		var phase corev1.PodPhase
		var c corev1.PodCondition
		if _, err := fmt.Sscan(is, &phase, &c.Type, &c.Status); err != nil {
			t.Fatal(err)
		}
		if got := wrong(podIn(phase), c); got != want {
			t.Errorf("%s: wrong %v", is, got)
		}
	}
}

// Events are shown by when they were told last, however the cluster says that.
func TestEventsInTheirOrder(t *testing.T) {
	t.Parallel()
	at := func(s int64) metav1.Time { return metav1.NewTime(time.Unix(s, 0)) }
	var many []corev1.Event
	for i := range 150 {
		many = append(many, corev1.Event{Reason: "old", LastTimestamp: at(int64(i))})
	}
	v := viewPod(prow.PodInfo{Events: append([]corev1.Event{
		{Reason: "series", EventTime: metav1.NewMicroTime(time.Unix(5, 0)), Series: &corev1.EventSeries{Count: 9, LastObservedTime: metav1.NewMicroTime(time.Unix(2000, 0))}},
		{Reason: "new", EventTime: metav1.NewMicroTime(time.Unix(3000, 0)), ReportingController: "scheduler"},
		{Reason: "counted", Count: 4, FirstTimestamp: at(1), LastTimestamp: at(1000)},
		{Reason: "bare", ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(1500)}},
	}, many...)})
	last := v.Events[len(v.Events)-4:]
	if len(v.Events) != eventsShown || v.Older != 54 || last[0].Reason != "counted" || last[0].Count != 4 || last[1].Reason != "bare" || last[2].Reason != "series" || last[2].Count != 9 || last[3].Reason != "new" || last[3].From != "scheduler" {
		t.Errorf("%d left out; the last are %+v", v.Older, last)
	}
}
