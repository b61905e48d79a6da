package schema_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/schema"
	"github.com/prow-ci/prow/server"
)

// Every example loads without a finding, and editors find nothing in it either.
func TestExamplesWork(t *testing.T) {
	t.Parallel()
	valid := schemas(t)
	l := &loading{dir: t.TempDir()}
	for _, e := range schema.Examples() {
		if e.Page == "decoration.md" {
			l.config = e.Text // what decorated jobs need
		}
	}
	for _, e := range schema.Examples() {
		if err := validate(valid[e.Kind], []byte(e.Text)); err != nil {
			t.Errorf("%s: by the schema: %v", e.Page, err)
		}
		for _, p := range l.findings(t, e.Kind, e.Text) {
			t.Errorf("%s: %v", e.Page, p)
		}
	}
}

// loading loads texts, files of jobs beside a main file.
type loading struct{ dir, config string }

func (l *loading) write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(l.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// findings loads a text as a file of its kind.
func (l *loading) findings(t *testing.T, kind, text string) config.Problems {
	t.Helper()
	paths, file := config.Paths{}, l.write(t, "file.yaml", text)
	if l.config != "" {
		paths.Config = l.write(t, "config.yaml", l.config)
	}
	load := func() config.Problems {
		cfg, err := config.Load(paths)
		if err != nil {
			return problems(t, err)
		}
		return cfg.Warnings
	}
	switch kind {
	case "config":
		paths.Config = file
		return load()
	case "jobs":
		paths.JobConfig = file
		return load()
	case "plugins":
		cfg, err := config.Load(config.Paths{PluginConfig: file})
		if err != nil {
			return problems(t, err)
		}
		err = plugin.CheckSections(server.Plugins(), cfg)
		return append(problems(t, err), cfg.Warnings...)
	}
	yes := true
	cfg, err := config.Load(paths)
	if err != nil {
		t.Fatal(err)
	}
	cfg.InRepoConfig.Enabled = map[string]*bool{"*": &yes}
	jobs, err := cfg.InRepo(fstest.MapFS{".prow.yaml": {Data: []byte(text)}}, prow.Repo{Owner: "org", Name: "repo"})
	return append(problems(t, err), jobs.Warnings...)
}

// problems are those that an error carries.
func problems(t *testing.T, err error) config.Problems {
	t.Helper()
	var all config.Problems
	if err != nil && !errors.As(err, &all) {
		t.Fatal(err)
	}
	return all
}
