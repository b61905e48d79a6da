package mkpj

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"

	"sigs.k8s.io/yaml"
)

// Formats are the forms that rows can be written in: jsonl is one row a line; the
// others write the objects in them, as Kubernetes takes them.
func Formats() []string { return []string{"yaml", "json", "jsonl"} }

// Write writes rows as they come, in one of Formats.
func Write(out io.Writer, format string, rows iter.Seq[Row]) error {
	w := bufio.NewWriterSize(out, 64<<10)
	lines := json.NewEncoder(w)
	n := 0
	for row := range rows {
		if format == "jsonl" {
			if err := lines.Encode(row); err != nil {
				return err
			}
			continue
		}
		if row.PodError != "" {
			return fmt.Errorf("%s", row.PodError)
		}
		objects := []any{row.ProwJob}
		if row.Pod != nil {
			row.Pod.APIVersion, row.Pod.Kind = "v1", "Pod"
			objects = append(objects, row.Pod)
		}
		for _, o := range objects {
			if err := WriteObject(w, format, n > 0, o); err != nil {
				return err
			}
			n++
		}
	}
	return w.Flush()
}

// WriteObject writes one object as yaml or json; more says that one came before.
func WriteObject(w io.Writer, format string, more bool, v any) error {
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case "yaml":
		b, err := yaml.Marshal(v)
		if err == nil && more {
			_, err = io.WriteString(w, "---\n")
		}
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
	return fmt.Errorf("--output %s: want %s", format, strings.Join(Formats(), ", "))
}
