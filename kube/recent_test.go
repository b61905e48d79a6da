package kube

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// What was put is there until it is dropped, or as many others came since as there
// is room for.
func TestRecent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const room = 4
		r := newRecent[int](room)
		type since struct{ value, came int }
		want, came := map[string]since{}, 0
		for n := range rapid.IntRange(0, 60).Draw(t, "steps") {
			name := fmt.Sprint(rapid.IntRange(0, 7).Draw(t, "name"))
			if rapid.Bool().Draw(t, "drop") {
				r.drop(name)
				delete(want, name)
				continue
			}
			w, ok := want[name]
			if !ok {
				came++
				w.came = came
			}
			w.value = n
			want[name] = w
			r.put(name, n)
			for name, w := range want {
				if came-w.came >= room {
					delete(want, name)
				}
			}
		}
		for i := range 8 {
			name := fmt.Sprint(i)
			got, ok := r.get(name)
			if w, there := want[name]; ok != there || got != w.value {
				t.Fatalf("%s: %d, %v; want %d, %v", name, got, ok, w.value, there)
			}
		}
	})
}
