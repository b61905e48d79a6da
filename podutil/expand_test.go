package podutil

import (
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	e := &environ{values: map[string]string{}}
	e.set("A", "1")
	e.set("B", "$(A)")
	for in, want := range map[string]string{
		"$(A)": "1", "x$(A)y$(A)": "x1y1", "$(NO)": "$(NO)", "$$(A)": "$(A)", "$A": "$A", "$(A": "$(A", "$": "$", "$$": "$",
		"$(B)": "$(A)", "$()": "$()", "a$": "a$", "$(NO)$(A)": "$(NO)1",
	} {
		if got := e.expand(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{"$(A)", "$$(A)", "$(", "$(A", "$$$$(A)$"} {
		f.Add(s)
	}
	e := &environ{values: map[string]string{"A": "value"}}
	f.Fuzz(func(t *testing.T, s string) {
		got := e.expand(s)
		if !strings.Contains(s, "$") && got != s {
			t.Fatalf("%q became %q", s, got)
		}
		if !strings.Contains(s, "$$") && !strings.Contains(s, "$(A)") && got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

func TestSentence(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"the test failed": "The test failed.", "": "", "/bin/x: no such file": "/bin/x: no such file.", "#5 clashes.": "#5 clashes.", "o/r is gone": "o/r is gone.",
	} {
		if got := sentence(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestNewer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{{"10", "9", true}, {"9", "10", false}, {"9", "9", false}, {"1", "", true}, {"010", "9", true}, {"1234567890123456789", "1234567890123456788", true}} {
		if got := newer(c.a, c.b); got != c.want {
			t.Errorf("newer(%q, %q) = %v", c.a, c.b, got)
		}
	}
}
