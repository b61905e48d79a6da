package schema_test

import (
	"testing"

	"github.com/prow-ci/prow/schema"
	"github.com/prow-ci/prow/server"
)

// Printing a schema, from nothing: what `prow schema config` does.
func BenchmarkSchema(b *testing.B) {
	for b.Loop() {
		f, err := schema.Of("config", server.Sections())
		if err != nil {
			b.Fatal(err)
		}
		text, err := f.JSON()
		if err != nil || len(text) > 1_500_000 {
			b.Fatalf("%d bytes: %v", len(text), err)
		}
	}
}
