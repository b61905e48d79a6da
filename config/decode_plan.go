package config

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// how a type is decoded.
type how int

const (
	asScalar how = iota
	asPointer
	asList
	asMap
	asStruct
	asNode // by itself, see nodeReader
	asJSON // by its own UnmarshalJSON, or without a type
)

// nodeReader is a type that comes in several shapes and decodes itself.
type nodeReader interface {
	readNode(d *decoder, n *yaml.Node, at *frame)
}

// placer is a type that wants to know where it stands.
type placer interface{ setPlace(Position) }

// keeper is a type that keeps keys it does not know, to decode them later.
type keeper interface {
	keep(key string, at Position, n *yaml.Node, data []byte)
}

func (j *JobBase) setPlace(p Position) { j.Source = p }

// plan is what there is to know of a type.
type plan struct {
	how    how
	kind   reflect.Kind
	fields []*field
	exact  map[string]*field
	folded map[string]*field // by name in lower case
	names  []string
	rest   []int // field for unknown keys
	placed bool
}

// field is a key of a struct.
type field struct {
	name  string
	nth   int
	index []int
}

// of returns the field in v, making embedded pointers on the way.
func (f *field) of(v reflect.Value) reflect.Value {
	for i, x := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v
}

// field finds the field for a key; not exact: another case.
func (p *plan) field(key string) (f *field, exact bool) {
	if f = p.exact[key]; f != nil {
		return f, true
	}
	return p.folded[strings.ToLower(key)], false
}

// plan returns the plan of t.
func (c codec) plan(t reflect.Type) *plan {
	if p, ok := c.plans.Load(t); ok {
		return p.(*plan)
	}
	p := newPlan(t)
	c.plans.Store(t, p)
	return p
}

func newPlan(t reflect.Type) *plan {
	p := &plan{kind: t.Kind()}
	ptr := reflect.PointerTo(t)
	switch {
	case ptr.Implements(reflect.TypeFor[nodeReader]()):
		p.how = asNode
	case t.Kind() == reflect.Pointer:
		p.how = asPointer
	case ptr.Implements(reflect.TypeFor[json.Unmarshaler]()), ptr.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		p.how = asJSON
	case t.Kind() == reflect.Interface, t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8, t.Kind() == reflect.Array:
		p.how = asJSON
	case t.Kind() == reflect.Slice:
		p.how = asList
	case t.Kind() == reflect.Map:
		p.how = asMap
		if t.Key().Kind() != reflect.String {
			p.how = asJSON
		}
	case t.Kind() == reflect.Struct:
		p.how = asStruct
		p.placed = ptr.Implements(reflect.TypeFor[placer]())
		p.ofStruct(t)
	}
	return p
}

// ofStruct lists the keys as encoding/json does: of two with one name the less
// deeply embedded counts.
func (p *plan) ofStruct(t reflect.Type) {
	p.exact, p.folded = map[string]*field{}, map[string]*field{}
	p.embed(t, nil)
	for _, f := range p.fields {
		if p.exact[f.name] != f {
			continue
		}
		p.names = append(p.names, f.name)
		if low := strings.ToLower(f.name); p.folded[low] == nil {
			p.folded[low] = f
		}
	}
}

func (p *plan) embed(t reflect.Type, index []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(append([]int(nil), index...), i)
		if sf.Tag.Get("config") == "rest" {
			p.rest = at
			continue
		}
		tag := sf.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		inner := sf.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case tag == "-":
			continue
		case sf.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			p.embed(inner, at)
			continue
		case !sf.IsExported():
			continue
		case name == "":
			name = sf.Name
		}
		f := &field{name: name, nth: len(p.fields), index: at}
		p.fields = append(p.fields, f)
		if old := p.exact[name]; old == nil || len(old.index) > len(at) {
			p.exact[name] = f
		}
	}
}

// wants says in words what a value of the type looks like.
func (p *plan) wants() string {
	switch p.how {
	case asList:
		return "a list"
	case asMap, asStruct:
		return "a mapping of keys to values"
	}
	switch p.kind {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}
