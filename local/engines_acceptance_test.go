//go:build acceptance

package local_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/prow-ci/prow/local"
)

// kitchen is a container engine of our own, with the image busybox; all tests
// share it.
type kitchen struct {
	name   string
	env    string // variable that names its socket
	socket func() (string, error)
}

// kitchens are what these tests are about: each promise is kept by all of them.
var kitchens = []kitchen{
	{local.Docker, "DOCKER_HOST", sync.OnceValues(startDocker)},
	{local.Podman, "CONTAINER_HOST", sync.OnceValues(startPodman)},
}

// inEach plays a story with each engine.
func inEach(t *testing.T, story func(t *testing.T, k kitchen)) {
	t.Helper()
	for _, k := range kitchens {
		t.Run(k.name, func(t *testing.T) { story(t, k) })
	}
}

func (k kitchen) open(t testing.TB, change ...func(*local.Options)) rig {
	t.Helper()
	socket, err := k.socket()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(k.env, socket)
	return open(t, append([]func(*local.Options){func(o *local.Options) { o.Engine = k.name }}, change...)...)
}

func startDocker() (string, error) {
	dir, err := os.MkdirTemp("", "dockerd")
	if err != nil {
		return "", err
	}
	socket := "unix://" + dir + "/docker.sock"
	return socket, startEngine(dir, socket, exec.Command("dockerd", "--host", socket, "--data-root", dir+"/data", "--exec-root", dir+"/exec",
		"--pidfile", dir+"/pid", "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"))
}

// podmanConfig keeps to what a test machine, which may be a container itself,
// permits: its network, its limits, no systemd.
const podmanConfig = `[containers]
default_ulimits = ["nofile=%[1]d:%[1]d", "nproc=%[2]d:%[2]d"]
netns = "host"
cgroupns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
`

func startPodman() (string, error) {
	dir, err := os.MkdirTemp("", "podman")
	if err != nil {
		return "", err
	}
	var files, procs syscall.Rlimit
	const nproc = 6 // RLIMIT_NPROC, which package syscall does not name
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return "", err
	}
	if err := syscall.Getrlimit(nproc, &procs); err != nil {
		return "", err
	}
	for name, text := range map[string]string{
		"containers.conf": fmt.Sprintf(podmanConfig, min(files.Max, 1<<20), min(procs.Max, 1<<15)),
		"storage.conf":    fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", dir+"/data", dir+"/run"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	socket := "unix://" + dir + "/podman.sock"
	cmd := exec.Command("podman", "system", "service", "--time=0", socket)
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+dir+"/containers.conf", "CONTAINERS_STORAGE_CONF="+dir+"/storage.conf")
	return socket, startEngine(dir, socket, cmd)
}

// startEngine starts an engine, waits for it, and gives it the image.
func startEngine(dir, socket string, cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(dir + "/log")
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	atEnd = append(atEnd, func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	api, err := client.New(client.WithHost(socket))
	if err != nil {
		return err
	}
	defer api.Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err = api.Ping(context.Background(), client.PingOptions{}); err == nil {
			break
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(dir + "/log")
			return fmt.Errorf("%s does not answer: %w\n%s", cmd.Path, err, text)
		}
	}
	image, err := busybox()
	if err != nil {
		return err
	}
	res, err := api.ImageImport(context.Background(), client.ImageImportSource{Source: image, SourceName: "-"}, "busybox:latest", client.ImageImportOptions{})
	if err != nil {
		return err
	}
	defer res.Close()
	_, err = io.Copy(io.Discard, res)
	return err
}

func TestDetectFindsTheEngine(t *testing.T) {
	inEach(t, func(t *testing.T, k kitchen) {
		k.open(t)
		if k.name == local.Podman {
			t.Setenv("DOCKER_HOST", "unix:///nowhere.sock")
		}
		if name, why := local.Detect(t.Context()); name != k.name || !strings.Contains(why, ".sock") {
			t.Errorf("Detect = %s, %s", name, why)
		}
	})
}
