//go:build acceptance

package schema_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// corpus is the configuration of a real installation.
type corpus struct{ name, config, plugins, jobs string }

func corpora() []corpus {
	return []corpus{
		{"test-infra", "config/prow/config.yaml", "config/prow/plugins.yaml", "config/jobs"},
		{"certmanager", "config/config.yaml", "config/plugins.yaml", "config/jobs"},
		{"oss", "prow/oss/config.yaml", "prow/oss/plugins.yaml", "prow/prowjobs"},
		{"metal3", "prow/config/config.yaml", "prow/config/plugins.yaml", "prow/config/jobs"},
	}
}

// unpacked is a folder with all of them.
func unpacked(t *testing.T) string {
	t.Helper()
	from := "../../shared/corpora"
	if dir := os.Getenv("PROW_CORPORA"); dir != "" {
		from = dir
	}
	to := t.TempDir()
	for _, c := range corpora() {
		dir := filepath.Join(to, c.name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("tar", "-C", dir, "-xJf", filepath.Join(from, c.name+".tar.xz")).CombinedOutput(); err != nil {
			t.Fatalf("tar: %v: %s", err, out)
		}
	}
	return to
}

// files lists its files by kind.
func (c corpus) files(t *testing.T, dir string) map[string][]string {
	t.Helper()
	out := map[string][]string{"config": {filepath.Join(dir, c.config)}, "plugins": {filepath.Join(dir, c.plugins)}}
	err := filepath.WalkDir(filepath.Join(dir, c.jobs), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".yaml") {
			out["jobs"] = append(out["jobs"], name)
		}
		return err
	})
	if err != nil || len(out["jobs"]) == 0 {
		t.Fatalf("%s: %d files of jobs: %v", c.name, len(out["jobs"]), err)
	}
	return out
}

// Every file of four real installations is valid.
func TestCorpora(t *testing.T) {
	valid, dir := schemas(t), unpacked(t)
	for _, c := range corpora() {
		for kind, files := range c.files(t, filepath.Join(dir, c.name)) {
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := validate(valid[kind], text); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
		}
	}
}
