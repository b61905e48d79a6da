package kube

import (
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// pod makes a decorated pod on a node, with a status given as YAML.
func pod(t *testing.T, status string, change ...func(*corev1.Pod)) *corev1.Pod {
	t.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: map[string]string{prow.LabelID: "x", prow.LabelBuildID: "7"}},
		Spec: corev1.PodSpec{
			NodeName:       "node",
			InitContainers: []corev1.Container{{Name: "clonerefs"}, {Name: "initupload"}, {Name: "place-entrypoint"}},
			Containers: []corev1.Container{{Name: "test", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}}},
				{Name: "sidecar"}},
		},
	}
	if err := yaml.UnmarshalStrict([]byte(status), &p.Status); err != nil {
		t.Fatalf("%v in\n%s", err, status)
	}
	for _, f := range change {
		f(p)
	}
	return p
}

const (
	ok     = `{terminated: {exitCode: 0, finishedAt: "2026-01-02T03:04:05Z"}}`
	inits  = `initContainerStatuses: [{name: clonerefs, state: ` + ok + `}, {name: initupload, state: ` + ok + `}, {name: place-entrypoint, state: ` + ok + `}]` + "\n"
	during = `startTime: "2026-01-02T03:00:00Z"` + "\n"
)

func TestLook(t *testing.T) {
	t.Parallel()
	stopped := func(p *corev1.Pod) { p.Annotations = map[string]string{annotationStop: "A newer commit came."} }
	deleted := func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Now()} }
	nowhere := func(p *corev1.Pod) { p.Spec.NodeName = "" }
	waiting := func(reason, message string) string {
		return "phase: Pending\n" + during + inits + `containerStatuses: [{name: test, image: "no/such", state: {waiting: {reason: ` + reason + `, message: "` + message + `"}}}]`
	}
	for _, c := range []struct {
		name  string
		pod   *corev1.Pod
		want  prow.Run
		part  string // of Why
		doing string
	}{
		{name: "new", pod: pod(t, ``, nowhere), want: prow.Run{Phase: prow.Waiting}, part: "No node has taken its pod yet."},
		{name: "unscheduled", pod: pod(t, `{phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/3 nodes are available: 3 Insufficient cpu."}]}`, nowhere),
			want: prow.Run{Phase: prow.Waiting}, part: "No node has taken its pod yet: 0/3 nodes are available: 3 Insufficient cpu."},
		{name: "unscheduled, stopped", pod: pod(t, `{phase: Pending}`, nowhere, stopped), want: prow.Run{Phase: prow.Waiting}, part: "No node"},
		{name: "on a node", pod: pod(t, "phase: Pending\n"+during), want: prow.Run{Phase: prow.Waiting}, part: "prepares it"},
		{name: "cloning", pod: pod(t, "phase: Pending\n"+during+`initContainerStatuses: [{name: clonerefs, state: {running: {}}}, {name: initupload, state: {waiting: {reason: PodInitializing}}}]`),
			want: prow.Run{Phase: prow.Running}, doing: "cloning"},
		{name: "preparing", pod: pod(t, "phase: Pending\n"+during+`initContainerStatuses: [{name: clonerefs, state: `+ok+`}, {name: place-entrypoint, state: {running: {}}}]`),
			want: prow.Run{Phase: prow.Running}, doing: "preparing"},
		{name: "image", pod: pod(t, waiting("ImagePullBackOff", "not found")), want: prow.Run{Phase: prow.Waiting}, part: "The image no/such of container test cannot be had: not found."},
		{name: "image, beside a sidecar that runs", pod: pod(t, "phase: Pending\n"+during+inits+`containerStatuses: [{name: sidecar, state: {running: {}}}, {name: test, image: "no/such", state: {waiting: {reason: ImagePullBackOff, message: "not found"}}}]`),
			want: prow.Run{Phase: prow.Waiting}, part: "The image no/such of container test cannot be had: not found."},
		{name: "all containers run, which the pod does not say yet", pod: pod(t, "phase: Pending\n"+during+inits+`containerStatuses: [{name: sidecar, state: {running: {}}}, {name: test, state: {running: {}}}]`),
			want: prow.Run{Phase: prow.Running}, doing: "testing"},
		{name: "image of an init container", pod: pod(t, "phase: Pending\n"+during+`initContainerStatuses: [{name: clonerefs, image: gone, state: {waiting: {reason: ErrImagePull}}}]`),
			want: prow.Run{Phase: prow.Waiting}, part: "The image gone of container clonerefs cannot be had."},
		{name: "no image has that name", pod: pod(t, waiting("InvalidImageName", "couldn't parse")), want: prow.Run{Phase: prow.Ended, Verdict: prow.Error}, part: "couldn't parse"},
		{name: "secret", pod: pod(t, waiting("CreateContainerConfigError", `secret \"s\" not found`)), want: prow.Run{Phase: prow.Waiting}, part: `Container test cannot be made (CreateContainerConfigError): secret "s" not found.`},
		{name: "volumes", pod: pod(t, waiting("ContainerCreating", "")), want: prow.Run{Phase: prow.Waiting}, part: "Container test is being made."},
		{name: "testing", pod: pod(t, "phase: Running\n"+during+inits+`containerStatuses: [{name: test, state: {running: {}}}, {name: sidecar, state: {running: {}}}]`), want: prow.Run{Phase: prow.Running}, doing: "testing"},
		{name: "uploading", pod: pod(t, "phase: Running\n"+during+inits+`containerStatuses: [{name: test, state: `+ok+`}, {name: sidecar, state: {running: {}}}]`), want: prow.Run{Phase: prow.Running}, doing: "uploading"},
		{name: "stopping", pod: pod(t, "phase: Running\n"+during+inits, stopped), want: prow.Run{Phase: prow.Running}, doing: "stopping"},
		{name: "passed", pod: pod(t, "phase: Succeeded\n"+during+inits+`containerStatuses: [{name: test, state: `+ok+`}, {name: sidecar, state: `+ok+`}]`), want: prow.Run{Phase: prow.Ended, Verdict: prow.Success}},
		{name: "passed although stopped", pod: pod(t, "phase: Succeeded\n"+during+inits+`containerStatuses: [{name: test, state: `+ok+`}, {name: sidecar, state: `+ok+`}]`, stopped), want: prow.Run{Phase: prow.Ended, Verdict: prow.Success}},
		{name: "passed, said a pod whose container did not end", pod: pod(t, "phase: Succeeded\n"+during+inits+`containerStatuses: [{name: test, state: {running: {}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Error}, part: "container test did not"},
		{name: "failed", pod: pod(t, "phase: Failed\n"+during+inits+`containerStatuses: [{name: sidecar, state: `+ok+`}, {name: test, state: {terminated: {exitCode: 3, message: "sorry\n"}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure, ExitCode: 3}, part: "The test exited with 3."},
		{name: "timed out", pod: pod(t, "phase: Failed\n"+during+inits+`containerStatuses: [{name: test, state: {terminated: {exitCode: 127, message: '{"component":"entrypoint","level":"error","msg":"Process did not finish before 2h0m0s timeout"}'}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure, ExitCode: 127}, part: "The test failed: Process did not finish before 2h0m0s timeout."},
		{name: "of several tests one failed", pod: pod(t, "phase: Failed\n"+during+`containerStatuses: [{name: a, state: `+ok+`}, {name: b, state: {terminated: {exitCode: 9}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure, ExitCode: 9}, part: "Container b exited with 9."},
		{name: "could not be started, beside a sidecar", pod: pod(t, "phase: Running\n"+during+inits+`containerStatuses: [{name: sidecar, state: {running: {}}}, {name: test, state: {terminated: {exitCode: 128, reason: StartError, message: 'exec format error'}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure, ExitCode: 128}, part: "Container test could not be started: exec format error."},
		{name: "the kubelet ended while it started", pod: pod(t, "phase: Failed\n"+during+`containerStatuses: [{name: test, state: {terminated: {exitCode: 128, reason: StartError, message: 'failed to start containerd task "2c84": context canceled: unknown'}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, part: "The node was interrupted while it started container test: failed to start"},
		{name: "the same, beside a sidecar", pod: pod(t, "phase: Running\n"+during+inits+`containerStatuses: [{name: sidecar, state: {running: {}}}, {name: test, state: {terminated: {exitCode: 128, reason: StartError, message: 'context canceled'}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, part: "interrupted while it started container test"},
		{name: "could not be started", pod: pod(t, "phase: Failed\n"+during+`containerStatuses: [{name: test, state: {terminated: {exitCode: 128, reason: StartError, message: 'exec: "/no/such": no such file'}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure, ExitCode: 128}, part: `Container test could not be started: exec: "/no/such": no such file.`},
		{name: "clone", pod: pod(t, "phase: Failed\n"+during+`initContainerStatuses: [{name: clonerefs, state: {terminated: {exitCode: 1, message: "CONFLICT in a.go\nmerge failed"}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, ExitCode: 1}, part: "The code could not be fetched: merge failed."},
		{name: "initupload", pod: pod(t, "phase: Failed\n"+during+`initContainerStatuses: [{name: clonerefs, state: `+ok+`}, {name: initupload, state: {terminated: {exitCode: 1, message: '{"level":"error","msg":"not begun","err":"no bucket"}'}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, ExitCode: 1}, part: "The run could not be begun: not begun: no bucket."},
		{name: "the job's own init container", pod: pod(t, "phase: Failed\n"+during+`initContainerStatuses: [{name: mine, state: {terminated: {exitCode: 4}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure, ExitCode: 4}, part: "Init container mine exited with 4."},
		{name: "upload", pod: pod(t, "phase: Failed\n"+during+inits+`containerStatuses: [{name: test, state: `+ok+`}, {name: sidecar, state: {terminated: {exitCode: 1, message: "no bucket"}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, ExitCode: 1}, part: "could not be uploaded: no bucket."},
		{name: "memory, at once", pod: pod(t, "phase: Running\n"+during+inits+`containerStatuses: [{name: test, state: {terminated: {exitCode: 137, reason: OOMKilled}}}, {name: sidecar, state: {running: {}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, ExitCode: 137}, part: "Container test ran out of memory and was killed: its limit is 1Gi."},
		{name: "memory, at the end", pod: pod(t, "phase: Failed\n"+during+inits+`containerStatuses: [{name: test, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]`),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure, ExitCode: 137}, part: "ran out of memory"},
		{name: "stopped", pod: pod(t, "phase: Failed\nreason: DeadlineExceeded\n"+during, stopped), want: prow.Run{Phase: prow.Ended, Verdict: prow.Aborted}, part: "A newer commit came."},
		{name: "a deadline of its own", pod: pod(t, "phase: Failed\nreason: DeadlineExceeded\n"+during), want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure}, part: "active_deadline_seconds"},
		{name: "evicted", pod: pod(t, "phase: Failed\nreason: Evicted\nmessage: 'The node was low on resource: memory. '\n"+during), want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, part: "The node evicted its pod: The node was low on resource: memory."},
		{name: "node lost", pod: pod(t, "phase: Running\nreason: NodeLost\n"+during, deleted), want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, part: "The node of its pod was lost."},
		{name: "node lost, as newer ones say it", pod: pod(t, "phase: Running\n"+during+"conditions: [{type: DisruptionTarget, status: 'True', reason: DeletionByTaintManager, message: 'Taint manager: deleting due to NoExecute taint'}]", deleted),
			want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, part: "The node of its pod was lost: Taint manager"},
		{name: "node drained", pod: pod(t, "phase: Running\n"+during+"conditions: [{type: DisruptionTarget, status: 'True', reason: EvictionByEvictionAPI}]", deleted), want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, part: "drained"},
		{name: "preempted", pod: pod(t, "phase: Failed\n"+during+"conditions: [{type: DisruptionTarget, status: 'True', reason: PreemptionByScheduler}]"), want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, part: "give way"},
		{name: "node shut down", pod: pod(t, "phase: Failed\nreason: Terminated\n"+during), want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, part: "shut down"},
		{name: "not taken after all", pod: pod(t, "phase: Failed\nreason: OutOfcpu\n"), want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, part: "no processor time"},
		{name: "unknown", pod: pod(t, "phase: Unknown\n"+during), want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, part: "does not answer"},
		{name: "passed before its node was lost", pod: pod(t, "phase: Succeeded\nreason: NodeLost\n"+during+inits+`containerStatuses: [{name: test, state: `+ok+`}]`, deleted), want: prow.Run{Phase: prow.Ended, Verdict: prow.Success}},
		{name: "deleted", pod: pod(t, "phase: Running\n"+during+inits, deleted), want: prow.Run{Phase: prow.Ended, Verdict: prow.Error}, part: "Its pod was deleted by somebody else."},
		{name: "failed before it was deleted", pod: pod(t, "phase: Failed\n"+during+inits+`containerStatuses: [{name: test, state: {terminated: {exitCode: 3}}}]`, deleted), want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure, ExitCode: 3}, part: "exited with 3"},
	} {
		got := look(c.pod)
		if got.Phase != c.want.Phase || got.Verdict != c.want.Verdict || got.Lost != c.want.Lost || got.ExitCode != c.want.ExitCode || got.Doing != c.doing ||
			!strings.Contains(got.Why, c.part) || c.part == "" != (got.Why == "") {
			t.Errorf("%s: %+v\nwant %+v %q %q", c.name, got, c.want, c.doing, c.part)
		}
		if got.ID != "x" || got.BuildID != "7" || len(got.Containers) != 5 || got.Containers[0] != "test" {
			t.Errorf("%s: %+v", c.name, got)
		}
		if got.Phase == prow.Ended && got.Finished.Before(got.Started) {
			t.Errorf("%s: ended before it began: %+v", c.name, got)
		}
	}
}

// A pod that the original Prow made may have its build id only in its
// environment.
func TestLookAtPodsOfTheOriginal(t *testing.T) {
	t.Parallel()
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "test", Env: []corev1.EnvVar{{Name: "BUILD_ID", Value: "9"}}}}}}
	if r := look(p); r.ID != "x" || r.BuildID != "9" {
		t.Errorf("%+v", r)
	}
}
