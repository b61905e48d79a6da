package config

import (
	"reflect"
	"testing"
)

// A path is read as it was written.
func TestParsePath(t *testing.T) {
	t.Parallel()
	for _, p := range []trail{
		nil, {"a"}, {"a", 1}, {"a", 1, 2, "b"}, {"presubmits", "o/r", 3, "spec", "containers", 0, "name"}, {"a.b", "c"}, {"x", `q"uo]te`, 1}, {"é", "with blank"},
	} {
		if got := ParsePath(p.String()); !reflect.DeepEqual(trail(got), p) {
			t.Errorf("%s is read as %q", p, got)
		}
	}
	for _, bad := range []string{"[", "[x]", `"open`, "..", "a[1"} {
		ParsePath(bad) // whatever it makes of it, it ends
	}
}
