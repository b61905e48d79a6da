package compare

import (
	"fmt"
	"io"
	"strings"
)

// Text is how a Diff is written for people.
type Text struct {
	All   bool // each job with each change, instead of equal changes together
	Color bool // for a terminal
}

// The colours of terminals.
const (
	green, red, yellow, bold, plain = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"
)

// named is how many jobs of a group are named.
const named = 3

// Write writes d.
func (t Text) Write(w io.Writer, d *Diff) error {
	var b strings.Builder
	b.WriteString(t.in(bold, d.Summary()) + ".\n")
	t.jobs(&b, "Jobs added", green, "+", d.Added)
	t.jobs(&b, "Jobs removed", red, "-", d.Removed)
	if len(d.Changed) > 0 {
		b.WriteString("\n" + t.in(bold, "Jobs changed") + "\n")
	}
	if t.All {
		for i := range d.Changed {
			t.group(&b, Group{[]Job{d.Changed[i].Job}, d.Changed[i].Changes})
		}
	} else {
		for _, g := range d.Groups() {
			t.group(&b, g)
		}
	}
	t.section(&b, "Configuration", d.Config)
	t.section(&b, "Plugins", d.Plugins)
	_, err := io.WriteString(w, b.String())
	return err
}

func (t Text) in(color, s string) string {
	if !t.Color {
		return s
	}
	return color + s + plain
}

func (t Text) jobs(b *strings.Builder, title, color, sign string, jobs []Job) {
	if len(jobs) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", t.in(bold, title))
	for i := range jobs {
		fmt.Fprintf(b, "  %s  %s\n", t.in(color, sign+" "+visible(jobs[i].String())), visible(jobs[i].Place()))
	}
}

func (t Text) group(b *strings.Builder, g Group) {
	names := make([]string, 0, named)
	for i := range g.Jobs[:min(len(g.Jobs), named)] {
		names = append(names, cut(visible(g.Jobs[i].String())))
	}
	line := strings.Join(names, ", ")
	switch more := len(g.Jobs) - named; {
	case len(g.Jobs) == 1:
		line = fmt.Sprintf("%s  %s", t.in(yellow, "~ "+line), visible(g.Jobs[0].Place()))
	case more > 0:
		line = fmt.Sprintf("%s: %s and %d more", t.in(yellow, fmt.Sprintf("~ %d jobs", len(g.Jobs))), line, more)
	default:
		line = fmt.Sprintf("%s: %s", t.in(yellow, fmt.Sprintf("~ %d jobs", len(g.Jobs))), line)
	}
	fmt.Fprintf(b, "  %s\n", line)
	t.changes(b, g.Changes, "      ")
}

func (t Text) section(b *strings.Builder, title string, changes []Change) {
	if len(changes) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", t.in(bold, title))
	t.changes(b, changes, "  ")
}

func (t Text) changes(b *strings.Builder, changes []Change, indent string) {
	for i := range changes {
		c := &changes[i]
		before, after := c.shown()
		b.WriteString(indent + visible(c.Path) + ": ")
		switch {
		case c.Old == "":
			b.WriteString(t.in(green, "+ "+after))
		case c.New == "":
			b.WriteString(t.in(red, "- "+before))
		default:
			b.WriteString(t.in(red, before) + " → " + t.in(green, after))
		}
		b.WriteString("\n")
	}
}
