//go:build acceptance || bench

package config_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
	"sigs.k8s.io/yaml"
)

// corpora is the folder of real installations' configuration, beside the clone
// unless PROW_CORPORA names another.
var corpora = cmp.Or(os.Getenv("PROW_CORPORA"), "../../shared/corpora")

// testInfra unpacks the largest of the corpora.
func testInfra(b testing.TB) config.Paths {
	b.Helper()
	dir := b.TempDir()
	if out, err := exec.Command("tar", "-C", dir, "-xJf", filepath.Join(corpora, "test-infra.tar.xz")).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	return config.Paths{Config: at("config/prow/config.yaml"), PluginConfig: at("config/prow/plugins.yaml"), JobConfig: at("config/jobs")}
}

// The yardstick: all job files decoded by sigs.k8s.io/yaml, on one core.
func BenchmarkYardstick(b *testing.B) {
	var texts [][]byte
	err := filepath.Walk(testInfra(b).JobConfig, func(name string, info os.FileInfo, err error) error {
		if err != nil || !strings.HasSuffix(name, ".yaml") {
			return err
		}
		text, err := os.ReadFile(name)
		texts = append(texts, text)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, text := range texts {
			if err := yaml.Unmarshal(text, new(config.JobConfig)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// A first load: read, decoded, defaulted, checked, compiled.
func BenchmarkLoad(b *testing.B) {
	p := testInfra(b)
	for b.Loop() {
		if _, err := config.Load(p); err != nil {
			b.Fatal(err)
		}
	}
}

// What `prow checkconfig` starts with: all findings, each with its place.
func BenchmarkCheck(b *testing.B) {
	p := testInfra(b)
	for b.Loop() {
		if len(config.Check(p)) == 0 {
			b.Fatal("there is nothing to find any more")
		}
	}
}

// From a change of one job file to the configuration that has it, watching included.
func BenchmarkReload(b *testing.B) {
	p := testInfra(b)
	name := filepath.Join(p.JobConfig, "kubernetes/sig-testing/verify.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	_, next := open(b, p, nil)
	next()
	n := 0
	for b.Loop() {
		n++
		if err := os.WriteFile(name, fmt.Appendf(nil, "%s# %d\n", text, n), 0o666); err != nil {
			b.Fatal(err)
		}
		next()
	}
}

// The jobs of the largest repository, for a change of 300 files.
func BenchmarkChoose(b *testing.B) {
	c, err := config.Load(testInfra(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		choose(c)
	}
}

// choose finds out which presubmits of kubernetes/kubernetes run for a change.
func choose(c *config.Config) (n int) {
	jobs := c.PresubmitsStatic["kubernetes/kubernetes"]
	var list []string
	for i := range 300 {
		list = append(list, fmt.Sprintf("staging/src/k8s.io/api/core/v%d/types_%d.go", i%3, i))
	}
	files := config.NewFiles(list)
	for i := range jobs {
		if !jobs[i].ShouldRun("master") {
			continue
		}
		if jobs[i].Conditional() {
			if _, ok := files.First(jobs[i].ChangeMatcher); !ok {
				continue
			}
		}
		n++
	}
	return n
}
