package compare

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// types holds the fields of the types seen so far.
type types map[reflect.Type][]field

// changes compares two values of one type.
func (t types) changes(before, after any) []Change {
	out := t.changed(reflect.ValueOf(before), reflect.ValueOf(after))
	if out == nil {
		return []Change{}
	}
	return out
}

func (t types) changed(a, b reflect.Value) []Change {
	w := &walker{types: t}
	w.walk(a, b)
	return w.out
}

// same reports whether there is no difference below a and b.
func (t types) same(a, b reflect.Value) bool {
	w := &walker{types: t, probe: true}
	w.walk(a, b)
	return !w.found
}

// walker goes down two values at once.
type walker struct {
	types
	path []string // ".key", "[3]"
	out  []Change
	// probe asks only whether there is a difference: the answer is found.
	probe, found bool
}

// at goes one step down.
func (w *walker) at(step string, do func()) {
	if w.probe && w.found {
		return
	}
	w.path = append(w.path, step)
	do()
	w.path = w.path[:len(w.path)-1]
}

// differ notes a difference; an invalid Value is an absent one.
func (w *walker) differ(a, b reflect.Value) {
	if w.probe {
		w.found = true
		return
	}
	w.out = append(w.out, Change{w.where(), valueOf(a), valueOf(b)})
}

func (w *walker) where() string { return strings.TrimPrefix(strings.Join(w.path, ""), ".") }

// marshaler is what values have that write themselves.
var marshaler = reflect.TypeFor[json.Marshaler]()

func (w *walker) walk(a, b reflect.Value) {
	if w.probe && w.found {
		return
	}
	t := a.Type()
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && t.Implements(marshaler) {
		w.marshalled(a, b)
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface:
		w.pointed(a, b)
	case reflect.Struct:
		for _, f := range w.fields(t) {
			fa, fb := a.Field(f.index), b.Field(f.index)
			if f.inline {
				w.walk(fa, fb)
				continue
			}
			w.at(f.step, func() { w.walk(fa, fb) })
		}
	case reflect.Map:
		w.mapped(a, b)
	case reflect.Slice:
		w.list(a, b)
	case reflect.String:
		if a.String() != b.String() {
			w.differ(present(a), present(b))
		}
	default:
		if a.Interface() != b.Interface() {
			w.differ(a, b)
		}
	}
}

// present makes an empty text an absent value.
func present(v reflect.Value) reflect.Value {
	if v.Len() == 0 {
		return reflect.Value{}
	}
	return v
}

func (w *walker) pointed(a, b reflect.Value) {
	switch {
	case a.IsNil() && b.IsNil():
	case a.Kind() == reflect.Pointer && a.Pointer() == b.Pointer():
	case a.IsNil():
		w.differ(reflect.Value{}, b)
	case b.IsNil():
		w.differ(a, reflect.Value{})
	case a.Elem().Type() != b.Elem().Type():
		w.differ(a, b)
	default:
		w.walk(a.Elem(), b.Elem())
	}
}

func (w *walker) mapped(a, b reflect.Value) {
	keys := map[string]reflect.Value{}
	for _, m := range []reflect.Value{a, b} {
		for _, k := range m.MapKeys() {
			keys[k.String()] = k
		}
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		va, vb := a.MapIndex(keys[name]), b.MapIndex(keys[name])
		w.at("."+quoted(name), func() {
			if va.IsValid() && vb.IsValid() {
				w.walk(va, vb)
			} else {
				w.differ(va, vb)
			}
		})
	}
}

// marshalled compares values that write themselves.
func (w *walker) marshalled(a, b reflect.Value) {
	ja, jb := valueOf(a), valueOf(b)
	if ja == jb {
		return
	}
	if w.probe {
		w.found = true
		return
	}
	if strings.HasPrefix(string(ja), "{") && strings.HasPrefix(string(jb), "{") {
		var va, vb any
		if json.Unmarshal([]byte(ja), &va) == nil && json.Unmarshal([]byte(jb), &vb) == nil {
			w.walk(reflect.ValueOf(va), reflect.ValueOf(vb))
			return
		}
	}
	w.out = append(w.out, Change{w.where(), ja, jb})
}

// valueOf writes v as JSON; "" if it is absent.
func valueOf(v reflect.Value) Value {
	if !v.IsValid() {
		return ""
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v.Interface()); err != nil {
		return Value(strconv.Quote(err.Error())) // all of it came from JSON
	}
	return Value(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// quoted is a key as paths name it.
func quoted(key string) string {
	if key == "" || strings.ContainsAny(key, "./ []\"\n\t") {
		return strconv.Quote(key)
	}
	return key
}

// field is a field of a struct that is compared.
type field struct {
	index  int
	step   string
	inline bool
}

// fields lists what is compared of a struct.
func (t types) fields(of reflect.Type) []field {
	if f, ok := t[of]; ok {
		return f
	}
	var out []field
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && f.Anonymous:
			out = append(out, field{index: i, inline: true})
		case name == "":
			out = append(out, field{index: i, step: "." + f.Name})
		default:
			out = append(out, field{index: i, step: "." + name})
		}
	}
	t[of] = out
	return out
}
