//go:build acceptance

package schema_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Every file of four real installations is valid.
func TestCorpora(t *testing.T) {
	corpora := "../../shared/corpora"
	if dir := os.Getenv("PROW_CORPORA"); dir != "" {
		corpora = dir
	}
	valid := schemas(t)
	for _, c := range []struct{ name, config, plugins, jobs string }{
		{"test-infra", "config/prow/config.yaml", "config/prow/plugins.yaml", "config/jobs"},
		{"certmanager", "config/config.yaml", "config/plugins.yaml", "config/jobs"},
		{"oss", "prow/oss/config.yaml", "prow/oss/plugins.yaml", "prow/prowjobs"},
		{"metal3", "prow/config/config.yaml", "prow/config/plugins.yaml", "prow/config/jobs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if out, err := exec.Command("tar", "-C", dir, "-xJf", filepath.Join(corpora, c.name+".tar.xz")).CombinedOutput(); err != nil {
				t.Fatalf("tar: %v: %s", err, out)
			}
			check(t, valid["config"], filepath.Join(dir, c.config))
			check(t, valid["plugins"], filepath.Join(dir, c.plugins))
			files := 0
			err := filepath.WalkDir(filepath.Join(dir, c.jobs), func(name string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() && strings.HasSuffix(name, ".yaml") {
					check(t, valid["jobs"], name)
					files++
				}
				return err
			})
			if err != nil || files == 0 {
				t.Fatalf("%d files of jobs: %v", files, err)
			}
		})
	}
}

func check(t *testing.T, s *jsonschema.Schema, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(s, text); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}
