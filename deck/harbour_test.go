package deck_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/deck"
	"github.com/prow-ci/prow/kube"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// harbour answers about pods as an API server does.
type harbour struct {
	mu    sync.Mutex
	pods  map[string]prow.PodInfo
	down  bool
	asked int
}

// newHarbour opens one, and makes a deck ask it.
func newHarbour(t *testing.T) (*harbour, func(*deck.Server)) {
	t.Helper()
	h := &harbour{pods: map[string]prow.PodInfo{}}
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	pods, err := kube.NewPods(map[string]*rest.Config{"default": {Host: web.URL}}, "test-pods", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return h, func(d *deck.Server) { d.Pods = pods }
}

func (h *harbour) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func (h *harbour) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	id, isPod := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/test-pods/pods/")
	answer, code := any(nil), http.StatusOK
	switch pod := h.pods[id].Pod; {
	case h.down || r.Method != http.MethodGet: // whether nodes may be read
		code = http.StatusForbidden
	case isPod && pod != nil:
		answer = pod
	case isPod:
		code = http.StatusNotFound
	default:
		_, about, _ := strings.Cut(r.URL.Query().Get("fieldSelector"), ",")
		list := corev1.EventList{}
		for id, info := range h.pods {
			if "involvedObject.name="+id == about || info.Pod != nil && r.URL.Query().Get("fieldSelector") == "involvedObject.uid="+string(info.Pod.UID) {
				list.Items = info.Events
			}
		}
		answer = list
	}
	if code != http.StatusOK {
		reason := map[int]metav1.StatusReason{http.StatusNotFound: metav1.StatusReasonNotFound, http.StatusForbidden: metav1.StatusReasonForbidden}[code]
		answer = metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Code: int32(code), Reason: reason}
	}
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}

// podOf makes the pod of a run: a test with Prow's utilities around it, on a node.
func podOf(j *prow.Job, phase corev1.PodPhase, change ...func(*corev1.Pod)) *corev1.Pod {
	container := func(name string) corev1.Container {
		return corev1.Container{Name: name, Image: "registry.example/" + name + ":1"}
	}
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: j.Name, Namespace: "test-pods", UID: types.UID("u-" + j.Name), ResourceVersion: "1",
			Labels: map[string]string{prow.LabelID: j.Name, prow.LabelBuildID: j.Status.BuildID}},
		Spec: corev1.PodSpec{NodeName: "quay-3", InitContainers: []corev1.Container{container("clonerefs"), container("initupload")},
			Containers: []corev1.Container{container("test"), container("sidecar")}},
		Status: corev1.PodStatus{Phase: phase, Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon.Add(-6 * time.Minute))},
			{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady", Message: "containers with unready status: [test sidecar]", LastTransitionTime: metav1.NewTime(noon.Add(-6 * time.Minute))},
		}},
	}
	for _, name := range []string{"clonerefs", "initupload"} {
		p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, corev1.ContainerStatus{Name: name, Ready: true, State: ended(0, "Completed")})
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func ended(code int32, reason string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason,
		StartedAt: metav1.NewTime(noon.Add(-5 * time.Minute)), FinishedAt: metav1.NewTime(noon.Add(-4 * time.Minute))}}
}

func waits(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// tells makes an event of a pod, some minutes ago.
func tells(reason, message string, count int32, minutes int) corev1.Event {
	e := corev1.Event{ObjectMeta: metav1.ObjectMeta{UID: types.UID(reason), ResourceVersion: "1"}, Type: corev1.EventTypeNormal, Reason: reason, Message: message, Count: count,
		Source:         corev1.EventSource{Component: "kubelet"},
		FirstTimestamp: metav1.NewTime(noon.Add(-time.Duration(minutes+int(count)/2) * time.Minute)), LastTimestamp: metav1.NewTime(noon.Add(-time.Duration(minutes) * time.Minute))}
	if strings.HasPrefix(reason, "Failed") || reason == "BackOff" {
		e.Type = corev1.EventTypeWarning
	}
	if reason == "Pulled" || reason == "BackOff" {
		e.InvolvedObject.FieldPath = "spec.containers{test}"
	}
	return e
}

// fog is a run whose pod waits, in the harbour; wreck one whose pod is gone and
// left its file; rowing one that goes well.
func (s *site) pods(h *harbour) {
	s.t.Helper()
	fog := job("run-fog", "e2e", 12, prow.Pending, 6*time.Minute, func(j *prow.Job) { j.Status.Description = "Job triggered." })
	wreck := job("run-wreck", "e2e", 12, prow.Error, 20*time.Minute, func(j *prow.Job) {
		j.Status.Description = "The run was cut off 4 times, and is not tried again (max_revivals): The node evicted its pod: The node was low on resource: memory."
	})
	rowing := job("run-rowing", "lint", 12, prow.Pending, 6*time.Minute)
	s.create(fog, wreck, rowing)
	h.change(func() {
		h.pods["run-fog"] = prow.PodInfo{
			Pod: podOf(fog, corev1.PodPending, func(p *corev1.Pod) {
				p.Status.ContainerStatuses = []corev1.ContainerStatus{
					{Name: "test", Image: "registry.example/test:1", State: waits("ContainerCreating", "")}, {Name: "sidecar", State: waits("ContainerCreating", "")}}
			}),
			Events: []corev1.Event{
				tells("FailedMount", `MountVolume.SetUp failed for volume "cache" : secret "anchor" not found`, 7, 1),
				tells("Scheduled", "Successfully assigned test-pods/run-fog to quay-3", 1, 6),
			},
		}
		h.pods["run-rowing"] = prow.PodInfo{Pod: podOf(rowing, corev1.PodRunning, func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "test", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon.Add(-time.Minute))}}}}
		}), Events: []corev1.Event{tells("Pulled", "Container image already present", 1, 5)}}
	})
	s.run("run-rowing", "clonerefs", "initupload", "test", "sidecar")
	s.runs.say("run-rowing", "rowing\n")
	left := prow.PodInfo{
		Pod: podOf(wreck, corev1.PodFailed, func(p *corev1.Pod) {
			p.Status.Reason, p.Status.Message = "Evicted", "The node was low on resource: memory."
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "TerminationByKubelet", Message: "The node was low on resource: memory.", LastTransitionTime: metav1.NewTime(noon.Add(-15 * time.Minute))})
			oom := ended(137, "OOMKilled")
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "test", State: oom, RestartCount: 2}, {Name: "sidecar", State: ended(1, "Error")}}
		}),
		Events: []corev1.Event{tells("Pulled", "Container image already present <b>\x1b[31m", 1, 18), tells("FailedSync", "<script>alert(1)</script>", 3, 16)},
	}
	b, err := json.Marshal(left)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(prow.Dir(wreck)+"/podinfo.json", string(b))
}
