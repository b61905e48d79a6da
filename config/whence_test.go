package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/prow-ci/prow/config"
)

// What is wrong with a value is said where it is written, be it in a shard.
func TestProblemsOfShards(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config.yaml":         "tide:\n  queries:\n  - orgs: [a]\n  - orgs: [a/b]\n",
		"s/1_prowconfig.yaml": "tide:\n  queries:\n  - orgs: [c]\n    labels: [x, x]\n",
		"s/2_prowconfig.yaml": "tide:\n  queries:\n  - orgs: [d]\n  - orgs: [e]\n    repos: [f]\n  merge_method:\n    g: squosh\n",
		"s/3_prowconfig.yaml": "branch-protection:\n  orgs:\n    h:\n      include: ['(']\n",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := config.Load(config.Paths{Config: filepath.Join(dir, "config.yaml"), Supplemental: []string{filepath.Join(dir, "s")}})
	var found config.Problems
	if !errors.As(err, &found) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range found {
		name, err := filepath.Rel(dir, p.File)
		if err != nil {
			t.Fatal(err)
		}
		p.File = name
		got = append(got, p.Position.String()+" "+p.Path)
	}
	want := []string{
		"config.yaml:4:12 tide.queries[1].orgs[0]",
		"s/1_prowconfig.yaml:4:17 tide.queries[0].labels[1]",
		"s/2_prowconfig.yaml:5:13 tide.queries[1].repos[0]",
		"s/2_prowconfig.yaml:7:8 tide.merge_method.g",
		"s/3_prowconfig.yaml:4:17 branch-protection.orgs.h.include[0]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
