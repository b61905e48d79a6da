package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
)

// write puts files into a directory of their own and returns it. The files are
// in txtar form: "-- name --" lines, each followed by the text.
func write(t testing.TB, archive string) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, archive)
	return dir
}

func put(t testing.TB, dir, archive string) {
	t.Helper()
	for _, part := range strings.Split("\n"+archive, "\n-- ")[1:] {
		name, text, ok := strings.Cut(part, " --\n")
		if !ok {
			t.Fatalf("no file name in %q", part)
		}
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(strings.TrimSuffix(text, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// paths names what is there in dir: config.yaml, jobs, plugins.yaml, shards.
func paths(dir string) config.Paths {
	var p config.Paths
	for name, to := range map[string]*string{"config.yaml": &p.Config, "jobs": &p.JobConfig, "plugins.yaml": &p.PluginConfig} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			*to = filepath.Join(dir, name)
		}
	}
	if shards := filepath.Join(dir, "shards"); exists(shards) {
		p.Supplemental, p.SupplementalPlugins = []string{shards}, []string{shards}
	}
	return p
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// load loads an archive that is sound.
func load(t testing.TB, archive string) *config.Config {
	t.Helper()
	c, err := config.Load(paths(write(t, archive)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problems loads an archive and returns what is wrong, warnings included, one a
// line and with names below the directory.
func problems(t testing.TB, archive string) string {
	t.Helper()
	dir := write(t, archive)
	return tell(t, dir, paths(dir))
}

func tell(t testing.TB, dir string, p config.Paths) string {
	t.Helper()
	c, err := config.Load(p)
	var all config.Problems
	switch {
	case errors.As(err, &all):
	case err != nil:
		t.Fatalf("error is %T, not Problems: %v", err, err)
	default:
		all = c.Warnings
	}
	return strings.ReplaceAll(all.Error(), dir+"/", "")
}

// mainFile puts text into config.yaml.
func mainFile(text string) string { return "-- config.yaml --\n" + text }

const pod = "spec: {containers: [{image: x, args: [run]}]}"
