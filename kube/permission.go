package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterState is how usable a build cluster is, in the words of the original's
// cluster status file.
type ClusterState string

// The states of a cluster. Unusable is for those whose settings are broken, which
// a Runner never sees.
const (
	Reachable          ClusterState = "Reachable"
	MissingPermissions ClusterState = "MissingPermissions"
	Unreachable        ClusterState = "Error"
	Unusable           ClusterState = "No-Manager"
)

// podVerbs are what a Runner does with pods.
func podVerbs() []string { return []string{"create", "delete", "list", "watch", "get", "patch"} }

// States asks every build cluster whether it may be used, all at once, and says
// of each that may not why.
func (r *Runner) States(ctx context.Context) (map[string]ClusterState, map[string]error) {
	r.mu.RLock()
	clusters := maps.Clone(r.clusters)
	r.mu.RUnlock()
	states, faults := map[string]ClusterState{}, map[string]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for alias, c := range clusters {
		wg.Go(func() {
			missing, err := c.missing(ctx, r.o.Namespace)
			state := Reachable
			switch {
			case err != nil:
				state = Unreachable
			case len(missing) > 0:
				state, err = MissingPermissions, fmt.Errorf("cluster %s does not let Prow %s pods in namespace %s", alias, strings.Join(missing, ", "), r.o.Namespace)
			}
			mu.Lock()
			defer mu.Unlock()
			if states[alias] = state; err != nil {
				faults[alias] = err
			}
		})
	}
	wg.Wait()
	return states, faults
}

// missing lists what of podVerbs is not permitted.
func (c *cluster) missing(ctx context.Context, namespace string) ([]string, error) {
	allowed := map[string]bool{}
	for _, verb := range podVerbs() {
		var err error
		if allowed[verb], err = c.api.may(ctx, authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Resource: "pods"}); err != nil {
			return nil, fmt.Errorf("cluster %s: %w", c.alias, err)
		}
	}
	return slices.DeleteFunc(podVerbs(), func(verb string) bool { return allowed[verb] }), nil
}

// may asks whether we may do something.
func (a *api) may(ctx context.Context, what authorizationv1.ResourceAttributes) (bool, error) {
	body, err := json.Marshal(authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"},
		Spec:     authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what},
	})
	if err != nil {
		return false, err
	}
	answer, _, err := a.call(ctx, request{method: http.MethodPost, path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", kind: "application/json", body: body})
	if err != nil {
		return false, err
	}
	var review authorizationv1.SelfSubjectAccessReview
	err = json.Unmarshal(answer, &review)
	return review.Status.Allowed, err
}
