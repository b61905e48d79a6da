package sandbox

import (
	"strings"
	"testing"
)

func TestMarkdownIsSafeToShow(t *testing.T) {
	md := markdown()
	for in, want := range map[string]string{
		"**bold** `code`":           "<strong>bold</strong> <code>code</code>",
		"a | b\n--- | ---\n1 | 2":   "<table>",
		"one\ntwo":                  "<br",
		"[x](https://example.com/)": `href="https://example.com/"`,
	} {
		if got := string(md(in)); !strings.Contains(got, want) {
			t.Errorf("%q: want %q in %s", in, want, got)
		}
	}
	for _, in := range []string{
		"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](javascript:alert(1))",
		"<details><summary onclick=a>x</summary></details>", "<!-- META={} -->", "[x](data:text/html,<script>)", "<a href='javascript:1'>x</a>",
	} {
		got := strings.ToLower(string(md(in)))
		for _, bad := range []string{"<script", "<img src=x", "javascript:", "onerror", "onclick=", "<!--", "data:text"} {
			if strings.Contains(got, bad) {
				t.Errorf("%q: %q came through: %s", in, bad, got)
			}
		}
	}
}
