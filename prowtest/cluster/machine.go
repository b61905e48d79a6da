//go:build linux

package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// newMachine starts a machine whose network is one that no other has, and makes
// dir, which is its alone.
func newMachine(n *nursery, dir string) (*machine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a node needs root: its containers have mounts and networks of their own")
	}
	m := &machine{dir: dir}
	if err := m.reserve(); err != nil {
		return nil, err
	}
	if err := errors.Join(os.MkdirAll(dir, 0o755), m.sign()); err != nil {
		return nil, err
	}
	log := filepath.Join(dir, "machine.log")
	command := []string{"unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "infinity"}
	if err := n.start(machineInit, command, log); err != nil {
		return nil, err
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if m.init = child1(n.pid(machineInit)); m.init != 0 && m.isolated() {
			break
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("no machine within this one: %s", tail(log))
		}
	}
	return m, errors.Join(m.furnish(), m.connect())
}

// registry has a file for each number of a machine: who runs it holds its lock,
// and the folder of the machine stands in it. Only root can write there.
const registry = "/run/prow-kubernetes"

// reserve takes a number that no other test on this computer has, and removes what
// those that were killed left under theirs.
func (m *machine) reserve() error {
	if err := os.MkdirAll(registry, 0o700); err != nil {
		return err
	}
	var left error
	for n := range 200 {
		f, err := lockNumber(n, m.lock == nil)
		if errors.Is(err, fs.ErrNotExist) {
			break // there were never so many
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return err
		}
		if err := inherit(f); err != nil || m.lock != nil {
			left = errors.Join(left, err, f.Close())
			continue
		}
		m.number, m.lock = n, f
	}
	if m.lock == nil {
		return errors.Join(errors.New("200 machines run already"), left)
	}
	m.here, m.inside = fmt.Sprintf("10.240.%d.2", m.number), fmt.Sprintf("10.240.%d.1", m.number)
	return nil
}

// lockNumber locks the file of a number, unless a test that runs has it.
func lockNumber(n int, create bool) (*os.File, error) {
	how := os.O_RDWR
	if create {
		how |= os.O_CREATE
	}
	f, err := os.OpenFile(filepath.Join(registry, strconv.Itoa(n)), how, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// inherit removes what a test that was killed left: its folder, which the lock
// names, and its control groups.
func inherit(lock *os.File) error {
	b, err := io.ReadAll(lock)
	if err != nil {
		return err
	}
	left := strings.TrimSpace(string(b))
	if left == "" {
		return nil
	}
	err = insist(func() error {
		if err := removeGroups(left); err != nil {
			return err // they are found by what is in the folder
		}
		return os.RemoveAll(left)
	})
	if err != nil {
		return fmt.Errorf("what a killed test left: %w", err)
	}
	return lock.Truncate(0)
}

// insist repeats what fails while killed processes are still dying.
func insist(do func() error) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if err := do(); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// sign notes whose folder is to be removed, should nobody live to do it.
func (m *machine) sign() error {
	_, err := m.lock.WriteAt([]byte(m.dir+"\n"), 0)
	return err
}

// isolated reports whether the first process has come to be in its own network.
func (m *machine) isolated() bool {
	here, err := os.Readlink("/proc/self/ns/net")
	there, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", m.init))
	comm, err3 := os.ReadFile(fmt.Sprintf("/proc/%d/comm", m.init))
	return err == nil && err2 == nil && err3 == nil && here != there && strings.TrimSpace(string(comm)) == "sleep"
}

// furnish hides the folders of this computer to which containerd, the kubelet and
// network plugins write wherever they are told to: what is there ends with the
// machine.
func (m *machine) furnish() error {
	for _, dir := range []string{"/run", "/var/lib/cni", "/var/lib/kubelet", "/var/log"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := m.run(context.Background(), "mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", dir); err != nil {
			return err
		}
	}
	return nil
}

// connect lays a cable between this computer and the machine.
func (m *machine) connect() error {
	ours, theirs := m.cable(), fmt.Sprint("prowm", m.number)
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

// cable is the name of our end of the cable.
func (m *machine) cable() string { return fmt.Sprint("prowk", m.number) }

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

// clean removes what the kernel keeps of the machine, and gives its number back.
func (m *machine) clean() {
	if m.lock == nil {
		return
	}
	_ = exec.Command("ip", "link", "del", m.cable()).Run() // else it goes a moment later
	// Nothing is left to remove but the folder, which is the caller's.
	if insist(func() error { return removeGroups(m.dir) }) == nil {
		_ = m.lock.Truncate(0)
	}
	_ = m.lock.Close()
}

// removeGroups removes the control groups of containers that ran to the end of the
// machine whose folder is dir.
func removeGroups(dir string) error {
	var errs []error
	for _, container := range containersIn(dir) {
		for _, pattern := range []string{"/sys/fs/cgroup/*/k8s.io/", "/sys/fs/cgroup/k8s.io/"} { // version 1, 2
			groups, err := filepath.Glob(pattern + container)
			errs = append(errs, err)
			for _, group := range groups {
				errs = append(errs, removeGroup(group))
			}
		}
	}
	return errors.Join(errs...)
}

// containersIn lists the containers that containerd has not done away with.
func containersIn(dir string) (ids []string) {
	ran, _ := os.ReadDir(filepath.Join(dir, "containers", "io.containerd.runtime.v2.task", "k8s.io")) // none is none
	for _, container := range ran {
		ids = append(ids, container.Name())
	}
	return ids
}

// removeGroup removes a control group that has no process any more, the innermost
// first.
func removeGroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			err = errors.Join(err, removeGroup(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(err, os.Remove(dir))
}
