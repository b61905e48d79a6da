package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/schema"
	"github.com/prow-ci/prow/server"
)

// entries lists every key of a kind of file.
func entries(t *testing.T, kind string) []schema.Entry {
	t.Helper()
	f, err := schema.Of(kind, server.Sections())
	if err != nil {
		t.Fatal(err)
	}
	var out []schema.Entry
	f.Each(func(e schema.Entry) { out = append(out, e) })
	return out
}

// at is a file with one value at a path.
func at(path, value string) string {
	steps := strings.Split(path, ".")
	text := value
	for _, step := range slices.Backward(steps) {
		name := strings.TrimRight(step, "[]")
		lists := (len(step) - len(name)) / 2
		if name == "*" {
			name = "org/repo"
		}
		text = fmt.Sprintf("{%q: %s%s%s}", name, strings.Repeat("[", lists), text, strings.Repeat("]", lists))
	}
	for _, list := range []string{`{"presubmits": {"org/repo": [{`, `{"postsubmits": {"org/repo": [{`, `{"presubmits": [{`, `{"postsubmits": [{`, `{"periodics": [{`, `{"external_plugins": {"org/repo": [{`} {
		if strings.HasPrefix(text, list) && !strings.HasPrefix(text, list+`"name"`) {
			text = strings.Replace(text, list, list+`"name": x, `, 1)
		}
	}
	return text
}

// Every key has a meaning, and an example that editors and Prow take.
func TestEveryKeyIsExplained(t *testing.T) {
	t.Parallel()
	keys, l := 0, &loading{dir: t.TempDir()}
	for _, kind := range schema.Kinds() {
		valid := compiled(t, kind)
		for _, e := range entries(t, kind) {
			keys++
			if v, ok := e.Default(); ok {
				if err := validate(valid, []byte(at(e.Path, v))); err != nil {
					t.Errorf("%s: the default of %s does not do by the schema: %v", kind, e.Path, err)
				}
			}
			if e.Key.Doc == "" {
				t.Errorf("%s: %s has no comment in the code", kind, e.Path)
			}
			if len(e.Key.Shape.Inner().Keys) > 0 || e.Key.Shape.Inner().Foreign || e.Key.Shape.Kind == schema.Anything {
				continue // what is in it has its own
			}
			if e.Example() == "" {
				t.Errorf("%s: %s has no example: end its comment with one, or add it to given.go", kind, e.Path)
				continue
			}
			text := at(e.Path, e.Example())
			if err := validate(valid, []byte(text)); err != nil {
				t.Errorf("%s: the example %s does not do by the schema: %v", kind, text, err)
			}
			for _, p := range l.findings(t, kind, text) {
				if slices.Contains([]string{config.KindType, config.KindSyntax, config.KindUnknown, config.KindUnknownAll}, p.Kind) {
					t.Errorf("%s: the example %s: %v", kind, text, p)
				}
			}
		}
	}
	if keys < 300 {
		t.Errorf("looked at %d keys only", keys)
	}
}

// What Prow takes for a value, editors take, and what it does not, they refuse:
// every key with every form of value.
func TestSchemaAgreesWithTheDecoder(t *testing.T) {
	t.Parallel()
	var ofJobs []string
	for _, e := range entries(t, "jobs") {
		ofJobs = append(ofJobs, strings.SplitN(e.Path, ".", 2)[0])
	}
	for _, kind := range schema.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			valid, l := compiled(t, kind), &loading{dir: t.TempDir()}
			for _, e := range entries(t, kind) {
				if top, _, _ := strings.Cut(e.Path, "."); kind == "config" && slices.Contains(ofJobs, top) {
					continue // as in a file of jobs
				}
				for _, value := range []string{"[]", "{}", "some text", "7", "true", "[7]", "{a: 7}"} {
					text := at(e.Path, value)
					refused := slices.ContainsFunc(l.findings(t, kind, text), refusal)
					err := validate(valid, []byte(text))
					if err != nil && !refused && !pickier(err) || err == nil && refused {
						t.Errorf("%s: Prow refuses it: %v; the schema: %v", text, refused, err)
					}
				}
			}
		})
	}
}

// refusal reports whether Prow does not take a value for what it is.
func refusal(p config.Problem) bool {
	return p.Kind == config.KindType || strings.Contains(p.Text, "is not a duration") || strings.Contains(p.Text, "is not a merge method")
}

// pickier reports whether a schema refuses words and spellings, which Prow takes
// no exception to, or later.
func pickier(err error) bool {
	text := err.Error()
	return strings.Contains(text, "value must be one of") || strings.Contains(text, "does not match pattern") || strings.Contains(text, "not allowed")
}
