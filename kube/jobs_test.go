//go:build kubernetes && linux

package kube_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/cluster"
	"k8s.io/client-go/rest"
)

func (h *house) openWith(t testing.TB, c *rest.Config, namespace string, change ...func(*kube.Options)) *kube.Jobs {
	t.Helper()
	o := kube.Options{Config: c, Namespace: namespace, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range change {
		f(&o)
	}
	s, err := kube.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func create(t testing.TB, s prow.Jobs, id string, change ...func(*prow.Job)) *prow.Job {
	t.Helper()
	j := prowtest.Job(id, change...)
	if err := s.Create(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	return j
}

func get(t testing.TB, s prow.Jobs, id string) *prow.Job {
	t.Helper()
	j, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func advance(t testing.TB, s prow.Jobs, id string, to prow.State, why string) {
	t.Helper()
	if _, err := s.Update(t.Context(), id, func(j *prow.Job) error { return j.Advance(to, prowtest.Epoch, why) }); err != nil {
		t.Fatal(err)
	}
}

// until waits for a job to be so; a slow machine is no failure.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("never happened: " + what)
}

func stateOf(s prow.Jobs, id string) prow.State {
	j, err := s.Get(context.Background(), id)
	if err != nil {
		return ""
	}
	return j.Status.State
}

// What one writes the others see, without asking.
func TestTwoProcessesSeeTheSame(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	a, b := shared.open(t, ns), shared.open(t, ns)
	create(t, a, "x")
	until(t, "b sees it", func() bool { n, _ := b.Count(t.Context(), prow.JobFilter{}); return n[prow.Triggered] == 1 })
	advance(t, b, "x", prow.Pending, "started")
	until(t, "a sees it started", func() bool { return stateOf(a, "x") == prow.Pending })
	if err := a.Delete(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Get(t.Context(), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a still has what it deleted: %v", err)
	}
	until(t, "b sees it go", func() bool { n, _ := b.Count(t.Context(), prow.JobFilter{}); return len(n) == 0 })
	create(t, b, "x", func(j *prow.Job) { j.Spec.Job = "anew" })
	until(t, "a sees the new one of that name", func() bool { j, err := a.Get(t.Context(), "x"); return err == nil && j.Spec.Job == "anew" })
}

// Two processes that write the same job at once lose nothing.
func TestWritersOfTwoProcesses(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	stores := []*kube.Jobs{shared.open(t, ns), shared.open(t, ns)}
	create(t, stores[0], "x")
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			_, err := stores[i%2].Update(t.Context(), "x", func(j *prow.Job) error {
				if j.Status.PrevReportStates == nil {
					j.Status.PrevReportStates = map[string]prow.State{}
				}
				j.Status.PrevReportStates[fmt.Sprint(i)] = prow.Pending
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		until(t, "all writes are seen", func() bool { return len(get(t, s, "x").Status.PrevReportStates) == 30 })
	}
}

// A job costs a request for each of its steps, a small one, and nothing between.
func TestRequestsOfAJob(t *testing.T) {
	t.Parallel()
	config, wire := shared.wired(shared.config())
	s := shared.openWith(t, config, shared.namespace(t))
	t.Logf("opening: %v", wire.counted(t))
	create(t, s, "x", func(j *prow.Job) { j.Spec.PodSpec.Containers[0].Args = []string{strings.Repeat("long ", 1000)} })
	wire.counted(t)
	advance(t, s, "x", prow.Pending, "started")
	advance(t, s, "x", prow.Success, "passed")
	for range 100 {
		get(t, s, "x")
		if _, err := s.List(t.Context(), prow.JobFilter{Job: "unit"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := wire.counted(t); n["PATCH"] != 2 || n["GET"]+n["POST"]+n["PUT"] != 0 {
		t.Errorf("requests: %v; want two patches", n)
	}
	if n := wire.bytes["PATCH"]; n > 1000 {
		t.Errorf("%d bytes were sent for two changes of state; want less than 1000", n)
	}
	if raw := shared.raw(t, s, "x"); strings.Contains(raw, "managedFields") {
		t.Errorf("the resource still has managedFields:\n%s", raw)
	}
}

// raw is the job as kubectl shows it.
func (h *house) raw(t testing.TB, s *kube.Jobs, id string) string {
	t.Helper()
	ns := get(t, s, id).Namespace
	out, err := h.Kubectl(t.Context(), nil, "-n", ns, "get", "prowjob", id, "-o", "yaml", "--show-managed-fields")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A server that is busy or restarting is asked again, and what was carried out
// although the answer was lost is not done twice.
func TestFaultsThatPass(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func() (func(*http.Request) *http.Response, func(*http.Request) bool){
		"too many requests": func() (func(*http.Request) *http.Response, func(*http.Request) bool) {
			on := times(2, func(r *http.Request) bool { return r.Method != "GET" })
			return func(r *http.Request) *http.Response {
				if on(r) {
					return answered(r, 429, "Retry-After: 1")
				}
				return nil
			}, nil
		},
		"a proxy without a server": func() (func(*http.Request) *http.Response, func(*http.Request) bool) {
			on := times(3, func(r *http.Request) bool { return r.Method != "GET" })
			return func(r *http.Request) *http.Response {
				if on(r) {
					return answered(r, 503)
				}
				return nil
			}, nil
		},
		"answers that are lost": func() (func(*http.Request) *http.Response, func(*http.Request) bool) {
			return nil, times(1, func(r *http.Request) bool { return r.Method != "GET" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, wire := shared.wired(shared.config())
			s := shared.openWith(t, config, shared.namespace(t))
			wire.set(fault())
			create(t, s, "x")
			wire.set(fault())
			advance(t, s, "x", prow.Pending, "started")
			wire.set(fault())
			advance(t, s, "x", prow.Success, "passed")
			if j := get(t, s, "x"); j.Status.State != prow.Success {
				t.Errorf("%+v", j.Status)
			}
			wire.set(fault())
			if err := s.Delete(t.Context(), "x"); err != nil {
				t.Error(err)
			}
			if _, err := s.Get(t.Context(), "x"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after its deletion: %v", err)
			}
		})
	}
}

// What can never work is said at once and is not tried again.
func TestRefusalsAreFinal(t *testing.T) {
	t.Parallel()
	s := shared.open(t, shared.namespace(t))
	err := s.Create(t.Context(), prowtest.Job("x", func(j *prow.Job) { j.Spec.Type = "sometimes" }))
	if !prow.IsFinal(err) || !strings.Contains(fmt.Sprint(err), "sometimes") {
		t.Errorf("a type that does not exist: %v; want a final error that names it", err)
	}
	create(t, s, "y")
	_, err = s.Update(t.Context(), "y", func(j *prow.Job) error { j.Status.State = prow.Success; return nil })
	if !prow.IsFinal(err) {
		t.Errorf("success without completion: %v; want a final error", err)
	}
	if stateOf(s, "y") != prow.Triggered {
		t.Error("what was refused is seen all the same")
	}
	config := shared.config()
	config.BearerToken = "nobody"
	if _, err := kube.Open(t.Context(), kube.Options{Config: config, Namespace: "default"}); !errors.Is(err, prow.ErrForbidden) {
		t.Errorf("an unknown token: %v; want it forbidden", err)
	}
}

// A fresh control plane, because these tests break it.
func TestTheControlPlaneBreaks(t *testing.T) {
	t.Parallel()
	h := &house{}
	var err error
	if h.Cluster, err = cluster.Start(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	if _, err := kube.Open(t.Context(), kube.Options{Config: h.config(), Namespace: "default"}); err == nil || !strings.Contains(err.Error(), "kubectl apply") {
		t.Errorf("without the definition: %v; want the command that mends it", err)
	}
	if err := h.Apply(t.Context(), kube.CRD); err != nil {
		t.Fatal(err)
	}
	ns := h.namespace(t)
	config, wire := h.wired(h.config())
	a, b := h.openWith(t, config, ns), h.open(t, ns)
	n := 0
	works := func(after string) {
		t.Helper()
		n++
		id := fmt.Sprint("j", n)
		create(t, b, id)
		until(t, "a sees "+id+" after "+after, func() bool { return stateOf(a, id) == prow.Triggered })
		advance(t, a, id, prow.Pending, after)
		until(t, "b sees it started", func() bool { return stateOf(b, id) == prow.Pending })
		until(t, "a is healthy after "+after, func() bool { return a.Healthy() == nil })
	}
	works("the start")

	h.Kill(cluster.APIServer)
	until(t, "a notices", func() bool { return a.Healthy() != nil })
	if get(t, a, "j1").Status.Description != "the start" {
		t.Error("while the server is away nothing can be read")
	}
	during := make(chan error)
	go func() { during <- b.Create(t.Context(), prowtest.Job("during")) }()
	if err := h.Restart(t.Context(), cluster.APIServer); err != nil {
		t.Fatal(err)
	}
	if err := <-during; err != nil {
		t.Errorf("creating while the server restarts: %v", err)
	}
	works("a killed API server")

	h.Kill(cluster.Etcd)
	if err := h.Restart(t.Context(), cluster.Etcd); err != nil {
		t.Fatal(err)
	}
	works("a killed etcd")

	// a hears nothing for so long that the server forgets what it missed.
	wire.set(func(r *http.Request) *http.Response {
		if r.URL.Query().Has("watch") {
			return answered(r, 503)
		}
		return nil
	}, nil)
	h.Kill(cluster.APIServer)
	if err := h.Restart(t.Context(), cluster.APIServer); err != nil {
		t.Fatal(err)
	}
	until(t, "a hears nothing", func() bool { return a.Healthy() != nil })
	create(t, b, "unheard")
	if err := b.Delete(t.Context(), "during"); err != nil {
		t.Fatal(err)
	}
	for range 3 { // the server keeps what changed since the last compaction but one
		if err := h.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		create(t, b, fmt.Sprint("more", time.Now().UnixNano()))
	}
	h.Kill(cluster.APIServer)
	if err := h.Restart(t.Context(), cluster.APIServer); err != nil {
		t.Fatal(err)
	}
	wire.counted(t)
	wire.set(nil, nil)
	until(t, "a sees what it missed", func() bool {
		all, _ := a.List(t.Context(), prow.JobFilter{})
		var unheard, during bool
		for _, j := range all {
			unheard, during = unheard || j.Name == "unheard", during || j.Name == "during"
		}
		return unheard && !during
	})
	if wire.counted(t)["GET"] == 0 {
		t.Error("the watch was never too old: this test tests nothing")
	}
	works("a forgotten past")
}
