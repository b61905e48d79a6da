//go:build kubernetes && linux

package install_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/kube"
	"k8s.io/client-go/rest"
)

// The account of a build cluster may do with pods of jobs what Prow does with them,
// and nothing else.
func TestBuildClusterAccount(t *testing.T) {
	ctx := t.Context()
	objects, err := install.RenderBuildCluster(install.Options{Namespace: "bc", PodNamespace: "bc-pods", Bucket: "gs://b", BucketCredentials: []byte("{}"), Tekton: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := install.YAML(objects)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shared.Kubectl(ctx, text, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	token, err := shared.Kubectl(ctx, nil, "-n", "bc", "create", "token", "prow")
	if err != nil {
		t.Fatal(err)
	}
	as := &rest.Config{Host: shared.URL, BearerToken: strings.TrimSpace(token), TLSClientConfig: rest.TLSClientConfig{CAFile: shared.CA}}
	r, err := kube.NewRunner(kube.RunnerOptions{Clusters: map[string]*rest.Config{"build01": as}, Namespace: "bc-pods"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := await(ctx, func() (bool, error) { err := r.Clusters()["build01"]; return err == nil, err }); err != nil {
		t.Fatal(err)
	}
	if states, faults := r.States(ctx); states["build01"] != kube.Reachable {
		t.Errorf("it is %v: %v", states, faults)
	}
	out, err := shared.Kubectl(ctx, nil, "get", "role", "-n", "bc-pods", "prow", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var role struct {
		Rules []struct{ Resources []string }
	}
	if err := json.Unmarshal([]byte(out), &role); err != nil {
		t.Fatal(err)
	}
	resources := map[string]bool{}
	for _, rule := range role.Rules {
		for _, resource := range rule.Resources {
			resources[resource] = true
		}
	}
	if got := slices.Sorted(maps.Keys(resources)); !slices.Equal(got, []string{"events", "pipelineruns", "pods", "pods/log"}) {
		t.Errorf("it has rights on %v", got)
	}
	for _, ns := range []string{"bc", "bc-pods"} {
		if out, err := shared.Kubectl(ctx, nil, "auth", "can-i", "get", "secrets", "-n", ns, "--as=system:serviceaccount:bc:prow"); err == nil {
			t.Errorf("it may read Secrets in %s: %s", ns, out)
		}
	}
}
