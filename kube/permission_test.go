//go:build kubernetes && linux

package kube_test

import (
	"strings"
	"testing"

	"github.com/prow-ci/prow/kube"
	"k8s.io/client-go/rest"
)

// Clusters that may not be used are told apart from those that cannot be reached.
func TestClusterStates(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	rules := `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: some}, rules: [{apiGroups: [""], resources: [pods], verbs: [create, get, list, watch]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: some}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: some}, subjects: [{kind: User, name: limited}]}
`
	if _, err := shared.Kubectl(t.Context(), []byte(rules), "-n", ns, "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	limited := shared.config()
	limited.Impersonate = rest.ImpersonationConfig{UserName: "limited"}
	r := shared.runner(t, ns, map[string]*rest.Config{"default": shared.config(), "limited": limited, "gone": {Host: "http://127.0.0.1:1"}})
	states, faults := r.States(t.Context())
	if states["default"] != kube.Reachable || states["limited"] != kube.MissingPermissions || states["gone"] != kube.Unreachable {
		t.Errorf("%v, %v", states, faults)
	}
	if err := faults["limited"]; err == nil || !strings.Contains(err.Error(), "does not let Prow delete, patch pods") {
		t.Errorf("limited: %v", err)
	}
}
