package install

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Path is where the API server has o.
func (o Object) Path() (string, error) {
	plural, ok := map[string]string{
		"Namespace": "namespaces", "CustomResourceDefinition": "customresourcedefinitions", "ServiceAccount": "serviceaccounts",
		"Role": "roles", "RoleBinding": "rolebindings", "Secret": "secrets", "ConfigMap": "configmaps", "Service": "services",
		"Deployment": "deployments", "PodDisruptionBudget": "poddisruptionbudgets", "Ingress": "ingresses",
	}[o.Kind()]
	if !ok {
		return "", fmt.Errorf("%s: not of a kind that an installation consists of", o)
	}
	root := "/apis/" + o.APIVersion()
	if !strings.Contains(o.APIVersion(), "/") {
		root = "/api/" + o.APIVersion()
	}
	if ns := o.Namespace(); ns != "" {
		root += "/namespaces/" + ns
	}
	return root + "/" + plural + "/" + o.Name(), nil
}

// Difference is one place where an object is not what it should be.
type Difference struct {
	Path       string // spec.template…
	Want, Have any    // nil: nothing
}

func (d Difference) String() string {
	switch {
	case d.Have == nil:
		return fmt.Sprintf("%s is missing, want %s", d.Path, short(d.Want))
	case d.Want == nil:
		return fmt.Sprintf("%s is more than wanted: %s", d.Path, short(d.Have))
	}
	return fmt.Sprintf("%s is %s, want %s", d.Path, short(d.Have), short(d.Want))
}

func short(v any) string {
	s := fmt.Sprintf("%v", v)
	if len(s) > 120 {
		s = s[:117] + "..."
	}
	return s
}

// Compare says where have is not as want says. What want does not mention may be
// anything: the API server fills in defaults, and people add labels. Lists must be
// equal in length, so rights beyond those wanted are told.
func Compare(want, have Object) []Difference {
	return compare("", map[string]any(want), map[string]any(have))
}

func compare(path string, want, have any) []Difference {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok && len(w) > 0 {
			return []Difference{{strings.TrimPrefix(path, "."), want, have}}
		}
		var out []Difference
		for _, k := range slices.Sorted(maps.Keys(w)) {
			if k == labelVersion {
				continue // the image tells it better
			}
			out = append(out, compare(path+"."+k, w[k], h[k])...)
		}
		return out
	case []any:
		h, _ := have.([]any)
		var out []Difference
		for i := range max(len(w), len(h)) {
			at := fmt.Sprintf("%s[%d]", path, i)
			switch {
			case i >= len(w):
				out = append(out, Difference{strings.TrimPrefix(at, "."), nil, h[i]})
			case i >= len(h):
				out = append(out, Difference{strings.TrimPrefix(at, "."), w[i], nil})
			default:
				out = append(out, compare(at, w[i], h[i])...)
			}
		}
		return out
	}
	if reflect.DeepEqual(want, have) || have == nil && (want == "" || want == false) {
		return nil
	}
	return []Difference{{strings.TrimPrefix(path, "."), want, have}}
}

// Content are the Secrets and the ConfigMaps that an installation needs, without
// what is in them: the keys that must be there.
func Content(o Options) ([]Object, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	keys := []string{keyHMAC, o.keyForge()}
	if o.Database {
		keys = append(keys, keyDatabase)
	}
	if len(o.BucketCredentials) > 0 {
		keys = append(keys, keyBucket)
	}
	for _, f := range o.Jenkins.files() {
		keys = append(keys, f.key)
	}
	of := func(kind, namespace, name string, keys ...string) Object {
		data := map[string]any{}
		for _, k := range keys {
			data[k] = nil
		}
		return Object{"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"name": name, "namespace": namespace}, "data": data}
	}
	out := []Object{
		of("Secret", o.Namespace, secret, keys...), of("ConfigMap", o.Namespace, configMap, "config.yaml"), of("ConfigMap", o.Namespace, pluginsMap, "plugins.yaml"),
	}
	if len(o.BucketCredentials) > 0 {
		out = append(out, of("Secret", o.PodNamespace, bucketSecret, keyBucketOfJobs))
	}
	if len(o.RegistryCredentials) > 0 {
		out = append(out, of("Secret", o.Namespace, registrySecret, corev1.DockerConfigJsonKey), of("Secret", o.PodNamespace, registrySecret, corev1.DockerConfigJsonKey))
	}
	if o.KubeconfigSecret != "" {
		out = append(out, of("Secret", o.Namespace, o.KubeconfigSecret))
	}
	return out, nil
}

// Missing are the keys of want, as Content returns it, that have has not, or has empty.
func Missing(want, have Object) []string {
	keys, _ := want["data"].(map[string]any)
	data, _ := have["data"].(map[string]any)
	binary, _ := have["binaryData"].(map[string]any)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if data[k] == nil && binary[k] == nil || data[k] == "" {
			out = append(out, k)
		}
	}
	return out
}
