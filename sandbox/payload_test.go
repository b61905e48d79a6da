//go:build acceptance

package sandbox_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// examples are GitHub's own webhooks, by event and action.
var examples = sync.OnceValues(func() (map[string][]any, error) {
	dir := cmp.Or(os.Getenv("PROW_TEST_NODE_MODULES"), "../e2e/npm/node_modules")
	raw, err := os.ReadFile(filepath.Join(dir, "@octokit/webhooks-examples/api.github.com/index.json"))
	if err != nil {
		return nil, errors.Join(err, errors.New("run scripts/install"))
	}
	var kinds []struct {
		Name     string
		Examples []map[string]any
	}
	if err := json.Unmarshal(raw, &kinds); err != nil {
		return nil, err
	}
	out := map[string][]any{}
	for _, k := range kinds {
		for _, e := range k.Examples {
			delete(e, "installation")
			delete(e, "organization")
			action, _ := e["action"].(string)
			out[k.Name+"."+action] = append(out[k.Name+"."+action], e)
		}
	}
	return out, nil
})

// heard holds a webhook against GitHub's examples: what all of them have, it has.
func heard(t *testing.T, event string, body []byte) {
	all, err := examples()
	if err != nil {
		t.Error(err)
		return
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Error(err)
		return
	}
	action, _ := got["action"].(string)
	if like := all[event+"."+action]; len(like) > 0 {
		lacks(t, event+"."+action, got, like)
	}
}

// lacks compares the keys of objects, however deep.
func lacks(t *testing.T, at string, got map[string]any, like []any) {
	first, _ := like[0].(map[string]any)
	for key := range first {
		var below []any
		everywhere := true
		for _, l := range like {
			m, _ := l.(map[string]any)
			v, ok := m[key]
			everywhere = everywhere && ok
			if _, isObject := v.(map[string]any); isObject {
				below = append(below, v)
			}
		}
		if !everywhere {
			continue
		}
		v, ok := got[key]
		if !ok {
			t.Errorf("%s has no %s", at, key)
		}
		if inner, isObject := v.(map[string]any); isObject && len(below) == len(like) {
			lacks(t, at+"."+key, inner, below)
		}
	}
}
