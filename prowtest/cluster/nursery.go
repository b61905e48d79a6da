//go:build linux

package cluster

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// nursery holds child processes that die with this process. Linux ties a child
// to the thread that started it, so one thread starts them all and stays.
type nursery struct {
	starts chan func()

	mu       sync.Mutex
	children map[string]*child
}

type child struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func newNursery() *nursery {
	n := &nursery{starts: make(chan func()), children: map[string]*child{}}
	go func() {
		runtime.LockOSThread()
		for f := range n.starts {
			f()
		}
	}()
	return n
}

// start runs command, its output appended to the file log.
func (n *nursery) start(name string, command []string, log string) error {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	n.starts <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c := &child{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(c.done)
	}()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.children[name] = c
	return nil
}

func (n *nursery) ended(name string) bool {
	n.mu.Lock()
	c := n.children[name]
	n.mu.Unlock()
	if c == nil {
		return true
	}
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (n *nursery) kill(name string) {
	n.mu.Lock()
	c := n.children[name]
	delete(n.children, name)
	n.mu.Unlock()
	if c == nil {
		return
	}
	_ = c.cmd.Process.Kill() // it may have ended already
	<-c.done
}

// pid returns the process of a child, or 0.
func (n *nursery) pid(name string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.children[name]; c != nil {
		return c.cmd.Process.Pid
	}
	return 0
}

// stop ends all children, those that depend on others first.
func (n *nursery) stop() {
	parts := []string{Kubelet, Containerd, machineInit, Scheduler, Controllers, APIServer, Etcd}
	n.mu.Lock()
	guests := slices.DeleteFunc(slices.Collect(maps.Keys(n.children)), func(name string) bool { return slices.Contains(parts, name) })
	n.mu.Unlock()
	for _, name := range slices.Concat(guests, parts) {
		n.kill(name)
	}
	close(n.starts)
}
