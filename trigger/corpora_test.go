//go:build acceptance

package trigger_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/trigger"
)

// corpora is the folder of real installations' configuration, beside the clone
// unless PROW_CORPORA names another.
var corpora = func() string {
	if dir := os.Getenv("PROW_CORPORA"); dir != "" {
		return dir
	}
	return "../../shared/corpora"
}()

// Four real installations: the jobs that are made of their configuration are
// those that the original makes.
func TestCorpora(t *testing.T) {
	for _, c := range []struct {
		name  string
		rows  int
		paths config.Paths
	}{
		{"test-infra", 6110, config.Paths{Config: "config/prow/config.yaml", PluginConfig: "config/prow/plugins.yaml", JobConfig: "config/jobs"}},
		{"certmanager", 225, config.Paths{Config: "config/config.yaml", PluginConfig: "config/plugins.yaml", JobConfig: "config/jobs"}},
		{"oss", 337, config.Paths{Config: "prow/oss/config.yaml", PluginConfig: "prow/oss/plugins.yaml", JobConfig: "prow/prowjobs"}},
		{"metal3", 1260, config.Paths{Config: "prow/config/config.yaml", PluginConfig: "prow/config/plugins.yaml", JobConfig: "prow/config/jobs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			run(t, "tar", "-C", dir, "-xJf", filepath.Join(corpora, c.name+".tar.xz"))
			for _, p := range []*string{&c.paths.Config, &c.paths.PluginConfig, &c.paths.JobConfig} {
				*p = filepath.Join(dir, *p)
			}
			cfg, err := config.Load(c.paths)
			if err != nil {
				t.Fatal(err)
			}
			got := rows(cfg)
			want := expected(t, filepath.Join(corpora, c.name+".expected.jsonl.xz"))
			if len(got) != c.rows || len(want) != c.rows {
				t.Fatalf("%d jobs made, %d expected, want %d of each", len(got), len(want), c.rows)
			}
			differ := 0
			for i := range want {
				if d := cmp.Diff(want[i], tree(t, got[i])); d != "" {
					if differ++; differ < 10 {
						t.Errorf("row %d, %s (-expected +made):\n%s", i, got[i].Spec.Job, d)
					}
				}
			}
			t.Logf("%d rows, %d differ", len(want), differ)
		})
	}
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}

// expected reads the ProwJobs of a file of rows.
func expected(t *testing.T, file string) []any {
	var out []any
	s := bufio.NewScanner(bytes.NewReader(run(t, "xz", "-dkc", file)))
	s.Buffer(nil, 8<<20)
	for s.Scan() {
		var row struct{ ProwJob any }
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		// The original's rows were printed after their pods were made, which
		// added two labels of pods.
		labels := row.ProwJob.(map[string]any)["metadata"].(map[string]any)["labels"].(map[string]any)
		delete(labels, prow.LabelID)
		delete(labels, prow.LabelBuildID)
		out = append(out, row.ProwJob)
	}
	return out
}

func tree(t *testing.T, j *prow.Job) any {
	b, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// rows makes a job of everything that is configured, as corpora/README.md says.
func rows(cfg *config.Config) []*prow.Job {
	const id = "11111111-2222-3333-4444-555555555555"
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var out []*prow.Job
	add := func(j *prow.Job) {
		j.Status.BuildID = "1234567890123456789"
		out = append(out, j)
	}
	for _, repo := range sorted(cfg.PresubmitsStatic) {
		for _, p := range cfg.PresubmitsStatic[repo] {
			refs := sample(repo, branch(p.Brancher), 17)
			add(trigger.PresubmitJob(cfg, &p, refs, id, now, trigger.Extra{}))
			refs = sample(repo, branch(p.Brancher), 17, 23)
			add(trigger.BatchJob(cfg, &p, refs, id, now, trigger.Extra{}))
		}
	}
	for _, repo := range sorted(cfg.PostsubmitsStatic) {
		for _, p := range cfg.PostsubmitsStatic[repo] {
			add(trigger.PostsubmitJob(cfg, &p, sample(repo, branch(p.Brancher)), id, now, trigger.Extra{}))
		}
	}
	for _, p := range cfg.Periodics {
		add(trigger.PeriodicJob(cfg, &p, id, now, trigger.Extra{}))
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func branch(b config.Brancher) string {
	switch {
	case b.ShouldRun("master"):
		return "master"
	case b.ShouldRun("main"):
		return "main"
	case len(b.Branches) > 0:
		return strings.TrimSuffix(strings.TrimPrefix(b.Branches[0], "^"), "$")
	}
	return "master"
}

func sample(repo, branch string, pulls ...int) prow.Refs {
	org, name, _ := strings.Cut(repo, "/")
	refs := prow.Refs{Org: org, Repo: name, BaseRef: branch, BaseSHA: strings.Repeat("a", 40)}
	for _, n := range pulls {
		refs.Pulls = append(refs.Pulls, prow.PullRef{
			Number: n, Author: "octocat", SHA: strings.Repeat(fmt.Sprint(n%10), 40),
			Title: fmt.Sprintf("Fix thing %d", n), HeadRef: fmt.Sprintf("topic-%d", n),
		})
	}
	return refs
}
