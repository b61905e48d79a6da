//go:build bench

package config_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prow-ci/prow/config"
	"sigs.k8s.io/yaml"
)

// rounds is how often each thing is measured; the least disturbed one counts.
const rounds = 7

// TestBench measures what docs/benchmarks.md shows of configuration, and prints its
// rows. It fails only if something does not work, never because it is slow.
func TestBench(t *testing.T) {
	p := testInfra(t)
	texts := allFiles(t, filepath.Join(filepath.Dir(p.JobConfig), ".."))
	yard, load, check := time.Hour, time.Hour, time.Hour
	for range rounds { // by turns, so that what disturbs one disturbs the others
		yard = min(yard, took(func() { oneCore(func() { yardstick(t, texts) }) }))
		load = min(load, took(func() { loadAll(t, p) }))
		check = min(check, took(func() { checkconfig(t, p) }))
	}
	heap, open := heapOf(t, p)
	reload := reloading(t, p)
	choose := choosing(t, open.Current())
	ratio := func(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(yard)) }
	ms := func(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }
	var b strings.Builder
	fmt.Fprintf(&b, "| what | measured | aim | against the yardstick |\n|---|---|---|---|\n")
	for _, r := range [][4]string{
		{"cold load of all of it, validated and ready", ms(load), "1.0", ratio(load)},
		{"`prow checkconfig`, the whole process", ms(check), "1.3", ratio(check)},
		{"reload after a change of one job file, from the change to its use", ms(reload), "0.05, under 50 ms", ratio(reload)},
		{"memory that stays after the load", fmt.Sprintf("%.1f MB", float64(heap)/1e6), "under 60 MB", ""},
		{"the jobs of a pull request of kubernetes/kubernetes with 300 files", choose.Round(10 * time.Microsecond).String(), "under 1 ms", ""},
	} {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r[0], r[1], r[2], r[3])
	}
	fmt.Fprintf(&b, "\nThe yardstick: the same %d files decoded by sigs.k8s.io/yaml into the structs of jobs, on one core, %s. Of %d rounds the fastest counts; %d cores.\n",
		len(texts), ms(yard), rounds, runtime.GOMAXPROCS(0))
	fmt.Print(b.String())
	if out := os.Getenv("BENCH_OUT"); out != "" {
		if err := os.WriteFile(out, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// took measures do, with nothing of what was before left to clean up.
func took(do func()) time.Duration {
	runtime.GC()
	start := time.Now()
	do()
	return time.Since(start)
}

func oneCore(do func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	do()
}

func allFiles(t *testing.T, root string) [][]byte {
	t.Helper()
	var texts [][]byte
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(name)
		texts = append(texts, text)
		return err
	})
	if err != nil || len(texts) == 0 {
		t.Fatalf("%d files: %v", len(texts), err)
	}
	return texts
}

func yardstick(t *testing.T, texts [][]byte) {
	for _, text := range texts {
		if err := yaml.Unmarshal(text, new(config.JobConfig)); err != nil {
			t.Fatal(err)
		}
	}
}

func loadAll(t *testing.T, p config.Paths) {
	if _, err := config.Load(p); err != nil {
		t.Fatal(err)
	}
}

// checkconfig runs the binary that `make build` made.
func checkconfig(t *testing.T, p config.Paths) {
	out, err := exec.Command("../bin/prow", "checkconfig", "--config-path", p.Config, "--plugin-config", p.PluginConfig, "--job-config-path", p.JobConfig).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
}

// heapOf returns what stays in memory while the configuration is in use, with all
// that reloading keeps.
func heapOf(t *testing.T, p config.Paths) (uint64, *config.Live) {
	before := live()
	l, err := config.Open(t.Context(), p, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return live() - before, l
}

func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// reloading measures from the change of a file to the configuration that has it; 10 ms
// of it are waited for the writing to end.
func reloading(t *testing.T, p config.Paths) time.Duration {
	name := filepath.Join(p.JobConfig, "kubernetes/sig-testing/verify.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, next := openIn(ctx, t, p, nil)
	next()
	best := time.Hour
	for n := range 3 * rounds {
		best = min(best, took(func() {
			if err := os.WriteFile(name, fmt.Appendf(nil, "%s# %d\n", text, n), 0o666); err != nil {
				t.Fatal(err)
			}
			next()
		}))
	}
	return best
}

func choosing(t *testing.T, c *config.Config) time.Duration {
	best := time.Hour
	for range 20 * rounds {
		best = min(best, took(func() { choose(c) }))
	}
	return best
}
