package lint

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// List prints the checks and what each is for.
func List(out io.Writer) error {
	w := bufio.NewWriter(out)
	for i, c := range All() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s (%s)\n", c.Name, strings.Join(c.traits(), ", "))
		for _, line := range wrap(c.Help, 76) {
			fmt.Fprintln(w, "    "+line)
		}
	}
	return w.Flush()
}

// traits says in words when a check runs and what it needs.
func (c *Check) traits() []string {
	var out []string
	switch {
	case c.Expensive:
		out = append(out, "with --expensive-checks")
	case c.Default:
		out = append(out, "by default")
	default:
		out = append(out, "when named")
	}
	if c.Plugins {
		out = append(out, "needs --plugin-config")
	}
	switch {
	case c.Fatal:
		out = append(out, "error")
	case c.New:
		out = append(out, "note; a warning when named")
	}
	return out
}
