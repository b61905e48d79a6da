package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	older "sigs.k8s.io/yaml"
)

const (
	maxNesting  = 400     // of values in values
	maxFindings = 1000    // of one file, of each sort
	maxLenient  = 2 << 20 // bytes of a file that a second parser is tried on
	someNodes   = 200_000 // that any file may have; beyond, as many as it has bytes
)

// codec decodes YAML into structs by their json tags, as sigs.k8s.io/yaml does,
// and knows where everything stands. It keeps what it learnt about types.
type codec struct {
	plans *sync.Map // reflect.Type to *plan
	roots *sync.Map // name of a file to *yaml.Node, where many places will be looked up; else nil
}

func newCodec() codec { return codec{plans: &sync.Map{}} }

// decode decodes the first document of data into v, a pointer. What is wrong is
// left out of v and reported: wrong types as problems, unknown and doubled keys
// as warnings, as they do no harm; unknown is the kind of the former.
func (c codec) decode(file string, data []byte, v any, unknown string) Problems {
	d := c.decoder(file, data, unknown)
	if n := values(data); n > maxNodes {
		return Problems{{Kind: KindSyntax, Position: Position{File: file}, Text: fmt.Sprintf("holds about %d values; want at most %d", n, maxNodes), Hint: "split it into several files"}}
	}
	if i := invalidUTF8(data); i >= 0 {
		line := 1 + bytes.Count(data[:i], []byte("\n"))
		return Problems{{Kind: KindSyntax, Position: Position{File: file, Line: line}, Text: "is not text in UTF-8", Hint: "is it a binary file?"}}
	}
	root, more, err := parseNodes(data)
	if err != nil {
		if root = d.lenient(err); root == nil {
			return Problems{d.syntax(err)}
		}
	}
	if c.roots != nil && !d.lost {
		c.roots.Store(file, root)
	}
	d.format()
	if root == nil {
		return d.problems
	}
	d.value(root, reflect.ValueOf(v).Elem(), true, &frame{})
	if more != nil {
		d.note(more, nil, KindNoEffect, "is a second document, which is not read", "put it into a file of its own")
	}
	if d.left <= 0 {
		return Problems{{Kind: KindSyntax, Position: Position{File: file}, Text: "aliases in it make too much out of little", Hint: "write it out, or use fewer aliases"}}
	}
	return append(d.problems, untold(file, d.untold)...)
}

// untold says that not everything was told of a file.
func untold(file string, n int) Problems {
	if n == 0 {
		return nil
	}
	return Problems{{
		Kind: KindNoEffect, Position: Position{File: file}, Warning: true,
		Text: fmt.Sprintf("at least %d more findings are not listed", n), Hint: "mend the listed ones, and look again",
	}}
}

// values estimates from above how many values there are in data: each begins at
// a line, or after one of a few characters.
func values(data []byte) int {
	n := 0
	for _, mark := range []string{"\n", ",", ":", "- ", "[", "{"} {
		n += bytes.Count(data, []byte(mark))
	}
	return n
}

// format notes what editors put into files, and Prow leaves out.
func (d *decoder) format() {
	note := func(line, column int, text, hint string) {
		d.problems = append(d.problems, Problem{
			Kind: KindNoEffect, Position: Position{d.file, line, column}, Text: text, Hint: hint, Warning: true,
			Snippet: strings.TrimPrefix(lineOf(d.data, line), "\ufeff"),
		})
	}
	if len(bytes.TrimSpace(d.data)) == 0 {
		note(0, 0, "is empty", "remove it, or write something")
	}
	for _, bom := range []string{"\ufeff", "\xfe\xff", "\xff\xfe"} {
		if bytes.HasPrefix(d.data, []byte(bom)) {
			note(1, 1, "begins with a byte order mark, which is left out", "save it as UTF-8 without one")
		}
	}
	if i := bytes.Index(d.data, []byte("\r\n")); i >= 0 {
		note(1+bytes.Count(d.data[:i], []byte("\n")), 0, "has lines that end in CR LF; the CR is left out", "save it with lines that end in LF, as on Unix")
	}
}

func (c codec) decoder(file string, data []byte, unknown string) *decoder {
	return &decoder{codec: c, file: file, data: data, unknownKind: unknown, left: someNodes + 2*len(data), open: map[*yaml.Node]bool{}}
}

// lenient reads what only the older parser of the original takes, such as a lone
// dash in a list in brackets. Places are lost then.
func (d *decoder) lenient(err error) *yaml.Node {
	if len(d.data) > maxLenient {
		return nil
	}
	text, refused := older.YAMLToJSON(d.data)
	if refused != nil {
		return nil
	}
	root, _, refused := parseNodes(text)
	if refused != nil || root == nil {
		return nil
	}
	p := d.syntax(err)
	p.Warning, p.Text = true, strings.Replace(p.Text, "is not YAML", "is not quite YAML, though it is read", 1)
	d.problems, d.lost = append(d.problems, p), true
	return root
}

func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	if bytes.HasPrefix(data, []byte{0xfe, 0xff}) || bytes.HasPrefix(data, []byte{0xff, 0xfe}) {
		return -1 // UTF-16, which YAML can read
	}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// parseNodes returns the first document, and the second if there is something in it.
func parseNodes(data []byte) (root, more *yaml.Node, err error) {
	l, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, nil, err
	}
	first, second := &yaml.Node{}, &yaml.Node{}
	if err := l.Load(first); errors.Is(err, io.EOF) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	if err := l.Load(second); errors.Is(err, io.EOF) {
		return content(first), nil, nil
	} else if err != nil {
		second = &yaml.Node{Kind: yaml.ScalarNode, Value: "?"} // whatever it is, it is not read
	}
	more = content(second)
	if more != nil && isNull(more) {
		more = nil
	}
	return content(first), more, nil
}

func content(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.DocumentNode {
		if len(n.Content) == 0 {
			return nil
		}
		return n.Content[0]
	}
	return n
}

// decoder is one decoding.
type decoder struct {
	codec
	file        string
	data        []byte
	problems    Problems
	unknownKind string              // of keys that mean nothing here
	lost        bool                // positions of nodes are not those of the file
	warned      int                 // of problems
	untold      int                 // that there was no room for
	lines       lines               // of data
	left        int                 // nodes that may still be decoded
	depth       int                 // of nesting
	open        map[*yaml.Node]bool // anchors that are being decoded
}

// frame is a step on the way to a value.
type frame struct {
	up    *frame
	key   string
	index int // -1 for keys
}

func (f *frame) trail() trail {
	if f == nil || f.up == nil {
		return nil
	}
	if f.index >= 0 {
		return append(f.up.trail(), f.index)
	}
	return append(f.up.trail(), f.key)
}

// full reports whether enough was said of the file: what keeps it from being used
// and what does not are counted apart.
func (d *decoder) full(warning bool) bool {
	if warning {
		return d.warned >= maxFindings
	}
	return len(d.problems)-d.warned >= maxFindings
}

// note reports something about n.
func (d *decoder) note(n *yaml.Node, at *frame, kind, text, hint string) {
	if d.full(warns(kind)) {
		d.untold++
		return
	}
	if warns(kind) {
		d.warned++
	}
	p := Problem{Kind: kind, Position: d.at(n), Path: at.trail().String(), Text: text, Hint: hint, Warning: warns(kind)}
	p.Snippet = d.lines.of(d.data, p.Line)
	d.problems = append(d.problems, p)
}

// at is where n stands.
func (d *decoder) at(n *yaml.Node) Position {
	if d.lost {
		return Position{File: d.file}
	}
	return Position{d.file, n.Line, n.Column}
}

// syntax makes a problem of an error of the parser.
func (d *decoder) syntax(err error) Problem {
	p := Problem{Kind: KindSyntax, Position: Position{File: d.file}, Text: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	var le *yaml.LoadError
	if errors.As(err, &le) {
		p.Line, p.Column = le.Mark.Line, le.Mark.Column
		p.Text = "is not YAML: " + le.Message
		p.Snippet = lineOf(d.data, p.Line)
	}
	if strings.HasPrefix(strings.TrimLeft(p.Snippet, " "), "\t") {
		p.Hint = "indent with blanks: YAML does not take tabs"
	}
	return p
}

// lines are the places in a text where lines begin, found when one is asked for.
type lines struct{ begin []int }

// of returns a line of data, shortened.
func (l *lines) of(data []byte, n int) string {
	if l.begin == nil {
		l.begin = []int{0}
		for i, c := range data {
			if c == '\n' {
				l.begin = append(l.begin, i+1)
			}
		}
	}
	if n <= 0 || n > len(l.begin) {
		return ""
	}
	return lineOf(data[l.begin[n-1]:], 1)
}

// lineOf returns a line of data, shortened.
func lineOf(data []byte, n int) string {
	if n <= 0 {
		return ""
	}
	for range n - 1 {
		_, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			return ""
		}
		data = rest
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if len(line) > 200 {
		line = line[:200]
	}
	return strings.ToValidUTF8(strings.TrimRight(string(line), "\r"), "")
}

// value decodes n into v. coerce says that numbers and booleans are taken for
// text where text is wanted, which holds only on some ways through the structs:
// it is what sigs.k8s.io/yaml does.
func (d *decoder) value(n *yaml.Node, v reflect.Value, coerce bool, at *frame) {
	if d.left--; d.left <= 0 {
		return
	}
	if d.depth++; d.depth > maxNesting {
		if d.depth == maxNesting+1 {
			d.note(n, nil, KindSyntax, fmt.Sprintf("is nested more than %d levels deep", maxNesting), "")
		}
		d.depth--
		return
	}
	defer func() { d.depth-- }()
	if n.Kind == yaml.AliasNode {
		d.alias(n, at, func(n *yaml.Node) { d.value(n, v, coerce, at) })
		return
	}
	p := d.plan(v.Type())
	switch {
	case p.how == asPointer && !isNull(n):
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), coerce, at)
	case p.how == asNode && !isNull(n):
		v.Addr().Interface().(nodeReader).readNode(d, n, at)
	case p.how == asJSON:
		d.viaJSON(n, v, coerce, at)
	case n.Kind == yaml.ScalarNode:
		d.scalar(n, v, p, coerce, at)
	case n.Kind == yaml.SequenceNode && p.how == asList:
		d.list(n, v, coerce, at)
	case n.Kind == yaml.MappingNode && p.how == asMap:
		if v.IsNil() {
			v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Content)/2))
		}
		d.intoMap(n, v, coerce, at, false)
	case n.Kind == yaml.MappingNode && p.how == asStruct:
		d.intoStruct(n, v, p, coerce, at)
	default:
		d.note(n, at, KindType, "is "+what(n)+"; want "+p.wants(), "")
	}
}

// alias decodes what an alias stands for, unless it is inside itself.
func (d *decoder) alias(n *yaml.Node, at *frame, with func(*yaml.Node)) {
	if n.Alias == nil || d.open[n.Alias] {
		d.note(n, at, KindSyntax, fmt.Sprintf("alias %q contains itself", n.Value), "")
		return
	}
	d.open[n.Alias] = true
	with(n.Alias)
	delete(d.open, n.Alias)
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, coerce bool, at *frame) {
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, e := range n.Content {
		d.value(e, out.Index(i), coerce, &frame{at, "", i})
	}
	v.Set(out)
}

func (d *decoder) intoMap(n *yaml.Node, v reflect.Value, coerce bool, at *frame, merged bool) {
	t, written := v.Type(), writtenIn(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		kn, vn := n.Content[i], n.Content[i+1]
		if isMerge(kn) {
			d.merge(vn, at, func(n *yaml.Node) { d.intoMap(n, v, coerce, at, true) })
			continue
		}
		key, ok := d.key(kn, at)
		if !ok {
			continue
		}
		k := reflect.ValueOf(key).Convert(t.Key())
		here := &frame{at, key, -1}
		if !merged && len(n.Content) > 2 && v.MapIndex(k).IsValid() && written.earlier(i) {
			d.note(kn, here, KindDuplicate, "is there twice; this one counts", "remove one of the two")
		}
		e := reflect.New(t.Elem()).Elem()
		d.value(vn, e, coerce, here)
		v.SetMapIndex(k, e)
	}
}

// written tells which keys of a mapping are written earlier in it, too, as opposed
// to merged into it.
type written struct {
	n     *yaml.Node
	first map[string]int // places of keys; nil until it is worth it
}

func writtenIn(n *yaml.Node) *written { return &written{n: n} }

func (w *written) earlier(i int) bool {
	if w.first == nil {
		w.first = make(map[string]int, len(w.n.Content)/2)
		for j := 0; j+1 < len(w.n.Content); j += 2 {
			if _, ok := w.first[w.n.Content[j].Value]; !ok {
				w.first[w.n.Content[j].Value] = j
			}
		}
	}
	return w.first[w.n.Content[i].Value] < i
}

func (d *decoder) intoStruct(n *yaml.Node, v reflect.Value, p *plan, coerce bool, at *frame) {
	d.fields(n, v, p, coerce, at, make([]bool, len(p.fields)), false)
	if p.placed {
		v.Addr().Interface().(placer).setPlace(d.at(n))
	}
}

// fields decodes a mapping into the fields of a struct; seen are those that have
// been set.
func (d *decoder) fields(n *yaml.Node, v reflect.Value, p *plan, coerce bool, at *frame, seen []bool, merged bool) {
	written := writtenIn(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		kn, vn := n.Content[i], n.Content[i+1]
		if isMerge(kn) {
			d.merge(vn, at, func(n *yaml.Node) { d.fields(n, v, p, coerce, at, seen, true) })
			continue
		}
		key, ok := d.key(kn, at)
		if !ok {
			continue
		}
		here := &frame{at, key, -1}
		f, exact := p.field(key)
		if f == nil {
			d.unknown(kn, vn, v, p, key, here)
			continue
		}
		if !exact {
			d.note(kn, here, KindCase, "is read as "+f.name, "write "+f.name)
		}
		fv := f.of(v)
		if seen[f.nth] {
			if !merged && written.earlier(i) {
				d.note(kn, here, KindDuplicate, "is there twice; this one counts", "remove one of the two")
			}
			fv.SetZero()
		}
		seen[f.nth] = true
		d.value(vn, fv, coerce && len(f.index) == 1, here)
	}
}

// unknown keeps a key that the struct has no field for, if it keeps such keys;
// else it warns.
func (d *decoder) unknown(kn, vn *yaml.Node, v reflect.Value, p *plan, key string, here *frame) {
	if key == "prow_ignored" {
		return // a home for what Prow shall not look at
	}
	if p.rest != nil {
		m := v.FieldByIndex(p.rest)
		if m.IsNil() {
			m.Set(reflect.MakeMap(m.Type()))
		}
		if !isNull(vn) {
			e := reflect.New(m.Type().Elem()).Elem()
			d.value(vn, e, true, here)
			m.SetMapIndex(reflect.ValueOf(key), e)
		}
		if k, ok := v.Addr().Interface().(keeper); ok {
			k.keep(key, d.at(kn), vn, d.data)
		}
		return
	}
	if d.full(true) {
		d.untold++ // before the costly search for a name that is meant
		return
	}
	d.note(kn, here, d.unknownKind, "is not a key that means anything here", strings.TrimPrefix(didYouMean(key, p.names), "; "))
}

// merge decodes what << brings in: a mapping, or a list of them, the first of
// which counts most.
func (d *decoder) merge(n *yaml.Node, at *frame, with func(*yaml.Node)) {
	if d.left--; d.left <= 0 {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		with(n)
	case yaml.AliasNode:
		d.alias(n, at, func(n *yaml.Node) { d.merge(n, at, with) })
	case yaml.SequenceNode:
		for i := len(n.Content) - 1; i >= 0; i-- {
			d.merge(n.Content[i], at, with)
		}
	default:
		d.note(n, at, KindType, "<< wants a mapping, or a list of them", "")
	}
}

func (d *decoder) key(n *yaml.Node, at *frame) (string, bool) {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode {
		if n.Style != 0 || !maybeNotText(n.Value) {
			return n.Value, true
		}
		if s := resolve(n); s.kind != null {
			return s.key(), true
		}
	}
	d.note(n, at, KindType, "has a key that is "+what(n)+"; want text", "")
	return "", false
}
