package schema

import (
	_ "embed"
	"encoding/json"
	"regexp"
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
	if err := json.Unmarshal(generated, w); err != nil {
		panic("schema: words.json: " + err.Error()) // a test reads it as well
	}
	return w
}

func (w *words) doc(name string) string { return w.Docs[name] }

func (w *words) enum(typeName string) []string { return w.Enums[typeName] }

var saidDefault = regexp.MustCompile(`(?i)\bdefaults?(?: is| to|:)? ("[^"]*"|[^\s;,.()][^;,()]*?)(?:[;,()]|\.(?:\s|$)|$)`)

// defaultOf returns the default of a field: the value a load fills in, else what
// its comment says.
func (w *words) defaultOf(field string) (value any, said string) {
	if v, ok := w.Defaults[field]; ok {
		return v, ""
	}
	if m := saidDefault.FindStringSubmatch(w.Docs[field]); m != nil {
		return nil, strings.TrimSpace(m[1])
	}
	return nil, ""
}
