//go:build acceptance

package lint_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
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
