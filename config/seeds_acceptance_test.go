//go:build acceptance

package config_test

import (
	"archive/tar"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
)

// maxSeed bounds a seed: fuzzing changes long ones too seldom where it matters.
const maxSeed = 4 << 10

// corporaSeeds returns about n small YAML files of real installations, of every size.
func corporaSeeds(n int) []string {
	archives, _ := filepath.Glob(filepath.Join(corpora, "*.tar.xz"))
	var all []string
	for _, name := range archives {
		all = append(all, smallFiles(name)...)
	}
	slices.SortFunc(all, func(a, b string) int { return len(a) - len(b) })
	var out []string
	for i := 0; i < len(all); i += max(1, len(all)/n) {
		out = append(out, all[i])
	}
	return out
}

func smallFiles(archive string) []string {
	cmd := exec.Command("xz", "-dc", archive)
	stdout, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return nil
	}
	defer func() { _ = cmd.Wait() }()
	var out []string
	for r := tar.NewReader(stdout); ; {
		h, err := r.Next()
		if err != nil {
			return out
		}
		if ext := path.Ext(h.Name); (ext == ".yaml" || ext == ".yml") && h.Size < maxSeed {
			if text, err := io.ReadAll(r); err == nil {
				out = append(out, string(text))
			}
		}
	}
}
