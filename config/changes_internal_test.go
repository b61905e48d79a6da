package config

import (
	"regexp"
	"testing"
)

// What an expression is said to need is in everything it matches.
func FuzzNeeds(f *testing.F) {
	for _, s := range [][2]string{
		{`^docs/|\.go$`, "a.go"}, {`(abc|abd)+x`, "abdabcx"}, {`(?i)readme`, "README"}, {`a{2,3}b*c?`, "aa"}, {`^(go\.mod|go\.sum|vendor/.*)$`, "vendor/x"}, {``, ""}, {`.*`, "x"},
		{`test/(e2e|conformance)/.*\.go`, "test/e2e/a.go"}, {`\Qa.b\E`, "a.b"}, {`[ab]c|d`, "bc"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, expr, file string) {
		re, err := regexp.Compile(expr)
		if err != nil {
			return
		}
		p := newPattern(re)
		if got, want := NewFiles([]string{"other", file}).first(p), re.MatchString("other") || re.MatchString(file); (got >= 0) != want {
			t.Errorf("%q on %q: %d with needs %q; the expression says %v", expr, file, got, p.needs, want)
		}
	})
}
