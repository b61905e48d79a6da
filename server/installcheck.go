package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// CheckInstall compares the objects in the current cluster with those that an
// installation would be made of.
func CheckInstall(ctx context.Context, kubeconfig kube.Kubeconfig, o install.Options) ([]Finding, error) {
	c, err := cluster(kubeconfig)
	if err != nil {
		return nil, err
	}
	o.Upgrade = true
	want, err := install.Render(o)
	if err != nil {
		return nil, err
	}
	content, err := install.Content(o)
	if err != nil {
		return nil, err
	}
	var out []Finding
	for _, w := range want {
		have, f := fetch(ctx, c, w)
		if have == nil {
			out = append(out, f)
			continue
		}
		out = append(out, differences(w, install.Compare(w, have)))
	}
	for _, w := range content {
		have, f := fetch(ctx, c, w)
		switch missing := install.Missing(w, have); {
		case have == nil:
			out = append(out, f)
		case len(missing) > 0:
			out = append(out, Finding{area(w), Fault, fmt.Sprintf("%s has no %s", w, strings.Join(missing, ", ")),
				"kubectl edit it, or print it anew: prow install, without --upgrade"})
		default:
			out = append(out, Finding{area(w), OK, w.String(), ""})
		}
	}
	return out, nil
}

// cluster opens the API server that a kubeconfig leads to.
func cluster(k kube.Kubeconfig) (*kube.Client, error) {
	clusters, err := k.Load()
	if err != nil {
		return nil, err
	}
	return kube.NewClient(clusters.Infrastructure)
}

// area is the subject that an object belongs to.
func area(o install.Object) string {
	switch o.Kind() {
	case "CustomResourceDefinition":
		return "definitions"
	case "ServiceAccount", "Role", "RoleBinding":
		return "rights"
	case "Secret", "ConfigMap":
		return "content"
	}
	return "objects"
}

const applyAgain = "print it anew and apply it: prow install … --upgrade | kubectl apply -f -"

// fetch returns an object as the cluster has it, or what is to be said.
func fetch(ctx context.Context, c *kube.Client, want install.Object) (install.Object, Finding) {
	path, err := want.Path()
	if err != nil {
		return nil, Finding{area(want), Unknown, err.Error(), ""}
	}
	b, err := c.Do(ctx, http.MethodGet, path, nil)
	switch {
	case apierrors.IsNotFound(err):
		fix := applyAgain
		if area(want) == "content" {
			fix = "it is yours to make; prow install without --upgrade prints one"
		}
		return nil, Finding{area(want), Fault, want.String() + " is missing", fix}
	case apierrors.IsForbidden(err):
		return nil, Finding{area(want), Unknown, want.String() + " may not be read with this kubeconfig", "ask as somebody who may: --kubeconfig"}
	case err != nil:
		return nil, Finding{area(want), Fault, fmt.Sprintf("%s: %v", want, err), "see that the API server answers: kubectl version"}
	}
	var have install.Object
	if err := json.Unmarshal(b, &have); err != nil {
		return nil, Finding{area(want), Fault, fmt.Sprintf("%s: %v", want, err), ""}
	}
	return have, Finding{}
}

func differences(want install.Object, all []install.Difference) Finding {
	if len(all) == 0 {
		return Finding{area(want), OK, want.String(), ""}
	}
	const most = 5
	var lines []string
	for i, d := range all {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		lines = append(lines, d.String())
	}
	what := "differs"
	if area(want) == "definitions" {
		what = "is of another version"
	}
	return Finding{area(want), Fault, fmt.Sprintf("%s %s: %s", want, what, strings.Join(lines, "; ")), applyAgain}
}
