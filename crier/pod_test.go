package crier

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/podspec"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// apiServer answers about pods as an API server does, and counts what it is asked.
// It lets nobody read nodes.
type apiServer struct {
	mu     sync.Mutex
	pods   map[string]*corev1.Pod
	events []corev1.Event
	down   bool
	asked  []string
}

func (s *story) cluster() *apiServer {
	s.t.Helper()
	a := &apiServer{pods: map[string]*corev1.Pod{}}
	web := httptest.NewServer(a)
	s.t.Cleanup(web.Close)
	pods, err := kube.NewPods(map[string]*rest.Config{"default": {Host: web.URL}}, "test-pods", time.Now)
	if err != nil {
		s.t.Fatal(err)
	}
	s.pods = pods
	return a
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.URL.Path)
	refuse := func(code int, reason metav1.StatusReason) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Code: int32(code), Reason: reason})
	}
	pod, isPod := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/test-pods/pods/")
	switch {
	case a.down:
		refuse(http.StatusBadGateway, metav1.StatusReasonUnknown)
	case isPod && a.pods[pod] != nil:
		_ = json.NewEncoder(w).Encode(a.pods[pod])
	case isPod:
		refuse(http.StatusNotFound, metav1.StatusReasonNotFound)
	case r.URL.Path == "/api/v1/namespaces/test-pods/events":
		about := r.URL.Query().Get("fieldSelector")
		list := corev1.EventList{}
		for _, e := range a.events {
			if about == "involvedObject.uid="+string(e.InvolvedObject.UID) || about == "involvedObject.kind=Pod,involvedObject.name="+e.InvolvedObject.Name {
				list.Items = append(list.Items, e)
			}
		}
		_ = json.NewEncoder(w).Encode(list)
	case r.Method == http.MethodPost: // whether nodes may be read
		_, _ = w.Write([]byte("{}"))
	default:
		refuse(http.StatusForbidden, metav1.StatusReasonForbidden)
	}
}

func (a *apiServer) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// requests returns what was asked since it was asked for last.
func (a *apiServer) requests() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := strings.Join(a.asked, " ")
	a.asked = nil
	return strings.NewReplacer("/api/v1/namespaces/test-pods/", "", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "may-i").Replace(out)
}

// pod puts the pod of a job there, on a node.
func (s *story) pod(a *apiServer, id string) {
	s.t.Helper()
	j, err := s.db.Jobs.Get(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	pod, err := podspec.Decorate(j, podspec.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	pod.UID, pod.Spec.NodeName = types.UID("u-"+id), "n1"
	pod.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "somebody"}}
	a.change(func() { a.pods[id] = pod })
}

func (a *apiServer) event(id, uid, reason string) {
	a.change(func() {
		a.events = append(a.events, corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: uid, UID: types.UID(uid)}, Reason: reason,
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: id, UID: types.UID("u-" + id)}})
	})
}

// podInfo reads podinfo.json; ok is false if there is none.
func (s *story) podInfo(id string) (info prow.PodInfo, text string, ok bool) {
	s.t.Helper()
	j, err := s.db.Jobs.Get(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := fs.ReadFile(s.art, path.Join(prow.Dir(j), "podinfo.json"))
	if err != nil {
		return info, "", false
	}
	if err := json.Unmarshal(b, &info); err != nil {
		s.t.Fatal(err)
	}
	return info, string(b), true
}

func reasons(info prow.PodInfo) string {
	var out []string
	for _, e := range info.Events {
		out = append(out, e.Reason)
	}
	return strings.Join(out, " ")
}

// since makes a job pending, as plank does, some time ago.
func (s *story) since(id string, ago time.Duration) {
	s.t.Helper()
	if _, err := s.db.Jobs.Update(s.t.Context(), id, func(j *prow.Job) error {
		j.Status.BuildID = "77" + id
		return j.Advance(prow.Pending, time.Now().Add(-ago), "Job triggered.")
	}); err != nil {
		s.t.Fatal(err)
	}
}

func TestThePodOfARunIsKept(t *testing.T) {
	t.Parallel()
	s := begin(t)
	a := s.cluster()
	for _, id := range []string{"a", "b"} {
		s.job(id, "ci/"+id, func(j *prow.Job) {
			j.Spec.PodSpec.Containers[0].Env = []corev1.EnvVar{{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "k"}}}}
		})
		s.since(id, time.Second)
		s.pod(a, id)
		a.event(id, id+"-1", "Scheduled")
		a.event(id, id+"-2", "Pulled")
	}
	s.start()
	s.told("a", storageReporter)
	if asked := a.requests(); asked != "" {
		t.Errorf("while a runs, the cluster is asked %s", asked)
	}
	s.advance("a", prow.Failure)
	s.told("a", podReporter, storageReporter)
	if asked := a.requests(); asked != "pods/a events may-i" {
		t.Errorf("for the first run the cluster was asked %s", asked)
	}
	s.advance("b", prow.Success)
	s.told("b", podReporter)
	if asked := a.requests(); asked != "pods/b events" {
		t.Errorf("for the second run the cluster was asked %s: that nodes may not be read was known", asked)
	}
	info, text, ok := s.podInfo("a")
	if !ok || info.Pod == nil || info.Pod.Name != "a" || info.Node != nil || reasons(info) != "Scheduled Pulled" {
		t.Fatalf("podinfo.json = %s", text)
	}
	for has, want := range map[string]bool{"\t\"pod\": {": true, "\t\"events\": [": true, "\"node\":": false, "secretKeyRef": true, "somebody": false} {
		if strings.Contains(text, has) != want {
			t.Errorf("podinfo.json has %q: %v, want %v:\n%s", has, !want, want, text)
		}
	}
}

// A pod that vanishes has left what there was of it some minutes after its start;
// what was told of it since is added.
func TestAPodThatVanishes(t *testing.T) {
	t.Parallel()
	s := begin(t)
	a := s.cluster()
	s.job("a", "ci/a")
	s.since("a", podPatience+time.Second)
	s.pod(a, "a")
	a.event("a", "1", "FailedScheduling")
	s.start()
	s.told("a", podReporter)
	if info, _, ok := s.podInfo("a"); !ok || info.Pod == nil || reasons(info) != "FailedScheduling" {
		t.Fatalf("while it is pending: %+v", info)
	}
	a.change(func() { a.pods, a.events = map[string]*corev1.Pod{}, nil })
	a.event("a", "2", "TaintManagerEviction")
	s.advance("a", prow.Error)
	s.told("a", podReporter)
	if info, _, ok := s.podInfo("a"); !ok || info.Pod == nil || reasons(info) != "FailedScheduling TaintManagerEviction" {
		t.Errorf("at its end: %+v", info)
	}
	if asked := a.requests(); asked != "pods/a events may-i pods/a events" {
		t.Errorf("the cluster was asked %s", asked)
	}
}

// What cannot be had of a pod holds up nothing, and is not asked for again.
func TestAPodThatCannotBeHad(t *testing.T) {
	t.Parallel()
	s := begin(t)
	a := s.cluster()
	for _, id := range []string{"gone", "dark", "else", "far"} {
		s.job(id, "ci/"+id, func(j *prow.Job) {
			if id == "else" {
				j.Spec.Agent = prow.TektonAgent
			}
			if id == "far" {
				j.Spec.Cluster = "moon"
			}
		})
		s.since(id, time.Second)
	}
	s.start()
	s.advance("gone", prow.Error)
	s.told("gone", podReporter, gitHubReporter)
	a.change(func() { a.down = true })
	s.advance("dark", prow.Error)
	s.advance("far", prow.Error)
	s.advance("else", prow.Success)
	s.told("dark", podReporter, gitHubReporter)
	s.told("far", podReporter, gitHubReporter)
	s.told("else", storageReporter, gitHubReporter)
	for _, id := range []string{"gone", "dark", "far", "else"} {
		if _, text, ok := s.podInfo(id); ok {
			t.Errorf("%s has left %s", id, text)
		}
	}
	j, err := s.db.Jobs.Get(t.Context(), "else")
	if err != nil || j.Status.PrevReportStates[podReporter] != "" {
		t.Errorf("a run that is no pod: %v, %v", j.Status.PrevReportStates, err)
	}
}

// A pod of the same name that belongs to another build, or to somebody else, is not
// the run's.
func TestAnotherPodOfThatName(t *testing.T) {
	t.Parallel()
	s := begin(t)
	a := s.cluster()
	s.job("a", "ci/a")
	s.job("b", "ci/b")
	for _, id := range []string{"a", "b"} {
		s.since(id, time.Second)
		s.pod(a, id)
	}
	a.change(func() {
		a.pods["a"].Labels[prow.LabelBuildID] = "1"
		a.pods["b"].Labels[prow.LabelID] = "other"
	})
	s.start()
	s.advance("a", prow.Failure)
	s.advance("b", prow.Failure)
	s.told("a", podReporter)
	s.told("b", podReporter)
	for _, id := range []string{"a", "b"} {
		if _, text, ok := s.podInfo(id); ok {
			t.Errorf("%s has left %s", id, text)
		}
	}
}
