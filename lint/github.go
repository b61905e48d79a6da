package lint

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// GitHub writes the findings as annotations of a GitHub workflow.
func (r *Result) GitHub(out io.Writer) error {
	w := bufio.NewWriter(out)
	value := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	text := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	for _, f := range r.Findings {
		command := string(f.Severity)
		if f.Severity == Note {
			command = "notice"
		}
		var at []string
		if f.File != "" {
			at = append(at, "file="+value.Replace(f.File))
		}
		if f.Line > 0 {
			at = append(at, fmt.Sprintf("line=%d", f.Line))
		}
		if f.Column > 0 {
			at = append(at, fmt.Sprintf("col=%d", f.Column))
		}
		at = append(at, "title="+value.Replace(f.Kind))
		message := f.Message()
		if f.Hint != "" {
			message += "\n" + f.Hint
		}
		fmt.Fprintf(w, "::%s %s::%s\n", command, strings.Join(at, ","), text.Replace(message))
	}
	for _, u := range r.Undone {
		fmt.Fprintf(w, "::notice title=not done::%s\n", text.Replace(u))
	}
	fmt.Fprintln(w, r.Summary())
	return w.Flush()
}
