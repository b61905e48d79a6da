//go:build kubernetes && node && linux

package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prow-ci/prow/prowtest/cluster"
)

// TestMain is also the test that is killed: with a folder in KILLED_IN it starts a
// node there, says its address and waits for its end.
func TestMain(m *testing.M) {
	dir := os.Getenv("KILLED_IN")
	if dir == "" {
		os.Exit(m.Run())
	}
	c, err := start(context.Background(), dir)
	if err == nil {
		_, err = c.Accompany("guest", "tail", "-f", filepath.Join(dir, "kubeconfig"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(c.Host())
	select {}
}

// start starts a node in dir on which a pod runs.
func start(ctx context.Context, dir string) (*cluster.Cluster, error) {
	c, err := cluster.StartNode(ctx, dir)
	if err != nil {
		return nil, err
	}
	for _, step := range [][]string{
		{"create", "namespace", "here"},
		{"-n", "here", "run", "sleeper", "--image=docker.io/library/busybox:latest", "--image-pull-policy=Never", "--", "sleep", "86400"},
		{"-n", "here", "wait", "--for=condition=Ready", "--timeout=300s", "pod/sleeper"},
	} {
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { // the service account comes by itself
			if _, err = c.Kubectl(ctx, nil, step...); err == nil || time.Now().After(end) {
				break
			}
		}
	}
	return c, err
}

// A test that is killed takes all its processes with it, and the next removes
// whatever else there is of it.
func TestKilledLeavesNothing(t *testing.T) {
	before := found(t, strewn...)
	dir := filepath.Join(t.TempDir(), "k")
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), "KILLED_IN="+dir), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	host, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	own, cable := groups(t, dir), link(t, host)
	if n := len(processes(t, dir)); n < 8 || len(own) == 0 || cable == "" {
		t.Fatalf("the killed one is not looked for in the right place: %d processes, groups %v, cable %q", n, own, cable)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for end := time.Now().Add(time.Minute); len(processes(t, dir)) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("these still run: %v", processes(t, dir))
		}
	}

	killed, dir := dir, filepath.Join(t.TempDir(), "k")
	c, err := start(t.Context(), dir)
	stop := sync.OnceFunc(func() {
		if c != nil {
			c.Stop()
		}
	})
	t.Cleanup(stop)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(killed); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of the killed one is still there: %v", err)
	}
	if left := found(t, own...); len(left) > 0 {
		t.Errorf("control groups of the killed one: %v", left)
	}
	if link(t, host) == cable {
		t.Errorf("its cable %s", cable)
	}
	own, cable = groups(t, dir), link(t, c.Host())
	stop()
	if left := found(t, own...); len(left) > 0 {
		t.Errorf("control groups of the one that ended well: %v", left)
	}
	if link(t, c.Host()) == cable {
		t.Errorf("its cable %s", cable)
	}
	if after := found(t, strewn...); !slices.Equal(before, after) {
		t.Errorf("there were %q, and now there are %q", before, after)
	}
}

// strewn is where a node writes that is not told otherwise.
var strewn = []string{"/run/netns/cni-*", "/var/lib/cni/*", "/var/lib/kubelet/*", "/var/log/pods/*", "/var/log/containers/*"}

// found lists the files that there are.
func found(t *testing.T, patterns ...string) (out []string) {
	t.Helper()
	for _, p := range patterns {
		names, err := filepath.Glob(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, names...)
	}
	return out
}

// groups lists the control groups of the containers of a node.
func groups(t *testing.T, dir string) (out []string) {
	t.Helper()
	for _, container := range found(t, filepath.Join(dir, "containers/io.containerd.runtime.v2.task/k8s.io/*")) {
		id := filepath.Base(container)
		out = append(out, found(t, "/sys/fs/cgroup/k8s.io/"+id, "/sys/fs/cgroup/*/k8s.io/"+id)...)
	}
	return out
}

// link names the cable to a machine with an address, 10.240.number.2; "" is none,
// and no two have one name.
func link(t *testing.T, host string) string {
	t.Helper()
	b, err := os.ReadFile("/sys/class/net/prowk" + strings.Split(host, ".")[2] + "/ifindex")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

// processes lists those that were told of a folder.
func processes(t *testing.T, dir string) (out []string) {
	t.Helper()
	for _, p := range found(t, "/proc/[0-9]*") {
		line, _ := os.ReadFile(filepath.Join(p, "cmdline")) // it may have ended
		if args := strings.ReplaceAll(string(line), "\x00", " "); strings.Contains(args, dir) {
			out = append(out, filepath.Base(p)+" "+args)
		}
	}
	return out
}
