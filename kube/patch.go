package kube

import (
	"bytes"
	"encoding/json"
	"reflect"

	prow "github.com/prow-ci/prow"
)

// parts are the JSON of what of a job can be changed.
type parts struct{ metadata, spec, status []byte }

func partsOf(j *prow.Job) (p parts, err error) {
	if p.metadata, err = json.Marshal(struct {
		Labels      map[string]string `json:"labels,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
		Finalizers  []string          `json:"finalizers,omitempty"`
	}{j.Labels, j.Annotations, j.Finalizers}); err != nil {
		return p, err
	}
	if p.spec, err = json.Marshal(&j.Spec); err != nil {
		return p, err
	}
	p.status, err = json.Marshal(&j.Status)
	return p, err
}

// diff returns the JSON merge patch from p to q, empty if they are equal.
func (p parts) diff(q parts) (map[string]any, error) {
	patch := map[string]any{}
	for key, of := range map[string][2][]byte{
		"metadata": {p.metadata, q.metadata}, "spec": {p.spec, q.spec}, "status": {p.status, q.status},
	} {
		if bytes.Equal(of[0], of[1]) {
			continue
		}
		before, err := loose(of[0])
		if err != nil {
			return nil, err
		}
		after, err := loose(of[1])
		if err != nil {
			return nil, err
		}
		if d, changed := mergePatch(before, after); changed {
			patch[key] = d
		}
	}
	return patch, nil
}

// loose reads JSON whose numbers stay as they are written.
func loose(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return v, d.Decode(&v)
}

// mergePatch returns what a JSON merge patch says to make before after.
func mergePatch(before, after any) (patch any, changed bool) {
	a, isMap := before.(map[string]any)
	b, stays := after.(map[string]any)
	if !isMap || !stays {
		return after, !reflect.DeepEqual(before, after)
	}
	out := map[string]any{}
	for k := range a {
		if _, ok := b[k]; !ok {
			out[k] = nil
		}
	}
	for k, v := range b {
		old, ok := a[k]
		if !ok {
			out[k] = v
		} else if d, changed := mergePatch(old, v); changed {
			out[k] = d
		}
	}
	return out, len(out) > 0
}
