//go:build acceptance

package compare_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prow-ci/prow/compare"
	"github.com/prow-ci/prow/config"
)

// corpora is the folder of real installations' configuration, beside the clone
// unless PROW_CORPORA names another.
var corpora = func() string {
	if dir := os.Getenv("PROW_CORPORA"); dir != "" {
		return dir
	}
	return "../../shared/corpora"
}()

// corpus is one installation.
type corpus struct{ name, config, plugins, jobs string }

var installations = []corpus{
	{"test-infra", "config/prow/config.yaml", "config/prow/plugins.yaml", "config/jobs"},
	{"certmanager", "config/config.yaml", "config/plugins.yaml", "config/jobs"},
	{"oss", "prow/oss/config.yaml", "prow/oss/plugins.yaml", "prow/prowjobs"},
	{"metal3", "prow/config/config.yaml", "prow/config/plugins.yaml", "prow/config/jobs"},
}

func (c *corpus) unpack(t testing.TB) string {
	dir := t.TempDir()
	out, err := exec.Command("tar", "-C", dir, "-xJf", filepath.Join(corpora, c.name+".tar.xz")).CombinedOutput()
	if err != nil {
		t.Fatalf("unpack %s: %v\n%s", c.name, err, out)
	}
	return dir
}

func (c *corpus) load(t testing.TB, dir string) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Paths{Config: filepath.Join(dir, c.config), PluginConfig: filepath.Join(dir, c.plugins), JobConfig: filepath.Join(dir, c.jobs)})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A real installation does not differ from itself, wherever it lies.
func TestCorporaAgainstThemselves(t *testing.T) {
	for _, c := range installations {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := compare.Configs(c.load(t, c.unpack(t)), c.load(t, c.unpack(t)))
			if !d.Empty() {
				t.Errorf("it differs from itself: %s", written(t, compare.Text{}, d))
			}
		})
	}
}

// One changed line of a preset is found at each job that has the preset, and
// nowhere else.
func TestCorporaPreset(t *testing.T) {
	t.Parallel()
	c := installations[0]
	dir := c.unpack(t)
	before := c.load(t, dir)
	name := filepath.Join(dir, c.config)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const line = "- name: E2E_GOOGLE_APPLICATION_CREDENTIALS\n    value: "
	if n := bytes.Count(text, []byte(line)); n != 1 {
		t.Fatalf("the line to change is there %d times", n)
	}
	write(t, name, strings.Replace(string(text), line+"/etc/service-account/service-account.json", line+"/etc/other.json", 1))
	d := compare.Configs(before, c.load(t, dir))
	want := 0
	for _, jobs := range before.PresubmitsStatic {
		for _, j := range jobs {
			want += has(&j.JobBase)
		}
	}
	for _, jobs := range before.PostsubmitsStatic {
		for _, j := range jobs {
			want += has(&j.JobBase)
		}
	}
	for _, j := range before.Periodics {
		want += has(&j.JobBase)
	}
	if len(d.Changed) != want || want < 1000 || len(d.Added)+len(d.Removed)+len(d.Plugins) > 0 {
		t.Errorf("%s; want %d jobs changed and nothing else of jobs", d.Summary(), want)
	}
	for _, j := range d.Changed {
		for _, x := range j.Changes {
			if !strings.HasSuffix(x.Path, "].env[E2E_GOOGLE_APPLICATION_CREDENTIALS].value") || x.New != `"/etc/other.json"` {
				t.Fatalf("%s: %+v", j.Name, x)
			}
		}
	}
	if len(d.Config) != 1 || d.Config[0].Path != "presets[preset-service-account=true].env[E2E_GOOGLE_APPLICATION_CREDENTIALS].value" {
		t.Errorf("configuration: %+v", d.Config)
	}
	if n := len(d.Groups()); n > 5 {
		t.Errorf("%d groups; the paths differ by the container's name only", n)
	}
	var b bytes.Buffer
	if err := compare.Markdown(&b, d); err != nil || b.Len() > 10_000 {
		t.Errorf("%d bytes of Markdown, %v", b.Len(), err)
	}
}

func has(j *config.JobBase) int {
	if j.Labels["preset-service-account"] == "true" && j.Spec != nil {
		return 1
	}
	return 0
}

// Every installation, with each of some changes made to the loaded configuration:
// exactly what was changed is found.
func TestCorporaMutated(t *testing.T) {
	for _, c := range installations {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := c.unpack(t)
			before := c.load(t, dir)
			for what, m := range map[string]struct {
				change func(cfg *config.Config)
				want   string
			}{
				"a job gone": {func(cfg *config.Config) {
					repo := first(cfg)
					cfg.PresubmitsStatic[repo] = cfg.PresubmitsStatic[repo][1:]
				}, "1 job removed"},
				"a job more": {func(cfg *config.Config) {
					repo := first(cfg)
					j := cfg.PresubmitsStatic[repo][0]
					j.Name = "another"
					cfg.PresubmitsStatic[repo] = append(slices.Clone(cfg.PresubmitsStatic[repo]), j)
				}, "1 job added"},
				"another order": {func(cfg *config.Config) { slices.Reverse(cfg.Periodics) }, "No difference"},
				"a field": {func(cfg *config.Config) {
					cfg.Periodics[len(cfg.Periodics)/2].Cluster = "elsewhere"
				}, "1 job changed"},
				"a section": {func(cfg *config.Config) { cfg.Tide.SquashLabel += "x" }, "1 change of configuration"},
				"a plugin": {func(cfg *config.Config) {
					cfg.Plugins.Plugins["new/repo"] = config.OrgPlugins{Plugins: []string{"lgtm"}}
				}, "1 change of plugins"},
			} {
				after := c.load(t, dir)
				m.change(after)
				if got := compare.Configs(before, after).Summary(); got != m.want {
					t.Errorf("%s: %s, want %s", what, got, m.want)
				}
			}
		})
	}
}

// first returns a repository that has presubmits.
func first(cfg *config.Config) string {
	best := ""
	for repo, jobs := range cfg.PresubmitsStatic {
		if len(jobs) > 0 && (best == "" || repo < best) && unique(jobs) {
			best = repo
		}
	}
	return best
}

// unique reports whether the first job is the only one of its name.
func unique(jobs []config.Presubmit) bool {
	n := 0
	for _, j := range jobs {
		if j.Name == jobs[0].Name {
			n++
		}
	}
	return n == 1
}

// Where every job changed, every job is found, and all of them in one group.
func TestCorporaAllChanged(t *testing.T) {
	t.Parallel()
	before, after, jobs := everyJobChanged(t)
	d := compare.Configs(before, after)
	groups := d.Groups()
	if len(d.Changed) != jobs || len(groups) != 1 || len(groups[0].Jobs) != jobs || len(groups[0].Changes) != 1 {
		t.Errorf("%s in %d groups, want %d jobs in one", d.Summary(), len(groups), jobs)
	}
	if b, err := json.Marshal(d); err != nil || len(b) == 0 {
		t.Error(err)
	}
}

// BenchmarkConfigs compares two configurations of kubernetes/test-infra's size that
// differ in every job.
func BenchmarkConfigs(b *testing.B) {
	before, after, _ := everyJobChanged(b)
	for b.Loop() {
		if compare.Configs(before, after).Empty() {
			b.Fatal("no difference")
		}
	}
}

// everyJobChanged loads the largest installation twice, and changes every job of
// one.
func everyJobChanged(t testing.TB) (before, after *config.Config, jobs int) {
	t.Helper()
	c := installations[0]
	dir := c.unpack(t)
	before, after = c.load(t, dir), c.load(t, dir)
	change := func(j *config.JobBase) {
		j.Annotations = maps.Clone(j.Annotations)
		if j.Annotations == nil {
			j.Annotations = map[string]string{}
		}
		j.Annotations["changed"] = "yes"
		jobs++
	}
	for _, list := range after.PresubmitsStatic {
		for i := range list {
			change(&list[i].JobBase)
		}
	}
	for _, list := range after.PostsubmitsStatic {
		for i := range list {
			change(&list[i].JobBase)
		}
	}
	for i := range after.Periodics {
		change(&after.Periodics[i].JobBase)
	}
	return before, after, jobs
}
