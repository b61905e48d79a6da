//go:build acceptance

package mkpj_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/mkpj"
)

// corpora is the folder of real installations' configuration, beside the clone
// unless PROW_CORPORA names another.
var corpora = func() string {
	if dir := os.Getenv("PROW_CORPORA"); dir != "" {
		return dir
	}
	return "../../shared/corpora"
}()

// Four real installations: the ProwJob and the pod of everything they have
// configured are, to the last character, those that the original makes.
func TestCorpora(t *testing.T) {
	for _, c := range []struct {
		name  string
		rows  int
		paths config.Paths
	}{
		{"test-infra", 6110, config.Paths{Config: "config/prow/config.yaml", JobConfig: "config/jobs"}},
		{"certmanager", 225, config.Paths{Config: "config/config.yaml", JobConfig: "config/jobs"}},
		{"oss", 337, config.Paths{Config: "prow/oss/config.yaml", JobConfig: "prow/prowjobs"}},
		{"metal3", 1260, config.Paths{Config: "prow/config/config.yaml", JobConfig: "prow/config/jobs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			run(t, "tar", "-C", dir, "-xJf", filepath.Join(corpora, c.name+".tar.xz"))
			c.paths.Config, c.paths.JobConfig = filepath.Join(dir, c.paths.Config), filepath.Join(dir, c.paths.JobConfig)
			cfg, err := config.Load(c.paths)
			if err != nil {
				t.Fatal(err)
			}
			want := bufio.NewScanner(bytes.NewReader(run(t, "xz", "-dkc", filepath.Join(corpora, c.name+".expected.jsonl.xz"))))
			want.Buffer(nil, 8<<20)
			made, differ := 0, 0
			for row := range mkpj.Rows(cfg, mkpj.Static(cfg), mkpj.SampleRefs, mkpj.Sample, true) {
				made++
				if !want.Scan() {
					t.Fatalf("row %d, %s %s, is not expected", made, row.Repo, row.Job)
				}
				if row.Pod != nil && made%40 == 0 {
					again(t, row)
				}
				got, err := json.Marshal(row)
				if err != nil {
					t.Fatal(err)
				}
				if d := diff(t, want.Bytes(), got); d != "" {
					if differ++; differ < 10 {
						t.Errorf("row %d, %s %s %s (-expected +made):\n%s", made, row.Type, row.Repo, row.Job, d)
					}
				}
			}
			if want.Scan() {
				t.Errorf("further rows are expected, from %.200s", want.Text())
			}
			if made != c.rows || differ > 0 {
				t.Errorf("%d of %d rows made, %d differ", made, c.rows, differ)
			}
		})
	}
}

// again makes the pod of a row from what mkpj prints of its job.
func again(t *testing.T, row mkpj.Row) {
	t.Helper()
	var text bytes.Buffer
	if err := mkpj.WriteObject(&text, "yaml", false, row.ProwJob); err != nil {
		t.Fatal(err)
	}
	j, odd, err := mkpj.ReadJob(row.Job, text.Bytes())
	if err != nil || len(odd) > 0 {
		t.Fatal(err, odd)
	}
	pod, err := mkpj.Pod(j, mkpj.PodOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.TypeMeta = row.Pod.TypeMeta
	pod.Labels[prow.LabelCreatedByProw] = "true"
	if d := cmp.Diff(row.Pod, pod); d != "" {
		t.Errorf("%s: the pod of what was printed differs:\n%s", row.Job, d)
	}
}

// diff compares two JSON values, whatever the order of their keys.
func diff(t *testing.T, want, got []byte) string {
	t.Helper()
	if bytes.Equal(want, got) {
		return ""
	}
	var w, g any
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(sorted(t, w), sorted(t, g)) {
		return ""
	}
	return cmp.Diff(w, g)
}

// sorted writes v with the keys of its objects in order.
func sorted(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}
