package config_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prow-ci/prow/config"
)

// open opens a configuration and returns what Watch yields.
func open(t testing.TB, p config.Paths, check func(*config.Config) error) (*config.Live, func() *config.Config) {
	t.Helper()
	return openIn(t.Context(), t, p, check)
}

func openIn(ctx context.Context, t testing.TB, p config.Paths, check func(*config.Config) error) (*config.Live, func() *config.Config) {
	t.Helper()
	l, err := config.Open(ctx, p, slog.New(slog.DiscardHandler), check)
	if err != nil {
		t.Fatal(err)
	}
	next, stop := iter.Pull(l.Watch(ctx))
	t.Cleanup(stop)
	return l, func() *config.Config {
		c, _ := next()
		return c
	}
}

// stale waits until l is, or is not.
func stale(t *testing.T, l *config.Live, want bool) *config.Stale {
	t.Helper()
	for (l.Stale() != nil) != want {
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
		time.Sleep(time.Millisecond)
	}
	return l.Stale()
}

// metric returns the value of one metric of l.
func metric(t *testing.T, l *config.Live, name string) float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(l.Metrics()...)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			id := f.GetName()
			for _, l := range m.Label {
				id += fmt.Sprintf("{%s=%q}", l.GetName(), l.GetValue())
			}
			if id == name {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

const oneJob = "periodics: [{name: NAME, interval: 1h, " + pod + "}]"

func job(name string) string { return strings.Replace(oneJob, "NAME", name, 1) }

// A good change is taken; a bad one leaves the last good configuration in use.
func TestLive(t *testing.T) {
	t.Parallel()
	dir := write(t, "-- config.yaml --\nlog_level: info\n-- jobs/sub/a.yaml --\n"+job("a"))
	l, next := open(t, paths(dir), nil)
	if c := next(); c != l.Current() || c.Periodic("a") == nil {
		t.Fatal("the first is not the current one")
	}
	put(t, dir, "-- jobs/sub/a.yaml --\n"+job("b"))
	if c := next(); c.Periodic("b") == nil || c.Periodic("a") != nil {
		t.Fatalf("periodics %+v", c.Periodics)
	}
	put(t, dir, "-- jobs/sub/deeper/new.yaml --\n"+job("c"))
	for c := next(); c.Periodic("c") == nil; c = next() {
	}

	put(t, dir, "-- jobs/sub/a.yaml --\nperiodics: [{name: a b}]\n")
	s := stale(t, l, true)
	if s.Since.IsZero() || !strings.Contains(s.Problems.Error(), "a b") || s.Problems[0].Line != 1 {
		t.Errorf("stale since %v: %v", s.Since, s.Problems)
	}
	if l.Current().Periodic("b") == nil {
		t.Error("the last good configuration is gone")
	}
	if got := metric(t, l, "prow_config_stale") + metric(t, l, `prow_config_loads_total{result="bad"}`); got != 2 {
		t.Errorf("the metrics of a bad change add up to %v", got)
	}
	put(t, dir, "-- jobs/sub/a.yaml --\n"+job("d"))
	if c := next(); c.Periodic("d") == nil || c.Periodic("c") == nil {
		t.Errorf("periodics %+v", c.Periodics)
	}
	stale(t, l, false)
	if got := metric(t, l, "prow_config_stale"); got != 0 {
		t.Errorf("stale is %v after a good change", got)
	}
	if err := os.RemoveAll(filepath.Join(dir, "jobs", "sub", "deeper")); err != nil {
		t.Fatal(err)
	}
	for c := next(); c.Periodic("c") != nil; c = next() {
	}
}

// The way Kubernetes changes a mounted ConfigMap: ..data is swapped.
func TestLiveConfigMap(t *testing.T) {
	t.Parallel()
	dir := write(t, "-- m/..1/config.yaml --\nlog_level: info\n-- m/..2/config.yaml --\nlog_level: debug\n")
	m := filepath.Join(dir, "m")
	for _, err := range []error{os.Symlink("..1", filepath.Join(m, "..data")), os.Symlink("..data/config.yaml", filepath.Join(m, "config.yaml"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, next := open(t, paths(m), nil)
	next()
	if err := os.Symlink("..2", filepath.Join(m, "..tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(m, "..tmp"), filepath.Join(m, "..data")); err != nil {
		t.Fatal(err)
	}
	if c := next(); c.LogLevel != "debug" {
		t.Errorf("level %q", c.LogLevel)
	}
}

// A check of the caller's own refuses like the load itself.
func TestLiveCheck(t *testing.T) {
	t.Parallel()
	dir := write(t, "-- config.yaml --\nlog_level: info\n")
	check := func(c *config.Config) error {
		if c.LogLevel == "debug" {
			return errors.New("not so loud")
		}
		return nil
	}
	l, next := open(t, paths(dir), check)
	next()
	put(t, dir, "-- config.yaml --\nlog_level: debug\n")
	if s := stale(t, l, true); s.Problems.Error() != "not so loud" || l.Current().LogLevel != "info" {
		t.Errorf("stale: %v, level %s", s.Problems, l.Current().LogLevel)
	}
	// Back to what it was: fresh again, and nothing new to tell.
	put(t, dir, "-- config.yaml --\nlog_level: info\n")
	stale(t, l, false)

	put(t, dir, "-- config.yaml --\nlog_level: debug\n")
	_, err := config.Open(t.Context(), paths(dir), slog.New(slog.DiscardHandler), check)
	if err == nil || err.Error() != "not so loud" {
		t.Errorf("the first load: %v", err)
	}
}

// Watching ends with its context.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	l, _ := open(t, paths(write(t, "-- config.yaml --\n{}\n")), nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range l.Watch(ctx) {
		n++
		cancel()
	}
	if n != 1 {
		t.Errorf("%d configurations", n)
	}
}

// A load again gives what a first load gives, whatever was kept in between.
func TestReloadIsLoad(t *testing.T) {
	t.Parallel()
	dir := write(t, `
-- config.yaml --
presets: [{labels: {p: "1"}, env: [{name: A}]}]
-- jobs/a.yaml --
presubmits: {o/r: [{name: a, labels: {p: "1"}, `+pod+`}]}
-- jobs/b.yaml --
presubmits: {o/r: [{name: b, unknown: 1, `+pod+`}]}
`)
	_, next := open(t, paths(dir), nil)
	next()
	put(t, dir, "-- config.yaml --\npresets: [{labels: {p: \"1\"}, env: [{name: A}, {name: B}]}]\ndecorate_all_jobs: false\n")
	c := next()
	jobs := c.PresubmitsStatic["o/r"]
	if len(jobs) != 2 || len(jobs[0].Spec.Containers[0].Env) != 2 || len(c.Warnings) != 1 || c.Warnings[0].Line != 1 {
		t.Errorf("jobs %+v, warnings %v", jobs, c.Warnings)
	}
}

// A program that empties a file before it fills it does not make everybody use
// the empty one in between; a file that stays empty is believed.
func TestWritingIsNotEmptying(t *testing.T) {
	t.Parallel()
	dir := write(t, "-- config.yaml --\nlog_level: debug\n")
	name := filepath.Join(dir, "config.yaml")
	empty := func() {
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_, next := open(t, paths(dir), nil)
	next()
	empty()
	time.Sleep(200 * time.Millisecond) // the writer takes its time
	put(t, dir, "-- config.yaml --\nlog_level: error\n")
	if c := next(); c.LogLevel != "error" {
		t.Errorf("what came into use says %q, not what was written in the end", c.LogLevel)
	}
	empty()
	if c := next(); c.LogLevel != "info" {
		t.Errorf("after the file was emptied for good: %q", c.LogLevel)
	}
}
