package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podutil"
)

// Names of engines.
const (
	Auto    = "auto"
	Docker  = "docker"
	Podman  = "podman"
	Process = "process"
)

// Network is an annotation of jobs; with the value "none" a job has no network.
const Network = "prow.k8s.io/network"

func wantsNoNetwork(j *prow.Job) bool { return j.Annotations[Network] == "none" }

// engine is what runs the containers of jobs.
type engine struct {
	Name   string `json:"name"`             // Docker, Podman or Process
	Socket string `json:"socket,omitempty"` // address of the API
	Bwrap  string `json:"bwrap,omitempty"`  // path of a bubblewrap that works
}

// Detect says what `auto` would choose on this machine, and why, in one sentence.
func Detect(ctx context.Context) (name, why string) {
	e, why := detect(ctx)
	return e.Name, why
}

func choose(ctx context.Context, o Options) (engine, string, error) {
	switch o.Engine {
	case "", Auto:
		e, why := detect(ctx)
		return e, why, nil
	case Process:
		e, why := processEngine(ctx)
		return e, why, nil
	case Docker, Podman:
		for _, s := range sockets(o.Engine) {
			if err := ping(ctx, s); err == nil {
				return engine{Name: o.Engine, Socket: s}, "asked for; it answers at " + s, nil
			}
		}
		return engine{}, "", fmt.Errorf("%s does not answer at %s: start it, or choose the runner process", o.Engine, strings.Join(sockets(o.Engine), " or "))
	}
	return engine{}, "", fmt.Errorf("runner %q: there are auto, docker, podman and process", o.Engine)
}

func detect(ctx context.Context) (engine, string) {
	for _, name := range []string{Docker, Podman} {
		for _, s := range sockets(name) {
			if err := ping(ctx, s); err == nil {
				return engine{Name: name, Socket: s}, name + " answers at " + s
			}
		}
	}
	e, why := processEngine(ctx)
	return e, "neither Docker nor Podman answers; " + why
}

// processEngine runs plain processes, inside bubblewrap if that works here.
func processEngine(ctx context.Context) (engine, string) {
	path, err := tryBwrap(ctx)
	if err != nil {
		return engine{Name: Process}, "jobs run as plain processes with your rights, without a sandbox (" + err.Error() + "): only for code you trust"
	}
	return engine{Name: Process, Bwrap: path}, "jobs run as plain processes inside bubblewrap"
}

func tryBwrap(ctx context.Context) (string, error) {
	if runtime.GOOS != "linux" {
		return "", errors.New("bubblewrap is for Linux")
	}
	path, err := exec.LookPath("bwrap")
	if err != nil {
		return "", errors.New("bubblewrap is not installed")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	args := append(bwrapBase(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "true")
	if out, err := exec.CommandContext(ctx, path, args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("bubblewrap does not work here: %s", strings.TrimSpace(string(out)+" "+err.Error()))
	}
	return path, nil
}

// check says why a job can never run in e.
func (e engine) check(j *prow.Job) error { return e.executor(plan{Engine: e}).Check(j) }

// executor makes what runs one run.
func (e engine) executor(p plan) podutil.Executor {
	if e.Name == Process {
		return &processes{bwrap: e.Bwrap, hidden: p.Hidden, noNetwork: p.Job != nil && wantsNoNetwork(p.Job)}
	}
	return &containers{socket: e.Socket, plan: p}
}

// sweep removes the containers that a run left.
func (e engine) sweep(ctx context.Context, folder string) error {
	if e.Name == Process {
		return nil
	}
	return (&containers{socket: e.Socket}).sweep(ctx, folder)
}

// jobEnv names the variables of ours that a plain process gets too.
func jobEnv() []string {
	return []string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
		"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOTOOLCHAIN", "XDG_CACHE_HOME",
	}
}

// supervisorEnv names those that a supervisor gets.
func supervisorEnv() []string {
	return append(jobEnv(), "TMPDIR", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR",
		"DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "CONTAINER_HOST")
}

func baseEnv(names []string) []string {
	var out []string
	for _, n := range names {
		if v, ok := os.LookupEnv(n); ok {
			out = append(out, n+"="+v)
		}
	}
	return out
}
