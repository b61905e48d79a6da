package config

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
)

// Size is a prometheus.Collector of how many bytes the ConfigMaps with jobs hold that
// are mounted at or below a folder: a ConfigMap may not grow past 1 MiB.
type Size struct {
	path string
	desc *prometheus.Desc
}

// SizeOf measures what is mounted at path whenever it is asked.
func SizeOf(path string) *Size {
	return &Size{path, prometheus.NewDesc("job_configmap_size", "Bytes of the files of jobs in a mounted ConfigMap.", []string{"name"}, nil)}
}

// Describe tells Prometheus of the metric.
func (s *Size) Describe(to chan<- *prometheus.Desc) { to <- s.desc }

// Collect measures each mount. What cannot be read is left out.
func (s *Size) Collect(to chan<- prometheus.Metric) {
	for _, mount := range s.mounts() {
		to <- prometheus.MustNewConstMetric(s.desc, prometheus.GaugeValue, bytesBelow(mount), mount)
	}
}

// mounts are the folder itself where the kubelet keeps it, else the folders in it.
func (s *Size) mounts() []string {
	if _, err := os.Lstat(filepath.Join(s.path, "..data")); err == nil {
		return []string{s.path}
	}
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, filepath.Join(s.path, e.Name()))
		}
	}
	return out
}

// bytesBelow counts files once: the links that the kubelet puts beside them are not
// followed.
func bytesBelow(dir string) float64 {
	var n int64
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // it may be replaced just now
		}
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return float64(n)
}
