//go:build kubernetes && node && linux

package onnode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/plank"
	"github.com/prow-ci/prow/podspec"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/cluster"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
)

func (h *house) runner(t testing.TB, ns string) *kube.Runner {
	t.Helper()
	r, err := kube.NewRunner(kube.RunnerOptions{
		Clusters: map[string]*rest.Config{"default": h.config()}, Namespace: ns,
		Pod: podspec.Options{Output: filepath.Join(h.dir, "out", ns)}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	until(t, "the cluster is reached", func() bool { return r.Clusters()["default"] == nil })
	return r
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("never happened: " + what)
}

// plain is a job without decoration.
func plain(id, script string, change ...func(*prow.Job)) *prow.Job {
	return prowtest.Job(id, append([]func(*prow.Job){prowtest.Script(script), func(j *prow.Job) { j.Spec.DecorationConfig = nil }}, change...)...)
}

func looks(t *testing.T, r prow.Runner, id, what string, ok func(prow.Run) bool) prow.Run {
	t.Helper()
	var last prow.Run
	defer func() {
		if t.Failed() {
			t.Logf("last seen: %+v", last)
		}
	}()
	until(t, id+" is "+what, func() bool {
		run, err := r.Look(context.Background(), id)
		last = run
		return err == nil && ok(run)
	})
	return last
}

func ended(r prow.Run) bool { return r.Phase == prow.Ended }

// What goes wrong on a real node is told apart, in words.
func TestEnds(t *testing.T) {
	ns := shared.namespace(t)
	raw := shared.runner(t, ns)
	r := local{raw}
	running := func(id string) func(*testing.T) {
		return func(t *testing.T) {
			looks(t, r, id, "running", func(r prow.Run) bool { return r.Doing == "testing" })
		}
	}
	kubectl := func(args ...string) func(*testing.T) {
		return func(t *testing.T) {
			if _, err := shared.Kubectl(t.Context(), nil, append([]string{"-n", ns}, args...)...); err != nil {
				t.Error(err)
			}
		}
	}
	for _, c := range []struct {
		id   string
		job  func(*prow.Job)
		then []func(*testing.T)
		want prow.Run
		say  string
	}{
		{id: "memory", job: func(j *prow.Job) {
			j.Spec.PodSpec.Containers[0].Command = []string{"sh", "-c", `x=aaaaaaaaaaaaaaaa; while :; do x="$x$x"; done`}
			j.Spec.PodSpec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("20Mi")}
		}, want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure, ExitCode: 137}, say: "ran out of memory and was killed: its limit is 20Mi."},
		{id: "image", job: func(j *prow.Job) { j.Spec.PodSpec.Containers[0].Image = "127.0.0.1:1/no/such:image" }, want: prow.Run{Phase: prow.Ended, Verdict: prow.Error}, say: "127.0.0.1:1/no/such:image"},
		{id: "room", job: func(j *prow.Job) {
			j.Spec.PodSpec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000")}
		}, want: prow.Run{Phase: prow.Waiting}, say: "Insufficient cpu"},
		{id: "secret", job: func(j *prow.Job) {
			j.Spec.PodSpec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "none"}}}}
		}, want: prow.Run{Phase: prow.Waiting}, say: `secret "none" not found`},
		{id: "secret-beside-a-sidecar", job: func(j *prow.Job) {
			j.Spec.DecorationConfig = &prow.DecorationConfig{}
			j.Spec.PodSpec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "none"}}}}
		}, want: prow.Run{Phase: prow.Waiting}, say: `secret "none" not found`},
		{id: "program", job: func(j *prow.Job) { j.Spec.PodSpec.Containers[0].Command = []string{"/no/such/program"} }, want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure, ExitCode: 128}, say: "/no/such/program"},
		{id: "deadline", job: func(j *prow.Job) { s := int64(1); j.Spec.PodSpec.ActiveDeadlineSeconds = &s }, want: prow.Run{Phase: prow.Ended, Verdict: prow.Failure}, say: "active_deadline_seconds"},
		{id: "clone", job: func(j *prow.Job) {
			j.Spec.DecorationConfig = &prow.DecorationConfig{}
			j.Spec.ExtraRefs = []prow.Refs{{Org: "o", Repo: "r", BaseRef: "main", CloneURI: "https://127.0.0.1:1/o/r"}}
		}, want: prow.Run{Phase: prow.Ended, Verdict: prow.Error}},
		{id: "deleted", then: []func(*testing.T){running("deleted"), kubectl("delete", "pod", "deleted", "--wait=false")}, want: prow.Run{Phase: prow.Ended, Verdict: prow.Error}, say: "deleted by somebody else"},
		{id: "evicted", then: []func(*testing.T){running("evicted"), func(t *testing.T) {
			if _, err := shared.Do(t.Context(), "POST", "/api/v1/namespaces/"+ns+"/pods/evicted/eviction", strings.NewReader(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"evicted"}}`), "Content-Type: application/json"); err != nil {
				t.Error(err)
			}
		}}, want: prow.Run{Phase: prow.Ended, Verdict: prow.Error, Lost: true}, say: "evicted, as when a node is drained"},
		{id: "stopped", then: []func(*testing.T){running("stopped"), func(t *testing.T) {
			if err := r.Stop(t.Context(), "stopped", "A newer commit came."); err != nil {
				t.Error(err)
			}
		}}, want: prow.Run{Phase: prow.Ended, Verdict: prow.Aborted}, say: "A newer commit came."},
	} {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			j := plain(c.id, `trap "exit 1" TERM; sleep 300 & wait`)
			if c.job != nil {
				c.job(j)
			}
			if err := r.Start(t.Context(), j); err != nil {
				t.Fatal(err)
			}
			for _, f := range c.then {
				f(t)
			}
			got := looks(t, r, c.id, "as expected", func(r prow.Run) bool {
				return r.Phase == c.want.Phase && r.Verdict == c.want.Verdict && r.Lost == c.want.Lost && strings.Contains(r.Why, c.say) && r.Why != "" &&
					(c.want.ExitCode == 0 || r.ExitCode == c.want.ExitCode)
			})
			t.Log(got.Why)
			if got.Phase != prow.Waiting {
				return
			}
			if _, err := r.Logs(t.Context(), c.id, "", 0, false); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the log of a container that has not begun: %v", err)
			}
		})
	}
}

// Logs of every container can be had, of utilities and those before the test too.
func TestLogsOfAllContainers(t *testing.T) {
	ns := shared.namespace(t)
	r := local{shared.runner(t, ns)}
	if err := r.Start(t.Context(), prowtest.Job("a", prowtest.Script("echo from the test"))); err != nil {
		t.Fatal(err)
	}
	run := looks(t, r, "a", "over", ended)
	if got := strings.Join(run.Containers, " "); got != "test sidecar initupload place-entrypoint" {
		t.Errorf("containers: %s", got)
	}
	for _, c := range run.Containers {
		rc, err := r.Logs(t.Context(), "a", c, 0, false)
		if err != nil {
			t.Errorf("%s: %v", c, err)
			continue
		}
		b, err := io.ReadAll(rc)
		rc.Close()
		if err != nil || c == "test" && !strings.Contains(string(b), "from the test") {
			t.Errorf("%s: %q, %v", c, b, err)
		}
	}
	if _, err := r.Logs(t.Context(), "a", "other", 0, false); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "place-entrypoint") {
		t.Errorf("a container it does not have: %v", err)
	}
}

// Whatever of the control plane is killed, and plank with it, each job runs once
// and ends well.
func TestNothingIsLostAndNothingRunsTwice(t *testing.T) {
	if err := shared.Apply(t.Context(), kube.CRD); err != nil {
		t.Fatal(err)
	}
	ns := shared.namespace(t)
	ran := filepath.Join(shared.dir, "ran", ns)
	if err := os.MkdirAll(ran, 0o777); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	// plank runs in this process; ending it is as good as killing it, for it keeps
	// nothing.
	begin := func() (jobs *kube.Jobs, end func()) {
		ctx, cancel := context.WithCancel(context.Background())
		var err error
		until(t, "the API server lets plank begin", func() bool {
			jobs, err = kube.Open(ctx, kube.Options{Config: shared.config(), Namespace: ns, Log: log, Answer: true})
			return err == nil
		})
		runner, err := kube.NewRunner(kube.RunnerOptions{Clusters: map[string]*rest.Config{"default": shared.config()}, Namespace: ns, Log: log,
			ClusterOf: func(id string) (string, bool) {
				j, err := jobs.Get(ctx, id)
				if err != nil {
					return "", false
				}
				return j.Spec.Cluster, true
			}})
		if err != nil {
			t.Fatal(err)
		}
		w := &plank.Worker{Jobs: jobs, Runner: runner, Config: func() *config.Config { return &config.Config{Plugins: &config.Plugins{}} },
			URL: func(*prow.Job) string { return "" }, Node: "node", Limit: 8, Log: log, Now: time.Now}
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		opened := jobs
		return jobs, sync.OnceFunc(func() {
			cancel()
			<-done
			_ = runner.Close()
			_ = opened.Close()
		})
	}
	jobs, end := begin()
	t.Cleanup(func() { end() })
	const n = 40
	for i := range n {
		id := fmt.Sprint("j", i)
		j := plain(id, "echo x >>/ran/"+id+"; sleep 1", func(j *prow.Job) {
			j.Status.BuildID = ""
			j.Spec.PodSpec.Containers[0].ImagePullPolicy = corev1.PullNever
			j.Spec.PodSpec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "ran", MountPath: "/ran"}}
			j.Spec.PodSpec.Volumes = []corev1.Volume{{Name: "ran", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: ran}}}}
		})
		if err := jobs.Create(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	complete := func() int {
		yes := true
		c, _ := jobs.Count(t.Context(), prow.JobFilter{Complete: &yes})
		sum := 0
		for _, k := range c {
			sum += k
		}
		return sum
	}
	for _, harm := range []func(){
		func() { shared.Kill(cluster.APIServer); restart(t, cluster.APIServer) },
		func() { end(); jobs, end = begin() },
		func() { shared.Kill(cluster.Etcd); restart(t, cluster.Etcd) },
		func() { shared.Kill(cluster.Kubelet); restart(t, cluster.Kubelet) },
		func() { shared.Kill(cluster.APIServer); end(); restart(t, cluster.APIServer); jobs, end = begin() },
	} {
		before := complete()
		until(t, "some more end", func() bool { c := complete(); return c > before+2 || c == n })
		harm()
	}
	until(t, "all end", func() bool { return complete() == n })
	end()
	for i := range n {
		b, err := os.ReadFile(filepath.Join(ran, fmt.Sprint("j", i)))
		if err != nil || string(b) != "x\n" {
			t.Errorf("j%d ran %q, %v", i, b, err)
		}
	}
	all, err := jobs.List(context.Background(), prow.JobFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range all {
		if j.Status.State != prow.Success {
			t.Errorf("%s: %s: %s", j.Name, j.Status.State, j.Status.Description)
		}
	}
}

func restart(t *testing.T, part string) {
	t.Helper()
	if err := shared.Restart(t.Context(), part); err != nil {
		t.Fatal(err)
	}
}

// A node that goes away takes its runs with it: that is said, and they can begin
// anew under their name.
func TestNodeGoesAway(t *testing.T) {
	ns := shared.namespace(t)
	r := local{shared.runner(t, ns)}
	if err := r.Start(t.Context(), plain("a", "sleep 300")); err != nil {
		t.Fatal(err)
	}
	looks(t, r, "a", "running", func(r prow.Run) bool { return r.Doing == "testing" })
	start := time.Now()
	shared.Kill(cluster.Kubelet)
	back := func() error { return shared.Restart(context.Background(), cluster.Kubelet) }
	t.Cleanup(func() {
		if t.Failed() {
			_ = back()
		}
	})
	// That a machine is gone for good is said by whoever runs them, such as a cloud.
	if _, err := shared.Kubectl(t.Context(), nil, "delete", "node", "node"); err != nil {
		t.Fatal(err)
	}
	// The collector of garbage says why and deletes in one breath: who looks late
	// finds nothing. Either way the job is run anew.
	until(t, "the run is lost or gone", func() bool {
		run, err := r.Look(t.Context(), "a")
		if err == nil && run.Phase == prow.Ended && run.Lost || errors.Is(err, fs.ErrNotExist) {
			t.Logf("after %v: %s %v", time.Since(start), run.Why, err)
			return true
		}
		return false
	})
	if err := r.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := back(); err != nil {
		t.Fatal(err)
	}
	// The collector deletes by name, so it may hit the pod that comes after as well:
	// as plank does, a run that is gone is started again.
	again := plain("a", "true", func(j *prow.Job) { j.Status.BuildID = "2" })
	var run prow.Run
	until(t, "it runs anew, to its end", func() bool {
		var err error
		if run, err = r.Look(t.Context(), "a"); errors.Is(err, fs.ErrNotExist) {
			err = r.Start(t.Context(), again)
		}
		return err == nil && run.Phase == prow.Ended
	})
	if run.Verdict != prow.Success || run.BuildID != "2" {
		t.Errorf("%+v", run)
	}
}
