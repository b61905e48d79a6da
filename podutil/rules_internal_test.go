package podutil

import (
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
)

func TestWhatIsSearched(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		include, exclude string // separated by blanks
		yes, no          string
	}{
		{"", "", "a a/b a/b/c.txt", ""},
		{"a", "", "a a/b a/b/c", "b ab b/a"},
		{"*/b", "", "a/b a/b/c", "a b a/c/b"},
		{"**/b", "", "b a/b a/c/b/d", "a a/c"},
		{"a/**", "", "a/b a/b/c", "b b/a"},
		{"a b", "a/x", "a/y b", "a/x a/x/y c"},
		{"", "**/*.bin", "a.txt bin", "a.bin a/b.bin a/b.bin/c"},

		{"{logs,out}", "", "logs/a out/b/c", "other/a"},
		{"{logs,out}/**", "", "logs/a out/b/c", "other/a"},
		{"a{,-{b,c}}/x", "", "a/x a-b/x a-c/x/y", "a-d/x a"},
		{"", "{tmp,**/*.{png,jpg}}", "a/b.txt", "tmp/a a/b.png c.jpg"},

		// What cannot be a pattern must not keep secrets from being looked for.
		{"[", "", "a b/c", ""},
		{"logs [", "", "a logs/b", ""},
		{"{logs", "", "a logs", ""},
		{"logs}", "", "a logs", ""},
		{strings.Repeat("{a,b}", 40), "", "a", ""},
		{"", "[", "a [", ""},
		{"", "{a", "a {a", ""},
		{"", strings.Repeat("{a,b}", 40), "a " + strings.Repeat("a", 40), ""},
	} {
		o := &prow.CensoringOptions{IncludeDirectories: strings.Fields(c.include), ExcludeDirectories: strings.Fields(c.exclude)}
		for _, name := range strings.Fields(c.yes) {
			if !searched(o, name) {
				t.Errorf("include %q exclude %q: %s is not searched", c.include, c.exclude, name)
			}
		}
		for _, name := range strings.Fields(c.no) {
			if searched(o, name) {
				t.Errorf("include %q exclude %q: %s is searched", c.include, c.exclude, name)
			}
		}
	}
}
