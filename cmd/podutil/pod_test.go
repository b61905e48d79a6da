package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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
	// The race detector sleeps for a second at the end of each process otherwise.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
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
