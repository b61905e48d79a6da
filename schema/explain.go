package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prow-ci/prow/config"
)

// Entry is a key and where it stands.
type Entry struct {
	Kind string // of file
	Path string // "tide.queries[].labels"
	Key  *Key
	At   *Shape // the object it is a key of
}

// Unknown is the error of Explain for a path that leads nowhere.
type Unknown struct{ Path, Hint string }

func (u *Unknown) Error() string {
	if u.Hint == "" {
		return fmt.Sprintf("no key %q is known", u.Path)
	}
	return fmt.Sprintf("no key %q is known; %s", u.Path, u.Hint)
}

// Explain finds a key by its path, with or without the [] and * of lists and maps
// in it; else from wherever its first key stands; or the keys that have a name.
func Explain(path string, sections []Section) ([]Entry, error) {
	files, err := all(sections)
	if err != nil {
		return nil, err
	}
	steps := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) })
	if len(steps) == 0 {
		return nil, &Unknown{path, "name one, for example tide.queries.labels"}
	}
	var near *Unknown
	for _, kind := range order() {
		e, u := files[kind].find(steps)
		if e != nil {
			return []Entry{*e}, nil
		}
		if near == nil || u.Hint != "" && near.Hint == "" {
			near = u
		}
	}
	if len(steps) == 1 {
		found, names := named(files, steps[0])
		if len(found) > 0 {
			return found, nil
		}
		near = &Unknown{path, config.DidYouMean(path, names)}
	}
	if len(steps) > 1 {
		found, u := within(files, steps)
		if len(found) > 0 {
			return found, nil
		}
		if u != nil && near.Hint == "" {
			near = u
		}
	}
	near.Path = path
	return nil, near
}

// within finds the steps from wherever the first of them stands: the pages of
// docs/config name keys so that many files have.
func within(files map[string]*File, steps []string) (found []Entry, near *Unknown) {
	from, _ := named(files, steps[0])
	for _, top := range from {
		below := File{Kind: top.Kind, Root: top.Key.Shape}
		e, u := below.find(steps[1:])
		if e == nil {
			near = u
			continue
		}
		if !strings.HasPrefix(e.Path, "[") {
			e.Path = "." + e.Path
		}
		e.Path = top.Path + e.Path
		found = append(found, *e)
	}
	return found, near
}

// order is that in which files are searched: jobs may stand in config.yaml, too, but
// have files of their own.
func order() []string { return []string{"jobs", "config", "plugins", "prow-yaml"} }

// find follows the steps from the top of f.
func (f *File) find(steps []string) (*Entry, *Unknown) {
	at, path := f.Root, ""
	for i := 0; ; i++ {
		way, inner := inside(at)
		for k := inner.Key(steps[i]); k == nil; k = inner.Key(steps[i]) {
			// The name of an organisation, a place in a list.
			if !strings.Contains(way, ".*") && !number(steps[i]) || i+1 == len(steps) {
				return nil, &Unknown{Hint: hint(path, steps[i], inner)}
			}
			i++
		}
		k := inner.Key(steps[i])
		path = strings.TrimPrefix(path+way+"."+k.Name, ".")
		if i+1 == len(steps) {
			return &Entry{f.Kind, path, k, inner}, nil
		}
		at = k.Shape
	}
}

func number(s string) bool { return strings.Trim(s, "0123456789*") == "" }

func hint(path, step string, at *Shape) string {
	var names []string
	for _, k := range at.Keys {
		names = append(names, k.Name)
	}
	like := config.DidYouMean(step, names)
	switch {
	case like != "":
		return like
	case path == "" || len(names) == 0:
		return ""
	}
	return fmt.Sprintf("%s has %s", path, strings.Join(names, ", "))
}

// named finds the keys with a name, each declaration once; names are all there are.
func named(files map[string]*File, name string) (found []Entry, names []string) {
	all := map[string]bool{}
	seen := map[string]bool{}
	for _, kind := range order() {
		files[kind].Each(func(e Entry) {
			all[e.Key.Name] = true
			if e.Key.Name == name && !seen[e.Key.field] {
				seen[e.Key.field] = true
				found = append(found, e)
			}
		})
	}
	return found, slices.Sorted(maps.Keys(all))
}

// Each calls do for every key of f that is not of Kubernetes; what several keys
// share, at the first of them.
func (f *File) Each(do func(Entry)) {
	seen := map[*Shape]bool{}
	var walk func(s *Shape, path string)
	walk = func(s *Shape, path string) {
		way, inner := inside(s)
		if inner.Foreign || seen[inner] {
			return
		}
		seen[inner] = true
		for _, k := range inner.Keys {
			at := strings.TrimPrefix(path+way+"."+k.Name, ".")
			do(Entry{f.Kind, at, k, inner})
			walk(k.Shape, at)
		}
	}
	walk(f.Root, "")
}

// Text explains e for people.
func (e Entry) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n", e.Path, fileOf(e.Kind))
	if e.Key.Doc != "" {
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(e.Key.Doc, "\n\n", "\n  "))
	}
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", name, text)
		}
	}
	line("type", e.Key.Shape.Says())
	line("one of", strings.Join(slices.DeleteFunc(slices.Clone(enum(e.Key.Shape)), func(w string) bool { return w == "" }), ", "))
	line("default", defaultText(e.Key))
	if x := exampleOf(e.Key); x != "" {
		line("example", e.Key.Name+": "+x)
	}
	if _, inner := inside(e.Key.Shape); len(inner.Keys) > 0 {
		var names []string
		for _, k := range inner.Keys {
			names = append(names, k.Name)
		}
		line("keys", strings.Join(names, ", "))
	}
	return b.String()
}

// MarshalJSON writes what Text says.
func (e Entry) MarshalJSON() ([]byte, error) {
	o := object{"path": e.Path, "file": fileOf(e.Kind), "kind": e.Kind, "type": e.Key.Shape.Says(), "meaning": e.Key.Doc}
	for name, text := range map[string]string{"default": defaultText(e.Key), "example": exampleOf(e.Key)} {
		if text != "" {
			o[name] = text
		}
	}
	if words := enum(e.Key.Shape); len(words) > 0 {
		o["one_of"] = words
	}
	return json.Marshal(o)
}

// Example is a value for the key, in YAML on one line, or "".
func (e Entry) Example() string { return exampleOf(e.Key) }

func fileOf(kind string) string {
	return map[string]string{"config": "config.yaml", "jobs": "a file of jobs", "plugins": "plugins.yaml", "prow-yaml": ".prow.yaml"}[kind]
}

// Default is the value that counts where the key is absent, in JSON; false: there
// is none that can be written.
func (e Entry) Default() (string, bool) {
	v, ok := defaultValue(e.Key)
	if !ok {
		return "", false
	}
	return flow(v), true
}
