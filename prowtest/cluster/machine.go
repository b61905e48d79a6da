//go:build linux

package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machineInit is the first process of the machine.
const machineInit = "machine"

// machine is a computer inside this one: processes, mounts and network of its
// own, which are all gone as soon as its first process is.
type machine struct {
	dir    string
	init   int // host's id of its first process
	number int // of its network
	inside string
	here   string // our end of the cable
	lock   *os.File
}

// newMachine starts a machine whose network is one that no other has.
func newMachine(n *nursery, dir string) (*machine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a node needs root: its containers have mounts and networks of their own")
	}
	m := &machine{dir: dir}
	if err := m.reserve(); err != nil {
		return nil, err
	}
	log := filepath.Join(dir, "machine.log")
	command := []string{"unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "infinity"}
	if err := n.start(machineInit, command, log); err != nil {
		return nil, err
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if m.init = child1(n.pid(machineInit)); m.init != 0 && m.isolated() {
			break
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("no machine within this one: %s", tail(log))
		}
	}
	return m, m.connect()
}

// reserve takes a number that no other test on this computer has.
func (m *machine) reserve() error {
	for m.number = 0; m.number < 200; m.number++ {
		f, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("prow-kubernetes-%d.lock", m.number)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			m.lock = f
			m.here, m.inside = fmt.Sprintf("10.240.%d.2", m.number), fmt.Sprintf("10.240.%d.1", m.number)
			return nil
		}
		f.Close()
	}
	return errors.New("200 machines run already")
}

// isolated reports whether the first process has come to be in its own network.
func (m *machine) isolated() bool {
	here, err := os.Readlink("/proc/self/ns/net")
	there, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", m.init))
	comm, err3 := os.ReadFile(fmt.Sprintf("/proc/%d/comm", m.init))
	return err == nil && err2 == nil && err3 == nil && here != there && strings.TrimSpace(string(comm)) == "sleep"
}

// connect lays a cable between this computer and the machine.
func (m *machine) connect() error {
	ours, theirs := fmt.Sprint("prowk", m.number), fmt.Sprint("prowm", m.number)
	_ = exec.Command("ip", "link", "del", ours).Run() // what a killed test left
	steps := [][]string{
		{"ip", "link", "add", ours, "type", "veth", "peer", "name", theirs},
		{"ip", "link", "set", theirs, "netns", strconv.Itoa(m.init)},
		{"ip", "addr", "add", m.here + "/24", "dev", ours},
		{"ip", "link", "set", ours, "up"},
		m.command("ip", "addr", "add", m.inside+"/24", "dev", theirs),
		m.command("ip", "link", "set", theirs, "up"),
		m.command("ip", "link", "set", "lo", "up"),
		m.command("ip", "route", "add", "default", "via", m.here),
		m.command("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"),
		{"ip", "route", "replace", m.pods(), "via", m.inside},
	}
	for _, s := range steps {
		if out, err := exec.Command(s[0], s[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(s, " "), err, out)
		}
	}
	return nil
}

// pods is the network of the pods.
func (m *machine) pods() string { return fmt.Sprintf("10.244.%d.0/24", m.number) }

func (m *machine) socket() string { return filepath.Join(m.dir, "containerd.sock") }

// command makes a command one inside the machine.
func (m *machine) command(args ...string) []string {
	return append([]string{"nsenter", "--target", strconv.Itoa(m.init), "--mount", "--net", "--pid", "--"}, args...)
}

func (m *machine) run(ctx context.Context, args ...string) error {
	c := m.command(args...)
	out, err := exec.CommandContext(ctx, c[0], c[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// kill ends the process that nsenter waits for.
func (m *machine) kill(nsenter int) {
	if pid := child1(nsenter); pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
}

// child1 returns the only child of a process, or 0.
func child1(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	id, _ := strconv.Atoi(strings.TrimSpace(string(b))) // none yet is 0
	return id
}

// clean removes what the kernel keeps of the machine: the control groups of
// containers that ran to its end.
func (m *machine) clean() {
	ran, _ := os.ReadDir(filepath.Join(m.dir, "containers", "io.containerd.runtime.v2.task", "k8s.io")) // none is none
	for _, container := range ran {
		for _, pattern := range []string{"/sys/fs/cgroup/*/k8s.io/", "/sys/fs/cgroup/k8s.io/"} { // version 1, 2
			groups, _ := filepath.Glob(pattern + container.Name()) // the pattern is well formed
			for _, dir := range groups {
				removeGroups(dir)
			}
		}
	}
	if m.lock != nil {
		_ = m.lock.Close()
	}
}

// removeGroups removes empty control groups, the innermost first.
func removeGroups(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			removeGroups(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir)
}
