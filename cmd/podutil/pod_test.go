package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podutil"
)

// In a process that a test started, this is podutil itself.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_AS_PODUTIL") != "" {
		os.Exit(run(os.Args))
	}
	os.Exit(m.Run())
}

// pod is a folder that stands for a pod's volumes, and its containers' processes.
type pod struct {
	t       *testing.T
	dir     string
	spec    prow.JobSpec
	config  *prow.GCSConfiguration
	entries []prow.WrapperOptions
}

func newPod(t *testing.T) *pod {
	t.Helper()
	dir := t.TempDir()
	p := &pod{t: t, dir: dir}
	for _, d := range []string{"logs", "tools", "bucket", "secrets"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.config = &prow.GCSConfiguration{Bucket: p.path("bucket"), PathStrategy: "explicit"}
	p.spec = prow.JobSpec{
		Type: prow.Presubmit, Job: "unit", BuildID: "9", ProwJobID: "1b2c",
		Refs: &prow.Refs{Org: "o", Repo: "r", BaseRef: "main", BaseSHA: "b0", Pulls: []prow.PullRef{{Number: 5, Author: "a", SHA: "h1"}}},
	}
	p.entries = []prow.WrapperOptions{{
		ContainerName: "test", ProcessLog: p.path("logs/process-log.txt"), MarkerFile: p.path("logs/marker-file.txt"), MetadataFile: p.path("logs/artifacts/metadata.json"),
	}}
	return p
}

func (p *pod) path(name string) string { return filepath.Join(p.dir, name) }

func (p *pod) write(name, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(p.path(name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pod) read(name string) string {
	p.t.Helper()
	b, err := os.ReadFile(p.path(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// kept reads a file of the run in the bucket.
func (p *pod) kept(name string) string {
	p.t.Helper()
	return p.read("bucket/pr-logs/pull/o_r/5/unit/9/" + name)
}

func (p *pod) lacks(name string) {
	p.t.Helper()
	if _, err := os.Lstat(p.path("bucket/pr-logs/pull/o_r/5/unit/9/" + name)); !errors.Is(err, os.ErrNotExist) {
		p.t.Errorf("%s was uploaded", name)
	}
}

func (p *pod) finished() podutil.Finished {
	p.t.Helper()
	var f podutil.Finished
	if err := json.Unmarshal([]byte(p.kept("finished.json")), &f); err != nil {
		p.t.Fatal(err)
	}
	return f
}

func (p *pod) finishes(passed bool, result string) {
	p.t.Helper()
	if f := p.finished(); f.Passed != passed || f.Result != result || f.Revision != "h1" || f.Timestamp == 0 {
		p.t.Errorf("finished.json = %+v, want passed %v, %s", f, passed, result)
	}
}

// container is a process of a utility.
type container struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bytes.Buffer
	err said
}

// said is a file with what a process says, which may be read meanwhile.
type said string

func (s said) String() string {
	b, err := os.ReadFile(string(s))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// start starts a utility with options in its variable, as a pod does.
func (p *pod) start(binary, name, env string, options any, args ...string) *container {
	p.t.Helper()
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			p.t.Fatal(err)
		}
	}
	stderr, err := os.CreateTemp(p.t.TempDir(), "stderr-")
	if err != nil {
		p.t.Fatal(err)
	}
	defer stderr.Close()
	c := &container{p.t, exec.Command(binary, args...), &bytes.Buffer{}, said(stderr.Name())}
	c.cmd.Args[0] = "/" + name
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.Dir = c.out, stderr, p.dir
	c.cmd.WaitDelay = 5 * time.Second // what a test left running holds our output
	c.cmd.Env = append(os.Environ(), "TEST_AS_PODUTIL=1", "GIT_CONFIG_NOSYSTEM=1", "TMPDIR="+p.t.TempDir())
	for key, v := range map[string]any{env: options, "JOB_SPEC": p.spec} {
		if v == nil || key == "" {
			continue
		}
		b, err := json.Marshal(v)
		if err != nil {
			p.t.Fatal(err)
		}
		c.cmd.Env = append(c.cmd.Env, key+"="+string(b))
	}
	if err := c.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	return c
}

// ends waits for the end and compares the code.
func (c *container) ends(code int) {
	c.t.Helper()
	err := c.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		c.t.Fatal(err)
	}
	if got := c.cmd.ProcessState.ExitCode(); got != code {
		c.t.Errorf("%s exited with %d, want %d\n%.2000s\n%.2000s", c.cmd.Args[0], got, code, c.out, c.err)
	}
}

func (c *container) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

func (p *pod) entrypoint(o prow.EntrypointOptions, command ...string) *container {
	p.t.Helper()
	if o.MarkerFile == "" {
		o.WrapperOptions = p.entries[0]
	}
	o.Args, o.ArtifactDir = command, p.path("logs/artifacts")
	return p.start("", "entrypoint", prow.EntrypointOptionsEnv, o)
}

func (p *pod) sidecar(change ...func(*prow.SidecarOptions)) *container {
	p.t.Helper()
	o := prow.SidecarOptions{
		GCSOptions:       &prow.GCSOptions{Items: []string{p.path("logs/artifacts")}, GCSConfiguration: p.config},
		Entries:          p.entries,
		CensoringOptions: &prow.SidecarCensoringOptions{SecretDirectories: []string{p.path("secrets")}},
	}
	for _, f := range change {
		f(&o)
	}
	c := p.start("", "sidecar", prow.SidecarOptionsEnv, o)
	await(p.t, "sidecar waits", func() bool { return strings.Contains(c.err.String(), `"component":"sidecar"`) })
	return c
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

func there(name string) func() bool {
	return func() bool { _, err := os.Stat(name); return err == nil }
}

func TestEntrypoint(t *testing.T) {
	t.Parallel()
	second := prow.EntrypointOptions{Timeout: time.Second, GracePeriod: time.Second}
	propagate, zero := second, prow.EntrypointOptions{AlwaysZero: true}
	propagate.PropagateErrorCode = true
	for name, c := range map[string]struct {
		o       prow.EntrypointOptions
		command string
		code    int
		marker  string
		log     string
	}{
		"passes":                      {command: "echo out; echo err >&2", code: 0, marker: "0", log: "out\nerr\n"},
		"fails":                       {command: "echo no; exit 3", code: 3, marker: "3", log: "no\n"},
		"always zero":                 {o: zero, command: "exit 3", code: 0, marker: "3"},
		"ended by a signal":           {command: "kill -9 $$", code: 255, marker: "-1"},
		"times out and listens":       {o: second, command: "trap 'echo bye; exit 4' INT; echo up; while :; do sleep 0.01; done", code: 127, marker: "127", log: "bye"},
		"times out and does not":      {o: second, command: "trap '' INT; while :; do sleep 0.01; done", code: 127, marker: "127", log: "did not exit before 1s grace period"},
		"times out, its code is told": {o: propagate, command: "trap 'exit 4' INT; while :; do sleep 0.01; done", code: 4, marker: "4", log: "did not finish before 1s timeout"},
		"leaves something running":    {command: "sleep 1000 & echo done", code: 0, marker: "0", log: "done\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			e := p.entrypoint(c.o, "sh", "-c", c.command)
			e.ends(c.code)
			if got := p.read("logs/marker-file.txt"); got != c.marker {
				t.Errorf("the marker holds %q, want %q", got, c.marker)
			}
			log := p.read("logs/process-log.txt")
			if !strings.Contains(log, c.log) {
				t.Errorf("the log is %q, want %q in it", log, c.log)
			}
			if e.out.String() != log {
				t.Errorf("printed %q, logged %q", e.out, log)
			}
			if i, err := os.Stat(p.path("logs/marker-file.txt")); err != nil || i.Mode().Perm() != 0o777 {
				t.Errorf("marker: %v, %v", i.Mode(), err)
			}
		})
	}
}

func TestEntrypointOfACommandThatIsNotThere(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.entrypoint(prow.EntrypointOptions{}, "no-such-command").ends(127)
	p.sidecar().ends(0)
	p.finishes(false, "FAILURE")
	if log := p.kept("build-log.txt"); !strings.Contains(log, "no-such-command") {
		t.Errorf("build-log.txt = %q", log)
	}
	if why, _ := p.finished().Metadata["why"].(string); !strings.Contains(why, "Could not start the process") {
		t.Errorf("why = %q", why)
	}
}

func TestEntrypointIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, command string
		signal        syscall.Signal
		propagate     bool
		code          int
		log           string
	}{
		{"it hears the interrupt", "trap 'echo got INT; exit 7' INT", syscall.SIGINT, false, 130, "got INT"},
		{"it hears what we hear", "trap '' INT; trap 'echo got TERM; exit 7' TERM", syscall.SIGTERM, false, 130, "got TERM"},
		{"its own code", "trap 'exit 7' INT", syscall.SIGTERM, true, 7, "received interrupt"},
		{"it hears nothing", "trap '' INT TERM", syscall.SIGTERM, false, 130, "did not exit before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			o := prow.EntrypointOptions{GracePeriod: 2 * time.Second, PropagateErrorCode: c.propagate}
			e := p.entrypoint(o, "sh", "-c", c.command+"; touch "+p.path("up")+"; while :; do sleep 0.01; done")
			await(t, "the test is up", there(p.path("up")))
			e.signal(c.signal)
			e.ends(c.code)
			if log := p.read("logs/process-log.txt"); !strings.Contains(log, c.log) {
				t.Errorf("the log is %q, want %q in it", log, c.log)
			}
		})
	}
}

func TestNobodyReadsTheOutput(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	o := prow.EntrypointOptions{WrapperOptions: p.entries[0]}
	o.Args = []string{"sh", "-c", "echo one; echo two"}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "entrypoint")
	cmd.Stdout, cmd.Stderr, cmd.Env = w, w, append(os.Environ(), "TEST_AS_PODUTIL=1", "ENTRYPOINT_OPTIONS="+string(b))
	err = cmd.Run()
	_ = w.Close()
	if log := p.read("logs/process-log.txt"); err != nil || log != "one\ntwo\n" {
		t.Errorf("%v, log = %q", err, log)
	}
}

func TestPreviousMarker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, marker string
		code         int
		ran          bool
	}{
		{"passed", "0", 0, true}, {"failed", "1", 1130 % 256, false}, {"did not run either", "1130", 1130 % 256, false}, {"unreadable", "nonsense", 127, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			e := p.entrypoint(prow.EntrypointOptions{PreviousMarker: p.path("logs/previous")}, "touch", p.path("ran"))
			p.write("logs/new", c.marker)
			if err := os.Rename(p.path("logs/new"), p.path("logs/previous")); err != nil {
				t.Fatal(err)
			}
			e.ends(c.code)
			if there(p.path("ran"))() != c.ran {
				t.Errorf("ran: %v", !c.ran)
			}
		})
	}
	t.Run("interrupted while waiting", func(t *testing.T) {
		t.Parallel()
		p := newPod(t)
		e := p.entrypoint(prow.EntrypointOptions{PreviousMarker: p.path("logs/previous")}, "true")
		await(t, "it waits", there(p.path("logs/process-log.txt")))
		e.signal(syscall.SIGTERM)
		e.ends(130)
	})
}

func TestCopyMode(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.start("", "entrypoint", "", nil, "--copy-mode-only", "--copy-destination="+p.path("tools/entrypoint")).ends(0)
	o := prow.EntrypointOptions{WrapperOptions: p.entries[0]}
	o.Args = []string{"echo", "from the copy"}
	p.start(p.path("tools/entrypoint"), "tools/entrypoint", prow.EntrypointOptionsEnv, o).ends(0)
	if got := p.read("logs/process-log.txt"); got != "from the copy\n" {
		t.Errorf("log = %q", got)
	}
}

// A pod from its first container to its last.
func TestPod(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.write("secrets/tok", "hunter2-the-token\n")
	p.write("secrets/..data/x", "not a secret")
	p.write("secrets/.dockerconfigjson", `{"auths":{"r":{"auth":"dXNlcjpwYXNz","password":"the-password"}}}`)
	p.start("", "initupload", prow.InitUploadOptionsEnv, prow.InitUploadOptions{GCSOptions: prow.GCSOptions{GCSConfiguration: p.config}}).ends(0)
	if got := p.kept("started.json"); !strings.Contains(got, `"pull":"5"`) || !strings.Contains(got, `"repos":{"o/r":"main:b0,5:h1"}`) || !strings.Contains(got, `"repo-commit":"h1"`) {
		t.Errorf("started.json = %s", got)
	}
	s := p.sidecar()
	p.entrypoint(prow.EntrypointOptions{}, "sh", "-c", `
		echo hunter2-the-token; echo dXNlcjpwYXNz the-password; echo not a secret
		cd logs/artifacts; mkdir -p sub; echo 'has hunter2-the-token' > sub/a.txt; echo plain > b#.txt
		ln -s `+p.path("secrets/tok")+` link; ln -s sub/a.txt inner; mkfifo pipe
		echo 'hunter2-the-token' | gzip > c.gz; echo fine | gzip > d.txt.gz
		echo '{"who":"me","token":"hunter2-the-token"}' > metadata.json; exit 1`).ends(1)
	s.ends(0)
	p.finishes(false, "FAILURE")
	if got := p.kept("build-log.txt"); got != "XXXXXXXX\nXXXXXXXX XXXXXXXX\nnot a secret\n" {
		t.Errorf("build-log.txt = %q", got)
	}
	if got := p.kept("artifacts/sub/a.txt") + p.kept("artifacts/inner") + p.kept("artifacts/b#.txt"); got != "has XXXXXXXX\nhas XXXXXXXX\nplain\n" {
		t.Errorf("artifacts = %q", got)
	}
	p.kept("artifacts/d.txt.gz")
	p.lacks("artifacts/link")
	p.lacks("artifacts/pipe")
	p.lacks("artifacts/c.gz")
	m := p.finished().Metadata
	if m["who"] != "me" || m["token"] != "XXXXXXXX" || len(m["sidecar-errors"].([]any)) != 3 {
		t.Errorf("metadata = %v", m)
	}
	if own := p.kept("sidecar-logs.json"); !strings.Contains(own, `"component":"sidecar"`) || strings.Contains(own, "hunter2") {
		t.Errorf("sidecar-logs.json = %s", own)
	}
	if got := p.read("bucket/pr-logs/directory/unit/9.txt"); got != p.path("bucket")+"/pr-logs/pull/o_r/5/unit/9" {
		t.Errorf("alias = %q", got)
	}
	for _, latest := range []string{"bucket/pr-logs/directory/unit/latest-build.txt", "bucket/pr-logs/pull/o_r/5/unit/latest-build.txt"} {
		if got := p.read(latest); got != "9" {
			t.Errorf("%s = %q", latest, got)
		}
	}
}

func TestLargeLogWithSecrets(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.write("secrets/tok", "a-secret-in-many-lines")
	s := p.sidecar()
	line := strings.Repeat("x", 970) + " a-secret-in-many-lines\n"
	p.entrypoint(prow.EntrypointOptions{}, "sh", "-c", `yes '`+strings.TrimSuffix(line, "\n")+`' | head -n 100000`).ends(0)
	s.ends(0)
	p.finishes(true, "SUCCESS")
	log := p.kept("build-log.txt")
	want := strings.Repeat("x", 970) + " XXXXXXXX\n"
	if len(log) != 100000*len(want) || strings.Contains(log, "a-secret") || !strings.HasSuffix(log, want) {
		t.Errorf("the log has %d bytes, want %d; the secret is in it: %v", len(log), 100000*len(want), strings.Contains(log, "a-secret"))
	}
}

func TestAPodIsToldToEnd(t *testing.T) {
	t.Parallel()
	t.Run("and its test does", func(t *testing.T) {
		t.Parallel()
		p := newPod(t)
		s := p.sidecar()
		e := p.entrypoint(prow.EntrypointOptions{}, "sh", "-c", "trap 'echo cleaned up > logs/artifacts/a; exit 0' INT; touch up; while :; do sleep 0.01; done")
		await(t, "the test is up", there(p.path("up")))
		s.signal(syscall.SIGTERM)
		e.signal(syscall.SIGTERM)
		e.ends(130)
		s.ends(0)
		p.finishes(false, "ABORTED")
		if got := p.kept("artifacts/a"); got != "cleaned up\n" {
			t.Errorf("artifacts/a = %q", got)
		}
	})
	t.Run("and its entrypoint is killed", func(t *testing.T) {
		t.Parallel()
		p := newPod(t)
		s := p.sidecar()
		e := p.entrypoint(prow.EntrypointOptions{}, "sh", "-c", "echo so far > logs/artifacts/a; echo so far; touch up; sleep 3")
		await(t, "the test is up", there(p.path("up")))
		e.signal(syscall.SIGKILL)
		_ = e.cmd.Wait()
		s.signal(syscall.SIGTERM)
		await(t, "what there is was uploaded", there(p.path("bucket/pr-logs/pull/o_r/5/unit/9/finished.json")))
		p.finishes(false, "ABORTED")
		if got := p.kept("artifacts/a") + p.kept("build-log.txt"); got != "so far\nso far\n" {
			t.Errorf("kept %q", got)
		}
		s.signal(syscall.SIGKILL)
		_ = s.cmd.Wait()
	})
	t.Run("and sidecar ignores it", func(t *testing.T) {
		t.Parallel()
		p := newPod(t)
		s := p.sidecar(func(o *prow.SidecarOptions) { o.IgnoreInterrupts = true })
		e := p.entrypoint(prow.EntrypointOptions{}, "sh", "-c", "touch up; while [ ! -e go ]; do sleep 0.01; done")
		await(t, "the test is up", there(p.path("up")))
		s.signal(syscall.SIGTERM)
		p.write("go", "")
		e.ends(0)
		s.ends(0)
		p.finishes(true, "SUCCESS")
	})
}

// twoTests makes the pod one of two test containers.
func twoTests(p *pod) {
	p.entries = nil
	for _, n := range []string{"one", "two"} {
		p.entries = append(p.entries, prow.WrapperOptions{
			ContainerName: n, ProcessLog: p.path("logs/" + n + "-log.txt"), MarkerFile: p.path("logs/" + n + "-marker.txt"), MetadataFile: p.path("logs/artifacts/" + n + "-metadata.json"),
		})
	}
}

func TestSeveralTests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		codes  [2]string
		fails  bool // entry_error
		code   int
		passed bool
		result string
	}{
		{"both pass", [2]string{"0", "0"}, true, 0, true, "SUCCESS"},
		{"one fails", [2]string{"0", "1"}, false, 0, false, "FAILURE"},
		{"one fails, and that is an error", [2]string{"0", "1"}, true, 1, false, "FAILURE"},
		{"one is aborted", [2]string{"130", "1"}, false, 0, false, "ABORTED"},
		{"one did not run", [2]string{"0", "1130"}, true, 0, false, "FAILURE"},
		{"one is unreadable", [2]string{"0", "what?"}, true, 1, false, "FAILURE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			twoTests(p)
			s := p.sidecar(func(o *prow.SidecarOptions) { o.EntryError = c.fails })
			p.write("logs/artifacts/one-metadata.json", `{"a":1,"b":1}`)
			p.write("logs/artifacts/two-metadata.json", `{"b":2}`)
			p.write("logs/one-log.txt", "of one")
			for i, n := range []string{"one", "two"} {
				p.write("logs/"+n+".new", c.codes[i])
				if err := os.Rename(p.path("logs/"+n+".new"), p.path("logs/"+n+"-marker.txt")); err != nil {
					t.Fatal(err)
				}
			}
			s.ends(c.code)
			p.finishes(c.passed, c.result)
			if m := p.finished().Metadata; m["a"] != 1.0 || m["b"] != 2.0 {
				t.Errorf("metadata = %v", m)
			}
			if got := p.kept("one-build-log.txt"); got != "of one" {
				t.Errorf("log of one = %q", got)
			}
			if got := p.kept("two-build-log.txt"); !strings.Contains(got, "does not exist") {
				t.Errorf("log of two = %q", got)
			}
		})
	}
}

// A test may put a link anywhere in the folder that sidecar reads.
func TestLinksOutOfThePod(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	outside := t.TempDir()
	for _, n := range []string{"credentials.json", "metadata.json"} {
		if err := os.WriteFile(filepath.Join(outside, n), []byte(`{"key":"never to be seen"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := p.sidecar()
	p.entrypoint(prow.EntrypointOptions{}, "sh", "-c", `rm -r logs/artifacts; ln -s `+outside+` logs/artifacts
		rm logs/process-log.txt; ln -s `+outside+`/credentials.json logs/process-log.txt`).ends(0)
	s.ends(0)
	err := filepath.WalkDir(p.path("bucket"), func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if bytes.Contains(b, []byte("never to be seen")) {
			t.Errorf("%s: %s", name, b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.finishes(true, "SUCCESS")
	if told := p.finished().Metadata["sidecar-errors"]; told == nil {
		t.Error("nothing was said of what was left out")
	}
}

// Where it is not known what is secret, nothing is shown.
func TestSecretsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	if err := os.Symlink("loop", p.path("secrets/loop")); err != nil {
		t.Fatal(err)
	}
	s := p.sidecar()
	p.entrypoint(prow.EntrypointOptions{}, "sh", "-c", "echo perhaps a secret | tee logs/artifacts/a").ends(0)
	s.ends(0)
	p.finishes(true, "SUCCESS")
	p.lacks("artifacts/a")
	if got := p.kept("build-log.txt"); !strings.Contains(got, "left out") || strings.Contains(got, "perhaps") {
		t.Errorf("build-log.txt = %q", got)
	}
}

func TestWhichArtifactsAreSearched(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.write("secrets/tok", "secret-text")
	p.write("secrets/my.ini", "[x]\nname = from-the-ini\n")
	for _, n := range []string{"in/a", "in/not/a", "in/deep/er/a.bin", "out/a"} {
		p.write("logs/artifacts/"+n, "secret-text from-the-ini")
	}
	p.write("logs/process-log.txt", "")
	p.write("logs/marker-file.txt", "0")
	p.sidecar(func(o *prow.SidecarOptions) {
		o.CensoringOptions.IncludeDirectories, o.CensoringOptions.ExcludeDirectories = []string{"in"}, []string{"in/not", "**/*.bin"}
		o.CensoringOptions.IniFilenames = []string{"my.ini"}
	}).ends(0)
	got := []string{p.kept("artifacts/in/a"), p.kept("artifacts/in/not/a"), p.kept("artifacts/in/deep/er/a.bin"), p.kept("artifacts/out/a")}
	if want := []string{"XXXXXXXX XXXXXXXX", "secret-text from-the-ini", "secret-text from-the-ini", "secret-text from-the-ini"}; !slices.Equal(got, want) {
		t.Errorf("artifacts = %q, want %q", got, want)
	}
}

func TestOlderFormsOfOptions(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.write("secrets/tok", "secret-text")
	p.write("logs/process-log.txt", "secret-text")
	p.write("logs/marker-file.txt", "0")
	older := func(o *prow.SidecarOptions) {
		o.WrapperOptions, o.Entries = &o.Entries[0], nil
		o.SecretDirectories, o.CensoringOptions = o.CensoringOptions.SecretDirectories, nil
	}
	p.sidecar(older).ends(0)
	if got := p.kept("build-log.txt"); got != "XXXXXXXX" {
		t.Errorf("build-log.txt = %q", got)
	}
	both := p.sidecar(older, func(o *prow.SidecarOptions) { o.CensoringOptions = &prow.SidecarCensoringOptions{} })
	both.ends(exitUs)
	if !strings.Contains(both.err.String(), "exclude each other") {
		t.Errorf("said %s", both.err)
	}
}
