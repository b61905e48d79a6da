//go:build acceptance

package lint_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/lint"
)

// corpora is the folder of real installations' configuration, beside the clone
// unless PROW_CORPORA names another.
var corpora = cmp.Or(os.Getenv("PROW_CORPORA"), "../../shared/corpora")

func unpack(tb testing.TB, name string, p config.Paths) config.Paths {
	tb.Helper()
	dir := tb.TempDir()
	if out, err := exec.Command("tar", "-C", dir, "-xJf", filepath.Join(corpora, name+".tar.xz")).CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	for _, s := range []*string{&p.Config, &p.PluginConfig, &p.JobConfig} {
		*s = filepath.Join(dir, *s)
	}
	return p
}

// installations are four real ones.
func installations() map[string]config.Paths {
	return map[string]config.Paths{
		"test-infra":  {Config: "config/prow/config.yaml", PluginConfig: "config/prow/plugins.yaml", JobConfig: "config/jobs"},
		"certmanager": {Config: "config/config.yaml", PluginConfig: "config/plugins.yaml", JobConfig: "config/jobs"},
		"oss":         {Config: "prow/oss/config.yaml", PluginConfig: "prow/oss/plugins.yaml", JobConfig: "prow/prowjobs"},
		"metal3":      {Config: "prow/config/config.yaml", PluginConfig: "prow/config/plugins.yaml", JobConfig: "prow/config/jobs"},
	}
}

// Four real installations load, and every check has its say. How many findings each
// check has is written down: a change of a check shows where it starts or ceases to
// speak.
func TestCorpora(t *testing.T) {
	t.Parallel()
	schema := sarifSchema(t)
	for name, p := range installations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := unpack(t, name, p)
			r := lint.Run(t.Context(), lint.Options{Paths: p, Checks: lint.Names()})
			counts := map[string]int{}
			for _, f := range r.Findings {
				counts[f.Kind]++
				if f.Severity == lint.Error || f.Line == 0 || f.Snippet == "" || f.Text == "" {
					t.Errorf("%+v", f)
				}
			}
			var b bytes.Buffer
			for _, k := range slices.Sorted(maps.Keys(counts)) {
				fmt.Fprintf(&b, "%s %d\n", k, counts[k])
			}
			golden := "testdata/corpora/" + name + ".txt"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(want, b.Bytes()) {
				t.Errorf("%s (%v) is not:\n%s", golden, err, &b)
			}
			validSARIF(t, schema, r)
		})
	}
}

// What `prow checkconfig` does with the largest of them; to be read beside
// BenchmarkYardstick of package config.
func BenchmarkCheckconfig(b *testing.B) {
	p := unpack(b, "test-infra", installations()["test-infra"])
	checks, err := lint.Selection{}.Select()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if r := lint.Run(b.Context(), lint.Options{Paths: p, Checks: checks}); r.Count(lint.Error) > 0 || r.Jobs == 0 {
			b.Fatal("it does not load")
		}
	}
}
