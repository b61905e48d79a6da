//go:build kubernetes && linux

package kube_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest"
	"k8s.io/client-go/rest"
)

func (h *house) runner(t testing.TB, ns string, clusters map[string]*rest.Config, change ...func(*kube.RunnerOptions)) *kube.Runner {
	t.Helper()
	o := kube.RunnerOptions{Clusters: clusters, Namespace: ns, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range change {
		f(&o)
	}
	r, err := kube.NewRunner(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	until(t, "a cluster is reached", func() bool {
		for _, err := range r.Clusters() {
			if err == nil {
				return true
			}
		}
		return false
	})
	return r
}

func (h *house) one() map[string]*rest.Config {
	return map[string]*rest.Config{"default": h.config()}
}

// status writes the status of a pod, as its node would.
func (h *house) status(t testing.TB, ns, pod, status string) {
	t.Helper()
	_, err := h.Do(t.Context(), "PATCH", "/api/v1/namespaces/"+ns+"/pods/"+pod+"/status", strings.NewReader(`{"status":`+status+`}`), "Content-Type: application/merge-patch+json")
	if err != nil {
		t.Fatal(err)
	}
}

// bind puts a pod on a node, as the scheduler would.
func (h *house) bind(t testing.TB, ns, pod string) {
	t.Helper()
	_, err := h.Do(t.Context(), "POST", "/api/v1/namespaces/"+ns+"/pods/"+pod+"/binding",
		strings.NewReader(`{"apiVersion":"v1","kind":"Binding","metadata":{"name":"`+pod+`"},"target":{"kind":"Node","name":"n"}}`), "Content-Type: application/json")
	if err != nil {
		t.Fatal(err)
	}
}

func script(id string) *prow.Job {
	return prowtest.Job(id, prowtest.Script("true"), func(j *prow.Job) { j.Spec.DecorationConfig = nil })
}

func looks(t testing.TB, r *kube.Runner, id, what string, ok func(prow.Run) bool) prow.Run {
	t.Helper()
	var run prow.Run
	until(t, id+" is "+what, func() bool {
		var err error
		run, err = r.Look(context.Background(), id)
		return err == nil && ok(run)
	})
	return run
}

// The life of a pod, its status written by the test.
func TestRunOnPods(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	r, other := shared.runner(t, ns, shared.one()), shared.runner(t, ns, shared.one())
	ctx := t.Context()
	if err := errors.Join(r.Start(ctx, script("a")), r.Start(ctx, script("a")), other.Start(ctx, script("a"))); err != nil {
		t.Fatal(err)
	}
	run, err := r.Look(ctx, "a")
	if err != nil || run.Phase != prow.Waiting || run.BuildID != "1234567890123456789" || run.Cluster != "default" {
		t.Fatalf("Look = %+v, %v", run, err)
	}
	if _, err := r.Logs(ctx, "a", "", 0, false); err == nil {
		t.Error("a pod that no node has has a log")
	}
	shared.bind(t, ns, "a")
	shared.status(t, ns, "a", `{"phase":"Running","startTime":"2026-01-02T03:04:05Z","containerStatuses":[{"name":"test","image":"i","imageID":"i","ready":true,"restartCount":0,"state":{"running":{"startedAt":"2026-01-02T03:04:06Z"}}}]}`)
	looks(t, other, "a", "testing", func(x prow.Run) bool { return x.Phase == prow.Running && x.Doing == "testing" })
	if err := other.Stop(ctx, "a", "A newer commit came."); err != nil {
		t.Fatal(err)
	}
	raw, err := shared.Kubectl(ctx, nil, "-n", ns, "get", "pod", "a", "-o", "yaml")
	if err != nil || !strings.Contains(raw, "activeDeadlineSeconds: 1") {
		t.Errorf("the pod has no deadline: %v\n%s", err, raw)
	}
	looks(t, r, "a", "stopping", func(x prow.Run) bool { return x.Doing == "stopping" })
	shared.status(t, ns, "a", `{"phase":"Failed","reason":"DeadlineExceeded"}`)
	looks(t, r, "a", "aborted", func(x prow.Run) bool { return x.Verdict == prow.Aborted && x.Why == "A newer commit came." })
	if all, err := r.List(ctx); err != nil || len(all) != 1 || all[0].ID != "a" || all[0].Cluster != "default" {
		t.Errorf("List = %+v, %v", all, err)
	}
	if err := r.Remove(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Look(ctx, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after its removal: %v", err)
	}
}

// A run that was cut off is begun anew under the same name as soon as what was
// there is gone, also when its node will never say so.
func TestRunAnew(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	r := shared.runner(t, ns, shared.one())
	ctx := t.Context()
	if err := r.Start(ctx, script("a")); err != nil {
		t.Fatal(err)
	}
	shared.bind(t, ns, "a")
	if _, err := shared.Kubectl(ctx, nil, "-n", ns, "patch", "pod", "a", "-p", `{"metadata":{"finalizers":["prow.x-k8s.io/gcsk8sreporter"]}}`); err != nil {
		t.Fatal(err)
	}
	shared.status(t, ns, "a", `{"phase":"Running","startTime":"2026-01-02T03:04:05Z","conditions":[{"type":"DisruptionTarget","status":"True","reason":"DeletionByTaintManager"}]}`)
	looks(t, r, "a", "lost", func(x prow.Run) bool { return x.Phase == prow.Ended && x.Lost })
	if err := r.Remove(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	again := script("a")
	again.Status.BuildID = "2"
	until(t, "it starts again", func() bool { return r.Start(ctx, again) == nil })
	looks(t, r, "a", "the new one", func(x prow.Run) bool { return x.BuildID == "2" && x.Phase == prow.Waiting })
}

// A pod that somebody deletes is told as such, however quickly it is gone; one of
// which nobody said that it would go has disappeared; and what we removed ourselves
// is no more.
func TestDeletedFromOutside(t *testing.T) {
	t.Parallel()
	ns, ctx := shared.namespace(t), t.Context()
	r := shared.runner(t, ns, shared.one())
	for _, c := range []struct {
		name, conditions string
		bound            bool
		how              [][]string
		lost             bool
		why              string
	}{
		{"as-usual", "", true, [][]string{nil}, false, "Its pod was deleted by somebody else."},
		{"by-force", "", true, [][]string{{"--force", "--grace-period=0"}}, false, "Its pod was deleted by somebody else."},
		{"without-a-node", "", false, [][]string{nil}, false, "Its pod was deleted by somebody else."},
		{"first-usual-then-by-force", "", true, [][]string{nil, {"--force", "--grace-period=0"}}, false, "Its pod was deleted by somebody else."},
		{"with-its-node", `,"conditions":[{"type":"DisruptionTarget","status":"True","reason":"DeletionByPodGC"}]`, true,
			[][]string{{"--force", "--grace-period=0"}}, true, "The node of its pod is gone."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := r.Start(ctx, script(c.name)); err != nil {
				t.Fatal(err)
			}
			if c.bound {
				shared.bind(t, ns, c.name)
				shared.status(t, ns, c.name, `{"phase":"Running","startTime":"2026-01-02T03:04:05Z"`+c.conditions+`}`)
				looks(t, r, c.name, "seen on its node", func(x prow.Run) bool { return !x.Started.IsZero() })
			}
			for _, more := range c.how {
				if _, err := shared.Kubectl(ctx, nil, append([]string{"-n", ns, "delete", "pod", c.name, "--wait=false"}, more...)...); err != nil {
					t.Fatal(err)
				}
			}
			if c.name != "as-usual" { // that one goes when its node says so
				gone(t, r, c.name)
			}
			run := looks(t, r, c.name, "over", func(x prow.Run) bool { return x.Phase == prow.Ended })
			if run.Verdict != prow.Error || run.Lost != c.lost || run.Why != c.why {
				t.Errorf("%+v", run)
			}
		})
	}
	t.Run("nobody-said", func(t *testing.T) {
		t.Parallel()
		if err := errors.Join(r.Start(ctx, script("lost")), r.Start(ctx, script("removed"))); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(shared.Lose(ctx, "pods/"+ns+"/lost"), r.Remove(ctx, "removed")); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"lost", "removed"} {
			gone(t, r, id)
			if run, err := r.Look(ctx, id); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is %+v, %v", id, run, err)
			}
		}
	})
	t.Run("anew", func(t *testing.T) {
		t.Parallel()
		again := script("again")
		if err := r.Start(ctx, again); err != nil {
			t.Fatal(err)
		}
		if _, err := shared.Kubectl(ctx, nil, "-n", ns, "delete", "pod", "again"); err != nil {
			t.Fatal(err)
		}
		gone(t, r, "again")
		again.Status.BuildID = "2"
		if err := errors.Join(r.Remove(ctx, "again"), r.Start(ctx, again)); err != nil {
			t.Fatal(err)
		}
		if run, err := r.Look(ctx, "again"); err != nil || run.BuildID != "2" || run.Phase != prow.Waiting {
			t.Errorf("begun anew it is %+v, %v", run, err)
		}
		if err := r.Remove(ctx, "again"); err != nil {
			t.Fatal(err)
		}
		if run, err := r.Look(ctx, "again"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("removed it is %+v, %v", run, err)
		}
	})
}

// gone waits until the watch has told that a pod is no more.
func gone(t testing.TB, r *kube.Runner, id string) {
	t.Helper()
	until(t, id+" is gone", func() bool {
		all, err := r.List(context.Background())
		return err == nil && !slices.ContainsFunc(all, func(x prow.Run) bool { return x.ID == id })
	})
}

// What the API server refuses for good ends a job, and what passes does not.
func TestRefusedPods(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	config, wire := shared.wired(shared.config())
	r := shared.runner(t, ns, map[string]*rest.Config{"default": config})
	ctx := t.Context()
	for _, c := range []struct {
		name  string
		job   *prow.Job
		spoil func(*http.Request) *http.Response
		final bool
		say   string
	}{
		{"no such cluster", prowtest.Job("x", prowtest.Script(""), func(j *prow.Job) { j.Spec.Cluster = "moon" }), nil, true, `"moon" is not known; known are: default`},
		{"a pod that cannot be", prowtest.Job("x", func(j *prow.Job) { j.Spec.PodSpec.Containers[0].Image = ""; j.Status.BuildID = "1" }), nil, true, "image"},
		{"no permission", script("x"), func(r *http.Request) *http.Response { return answered(r, 403) }, true, "Forbidden"},
		{"no namespace", script("x"), func(r *http.Request) *http.Response { return answered(r, 404) }, true, "Not Found"},
		{"too busy", script("x"), func(r *http.Request) *http.Response { return answered(r, 429) }, false, ""},
		{"broken", script("x"), func(r *http.Request) *http.Response { return answered(r, 500) }, false, ""},
	} {
		wire.set(func(r *http.Request) *http.Response {
			if c.spoil == nil || r.Method == "GET" {
				return nil
			}
			return c.spoil(r)
		}, nil)
		err := r.Start(ctx, c.job)
		if err == nil || prow.IsFinal(err) != c.final || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v; want it final %v and to say %q", c.name, err, c.final, c.say)
		}
	}
	wire.set(nil, nil)
	quota := `{apiVersion: v1, kind: ResourceQuota, metadata: {name: q}, spec: {hard: {pods: "0"}}}`
	if _, err := shared.Kubectl(ctx, []byte(quota), "-n", ns, "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	// There is no controller here that counts.
	if _, err := shared.Do(ctx, "PATCH", "/api/v1/namespaces/"+ns+"/resourcequotas/q/status", strings.NewReader(`{"status":{"hard":{"pods":"0"},"used":{"pods":"0"}}}`), "Content-Type: application/merge-patch+json"); err != nil {
		t.Fatal(err)
	}
	until(t, "the quota is used up, which passes", func() bool {
		id := fmt.Sprint("q", time.Now().UnixNano())
		err := r.Start(ctx, script(id))
		return err != nil && strings.Contains(err.Error(), "quota") && !prow.IsFinal(err)
	})
	ns = shared.namespace(t)
	r = shared.runner(t, ns, shared.one())
	foreign := `{apiVersion: v1, kind: Pod, metadata: {name: mine}, spec: {containers: [{name: c, image: i}]}}`
	if _, err := shared.Kubectl(ctx, []byte(foreign), "-n", ns, "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(ctx, script("mine")); !prow.IsFinal(err) || !strings.Contains(err.Error(), "not this job's") {
		t.Errorf("the pod of somebody else: %v", err)
	}
}

// silence is a server that takes connections and never answers.
func silence(t *testing.T) *rest.Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &rest.Config{Host: "http://" + l.Addr().String()}
}

// A cluster that cannot be reached holds up nobody, and what it has is not taken
// for absent. Clusters come and go while the runner works.
func TestClusters(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	good, wire := shared.wired(shared.config())
	gone := &rest.Config{Host: "http://127.0.0.1:1"}
	on := func(id, cluster string) *prow.Job {
		j := script(id)
		j.Spec.Cluster = cluster
		return j
	}
	where := map[string]string{"here": "default", "b": "build", "there": "silent", "x": "gone"}
	r := shared.runner(t, ns, map[string]*rest.Config{"default": shared.config(), "build": good, "silent": silence(t), "gone": gone},
		func(o *kube.RunnerOptions) {
			o.ClusterOf = func(id string) (string, bool) { c, ok := where[id]; return c, ok }
		})
	until(t, "the two good ones are reached", func() bool { c := r.Clusters(); return c["default"] == nil && c["build"] == nil })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // a call that waits for a dead cluster takes longer
	defer cancel()
	for id, cluster := range where {
		err := r.Start(ctx, on(id, cluster))
		if dead := cluster == "silent" || cluster == "gone"; dead != (err != nil) || prow.IsFinal(err) {
			t.Errorf("start %s on %s: %v", id, cluster, err)
		}
		_, err = r.Look(ctx, id)
		if dead := cluster == "silent" || cluster == "gone"; dead != (err != nil) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("look at %s on %s: %v", id, cluster, err)
		}
	}
	if all, err := r.List(ctx); err != nil || len(all) != 2 {
		t.Errorf("List = %v, %v", all, err)
	}
	if err := errors.Join(r.Stop(ctx, "here", "x"), r.Remove(ctx, "b")); err != nil {
		t.Error(err)
	}

	// While a known cluster is silent, one call waits for it and others do not.
	wire.set(func(r *http.Request) *http.Response {
		if r.Method != "POST" {
			return nil
		}
		<-r.Context().Done()
		return answered(r, 504)
	}, nil)
	first, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	_ = r.Start(first, on("b1", "build"))
	wire.set(nil, nil)

	where["n"] = "new"
	delete(where, "there")
	delete(where, "x")
	if err := r.SetClusters(map[string]*rest.Config{"default": shared.config(), "new": shared.config()}); err != nil {
		t.Fatal(err)
	}
	until(t, "a run starts on the new cluster", func() bool { return r.Start(ctx, on("n", "new")) == nil })
	if len(r.Clusters()) != 2 {
		t.Errorf("clusters: %v", r.Clusters())
	}
	if err := r.Start(ctx, on("late", "silent")); !prow.IsFinal(err) {
		t.Errorf("on a cluster that went: %v", err)
	}
	if _, err := r.Look(ctx, "nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what no cluster has: %v", err)
	}
}

// Without knowing where a run is, it is only absent when all clusters say so.
func TestAbsenceNeedsAllClusters(t *testing.T) {
	t.Parallel()
	r := shared.runner(t, shared.namespace(t), map[string]*rest.Config{"default": shared.config(), "gone": {Host: "http://127.0.0.1:1"}})
	_, err := r.Look(t.Context(), "x")
	if err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "gone") {
		t.Errorf("Look = %v; want that cluster gone cannot be reached", err)
	}
	if err := r.SetClusters(shared.one()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Look(t.Context(), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Look = %v", err)
	}
}
