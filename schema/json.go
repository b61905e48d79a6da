package schema

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// draft is what editors know: the YAML language server, which serves VS Code, Vim,
// Emacs and others, checks every schema by draft-07, and nothing newer is needed.
const draft = "http://json-schema.org/draft-07/schema#"

// tolerated are the keys that are let be in every object, though they are none of
// its own: prow_ignored, which Prow does not look into, and keys in capitals, which
// are read as if they were small. Real files have both. Other unknown keys are
// refused, though Prow only warns of them: to see them is what editors are for.
const tolerated = "^(prow_ignored|[A-Z][A-Z0-9_]*)$"

// orNothing is a type, or no value at all: "labels:" with nothing behind it means
// the same as no labels.
func orNothing(t string) []string { return []string{t, "null"} }

// object is a JSON object; encoding/json sorts its keys.
type object = map[string]any

// JSON writes f as a JSON Schema.
func (f *File) JSON() ([]byte, error) {
	p := &printer{definitions: object{}}
	root := p.body(f.Root)
	root["$schema"], root["title"] = draft, f.Title
	if len(p.definitions) > 0 {
		root["definitions"] = p.definitions
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(root)
	return b.Bytes(), err
}

// printer writes shapes; those with names go to the definitions.
type printer struct{ definitions object }

// schema writes s where it is used.
func (p *printer) schema(s *Shape) object {
	if s.Kind != Object || s.Name == "" {
		return p.body(s)
	}
	if _, ok := p.definitions[s.Name]; !ok {
		p.definitions[s.Name] = true // what is inside may use it
		p.definitions[s.Name] = p.body(s)
	}
	return object{"$ref": "#/definitions/" + s.Name}
}

// body writes s itself.
func (p *printer) body(s *Shape) object {
	o := p.plain(s)
	if len(s.Or) > 0 {
		forms := []any{o}
		for _, x := range s.Or {
			forms = append(forms, p.schema(x))
		}
		o = object{"anyOf": forms}
	}
	if s.Doc != "" {
		o["description"] = s.Doc
	}
	return o
}

func (p *printer) plain(s *Shape) object {
	switch s.Kind {
	case Text:
		return text(s)
	case Boolean:
		return object{"type": "boolean"}
	case Whole:
		return object{"type": "integer"}
	case Number:
		return object{"type": "number"}
	case List:
		return object{"type": orNothing("array"), "items": p.schema(s.Elem)}
	case Table:
		return object{"type": orNothing("object"), "additionalProperties": p.schema(s.Elem)}
	case Object:
		return p.keys(s)
	}
	return object{}
}

func text(s *Shape) object {
	switch {
	case len(s.Enum) > 0:
		return object{"type": "string", "enum": s.Enum}
	case s.Pattern != "":
		return object{"type": "string", "pattern": s.Pattern}
	case s.Loose: // numbers and booleans are taken for text
		return object{"type": []string{"string", "number", "boolean"}}
	}
	return object{"type": "string"}
}

func (p *printer) keys(s *Shape) object {
	keys := object{}
	var required []string
	for _, k := range s.Keys {
		keys[k.Name] = p.key(k)
		if k.Required {
			required = append(required, k.Name)
		}
	}
	o := object{
		"type": orNothing("object"), "properties": keys, "additionalProperties": false,
		"patternProperties": object{tolerated: true},
	}
	if s.Tolerant != "" {
		o["patternProperties"] = object{s.Tolerant: true}
	}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func (p *printer) key(k *Key) object {
	o := p.schema(k.Shape)
	if k.Doc != "" {
		o["description"] = k.Doc
	}
	if v, ok := defaultValue(k); ok {
		o["default"] = v
	}
	if k.Example != "" {
		var v any
		if err := yaml.Unmarshal([]byte(k.Example), &v); err == nil { // a test holds each against the schema
			o["examples"] = []any{v}
		}
	}
	return o
}

// defaultValue is the default where it is a value: no template, no other key.
func defaultValue(k *Key) (any, bool) {
	text, isText := k.Default.(string)
	switch {
	case k.Said == "" && k.Default != nil && !(isText && strings.Contains(text, "<")):
		return k.Default, true
	case k.Said == "" || !literal.MatchString(k.Said) && !slices.Contains(enum(k.Shape), k.Said):
		return nil, false
	}
	var v any
	err := yaml.Unmarshal([]byte(k.Said), &v)
	_, _, list := strings.Cut(k.Shape.Says(), " to ") // of the values of a map, not the map
	return v, err == nil && !list
}
