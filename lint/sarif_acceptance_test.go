//go:build acceptance

package lint_test

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/prow-ci/prow/lint"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// sarifSchema is the standard's own, as an npm package carries it.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	modules := cmp.Or(os.Getenv("PROW_TEST_NODE_MODULES"), "../e2e/npm/node_modules")
	f, err := os.Open(filepath.Join(modules, "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"))
	if err != nil {
		t.Fatalf("%v: run scripts/install", err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validSARIF(t *testing.T, s *jsonschema.Schema, r *lint.Result) {
	t.Helper()
	var b bytes.Buffer
	if err := r.SARIF(&b, "v1", ""); err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Error(err)
	}
}

// The schema accepts what is written, and is no rubber stamp.
func TestSARIFSchema(t *testing.T) {
	t.Parallel()
	s := sarifSchema(t)
	validSARIF(t, s, result())
	validSARIF(t, s, &lint.Result{})
	bad := map[string]any{"version": "2.1.0", "runs": []any{map[string]any{"results": []any{}}}}
	if s.Validate(bad) == nil {
		t.Error("a run without a tool is accepted")
	}
}
