package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// fieldDocs returns the comments of the fields of structs, by package name,
// type and field.
func fieldDocs(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, dir := range dirs {
		names, _ := filepath.Glob(filepath.Join(dir, "*.go"))
		for _, name := range names {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				if s, ok := spec.Type.(*ast.StructType); ok {
					for _, field := range s.Fields.List {
						for _, id := range field.Names {
							docs[f.Name.Name+"."+spec.Name.Name+"."+id.Name] = field.Doc.Text()
						}
					}
				}
				return true
			})
		}
	}
	return docs
}

// Every key that can be written has a comment, from which its documentation is made.
func TestEveryKeyIsDocumented(t *testing.T) {
	t.Parallel()
	docs := fieldDocs(t, ".", "..")
	seen := map[reflect.Type]bool{}
	keys := 0
	var walk func(reflect.Type)
	walk = func(r reflect.Type) {
		switch r.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(r.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if seen[r] || !strings.HasPrefix(r.PkgPath(), "github.com/prow-ci/prow") {
			return
		}
		seen[r] = true
		if r.Name() == "" {
			t.Errorf("%s is a struct without a name, which documentation cannot link to", r)
		}
		for i := range r.NumField() {
			f := r.Field(i)
			tag := f.Tag.Get("json")
			if f.Anonymous {
				walk(f.Type)
				continue
			}
			if tag == "" || tag == "-" || !f.IsExported() {
				continue
			}
			keys++
			id := r.String() + "." + f.Name
			if doc := docs[id]; !strings.HasPrefix(doc, f.Name+" ") || strings.Count(doc, "\n") != 1 {
				t.Errorf("%s: want a comment of one line that begins with the name; it is %q", id, doc)
			}
			walk(f.Type)
		}
	}
	for _, v := range []any{JobConfig{}, ProwConfig{}, Plugins{}, InRepoJobs{}} {
		walk(reflect.TypeOf(v))
	}
	if keys < 250 {
		t.Errorf("looked at %d keys only", keys)
	}
}
