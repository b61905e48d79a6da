//go:build kubernetes && linux

package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prow-ci/prow/kube"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
)

func (h *house) pods(t testing.TB, ns string, clusters map[string]*rest.Config) *kube.Pods {
	t.Helper()
	p, err := kube.NewPods(clusters, ns, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// event tells something of a pod, as a kubelet would.
func (h *house) event(t testing.TB, ns, pod, uid, reason string) {
	t.Helper()
	e := fmt.Sprintf(`{"metadata":{"generateName":"e-"},"involvedObject":{"kind":"Pod","namespace":%q,"name":%q,"uid":%q},"reason":%q,"type":"Warning","count":1}`, ns, pod, uid, reason)
	if _, err := h.Do(t.Context(), "POST", "/api/v1/namespaces/"+ns+"/events", strings.NewReader(e), "Content-Type: application/json"); err != nil {
		t.Fatal(err)
	}
}

// What is told of a pod is that of its own build; without the pod there are still
// the events of its name, and without these nothing.
func TestPods(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	r, p := shared.runner(t, ns, shared.one()), shared.pods(t, ns, shared.one())
	ctx := t.Context()
	j := script("a")
	j.Spec.PodSpec.Containers[0].Env = []corev1.EnvVar{
		{Name: "PLAIN", Value: "seen"}, {Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "k"}}},
	}
	secret := `{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {k: swordfish}}`
	if _, err := shared.Kubectl(ctx, []byte(secret), "-n", ns, "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Pod(ctx, j); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before it starts: %v", err)
	}
	if err := r.Start(ctx, j); err != nil {
		t.Fatal(err)
	}
	info, err := p.Pod(ctx, j)
	if err != nil || info.Pod == nil || info.Pod.Name != "a" || len(info.Events) != 0 || info.Node != nil {
		t.Fatalf("Pod = %+v, %v", info, err)
	}
	node := `{apiVersion: v1, kind: Node, metadata: {name: "n"}}`
	if _, err := shared.Kubectl(ctx, []byte(node), "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	shared.bind(t, ns, "a")
	shared.event(t, ns, "a", string(info.Pod.UID), "FailedMount")
	shared.event(t, ns, "a", "another-pod-of-this-name", "Killing")
	shared.event(t, ns, "b", "b", "Pulled")
	info, err = p.Pod(ctx, j)
	if err != nil || len(info.Events) != 1 || info.Events[0].Reason != "FailedMount" || info.Node == nil || info.Node.Name != "n" {
		t.Errorf("Pod = %+v, %v", info, err)
	}
	text, err := json.Marshal(info)
	if err != nil || strings.Contains(string(text), "swordfish") || strings.Contains(string(text), "managedFields") || !strings.Contains(string(text), `"value":"seen"`) {
		t.Errorf("podinfo.json = %s, %v", text, err)
	}
	again := script("a")
	again.Status.BuildID = "2"
	if info, err := p.Pod(ctx, again); err != nil || info.Pod != nil {
		t.Errorf("of another build: %+v, %v", info.Pod, err)
	}
	if _, err := shared.Kubectl(ctx, nil, "-n", ns, "delete", "pod", "a", "--force"); err != nil { // no node confirms that
		t.Fatal(err)
	}
	until(t, "the pod is gone", func() bool { info, _ := p.Pod(ctx, j); return info.Pod == nil })
	if info, err := p.Pod(ctx, j); err != nil || len(info.Events) != 2 {
		t.Errorf("when it is gone: %+v, %v", info, err)
	}
}

// What may not be read is told beside what may, a node is done without, and not
// asked for again.
func TestPodsOfWhichNotAllMayBeRead(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	config, wire := shared.wired(shared.config())
	r, p := shared.runner(t, ns, shared.one()), shared.pods(t, ns, map[string]*rest.Config{"default": config})
	ctx := t.Context()
	if err := r.Start(ctx, script("a")); err != nil {
		t.Fatal(err)
	}
	shared.bind(t, ns, "a")
	var reviews, nodes atomic.Int64
	forbid := func(what string) {
		wire.set(func(r *http.Request) *http.Response {
			if strings.Contains(r.URL.Path, "/nodes/") {
				nodes.Add(1)
			}
			if review := strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews"); review || strings.Contains(r.URL.Path, what) {
				if review {
					reviews.Add(1)
				}
				return answered(r, 403)
			}
			return nil
		}, nil)
	}
	forbid("/nothing/")
	for range 3 {
		if info, err := p.Pod(ctx, script("a")); err != nil || info.Pod == nil || info.Node != nil {
			t.Errorf("without nodes: %+v, %v", info, err)
		}
	}
	if nodes.Load() != 0 || reviews.Load() != 1 {
		t.Errorf("nodes were asked for %d times, and whether they may be %d times", nodes.Load(), reviews.Load())
	}
	forbid("/events")
	if info, err := p.Pod(ctx, script("a")); info.Pod == nil || err == nil || !strings.Contains(err.Error(), "events of the pod of run a") {
		t.Errorf("without events: %+v, %v", info, err)
	}
	forbid("/pods/")
	if info, err := p.Pod(ctx, script("a")); info.Pod != nil || err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without pods: %+v, %v", info, err)
	}
	var asked atomic.Int64
	wire.set(nil, func(r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/events") {
			asked.Add(1)
		}
		return true
	})
	if _, err := p.Pod(ctx, script("a")); err == nil || asked.Load() > 0 {
		t.Errorf("whose connection breaks: %v; events were asked for %d times", err, asked.Load())
	}
}

// A cluster that does not answer costs one caller the patience it has, and no other.
func TestPodsOfASilentCluster(t *testing.T) {
	t.Parallel()
	p := shared.pods(t, "x", map[string]*rest.Config{"default": silence(t)})
	patient := func(ctx context.Context, id string) error {
		ctx, stop := context.WithTimeout(ctx, time.Second)
		defer stop()
		_, err := p.Pod(ctx, script(id))
		return err
	}
	if err := patient(t.Context(), "a"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first: %v", err)
	}
	probing, done := context.WithCancel(t.Context())
	ended := make(chan bool)
	go func() {
		defer close(ended)
		for probing.Err() == nil {
			_ = patient(probing, "b")
		}
	}()
	until(t, "others do not wait", func() bool {
		err := patient(t.Context(), "c")
		return err != nil && strings.Contains(err.Error(), "does not answer")
	})
	done()
	<-ended
	if err := p.SetClusters(shared.one()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Pod(t.Context(), script("a")); err == nil || strings.Contains(err.Error(), "does not answer") {
		t.Errorf("on the cluster that came: %v", err)
	}
	moon := script("a")
	moon.Spec.Cluster = "moon"
	if _, err := p.Pod(t.Context(), moon); err == nil || !strings.Contains(err.Error(), `"moon" is not known; known are: default`) {
		t.Errorf("on a cluster that nobody knows: %v", err)
	}
}
