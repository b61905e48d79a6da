//go:build kubernetes && node && linux

// Package onnode_test runs pods on a real node: kubelet and containerd.
package onnode_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/podspec"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/cluster"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
)

// house is the cluster of all tests here.
type house struct {
	*cluster.Cluster
	dir        string
	namespaces atomic.Int64
}

var shared = &house{}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "prow-node-")
	if err == nil {
		defer os.RemoveAll(dir)
		shared.dir = dir
		err = shared.start(dir)
	}
	if shared.Cluster != nil {
		defer shared.Stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func (h *house) start(dir string) (err error) {
	ctx := context.Background()
	podutil := filepath.Join(dir, "podutil")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", podutil, "github.com/prow-ci/prow/cmd/podutil")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build podutil: %w: %s", err, out)
	}
	if h.Cluster, err = cluster.StartNode(ctx, filepath.Join(dir, "k")); err != nil {
		return err
	}
	return h.Load(ctx, cluster.Image{Name: utilities, Files: map[string]string{"/podutil": podutil}, Entrypoint: []string{"/podutil"}})
}

const utilities = "prow.test/podutil:1"

func (h *house) config() *rest.Config {
	return &rest.Config{Host: h.URL, BearerToken: h.Token, TLSClientConfig: rest.TLSClientConfig{CAFile: h.CA}}
}

func (h *house) namespace(t testing.TB) string {
	t.Helper()
	name := fmt.Sprint("n", h.namespaces.Add(1))
	if _, err := h.Do(t.Context(), "POST", "/api/v1/namespaces", strings.NewReader(`{"metadata":{"name":"`+name+`"}}`), "Content-Type: application/json"); err != nil {
		t.Fatal(err)
	}
	return name
}

// local makes jobs use images that the node has.
type local struct{ prow.Runner }

func (l local) Start(ctx context.Context, j *prow.Job) error {
	spec := *j
	spec.Spec.PodSpec = j.Spec.PodSpec.DeepCopy()
	for i := range spec.Spec.PodSpec.Containers {
		spec.Spec.PodSpec.Containers[i].ImagePullPolicy = corev1.PullNever
	}
	if d := j.Spec.DecorationConfig; d != nil {
		d := *d
		d.UtilityImages = &prow.UtilityImages{CloneRefs: utilities, InitUpload: utilities, Entrypoint: utilities, Sidecar: utilities}
		d.GCSConfiguration = &prow.GCSConfiguration{Bucket: "here", PathStrategy: "explicit"}
		spec.Spec.DecorationConfig = &d
	}
	return l.Runner.Start(ctx, &spec)
}

// flat finds the files of a run where podspec.Options.Output has them: in one
// folder, and not by their place in a bucket.
type flat struct{ prow.Artifacts }

func (f flat) Open(name string) (fs.File, error) {
	if parts := strings.SplitN(name, "/", 4); len(parts) == 4 && parts[0] == "logs" {
		name = parts[3]
	}
	return f.Artifacts.Open(name)
}

func TestRunner(t *testing.T) {
	prowtest.Runner(t, func(t *testing.T) prowtest.RunnerCase {
		ns := shared.namespace(t)
		out := filepath.Join(shared.dir, "out", ns)
		if err := os.MkdirAll(out, 0o777); err != nil {
			t.Fatal(err)
		}
		artifacts, err := blob.Dir(out)
		if err != nil {
			t.Fatal(err)
		}
		open := func() prow.Runner {
			r, err := kube.NewRunner(kube.RunnerOptions{
				Clusters: map[string]*rest.Config{"default": shared.config()}, Namespace: ns, Pod: podspec.Options{Output: out},
				Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = r.Close() })
			for r.Clusters()["default"] != nil {
				if t.Context().Err() != nil {
					t.Fatal("the cluster is never reached")
				}
			}
			return local{r}
		}
		t.Cleanup(func() {
			if !t.Failed() {
				return
			}
			said, _ := shared.Kubectl(context.Background(), nil, "-n", ns, "describe", "pods")
			t.Log(said)
		})
		return prowtest.RunnerCase{Runner: open(), Artifacts: flat{artifacts}, Restart: open}
	})
}
