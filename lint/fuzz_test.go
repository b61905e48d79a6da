package lint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/lint"
)

// Whatever is in the files, no check panics.
func FuzzRun(f *testing.F) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, script := range scripts {
		archive, err := txtar.ParseFile(script)
		if err != nil {
			f.Fatal(err)
		}
		files := map[string][]byte{}
		for _, file := range archive.Files {
			files[file.Name] = file.Data
		}
		f.Add(files["config.yaml"], files["plugins.yaml"], files["jobs/jobs.yaml"], files["shards/org/bad_prowconfig.yaml"])
	}
	f.Fuzz(func(t *testing.T, main, plugins, jobs, shard []byte) {
		dir := t.TempDir()
		p := config.Paths{
			Config: filepath.Join(dir, "config.yaml"), PluginConfig: filepath.Join(dir, "plugins.yaml"), JobConfig: filepath.Join(dir, "jobs.yaml"),
			Supplemental: []string{dir}, SupplementalPlugins: []string{dir},
		}
		for name, text := range map[string][]byte{p.Config: main, p.PluginConfig: plugins, p.JobConfig: jobs, filepath.Join(dir, "a_prowconfig.yaml"): shard, filepath.Join(dir, "a_pluginconfig.yaml"): shard} {
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := lint.Run(t.Context(), lint.Options{Paths: p, Checks: lint.Names(), Plugins: []string{"lgtm"}, Annotations: []string{"a"}})
		for _, u := range r.Undone {
			if strings.Contains(u, "should not be possible") {
				t.Error(u)
			}
		}
		for _, found := range r.Findings {
			if strings.Contains(found.Text, "should not be possible") {
				t.Error(found.Text)
			}
		}
	})
}
