package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/prow-ci/prow/config"
)

// mounted lays out a folder as the kubelet mounts a ConfigMap.
func mounted(t *testing.T, dir string, size int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "..2026"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "..2026", "jobs.yaml"), []byte(strings.Repeat("#", size)), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"..data": "..2026", "jobs.yaml": "..data/jobs.yaml"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSizeOfConfigMaps(t *testing.T) {
	t.Parallel()
	one, several := t.TempDir(), t.TempDir()
	mounted(t, one, 7)
	mounted(t, filepath.Join(several, "a"), 11)
	mounted(t, filepath.Join(several, "b"), 0)
	for path, want := range map[string]string{
		one: one + " 7", several: several + "/a 11, " + several + "/b 0", filepath.Join(one, "gone"): "",
	} {
		r := prometheus.NewRegistry()
		r.MustRegister(config.SizeOf(path))
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range families {
			for _, m := range f.GetMetric() {
				got = append(got, fmt.Sprint(m.GetLabel()[0].GetValue(), " ", m.GetGauge().GetValue()))
			}
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("of %s: %s; want %s", path, text, want)
		}
	}
}
