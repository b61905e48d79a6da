package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prow-ci/prow/compare"
	"github.com/prow-ci/prow/config"
)

// infra is a clone that holds a configuration.
type infra struct {
	t   *testing.T
	dir string
}

func newInfra(t *testing.T, files map[string]string) *infra {
	t.Helper()
	x := &infra{t, t.TempDir()}
	x.git("init", "-q", "-b", "main")
	x.write(files)
	x.commit()
	return x
}

func (x *infra) git(args ...string) {
	x.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", x.dir, "-c", "user.name=Tess", "-c", "user.email=t@x"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		x.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (x *infra) write(files map[string]string) {
	x.t.Helper()
	for name, text := range files {
		name = filepath.Join(x.dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			x.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			x.t.Fatal(err)
		}
	}
}

func (x *infra) commit() {
	x.t.Helper()
	x.git("add", "-A")
	x.git("commit", "-q", "-m", "change")
}

// diff compares, and returns the text and what was said about it.
func diff(t *testing.T, o DiffOptions) (text, said string, err error) {
	t.Helper()
	var notes, b strings.Builder
	o.Err, o.Guess = &notes, true
	d, err := Diff(t.Context(), o)
	if err != nil {
		return "", notes.String(), err
	}
	if err := (compare.Text{}).Write(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String(), notes.String(), nil
}

func job(image string) string {
	return "presubmits:\n  o/r:\n  - {name: a, spec: {containers: [{image: " + image + "}]}}\n"
}

func TestDiffRevisions(t *testing.T) {
	t.Parallel()
	x := newInfra(t, map[string]string{"config/config.yaml": "{}", "config/jobs/o/a.yaml": job("one"), "config/plugins.yaml": "plugins: {o: [lgtm]}"})
	x.write(map[string]string{"config/jobs/o/a.yaml": job("two"), "config/plugins.yaml": "plugins: {o: [lgtm, hold]}"})
	x.commit()
	x.write(map[string]string{"config/jobs/o/a.yaml": job("three")})
	const want = `1 job changed, 1 change of plugins.

Jobs changed
  ~ presubmit o/r a  config/jobs/o/a.yaml:3
      spec.containers[0].image: one → two

Plugins
  plugins.o.plugins[]: + hold
`
	got, said, err := diff(t, DiffOptions{Old: "HEAD~1", New: "HEAD", RepoDir: x.dir})
	if err != nil || got != want {
		t.Errorf("got\n%s%v\nwant\n%s", got, err, want)
	}
	if said != "prow: of HEAD~1 is taken --config-path config/config.yaml --job-config-path config/jobs --plugin-config config/plugins.yaml\n"+
		"prow: of HEAD is taken --config-path config/config.yaml --job-config-path config/jobs --plugin-config config/plugins.yaml\n" {
		t.Errorf("said\n%s", said)
	}
	got, said, err = diff(t, DiffOptions{Old: "main", New: ".", RepoDir: x.dir, Paths: config.Paths{Config: "config/config.yaml", JobConfig: "config/jobs", PluginConfig: "config/plugins.yaml"}})
	if err != nil || !strings.Contains(got, "a  config/jobs/o/a.yaml:3\n      spec.containers[0].image: two → three\n") || said != "" {
		t.Errorf("got\n%s%v, said %q", got, err, said)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "prow-diff-*")); len(left) > 0 {
		for _, dir := range left {
			if _, err := os.Stat(filepath.Join(dir, "config/jobs/o/a.yaml")); err == nil {
				t.Errorf("%s is left behind", dir)
			}
		}
	}
}

func TestDiffFolders(t *testing.T) {
	t.Parallel()
	before := newInfra(t, map[string]string{"config.yaml": "{}", "jobs/a.yaml": job("one")})
	after := newInfra(t, map[string]string{"prow/config.yaml": "{}", "prow/jobs/b.yaml": job("two")})
	got, said, err := diff(t, DiffOptions{Old: before.dir, New: after.dir})
	if err != nil || !strings.Contains(got, "  ~ presubmit o/r a  prow/jobs/b.yaml:3\n      spec.containers[0].image: one → two\n") {
		t.Errorf("got\n%s%v", got, err)
	}
	if !strings.Contains(said, "--config-path config.yaml --job-config-path jobs\n") || !strings.Contains(said, "--config-path prow/config.yaml --job-config-path prow/jobs\n") {
		t.Errorf("said\n%s", said)
	}
}

// Errors say on which side, and where in it.
func TestDiffRefused(t *testing.T) {
	t.Parallel()
	x := newInfra(t, map[string]string{"config.yaml": "{}", "jobs/a.yaml": job("one")})
	x.write(map[string]string{"jobs/a.yaml": "presubmits: {o/r: [{name: a}]}"})
	x.commit()
	outside := t.TempDir()
	for _, c := range []struct {
		o    DiffOptions
		want string
	}{
		{DiffOptions{Old: "HEAD~1", New: "HEAD", RepoDir: x.dir}, "configuration of HEAD:\nHEAD:jobs/a.yaml:1:20: job a: "},
		{DiffOptions{Old: x.dir, New: x.dir}, "configuration of " + x.dir + ":\n" + x.dir + "/jobs/a.yaml:1:20: job a: "},
		{DiffOptions{Old: "HEAD~1", New: "nothing", RepoDir: x.dir}, `"nothing" is neither a folder nor a revision of ` + x.dir},
		{DiffOptions{Old: "HEAD~1", New: "--all", RepoDir: x.dir}, `"--all" is neither a folder nor a revision of ` + x.dir},
		{DiffOptions{Old: outside, New: outside}, "no configuration was found in " + outside + "; name its files with --config-path"},
		{DiffOptions{Old: "HEAD", New: "HEAD", RepoDir: outside}, outside + " is not in a clone: "},
		{DiffOptions{Old: "HEAD~1", New: "HEAD~1", RepoDir: x.dir, Paths: config.Paths{Config: "../x.yaml"}}, `path "../x.yaml": want one below OLD and NEW`},
		{DiffOptions{Old: "HEAD~1", New: "HEAD~1", RepoDir: x.dir, Paths: config.Paths{Config: "/etc/passwd"}}, `path "/etc/passwd": want one below OLD and NEW`},
		{DiffOptions{Old: "HEAD~1", New: "HEAD~1", RepoDir: x.dir, Paths: config.Paths{Config: "absent.yaml"}}, "configuration of HEAD~1:\nHEAD~1:absent.yaml: cannot be read: no such file or directory"},
	} {
		if _, _, err := diff(t, c.o); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s %s: error %v, want %s", c.o.Old, c.o.New, err, c.want)
		}
	}
	_, _, err := diff(t, DiffOptions{Old: "HEAD", New: "other", RepoDir: x.dir})
	if err == nil || !strings.Contains(err.Error(), "configuration of HEAD:") || !strings.Contains(err.Error(), `"other" is neither`) {
		t.Errorf("what is wrong on both sides is not told: %v", err)
	}
}

// A revision may come from anybody: its links lead nowhere but into itself.
func TestDiffLinks(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(secret, []byte("log_level: hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x := newInfra(t, map[string]string{"config.yaml": "{}", "shared/a.yaml": job("one"), "jobs/x.yaml": "{}"})
	for link, target := range map[string]string{"jobs/a.yaml": "../shared/a.yaml", "jobs/s.yaml": secret, "jobs/loop.yaml": "loop.yaml", "jobs/up.yaml": "../../../../etc/passwd"} {
		if err := os.Symlink(target, filepath.Join(x.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	x.commit()
	got, _, err := diff(t, DiffOptions{Old: "HEAD~1", New: "HEAD", RepoDir: x.dir, Paths: config.Paths{Config: "config.yaml", JobConfig: "jobs"}})
	if want := "1 job added.\n\nJobs added\n  + presubmit o/r a  jobs/a.yaml:3\n"; err != nil || got != want {
		t.Errorf("got\n%s%v\nwant\n%s", got, err, want)
	}
}
