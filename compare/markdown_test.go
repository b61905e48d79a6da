package compare_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/compare"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

func markdown(t testing.TB, d *compare.Diff) string {
	t.Helper()
	var b strings.Builder
	if err := compare.Markdown(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	equal(t, markdown(t, compare.Configs(load(t, before), load(t, before))), "**No difference.**\n")
	equal(t, markdown(t, compare.Configs(load(t, before), load(t, after))), `**1 job added, 1 job removed, 3 jobs changed, 5 changes of configuration.**

| | what | change |
|---|---|---|
| added | <code>presubmit org/repo new (main)</code> | <code>config.yaml&#58;14</code> |
| removed | <code>presubmit org/repo old</code> | <code>config.yaml&#58;14</code> |
| changed | 3 jobs:<br><code>presubmit org/repo unit</code><br><code>presubmit org/repo lint</code><br><code>postsubmit org/repo image</code> | <code>decoration_config.utility_images.clonerefs</code>: <code>c&#58;v1</code> → <code>c&#58;v2</code><br><code>decoration_config.utility_images.entrypoint</code>: <code>e&#58;v1</code> → <code>e&#58;v2</code> |
| changed | 2 jobs:<br><code>presubmit org/repo unit</code><br><code>presubmit org/repo lint</code> | <code>spec.containers&#91;0&#93;.env&#91;CACHE&#93;.value</code>: <code>/cache</code> → <code>/tmp/cache</code> |
| changed | <code>presubmit org/repo unit</code> | <code>spec.containers&#91;0&#93;.args&#91;&#93;</code>: added <code>-race</code> |
| configuration | <code>plank.default_decoration_config_entries&#91;0&#93;.config.utility_images.clonerefs</code> | <code>c&#58;v1</code> → <code>c&#58;v2</code> |
| configuration | <code>plank.default_decoration_config_entries&#91;0&#93;.config.utility_images.entrypoint</code> | <code>e&#58;v1</code> → <code>e&#58;v2</code> |
| configuration | <code>tide.queries&#91;0&#93;.labels&#91;&#93;</code> | added <code>lgtm</code> |
| configuration | <code>tide.queries&#91;0&#93;.missingLabels&#91;&#93;</code> | added <code>do-not-merge/hold</code> |
| configuration | <code>presets&#91;preset-cache=true&#93;.env&#91;CACHE&#93;.value</code> | <code>/cache</code> → <code>/tmp/cache</code> |
`)
}

// evil are texts that somebody may put into a configuration.
var evil = []string{
	"a | b", `a \| b`, `a \`, "`code` ``more``", "<script>alert(1)</script>", "</code></td></table><img src=x onerror=alert(1)>",
	"@everyone @org/team", "[x](http://evil.example)", "![x](http://evil.example/x.png)", "http://evil.example", "www.evil.example", "a\nb\r\n\n# Title\n| x |",
	"**bold** __bold__ ~~no~~", "&lt;b&gt; &#60;b&#62;", "\x1b[31mred\x1b[0m\x07", "\u202egnp.exe", "\u009b31m", ":smile: #12 GH-12", "\x00", "<!-- x", "$$x$$",
}

// render shows Markdown as a forge does, raw HTML let through.
func render(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe())).Convert([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var tag = regexp.MustCompile(`</?[a-z!][^>]*>`)

// Nothing in a configuration breaks the table or leaves its cell, whatever it holds.
func TestMarkdownHostile(t *testing.T) {
	t.Parallel()
	for _, s := range evil {
		value := compare.Value(fmt.Sprintf("%q", s))
		job := compare.Job{Type: prow.Presubmit, Repo: s, Name: s, Branches: []string{s}, File: s}
		d := &compare.Diff{
			Added: []compare.Job{job}, Removed: []compare.Job{job},
			Changed: []compare.ChangedJob{{Job: job, Changes: []compare.Change{{Path: s, Old: value, New: `"x"`}, {Path: s, New: value}}}},
			Config:  []compare.Change{{Path: s, Old: value}},
		}
		page := render(t, markdown(t, d))
		if n := strings.Count(page, "<tr>"); n != 5 {
			t.Errorf("%q: %d rows, want 5:\n%s", s, n, page)
		}
		if n := strings.Count(page, "<td>"); n != 3*4 {
			t.Errorf("%q: %d cells, want 12:\n%s", s, n, page)
		}
		for _, x := range tag.FindAllString(page, -1) {
			switch strings.Trim(x, "</>") {
			case "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code", "br":
			default:
				t.Errorf("%q: there is a %s in\n%s", s, x, page)
			}
		}
		if strings.ContainsAny(page, "\x1b\x07\x00\u202e\u009b") || strings.Contains(markdown(t, d), "@") {
			t.Errorf("%q: shown as it is in\n%q", s, page)
		}
	}
}

// Neither does anything of it reach a terminal but visible characters.
func TestTextHostile(t *testing.T) {
	t.Parallel()
	for _, s := range evil {
		value := compare.Value(fmt.Sprintf("%q", s))
		job := compare.Job{Type: prow.Presubmit, Repo: s, Name: s, Branches: []string{s}, File: s}
		d := &compare.Diff{
			Added:   []compare.Job{job},
			Changed: []compare.ChangedJob{{Job: job, Changes: []compare.Change{{Path: s, Old: value, New: `"x"`}}}},
			Plugins: []compare.Change{{Path: s, Old: value}},
		}
		got := written(t, compare.Text{}, d)
		if strings.ContainsAny(got, "\x1b\x07\x00\u202e\u009b\r") || strings.Count(got, "\n") != 11 {
			t.Errorf("%q: text\n%q", s, got)
		}
	}
}

// A comment has room for so much, and says what it leaves out.
func TestMarkdownBounds(t *testing.T) {
	t.Parallel()
	d := &compare.Diff{}
	for i := range 400 {
		job := compare.Job{Type: prow.Presubmit, Repo: "o/r", Name: fmt.Sprint("job", i)}
		var c []compare.Change
		for k := range 30 {
			c = append(c, compare.Change{Path: fmt.Sprintf("args[%d]", k), New: compare.Value(fmt.Sprintf("%q", strings.Repeat("|", 500)+fmt.Sprint(i)))})
		}
		d.Changed = append(d.Changed, compare.ChangedJob{Job: job, Changes: c[:1+i%30]})
	}
	got := markdown(t, d)
	if n := utf8.RuneCountInString(got); n > 65_000 || n < 40_000 {
		t.Errorf("%d characters", n)
	}
	if !regexp.MustCompile(`\n… and \d+ more rows, for which a comment has no room. .prow diff. shows them.\n$`).MatchString(got) {
		t.Errorf("the end is %q", got[len(got)-200:])
	}
	if rows := strings.Count(render(t, got), "<tr>"); rows < 10 {
		t.Errorf("%d rows", rows)
	}
}

// Long values are cut down to where they differ.
func TestLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 30)
	for name, c := range map[string]struct{ old, new, want string }{
		"in the middle": {long + "old" + long, long + "new" + long, "…01234567890123456789old01234567890123456789… → …01234567890123456789new01234567890123456789…"},
		"at the end":    {long, long + "!", "…01234567890123456789 → …01234567890123456789!"},
		"at the front":  {long, "!" + long, "01234567890123456789… → !01234567890123456789…"},
		"all of it":     {long, strings.Repeat("x", 300), long[:99] + "… → " + strings.Repeat("x", 99) + "…"},
		"short":         {"a", "b", "a → b"},
		"gone":          {long, "", "- " + long[:99] + "…"},
	} {
		value := func(s string) compare.Value {
			if s == "" {
				return ""
			}
			return compare.Value(fmt.Sprintf("%q", s))
		}
		d := &compare.Diff{Config: []compare.Change{{Path: "x", Old: value(c.old), New: value(c.new)}}}
		_, got, _ := strings.Cut(written(t, compare.Text{}, d), "  x: ")
		if got != c.want+"\n" {
			t.Errorf("%s: got\n%swant\n%s", name, got, c.want)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range evil {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := &compare.Diff{Config: []compare.Change{{Path: s, Old: compare.Value(fmt.Sprintf("%q", s)), New: `"x"`}}}
		page := render(t, markdown(t, d))
		if strings.Count(page, "<td>") != 3 || strings.Contains(page, "<a ") || strings.Contains(page, "<img") {
			t.Errorf("%q becomes\n%s", s, page)
		}
	})
}
