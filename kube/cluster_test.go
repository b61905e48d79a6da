//go:build kubernetes && linux

package kube_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/cluster"
	"k8s.io/client-go/rest"
)

// house is the control plane of all tests here.
type house struct {
	*cluster.Cluster
	namespaces atomic.Int64
}

var shared = &house{}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "prow-kube-")
	if err == nil {
		defer os.RemoveAll(dir)
		shared.Cluster, err = cluster.Start(context.Background(), dir)
	}
	if err == nil {
		defer shared.Stop()
		err = shared.Apply(context.Background(), kube.CRD)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func (h *house) config() *rest.Config {
	return &rest.Config{Host: h.URL, BearerToken: h.Token, TLSClientConfig: rest.TLSClientConfig{CAFile: h.CA}, QPS: -1}
}

// namespace makes a new one.
func (h *house) namespace(t testing.TB) string {
	t.Helper()
	name := fmt.Sprint("n", h.namespaces.Add(1))
	_, err := h.Do(t.Context(), "POST", "/api/v1/namespaces", strings.NewReader(`{"metadata":{"name":"`+name+`"}}`), "Content-Type: application/json")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func (h *house) open(t testing.TB, namespace string) *kube.Jobs {
	t.Helper()
	s, err := kube.Open(t.Context(), kube.Options{Config: h.config(), Namespace: namespace, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestJobs(t *testing.T) {
	t.Parallel()
	prowtest.Jobs(t, func(t *testing.T) prow.Jobs { return shared.open(t, shared.namespace(t)) })
}
