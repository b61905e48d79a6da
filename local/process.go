package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podutil"
	corev1 "k8s.io/api/core/v1"
)

// folderVariable marks, in the environment, all that a test starts, so that it can
// be found when its supervisor is gone.
const folderVariable = "PROW_RUN_FOLDER"

// processes is a podutil.Executor without containers: images are ignored, and a
// test sees this machine. With bubblewrap it can write only to its run.
type processes struct {
	bwrap     string
	hidden    []string
	noNetwork bool
}

func (p *processes) Places(folder string) (home, artifacts string) {
	return filepath.Join(folder, "home"), filepath.Join(folder, "artifacts")
}

// Check refuses what a process cannot have.
func (p *processes) Check(j *prow.Job) error {
	pod, err := checkPod(j)
	if err != nil {
		return err
	}
	if p.bwrap == "" && wantsNoNetwork(j) {
		return fmt.Errorf("the job is to run without network (%s: none), which a plain process cannot without bubblewrap: install it, or use containers", Network)
	}
	for i := range pod.Containers {
		c := &pod.Containers[i]
		if len(c.Command)+len(c.Args) == 0 {
			return fmt.Errorf("container %q has no command: without containers there is no image that could have one", c.Name)
		}
		if at := p.unseen(pod, c); at != "" {
			return fmt.Errorf("container %q mounts a volume at %s, which a plain process cannot without bubblewrap: install it, or use containers", c.Name, at)
		}
	}
	return nil
}

// unseen returns a mount of c that would not be there: without bubblewrap, all but
// a folder of this machine at its own path, which a process sees anyway.
func (p *processes) unseen(pod *corev1.PodSpec, c *corev1.Container) string {
	if p.bwrap != "" {
		return ""
	}
	for _, m := range c.VolumeMounts {
		own := slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
			return v.Name == m.Name && v.HostPath != nil && !m.ReadOnly && m.SubPath == "" &&
				filepath.Clean(v.HostPath.Path) == filepath.Clean(m.MountPath)
		})
		if !own {
			return m.MountPath
		}
	}
	return ""
}

// Prepare has nothing to fetch.
func (p *processes) Prepare(context.Context, []podutil.Container, func(string)) error { return nil }

// Start starts a process in a group of its own.
func (p *processes) Start(_ context.Context, folder string, c podutil.Container, log io.Writer) (podutil.Process, error) {
	argv := append(c.Command[:len(c.Command):len(c.Command)], c.Args...)
	if len(argv) == 0 {
		return nil, &podutil.NotStarted{Command: c.Name, Err: errors.New("it has no command")}
	}
	dir, err := p.workDir(folder, c.Dir)
	if err != nil {
		return nil, &podutil.NotStarted{Command: argv[0], Err: err}
	}
	env := append(append(jobEnvironment(folder, p.bwrap != ""), c.Env...), folderVariable+"="+folder)
	path, err := lookPath(argv[0], dir, env)
	if err != nil {
		return nil, &podutil.NotStarted{Command: argv[0], Err: err}
	}
	cmd := exec.Command(path, argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // for daemons that keep the log open
	x := &process{cmd: cmd, known: make(chan struct{})}
	if p.bwrap != "" {
		err = p.startInside(x, folder, c, argv)
	} else if err = cmd.Start(); err == nil {
		x.group = cmd.Process.Pid
		close(x.known)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOEXEC) || errors.Is(err, syscall.E2BIG) {
		return nil, &podutil.NotStarted{Command: argv[0], Err: err}
	}
	return x, err
}

// Close kills whatever the test started and left, wherever it went.
func (p *processes) Close(context.Context) error {
	endDescendants(os.Getpid())
	return nil
}

// workDir is where a process begins. A folder that the pod spec names by its
// place in a pod is meant to be ours.
func (p *processes) workDir(folder, dir string) (string, error) {
	home, _ := p.Places(folder)
	switch {
	case dir == "":
		return home, nil
	case dir == prow.PodHome || strings.HasPrefix(dir, prow.PodHome+"/"):
		dir = home + strings.TrimPrefix(dir, prow.PodHome)
	case !filepath.IsAbs(dir):
		dir = filepath.Join(home, dir)
	}
	if strings.HasPrefix(dir, folder+"/") {
		return dir, os.MkdirAll(dir, 0o755)
	}
	if i, err := os.Stat(dir); err != nil || !i.IsDir() {
		return "", fmt.Errorf("its working directory %s is not here", dir)
	}
	return dir, nil
}

// jobEnvironment is what a plain process gets beside the job's own variables.
func jobEnvironment(folder string, private bool) []string {
	env := baseEnv(jobEnv())
	tmp := filepath.Join(folder, "tmp")
	if private {
		tmp = "/tmp"
	}
	env = append(env, "TMPDIR="+tmp)
	// GOPATH becomes the run's own; what was downloaded before is still good.
	if _, ok := os.LookupEnv("GOMODCACHE"); !ok {
		if cache := moduleCache(); cache != "" {
			env = append(env, "GOMODCACHE="+cache)
		}
	}
	return env
}

func moduleCache() string {
	if v := os.Getenv("GOMODCACHE"); v != "" {
		return v
	}
	paths := filepath.SplitList(os.Getenv("GOPATH"))
	if len(paths) == 0 {
		paths = []string{filepath.Join(os.Getenv("HOME"), "go")}
	}
	cache := filepath.Join(paths[0], "pkg", "mod")
	if i, err := os.Stat(cache); err != nil || !i.IsDir() || !filepath.IsAbs(cache) {
		return ""
	}
	return cache
}

// lookPath finds a program as the job's own PATH says.
func lookPath(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return name, executable(name)
	}
	path := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	for _, d := range filepath.SplitList(path) {
		if full := filepath.Join(d, name); filepath.IsAbs(full) && executable(full) == nil {
			return full, nil
		}
	}
	return "", errors.New("no such program in PATH")
}

func executable(name string) error {
	i, err := os.Stat(name)
	switch {
	case err != nil:
		return errors.New("no such file")
	case i.IsDir():
		return errors.New("it is a directory")
	case i.Mode()&0o111 == 0:
		return errors.New("it is not executable")
	}
	return nil
}

// process is a started process, and its group.
type process struct {
	cmd   *exec.Cmd
	known chan struct{} // closed when group is known
	group int           // 0: it ended before it was known
}

func (x *process) Wait() (podutil.Exit, error) {
	err := x.cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return podutil.Exit{}, err // the log could not be written
	}
	status, ok := x.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return podutil.Exit{Code: 128 + int(status.Signal())}, nil
	}
	return podutil.Exit{Code: x.cmd.ProcessState.ExitCode()}, nil
}

func (x *process) Signal(s syscall.Signal) error {
	select {
	case <-x.known:
	case <-time.After(2 * time.Second):
		return x.cmd.Process.Signal(s)
	}
	if x.group <= 1 {
		return x.cmd.Process.Signal(s)
	}
	err := syscall.Kill(-x.group, s)
	if s == syscall.SIGKILL {
		endDescendants(os.Getpid())
	}
	return err
}
