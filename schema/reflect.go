package schema

import (
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// drawer draws the shapes of Go types as the decoder of config fills them.
type drawer struct {
	words *words
	known map[drawn]*Shape
	names map[string]drawn  // of definitions
	given map[string]string // examples, by field
}

// drawn is a type, and whether numbers are taken for text on the way to it:
// that depends on how a struct is reached, see config.
type drawn struct {
	t     reflect.Type
	loose bool
}

func newDrawer() *drawer {
	return &drawer{words: embedded(), known: map[drawn]*Shape{}, names: map[string]drawn{}, given: given()}
}

// shape draws t. at names the field that t has no name of its own for.
func (d *drawer) shape(t reflect.Type, loose bool, at string) *Shape {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s := d.special(t, loose); s != nil {
		return s
	}
	ptr := reflect.PointerTo(t)
	switch {
	case ptr.Implements(reflect.TypeFor[json.Unmarshaler]()), ptr.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return &Shape{Kind: Anything}
	}
	switch t.Kind() {
	case reflect.String:
		return &Shape{Kind: Text, Loose: loose, Enum: d.words.enum(typeName(t))}
	case reflect.Bool:
		return &Shape{Kind: Boolean}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &Shape{Kind: Whole}
	case reflect.Float32, reflect.Float64:
		return &Shape{Kind: Number}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &Shape{Kind: Text}
		}
		return &Shape{Kind: List, Elem: d.shape(t.Elem(), loose, at)}
	case reflect.Map:
		return &Shape{Kind: Table, Elem: d.shape(t.Elem(), loose, at)}
	case reflect.Struct:
		return d.object(t, loose, at)
	}
	return &Shape{Kind: Anything}
}

// object draws a struct. One that has a name is drawn once.
func (d *drawer) object(t reflect.Type, loose bool, at string) *Shape {
	id := drawn{t, loose}
	if s := d.known[id]; s != nil {
		return s
	}
	s := &Shape{Kind: Object}
	if t.Name() != "" {
		s.Name, at = d.name(id), typeName(t)
		s.Doc = d.words.doc(at)
		d.known[id] = s
	}
	if docs := theirs(t); docs != nil {
		s.Doc, s.Foreign = docs[""], true
	}
	d.keys(s, t, loose, at, 0, map[string]int{})
	return s
}

// theirs is what Kubernetes says of a type of its own and its keys; nil: it is ours.
func theirs(t reflect.Type) map[string]string {
	if x, ok := reflect.Zero(t).Interface().(interface{ SwaggerDoc() map[string]string }); ok {
		return x.SwaggerDoc()
	}
	return nil
}

// name gives a definition a name that no other has.
func (d *drawer) name(id drawn) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune("[]*/·", r) {
			return '_'
		}
		return r
	}, id.t.Name())
	if other, ok := d.names[name]; ok && other.t != id.t {
		pkg := id.t.PkgPath()
		name = pkg[strings.LastIndexByte(pkg, '/')+1:] + "." + name
	}
	if other, ok := d.names[name]; ok && other != id {
		name += looseSuffix
	}
	d.names[name] = id
	return name
}

// keys lists the keys of t as encoding/json does: of two with one name the less
// deeply embedded counts.
func (d *drawer) keys(s *Shape, t reflect.Type, loose bool, at string, depth int, depths map[string]int) {
	docs := theirs(t)
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case name == "-":
			continue
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			d.keys(s, inner, false, d.inside(inner, at), depth+1, depths)
			continue
		case !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		if old, ok := depths[name]; ok && old <= depth {
			continue
		}
		depths[name] = depth
		k := d.key(name, f, loose && depth == 0, at)
		k.Doc = cmp.Or(k.Doc, docs[name])
		d.add(s, k)
	}
}

func (d *drawer) inside(t reflect.Type, at string) string {
	if t.Name() == "" {
		return at
	}
	return typeName(t)
}

func (d *drawer) add(s *Shape, k *Key) {
	for i, old := range s.Keys {
		if old.Name == k.Name {
			s.Keys[i] = k
			return
		}
	}
	s.Keys = append(s.Keys, k)
}

// key draws a field.
func (d *drawer) key(name string, f reflect.StructField, loose bool, at string) *Key {
	field := at + "." + f.Name
	c := d.words.comment(field)
	k := &Key{Name: name, field: field, Doc: c.text, Default: d.words.Defaults[field], Said: c.fallback, Example: cmp.Or(c.example, d.given[field])}
	k.Shape = d.shape(f.Type, loose, field)
	if s := ruled(field, k.Shape); s != nil {
		k.Shape = s
	}
	if k.Default == nil && k.Said == "" {
		k.Default = zero(f.Type)
	}
	k.Required = required(field)
	return k
}

// zero is what an absent value that is no pointer means, where that can be said.
func zero(t reflect.Type) any {
	switch t.Kind() {
	case reflect.Bool:
		return false
	case reflect.Int, reflect.Int64:
		return 0
	}
	return nil
}

// typeName is "config.Plank" for a type of ours, the name after its package's
// path for others.
func typeName(t reflect.Type) string {
	pkg := strings.TrimPrefix(strings.TrimPrefix(t.PkgPath(), module), "/")
	if pkg == "" {
		pkg = "prow"
	}
	return pkg + "." + t.Name()
}

// looseSuffix ends the name of a definition that differs from another in that alone, see
// Shape.Loose.
const looseSuffix = ".loose"

const module = "github.com/prow-ci/prow"
