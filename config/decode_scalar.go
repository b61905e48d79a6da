package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"go.yaml.in/yaml/v4"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kind is what a scalar is by the rules of YAML 1.1.
type kind int

const (
	text kind = iota
	null
	boolean
	integer
	unsigned
	floating
)

// scalar is a resolved scalar.
type scalar struct {
	kind kind
	s    string
	b    bool
	i    int64
	u    uint64
	f    float64
}

// maybeNotText reports whether a plain scalar may be anything but text.
func maybeNotText(s string) bool {
	return s == "" || strings.IndexByte("yYnNtTfFoO~.+-0123456789<", s[0]) >= 0
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && resolve(n).kind == null }

// isMerge reports whether a key is the << that merges another mapping in.
func isMerge(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "<<" && (n.Style == 0 || n.Tag == "!!merge")
}

// resolve finds out what a scalar is: quoted ones and blocks are text, plain
// ones what they look like to YAML 1.1, where yes is true and 010 is eight.
func resolve(n *yaml.Node) scalar {
	in := n.Value
	if n.Style&yaml.TaggedStyle != 0 {
		return tagged(n)
	}
	if n.Style&^yaml.FlowStyle != 0 || !maybeNotText(in) {
		return scalar{s: in}
	}
	return plain(in)
}

func tagged(n *yaml.Node) scalar {
	switch n.ShortTag() {
	case "!!str":
		return scalar{s: n.Value}
	case "!!binary":
		if b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(n.Value)); err == nil {
			return scalar{s: string(b)}
		}
		return scalar{s: n.Value}
	case "!!null":
		return scalar{kind: null}
	case "!!float":
		if s := plain(n.Value); s.kind == integer {
			return scalar{kind: floating, f: float64(s.i)}
		}
		return plain(n.Value)
	case "!!int", "!!bool":
		return plain(n.Value)
	}
	return scalar{s: n.Value}
}

func plain(in string) scalar {
	switch in {
	case "", "~", "null", "Null", "NULL":
		return scalar{kind: null}
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return scalar{kind: boolean, b: true}
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return scalar{kind: boolean}
	case ".nan", ".NaN", ".NAN":
		return scalar{kind: floating, f: math.NaN()}
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return scalar{kind: floating, f: math.Inf(1)}
	case "-.inf", "-.Inf", "-.INF":
		return scalar{kind: floating, f: math.Inf(-1)}
	}
	switch c := in[0]; {
	case c == '.':
		if f, err := strconv.ParseFloat(in, 64); err == nil {
			return scalar{kind: floating, f: f}
		}
	case c == '+' || c == '-' || c >= '0' && c <= '9':
		return number(in)
	}
	return scalar{s: in}
}

func number(in string) scalar {
	if strings.Trim(in, "0123456789abcdefABCDEFxXoO_+-.") != "" {
		return scalar{s: in} // most of what begins with a digit is text: versions, times, quantities
	}
	s := strings.ReplaceAll(in, "_", "")
	if i, err := strconv.ParseInt(s, 0, 64); err == nil {
		return scalar{kind: integer, i: i}
	}
	if u, err := strconv.ParseUint(s, 0, 64); err == nil {
		return scalar{kind: unsigned, u: u}
	}
	if looksFloat(s) {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return scalar{kind: floating, f: f}
		}
	}
	return scalar{s: in}
}

// looksFloat reports whether s is [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
func looksFloat(s string) bool {
	digits := func() int {
		n := len(s) - len(strings.TrimLeft(s, "0123456789"))
		s = s[n:]
		return n
	}
	sign := func() {
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
	}
	sign()
	whole := digits()
	if after, ok := strings.CutPrefix(s, "."); ok {
		s = after
		if digits() == 0 && whole == 0 {
			return false
		}
	} else if whole == 0 {
		return false
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	sign()
	return digits() > 0 && s == ""
}

// key returns s as the key of a mapping.
func (s scalar) key() string {
	switch t := s.text(); {
	case s.kind != floating:
		return t
	case t == "+Inf":
		return ".inf"
	case t == "-Inf":
		return "-.inf"
	case t == "NaN":
		return ".nan"
	default:
		return t
	}
}

// text returns s where text is wanted.
func (s scalar) text() string {
	switch s.kind {
	case boolean:
		return strconv.FormatBool(s.b)
	case integer:
		return strconv.FormatInt(s.i, 10)
	case unsigned:
		return strconv.FormatUint(s.u, 10)
	case floating:
		return strconv.FormatFloat(s.f, 'g', -1, 32)
	}
	return s.s
}

// scalar sets v to a scalar.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, p *plan, coerce bool, at *frame) {
	s := resolve(n)
	if s.kind == null {
		switch v.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
			v.SetZero()
		}
		return // and nothing is left as it is otherwise
	}
	ok := false
	switch v.Kind() {
	case reflect.String:
		if ok = s.kind == text || coerce; ok {
			v.SetString(s.text())
		}
	case reflect.Bool:
		if ok = s.kind == boolean; ok {
			v.SetBool(s.b)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var i int64
		if i, ok = s.whole(); ok && !v.OverflowInt(i) {
			v.SetInt(i)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var i int64
		if i, ok = s.whole(); ok && i >= 0 && !v.OverflowUint(uint64(i)) {
			v.SetUint(uint64(i))
		} else {
			ok = false
		}
	case reflect.Float32, reflect.Float64:
		if ok = s.kind == integer || s.kind == unsigned || s.kind == floating && !math.IsInf(s.f, 0) && !math.IsNaN(s.f); ok {
			v.SetFloat(s.f + float64(s.i) + float64(s.u))
		}
	}
	if !ok {
		hint := ""
		if v.Kind() == reflect.String {
			hint = "put it in quotes: " + strconv.Quote(n.Value)
		} else if s.kind == text && v.Kind() == reflect.Bool && (n.Value == "true" || n.Value == "false") {
			hint = "remove the quotes"
		}
		d.note(n, at, KindType, "is "+what(n)+"; want "+p.wants(), hint)
	}
}

// whole returns s as a whole number.
func (s scalar) whole() (int64, bool) {
	switch {
	case s.kind == integer:
		return s.i, true
	case s.kind == floating && s.f == math.Trunc(s.f) && math.Abs(s.f) < 1<<53:
		return int64(s.f), true
	}
	return 0, false
}

// what says in words what n is.
func what(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	case yaml.AliasNode:
		return "an alias"
	}
	shown := n.Value
	if len(shown) > 40 {
		shown = strings.ToValidUTF8(shown[:40], "") + "…"
	}
	switch resolve(n).kind {
	case null:
		return "nothing"
	case boolean:
		return "the boolean " + shown
	case integer, unsigned, floating:
		return "the number " + shown
	}
	return "the text " + strconv.Quote(shown)
}

// viaJSON decodes n into a type that reads JSON itself.
func (d *decoder) viaJSON(n *yaml.Node, v reflect.Value, coerce bool, at *frame) {
	before := len(d.problems)
	var b bytes.Buffer
	d.json(n, &b, at)
	if len(d.problems) > before || d.left <= 0 {
		return
	}
	if err := json.Unmarshal(b.Bytes(), v.Addr().Interface()); err != nil {
		if want, hint := wanted(v); want != "" {
			d.note(n, at, KindType, "is "+what(n)+"; want "+want, hint)
			return
		}
		d.note(n, at, KindType, what(n)+" will not do: "+strings.TrimPrefix(err.Error(), "json: "), "")
	}
}

// wanted says what a type that reads JSON itself takes, and how that is written;
// "" for types whose own words are better.
func wanted(v reflect.Value) (want, hint string) {
	switch v.Addr().Interface().(type) {
	case *metav1.Duration, *prow.Duration:
		return "a duration", "write for example 30m or 2h30m"
	case *resource.Quantity:
		return "a quantity", "write for example 500m or 4Gi"
	case *metav1.Time, *time.Time:
		return "a time", "write for example 2026-01-31T12:00:00Z"
	}
	return "", ""
}

// json writes n as JSON.
func (d *decoder) json(n *yaml.Node, b *bytes.Buffer, at *frame) {
	if d.left--; d.left <= 0 {
		return
	}
	if d.depth++; d.depth > maxNesting {
		if d.depth == maxNesting+1 {
			d.note(n, nil, KindSyntax, "is nested too deeply", "")
		}
		d.depth--
		return
	}
	defer func() { d.depth-- }()
	switch n.Kind {
	case yaml.AliasNode:
		d.alias(n, at, func(n *yaml.Node) { d.json(n, b, at) })
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, e := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			d.json(e, b, &frame{at, "", i})
		}
		b.WriteByte(']')
	case yaml.MappingNode:
		b.WriteByte('{')
		d.members(n, b, at, map[string]bool{})
		b.WriteByte('}')
	default:
		d.scalarJSON(n, b, at)
	}
}

// members writes the members of a mapping from the last to the first, because the
// last of a key counts.
func (d *decoder) members(n *yaml.Node, b *bytes.Buffer, at *frame, written map[string]bool) {
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		kn, vn := n.Content[i], n.Content[i+1]
		if isMerge(kn) {
			d.mergedMembers(vn, b, at, written)
			continue
		}
		key, ok := d.key(kn, at)
		if !ok || written[key] {
			continue
		}
		if len(written) > 0 {
			b.WriteByte(',')
		}
		written[key] = true
		writeText(b, key)
		b.WriteByte(':')
		d.json(vn, b, &frame{at, key, -1})
	}
}

func (d *decoder) mergedMembers(n *yaml.Node, b *bytes.Buffer, at *frame, written map[string]bool) {
	switch n.Kind {
	case yaml.AliasNode:
		d.alias(n, at, func(n *yaml.Node) { d.mergedMembers(n, b, at, written) })
	case yaml.MappingNode:
		d.members(n, b, at, written)
	case yaml.SequenceNode:
		for _, e := range n.Content {
			d.mergedMembers(e, b, at, written)
		}
	default:
		d.note(n, at, KindType, "<< wants a mapping, or a list of them", "")
	}
}

func (d *decoder) scalarJSON(n *yaml.Node, b *bytes.Buffer, at *frame) {
	switch s := resolve(n); s.kind {
	case null:
		b.WriteString("null")
	case text:
		writeText(b, s.s)
	case floating:
		j, err := json.Marshal(s.f)
		if err != nil {
			d.note(n, at, KindType, n.Value+" is not a number that can be used here", "")
			return
		}
		b.Write(j)
	default:
		b.WriteString(s.text())
	}
}

func writeText(b *bytes.Buffer, s string) {
	j, _ := json.Marshal(s) // text can always be written
	b.Write(j)
}
