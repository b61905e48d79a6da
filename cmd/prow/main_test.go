package main

import (
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"prow": main})
}

// TestScripts plays what people type. addr NAME puts a free loopback address into
// the environment.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"addr": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, name := range args {
					ts.Setenv(name, freeAddr(ts))
				}
			},
			"await": await,
			"grab":  grab,
			"taken": func(ts *testscript.TestScript, _ bool, args []string) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				ts.Check(err)
				ts.Defer(func() { _ = l.Close() })
				ts.Setenv(args[0], l.Addr().String())
			},
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
			// The race detector sleeps for a second at the end of each process otherwise.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				e.Setenv("GIT_"+who+"_NAME", "Tess")
				e.Setenv("GIT_"+who+"_EMAIL", "tess@example.com")
			}
			return nil
		},
	})
}

func freeAddr(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().String()
}

// await REGEXP PROGRAM ARG... runs a program until it prints what is awaited.
func await(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile(args[0])
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if err := ts.Exec(args[1], args[2:]...); err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%q never printed %s; at last:\n%s%s", args[1:], want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}

// grab NAME REGEXP puts the group of a match in the last output into the
// environment.
func grab(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("no %s in\n%s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], m[1])
}
