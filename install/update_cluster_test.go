//go:build kubernetes && linux

package install_test

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prow-ci/prow/prowtest/cluster"
)

// update runs scripts/update-config against the test's cluster.
func update(ctx context.Context, prow string, env []string, what ...string) (string, error) {
	kubectl := os.Getenv("PROW_KUBERNETES") + "/kubectl"
	if os.Getenv("PROW_KUBERNETES") == "" { // where the cluster has it from
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		kubectl = filepath.Join(cache, "prow-kubernetes", cluster.Version, "kubectl")
	}
	cmd := exec.CommandContext(ctx, "../scripts/update-config", what...)
	cmd.Env = append(append(os.Environ(), "PROW="+prow, "KUBECTL="+kubectl, "KUBECONFIG="+shared.Kubeconfig, "NAMESPACE=update"), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Configuration of any size is pushed as people type it, and what does not load is
// not.
func TestUpdateConfig(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	prow := filepath.Join(dir, "prow")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", prow, "../cmd/prow").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := shared.Kubectl(ctx, nil, "create", "namespace", "update"); err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := write("config.yaml", "pod_namespace: test-pods\n"+strings.Repeat("# long\n", 300<<10))
	plugins := write("plugins.yaml", "plugins: {my-org: {plugins: [lgtm]}}\n")
	job := "postsubmits: {my-org/r%d: [{name: p%d, spec: {containers: [{image: i, command: [c]}]}}]}\n"
	noise := func(n int) string {
		b := make([]byte, n)
		rand.New(rand.NewSource(1)).Read(b)
		return fmt.Sprintf("# %x\n", b)
	}
	for i := range 10 {
		write(fmt.Sprintf("jobs/%d.yaml", i), fmt.Sprintf(job, i, i)+noise(120<<10))
	}
	env := []string{"CONFIG=" + config, "PLUGINS=" + plugins, "JOB_CONFIG=" + filepath.Join(dir, "jobs")}
	names := func() string {
		t.Helper()
		out, err := shared.Kubectl(ctx, nil, "get", "configmap", "-n", "update", "-l", "app.kubernetes.io/part-of=prow", "-o", "name")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(strings.ReplaceAll(out, "configmap/", "")), " ")
	}
	if out, err := update(ctx, prow, env, "config", "plugins"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := names(); got != "config job-config-1 job-config-2 job-config-3 job-config-4 job-config-5 job-config-6 job-config-7 job-config-8 plugins" {
		t.Errorf("large jobs are in %s", got)
	}
	for i := range 10 {
		write(fmt.Sprintf("jobs/%d.yaml", i), fmt.Sprintf(job, i, i))
	}
	if out, err := update(ctx, prow, env, "config"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := names(); got != "config job-config plugins" {
		t.Errorf("small jobs are in %s", got)
	}
	write("jobs/0.yaml", "postsubmits: [wrong\n")
	before, err := shared.Kubectl(ctx, nil, "get", "configmap", "-n", "update", "job-config", "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := update(ctx, prow, env, "config"); err == nil || !strings.Contains(out, "0.yaml") {
		t.Errorf("a wrong configuration was pushed: %s", out)
	}
	if after, err := shared.Kubectl(ctx, nil, "get", "configmap", "-n", "update", "job-config", "-o", "yaml"); err != nil || after != before {
		t.Errorf("it changed all the same: %v", err)
	}
	if out, err := update(ctx, prow, nil, "plugins"); err == nil || !strings.Contains(out, "PLUGINS=path/to/plugins.yaml") {
		t.Errorf("without a file it says %s", out)
	}
}

// The kustomize base is one that an API server takes.
func TestKustomize(t *testing.T) {
	out, err := shared.Kubectl(t.Context(), nil, "kustomize", "../deploy")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "kind: Deployment") {
		t.Errorf("no Deployment in it:\n%s", out)
	}
	// The base names the namespaces that it makes: they come first.
	if _, err := shared.Kubectl(t.Context(), []byte(out), "apply", "-f", "-"); err != nil {
		t.Error(err)
	}
	starter, err := os.ReadFile("../deploy/prow_starter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shared.Kubectl(t.Context(), starter, "apply", "--dry-run=server", "-f", "-"); err != nil {
		t.Error(err)
	}
}
