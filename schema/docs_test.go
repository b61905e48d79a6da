package schema_test

import (
	"path/filepath"
	"testing"

	"github.com/prow-ci/prow/schema"
	"github.com/prow-ci/prow/server"
)

// docs/config says what the code says.
func TestDocs(t *testing.T) {
	t.Parallel()
	pages, err := schema.Pages(server.Sections())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		golden(t, filepath.Join("../docs/config", p.Name), p.Text)
	}
}
