package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

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
