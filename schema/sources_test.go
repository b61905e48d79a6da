package schema_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// said is what the sources say, as words.json has it.
type said struct {
	Docs     map[string]string   `json:"docs"`
	Enums    map[string][]string `json:"enums"`
	Defaults map[string]any      `json:"defaults"`
}

// sources reads the comments and the words of every package that configuration
// is decoded into.
func sources(t *testing.T) *said {
	t.Helper()
	dirs := []string{".", "config", "plugin", "schema"}
	groups, err := filepath.Glob("../plugins/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		dirs = append(dirs, filepath.ToSlash(strings.TrimPrefix(g, ".."+string(filepath.Separator))))
	}
	s := &said{Docs: map[string]string{}, Enums: map[string][]string{}, Defaults: map[string]any{}}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		pkg := dir
		if dir == "." {
			pkg = "prow"
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
			if os.IsNotExist(err) {
				continue // renamed while we look
			} else if err != nil {
				t.Fatal(err)
			}
			s.file(pkg, f)
		}
	}
	return s
}

func (s *said) file(pkg string, f *ast.File) {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				doc := spec.Doc
				if doc == nil {
					doc = g.Doc
				}
				if st, ok := spec.Type.(*ast.StructType); ok && tagged(st) {
					s.Docs[pkg+"."+spec.Name.Name] = plain(doc)
					s.fields(pkg+"."+spec.Name.Name, st)
				}
			case *ast.ValueSpec:
				s.word(pkg, g.Tok, spec)
			}
		}
	}
}

// tagged reports whether st is decoded from anything.
func tagged(st *ast.StructType) bool {
	return slices.ContainsFunc(st.Fields.List, func(f *ast.Field) bool {
		return f.Tag != nil && strings.Contains(f.Tag.Value, `json:"`) || len(f.Names) == 0
	})
}

func (s *said) fields(at string, st *ast.StructType) {
	for _, f := range st.Fields.List {
		if f.Tag == nil {
			continue
		}
		tag, _ := strconv.Unquote(f.Tag.Value)
		if name := reflect.StructTag(tag).Get("json"); name == "" || name == "-" {
			continue
		}
		for _, n := range f.Names {
			if doc := strings.TrimSpace(plain(f.Doc) + " " + plain(f.Comment)); doc != "" {
				s.Docs[at+"."+n.Name] = doc
			}
			if inner := structOf(f.Type); inner != nil {
				s.fields(at+"."+n.Name, inner)
			}
		}
	}
}

// structOf finds the struct that is written where a type stands.
func structOf(e ast.Expr) *ast.StructType {
	switch e := e.(type) {
	case *ast.StructType:
		return e
	case *ast.StarExpr:
		return structOf(e.X)
	case *ast.ArrayType:
		return structOf(e.Elt)
	case *ast.MapType:
		return structOf(e.Value)
	}
	return nil
}

// word notes a constant of a type that is a word: type State string.
func (s *said) word(pkg string, tok token.Token, spec *ast.ValueSpec) {
	id, ok := spec.Type.(*ast.Ident)
	if tok != token.CONST || !ok || !ast.IsExported(id.Name) {
		return
	}
	for _, v := range spec.Values {
		if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if w, err := strconv.Unquote(lit.Value); err == nil {
				s.Enums[pkg+"."+id.Name] = append(s.Enums[pkg+"."+id.Name], w)
			}
		}
	}
}

// plain is a comment with each paragraph on one line.
func plain(c *ast.CommentGroup) string {
	if c == nil {
		return ""
	}
	paragraphs := strings.Split(strings.TrimSpace(c.Text()), "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(strings.Fields(p), " ")
	}
	return strings.Join(paragraphs, "\n\n")
}
