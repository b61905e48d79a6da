package install

import (
	"bytes"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// Object is one Kubernetes object as JSON has it.
type Object map[string]any

// String names o the way kubectl does: kind, namespace if it has one, name.
func (o Object) String() string {
	if ns := o.Namespace(); ns != "" {
		return o.Kind() + " " + ns + "/" + o.Name()
	}
	return o.Kind() + " " + o.Name()
}

// Kind, APIVersion, Name and Namespace say which object it is.
func (o Object) Kind() string       { return text(o, "kind") }
func (o Object) APIVersion() string { return text(o, "apiVersion") }
func (o Object) Name() string       { return text(o, "metadata", "name") }
func (o Object) Namespace() string  { return text(o, "metadata", "namespace") }

func text(m map[string]any, path ...string) string {
	for _, key := range path[:len(path)-1] {
		m, _ = m[key].(map[string]any)
	}
	s, _ := m[path[len(path)-1]].(string)
	return s
}

// object makes one of a typed value. What only the API server writes is left out.
func object(typed any) (Object, error) {
	b, err := json.Marshal(typed)
	if err != nil {
		return nil, err
	}
	var o Object
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, err
	}
	delete(o, "status")
	prune(map[string]any(o))
	return o, nil
}

// prune drops empty values that typed objects are full of: null, and {} where it
// says no more than absence does.
func prune(m map[string]any) {
	for k, v := range m {
		switch v := v.(type) {
		case nil:
			delete(m, k)
		case map[string]any:
			prune(v)
			if len(v) == 0 && (k == "spec" || k == "resources" || k == "strategy" || k == "loadBalancer" || k == "creationTimestamp") {
				delete(m, k)
			}
		case []any:
			for _, e := range v {
				if e, ok := e.(map[string]any); ok {
					prune(e)
				}
			}
		}
	}
}

// parse reads an object of YAML.
func parse(b []byte) (Object, error) {
	var o Object
	if err := yaml.Unmarshal(b, &o); err != nil {
		return nil, err
	}
	return o, nil
}

// YAML writes objects for `kubectl apply -f -`.
func YAML(objects []Object) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range objects {
		b, err := yaml.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o, err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(b)
	}
	return out.Bytes(), nil
}

// JSON writes objects as one List.
func JSON(objects []Object) ([]byte, error) {
	return json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects}, "", "  ")
}
