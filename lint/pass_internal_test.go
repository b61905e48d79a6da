package lint

import (
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
)

// A check that panics is told of, and ends nothing.
func TestCheckThatPanics(t *testing.T) {
	t.Parallel()
	p := &Pass{Inspection: config.Inspect(t.Context(), config.Paths{})}
	p.run(&Check{Name: "broken", Run: func(p *Pass) { panic("oh") }})
	if len(p.undone) != 1 || !strings.HasPrefix(p.undone[0], "broken: it failed in a way that should not be possible: oh") {
		t.Error(p.undone)
	}
}

func TestSlip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		written, known string
		want           bool
	}{
		{"kubernetes", "kubernetes", false},
		{"kuberentes", "kubernetes", true},
		{"kubernets", "kubernetes", true},
		{"kuberrnetes", "kubernetes", true},
		{"Kubernetes", "kubernetes", true},
		{"unit_tests", "unit-tests", true},
		{"build01", "build10", false}, // other numbers are other names
		{"build1", "build12", false},  //
		{"release-1", "release-", false},
		{"util-linux", "utils-linux", true},
		{"frontend", "frontends", false}, // a plural
		{"csi-nfs", "csi-smb", false},
		{"api", "apis", false},
	} {
		if got := slip(c.written, []string{c.known}) != ""; got != c.want {
			t.Errorf("slip(%q, %q) = %t", c.written, c.known, got)
		}
	}
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"main": "main", "^main$": "main", `^release-1\.2$`: "release-1.2", "release-1.2": "release-1.2",
		`release-\d+`: "", "main|master": "", ".*": "", "^(main)$": "",
	} {
		if got := literal(pattern); got != want {
			t.Errorf("literal(%q) = %q, want %q", pattern, got, want)
		}
	}
}

func TestInJob(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][2]string{
		`presubmits."o/r"[1].spec.containers[0]`: {"o/r", "spec.containers[0]"},
		`presubmits."o/r"[1]`:                    {"o/r", ""},
		`presubmits[1].name`:                     {"", "name"},
		`periodics[0].cron`:                      {"", "cron"},
		`presubmits."o/r"`:                       {"", `presubmits."o/r"`},
		`tide.queries[0]`:                        {"", "tide.queries[0]"},
	} {
		if repo, rest := inJob(path); repo != want[0] || rest != want[1] {
			t.Errorf("inJob(%s) = %q, %q", path, repo, rest)
		}
	}
}

func TestSentence(t *testing.T) {
	t.Parallel()
	many := []scope{}
	for _, n := range strings.Split("abcdefghij", "") {
		many = append(many, scope{Owner: "o", Name: n})
	}
	for want, list := range map[string][]scope{
		"": nil, "o/a": many[:1], "o/a and o/b": many[:2], "o/a, o/b, o/c, o/d, o/e, o/f and 4 more": many,
		"o": append([]scope{{Owner: "o"}}, many...), "o and p/x": {{Owner: "o"}, {Owner: "o", Name: "a"}, {Owner: "p", Name: "x"}},
	} {
		if got := names(list); got != want {
			t.Errorf("names(%v) = %q, want %q", list, got, want)
		}
	}
}
