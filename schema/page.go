package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Page is a page of docs/config.
type Page struct {
	Name string
	Text []byte
}

// Pages draws docs/config: a page for each area, and the index.
func Pages(sections []Section) ([]Page, error) {
	files, err := all(sections)
	if err != nil {
		return nil, err
	}
	out := []Page{{"README.md", index()}}
	for _, a := range areas() {
		w := &page{area: a, shown: map[string]string{}}
		w.intro()
		for _, at := range a.keys {
			kind, path, _ := strings.Cut(at, ":")
			w.part(files[kind].Root, path)
		}
		out = append(out, Page{a.file, []byte(w.b.String())})
	}
	return out, nil
}

func all(sections []Section) (map[string]*File, error) {
	files := map[string]*File{}
	for _, kind := range Kinds() {
		f, err := Of(kind, sections)
		if err != nil {
			return nil, err
		}
		files[kind] = f
	}
	return files, nil
}

// page is one page being drawn.
type page struct {
	area
	b     strings.Builder
	shown map[string]string // the heading below which the keys of a type stand
}

func (w *page) printf(format string, args ...any) { fmt.Fprintf(&w.b, format, args...) }

func (w *page) intro() {
	w.printf("# %s\n\n%s\n\nDrawn from the code by `make docs`; [README.md](README.md) says how to read the tables.\n", w.title, w.area.intro)
	for _, e := range Examples() {
		if e.Page == w.file {
			w.printf("\nFor example, in %s:\n\n```yaml\n%s```\n", e.In, e.Text)
		}
	}
}

// part draws what stands at a path of a file.
func (w *page) part(root *Shape, path string) {
	switch path {
	case "":
		w.table(root.Keys, "", root)
		return
	case "*":
		var rest []string
		for _, k := range root.Keys {
			if k.Shape.Kind == Anything {
				rest = append(rest, "`"+k.Name+"`")
				continue
			}
			w.key(k, k.Name)
		}
		w.printf("\n## Sections of plugins that are not there yet\n\nThey may stand in the file, and do nothing: %s.\n", strings.Join(rest, ", "))
		return
	}
	s, k := root, (*Key)(nil)
	for name := range strings.SplitSeq(path, ".") {
		_, s = inside(s)
		k = s.Key(name)
		s = k.Shape
	}
	w.key(k, strings.TrimPrefix(path, "presubmits."))
}

// inside returns the shape in lists and tables, and how a path goes there.
func inside(s *Shape) (way string, inner *Shape) {
	switch s.Kind {
	case List:
		way, inner = inside(s.Elem)
		return "[]" + way, inner
	case Table:
		way, inner = inside(s.Elem)
		return ".*" + way, inner
	}
	return "", s
}

// key draws a part with a heading of its own.
func (w *page) key(k *Key, path string) {
	way, inner := inside(k.Shape)
	w.heading(path + way)
	if k.Doc != "" {
		w.printf("\n%s\n", plainText(k.Doc))
	}
	if inner.Kind != Object || inner.Foreign || w.elsewhere(inner) != "" {
		w.printf("%s", head)
		w.row(k, path)
		return
	}
	w.object(path+way, inner)
}

const head = "\n| key | type | default | meaning |\n|---|---|---|---|\n"

func (w *page) heading(path string) { w.printf("\n## `%s`\n", path) }

// elsewhere is where s is told of; "": on this page.
func (w *page) elsewhere(s *Shape) string {
	home := homes()[s.Name]
	if file, _, _ := strings.Cut(home, "#"); file == w.file {
		return ""
	}
	return home
}

// object draws the keys of s, then the objects among them.
func (w *page) object(path string, s *Shape) {
	w.place(s, path)
	for _, k := range s.Keys {
		way, inner := inside(k.Shape)
		w.place(inner, path+"."+k.Name+way)
	}
	w.table(s.Keys, path+".", s)
	for _, k := range s.Keys {
		way, inner := inside(k.Shape)
		switch {
		case inner.Kind != Object || inner.Foreign || w.elsewhere(inner) != "":
		case inner.Name != "" && w.shown[inner.Name] != path+"."+k.Name+way:
		case w.repeated(k, path) != "":
		default:
			w.heading(path + "." + k.Name + way)
			if inner.Doc != "" {
				w.printf("\n%s\n", plainText(inner.Doc))
			}
			w.object(path+"."+k.Name+way, inner)
		}
	}
}

// place notes below which heading s is told of, the first that it has.
func (w *page) place(s *Shape, path string) {
	if s.Kind == Object && s.Name != "" && w.shown[s.Name] == "" {
		w.shown[s.Name] = path
	}
}

// owner is the type that declares a key.
func owner(k *Key) string { return k.field[:max(0, strings.LastIndexByte(k.field, '.'))] }

// repeated is the heading below which the owner of k has been shown before.
func (w *page) repeated(k *Key, path string) string {
	if at := w.shown["keys of "+owner(k)]; at != path {
		return at
	}
	return ""
}

// table draws rows. Keys that came with a type which has been shown are one row.
func (w *page) table(keys []*Key, prefix string, s *Shape) {
	w.printf("%s", head)
	path := strings.TrimSuffix(prefix, ".")
	again := map[string][]string{}
	for _, k := range keys {
		if at := w.repeated(k, path); at != "" {
			again[at] = append(again[at], "`"+k.Name+"`")
		}
	}
	for _, k := range keys {
		at := w.repeated(k, path)
		if at == "" {
			w.row(k, prefix+k.Name)
		} else if names := again[at]; names != nil {
			w.printf("| %s | | | as in [`%s`](#%s) |\n", strings.Join(names, ", "), at, anchor(at))
			again[at] = nil
		}
	}
	for _, k := range keys {
		if id := "keys of " + owner(k); w.shown[id] == "" {
			w.shown[id] = path
		}
	}
}

func (w *page) row(k *Key, path string) {
	meaning := cell(k.Doc)
	if _, inner := inside(k.Shape); len(inner.Enum) > 0 && !names(k.Doc, inner.Enum) {
		meaning += " One of " + spoken(inner.Enum) + "."
	}
	if e := exampleOf(k); e != "" {
		meaning += " Example: `" + k.Name + ": " + strings.ReplaceAll(e, "|", `\|`) + "`"
	}
	w.printf("| `%s` | %s | %s | %s |\n", path, w.typeCell(k.Shape, path), defaultCell(k), strings.TrimSpace(meaning))
}

// typeCell names a type, with a link to where its keys are told.
func (w *page) typeCell(s *Shape, path string) string {
	way, inner := inside(s)
	says := s.Says()
	switch {
	case inner.Kind != Object:
		return cell(says)
	case inner.Foreign:
		return cell(says) + " of Kubernetes"
	case w.elsewhere(inner) != "":
		return fmt.Sprintf("[%s](%s)", cell(says), w.elsewhere(inner))
	case inner.Name != "" && w.shown[inner.Name] != "":
		return fmt.Sprintf("[%s](#%s)", cell(says), anchor(w.shown[inner.Name]))
	}
	return fmt.Sprintf("[%s](#%s)", cell(says), anchor(path+way))
}

func defaultCell(k *Key) string {
	text := defaultText(k)
	switch {
	case text == "":
		return ""
	case k.Required, k.Said != "" && k.Said != k.Default && !literal.MatchString(k.Said) && !slices.Contains(enum(k.Shape), k.Said):
		return cell(text)
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}

// defaultText is what counts where the key is absent: what its comment says, which
// may tell where the value comes from, else the value.
func defaultText(k *Key) string {
	switch {
	case k.Required:
		return "required"
	case k.Said != "":
		return k.Said
	case k.Default == nil:
		return ""
	}
	if text, ok := k.Default.(string); ok {
		return text
	}
	return flow(k.Default)
}

func enum(s *Shape) []string {
	_, inner := inside(s)
	return inner.Enum
}

// names reports whether text names all the words.
func names(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// literal are defaults in comments that are values.
var literal = regexp.MustCompile(`^([0-9].*|true|false|".*"|\[.*\]|\{.*\}|[a-zA-Z]+://\S*)$`)

// spoken is a list of words for people.
func spoken(list []string) string {
	var out []string
	for _, w := range list {
		if w != "" {
			out = append(out, "`"+w+"`")
		}
	}
	return strings.Join(out, ", ")
}

// anchor is the id that GitHub gives a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, heading)
}

// plainText keeps text from being taken for HTML.
func plainText(s string) string {
	parts := strings.Split(s, "`") // not in code
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.NewReplacer("<", "&lt;", "*", `\*`).Replace(parts[i])
	}
	return strings.Join(parts, "`")
}

// cell makes text fit for a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n\n", "<br>", "\n", " ").Replace(plainText(s))
}
