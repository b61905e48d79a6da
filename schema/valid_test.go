package schema_test

import (
	"bytes"
	"testing"

	"github.com/prow-ci/prow/schema"
	"github.com/prow-ci/prow/server"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// compiled is the schema of a kind of file, as `prow schema` prints it.
func compiled(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	f, err := schema.Of(kind, server.Sections())
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.JSON()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(kind+".json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(kind + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// schemas are those of every kind.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	out := map[string]*jsonschema.Schema{}
	for _, kind := range schema.Kinds() {
		out[kind] = compiled(t, kind)
	}
	return out
}

// validate judges a YAML text as an editor does.
func validate(s *jsonschema.Schema, text []byte) error {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return err
	}
	return s.Validate(v)
}
