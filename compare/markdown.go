package compare

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// maxMarkdown bounds what is written, in characters: GitHub takes comments of 65,536.
const maxMarkdown = 65_000

// maxLines is how many changes a row of the table holds.
const maxLines = 20

// Markdown writes d as a table for a comment. What is written in configuration is
// shown as code, in which nothing is a mention, a link or a picture, and no row is
// broken.
func Markdown(w io.Writer, d *Diff) error {
	m := &table{left: maxMarkdown - 200} // for the last line
	m.put("**" + d.Summary() + ".**\n")
	if !d.Empty() {
		m.put("\n| | what | change |\n|---|---|---|\n")
	}
	for i := range d.Added {
		m.row("added", func() (string, string) { return code(d.Added[i].String()), code(d.Added[i].Place()) })
	}
	for i := range d.Removed {
		m.row("removed", func() (string, string) { return code(d.Removed[i].String()), code(d.Removed[i].Place()) })
	}
	for _, g := range d.Groups() {
		m.row("changed", func() (string, string) { return jobCell(g.Jobs), changeCell(g.Changes) })
	}
	m.section("configuration", d.Config)
	m.section("plugins", d.Plugins)
	if m.more > 0 {
		fmt.Fprintf(&m.b, "\n… and %d more rows, for which a comment has no room. `prow diff` shows them.\n", m.more)
	}
	_, err := io.WriteString(w, m.b.String())
	return err
}

// table is Markdown with bounds.
type table struct {
	b    strings.Builder
	left int // characters
	more int // rows that found no room
}

func (m *table) put(s string) bool {
	n := len([]rune(s))
	if n > m.left {
		return false
	}
	m.left -= n
	m.b.WriteString(s)
	return true
}

// row writes a row, or counts it where there is no room left.
func (m *table) row(kind string, cells func() (what, change string)) {
	if m.more == 0 {
		what, change := cells()
		if m.put("| " + kind + " | " + what + " | " + change + " |\n") {
			return
		}
	}
	m.more++
}

func (m *table) section(kind string, changes []Change) {
	for i := range changes {
		m.row(kind, func() (string, string) { return changeLine(&changes[i]) })
	}
}

func jobCell(jobs []Job) string {
	var out []string
	for i := range jobs[:min(len(jobs), named)] {
		out = append(out, code(jobs[i].String()))
	}
	if more := len(jobs) - named; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	line := strings.Join(out, "<br>")
	if len(jobs) > 1 {
		line = fmt.Sprintf("%d jobs:<br>%s", len(jobs), line)
	}
	return line
}

func changeCell(changes []Change) string {
	var out []string
	for i := range changes[:min(len(changes), maxLines)] {
		path, change := changeLine(&changes[i])
		out = append(out, path+": "+change)
	}
	if more := len(changes) - maxLines; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, "<br>")
}

func changeLine(c *Change) (path, change string) {
	before, after := c.shown()
	switch {
	case c.Old == "":
		change = "added " + code(after)
	case c.New == "":
		change = "removed " + code(before)
	default:
		change = code(before) + " → " + code(after)
	}
	return code(c.Path), change
}

// code writes s as code inside a table. Every character that means something in
// Markdown or HTML is written by its number.
func code(s string) string {
	runes := []rune(cut(visible(s)))
	word := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	host := func(i int) bool { // the dot of www., which forges make a link of
		return runes[i] == '.' && i >= 3 && strings.EqualFold(string(runes[i-3:i]), "www")
	}
	var b strings.Builder
	b.WriteString("<code>")
	for i, r := range runes {
		switch {
		case host(i):
			b.WriteString("&#46;")
		case word(i), strings.ContainsRune(" -./=,+;%'\"()?^$→…", r), r == '_' && word(i-1) && word(i+1):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	b.WriteString("</code>")
	return b.String()
}
