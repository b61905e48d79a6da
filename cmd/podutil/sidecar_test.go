package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	prow "github.com/prow-ci/prow"
)

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
		await(t, "its line is in the log", func() bool { // entrypoint copies it there
			b, err := os.ReadFile(p.path("logs/process-log.txt"))
			return err == nil && len(b) > 0
		})
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
