package lint_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/lint"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/server"
)

// A script of testdata is an installation and, in the file "want", what is said of
// it. Each has what its check finds and, beside it, what it must leave alone. Its
// comment sets options, a line each:
//
//	checks: the checks that run (default: the one that the file is named after)
//	annotations, clusters, plugins: lists of lint.Options
//	strict: yes
//	sections: yes, if the sections of plugins are checked
//	repo: whose own jobs .prow.yaml or .prow is
//	owners: repositories with an OWNERS file
//	installed: owners that installed the GitHub App
func TestChecks(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(script)
			if err != nil {
				t.Fatal(err)
			}
			got := said(t, archive, strings.TrimSuffix(filepath.Base(script), ".txtar"))
			if os.Getenv("UPDATE_GOLDEN") != "" {
				archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
				archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(script, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
			if i < 0 || string(archive.Files[i].Data) != got {
				t.Errorf("it says:\n%s\nrun make golden and read the diff", got)
			}
		})
	}
}

// Every check has a script.
func TestEveryCheckIsTested(t *testing.T) {
	for _, name := range lint.Names() {
		if _, err := os.Stat("testdata/" + name + ".txtar"); err != nil {
			t.Error(err)
		}
	}
}

// installation unpacks an archive and returns the options that its comment asks for.
func installation(t *testing.T, archive *txtar.Archive, check string) lint.Options {
	t.Helper()
	dir := t.TempDir()
	o := lint.Options{Checks: []string{check}, Named: []string{check}}
	for _, f := range archive.Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(f.Name, "/")
		path := filepath.Join(dir, first)
		switch first {
		case "config.yaml":
			o.Paths.Config = path
		case "plugins.yaml":
			o.Paths.PluginConfig = path
		case "jobs":
			o.Paths.JobConfig = path
		case "shards":
			o.Paths.Supplemental = []string{path}
		case "plugin-shards":
			o.Paths.SupplementalPlugins = []string{path}
		}
	}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		list := strings.Fields(value)
		switch key {
		case "checks":
			o.Checks, o.Named = list, nil
		case "annotations":
			o.Annotations = list
		case "clusters":
			o.Clusters = list
		case "plugins":
			o.Plugins = list
		case "sections":
			o.Sections = func(c *config.Config) error { return plugin.CheckSections(server.Plugins(), c) }
		case "strict":
			o.Strict = true
		case "repo":
			r, err := prow.ParseRepo(list[0])
			if err != nil {
				t.Fatal(err)
			}
			o.InRepo, o.Tree, o.Root = r, os.DirFS(dir), dir
		case "owners":
			o.OwnersFile = func(_ context.Context, r prow.Repo, _ string) (bool, error) {
				if r.Name == "broken" {
					return false, fs.ErrPermission
				}
				return slices.Contains(list, r.String()), nil
			}
		case "organisation":
			o.Repositories = func(_ context.Context, owner string) ([]prow.Repo, error) {
				var out []prow.Repo
				for _, name := range list {
					out = append(out, prow.Repo{Owner: owner, Name: name})
				}
				return out, nil
			}
		case "installed":
			o.AppInstalled = func(context.Context) ([]string, error) { return list, nil }
		}
	}
	return o
}

// said runs the checks and returns the text, with names as in the archive.
func said(t *testing.T, archive *txtar.Archive, check string) string {
	t.Helper()
	o := installation(t, archive, check)
	o.ClusterStatus = func(_ context.Context, path string) (map[string]string, error) {
		return map[string]string{"build": "Reachable", "gone": "Error"}, nil
	}
	var b bytes.Buffer
	if err := lint.Run(t.Context(), o).Text(&b, false); err != nil {
		t.Fatal(err)
	}
	dir := o.Root
	for _, p := range []string{o.Paths.Config, o.Paths.PluginConfig, o.Paths.JobConfig} {
		if p != "" {
			dir = filepath.Dir(p)
		}
	}
	return strings.ReplaceAll(b.String(), dir+string(filepath.Separator), "")
}
