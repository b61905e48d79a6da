package schema

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"strings"
)

// generated is drawn from the sources by `make docs`: the comments of every
// type and field that configuration is decoded into, the values of types that are
// words, and the defaults that a load of nothing fills in.
//
//go:embed words.json
var generated []byte

// words is what the sources say, by "package.Type" and "package.Type.Field".
type words struct {
	Docs     map[string]string   `json:"docs"`
	Enums    map[string][]string `json:"enums"`
	Defaults map[string]any      `json:"defaults"`
}

func embedded() *words {
	w := &words{}
	d := json.NewDecoder(bytes.NewReader(generated))
	d.UseNumber()
	if err := d.Decode(w); err != nil {
		panic("schema: words.json: " + err.Error()) // a test reads it as well
	}
	return w
}

// doc is the comment of a type.
func (w *words) doc(name string) string { return about(w.Docs[name], name) }

func (w *words) enum(typeName string) []string { return w.Enums[typeName] }

// comment is the comment of a field: what it means, and what stands behind
// "Default:" and "Example:" at its end.
type comment struct{ text, fallback, example string }

func (w *words) comment(field string) comment {
	text, example, _ := strings.Cut(w.Docs[field], "Example: ")
	text, fallback, _ := strings.Cut(text, "Default: ")
	return comment{about(strings.TrimSpace(text), field), strings.TrimSpace(fallback), strings.TrimSpace(example)}
}

// about drops the Go name that a comment begins with: whoever writes YAML does not
// know it.
func about(text, name string) string {
	rest, ok := strings.CutPrefix(text, name[strings.LastIndexByte(name, '.')+1:]+" ")
	if !ok {
		return text
	}
	for _, copula := range []string{"is ", "are "} {
		rest = strings.TrimPrefix(rest, copula)
	}
	if word, _, ok := strings.Cut(rest, ","); ok && !strings.Contains(word, " ") {
		return rest // a list of values
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}
