package local

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// becomeReaper makes this process the parent of all orphans of its descendants,
// so that none can get away.
func becomeReaper() {
	const prSetChildSubreaper = 36
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0) // without it daemons may stay: no reason not to run
}

func isOpen(fd int) bool {
	var st syscall.Stat_t
	return syscall.Fstat(fd, &st) == nil
}

// stat is what /proc/PID/stat says.
type stat struct {
	pid, parent int
	state       byte
	start       string // in clock ticks since the machine started
}

func readStat(pid int) (stat, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	return parseStat(pid, b)
}

func parseStat(pid int, b []byte) (stat, bool) {
	i := bytes.LastIndexByte(b, ')') // the name before it may hold anything
	if i < 0 {
		return stat{}, false
	}
	f := strings.Fields(string(b[i+1:]))
	if len(f) < 20 || len(f[0]) != 1 {
		return stat{}, false
	}
	parent, err := strconv.Atoi(f[1])
	return stat{pid, parent, f[0][0], f[19]}, err == nil
}

// startTime tells two processes with one number apart; "" is no process.
func startTime(pid int) string {
	s, ok := readStat(pid)
	if !ok || s.state == 'Z' {
		return ""
	}
	return s.start
}

func pids() []int {
	list, _ := os.ReadDir("/proc") // without /proc there is nothing to find
	var out []int
	for _, e := range list {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// descendants returns the living children of a process, and theirs.
func descendants(root int) []int {
	var out []int
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		for _, pid := range children(queue[0]) {
			if s, ok := readStat(pid); ok && s.state != 'Z' {
				out = append(out, pid)
			}
			queue = append(queue, pid)
		}
	}
	return out
}

// children returns the children of all threads of a process.
func children(parent int) []int {
	dir := "/proc/" + strconv.Itoa(parent) + "/task/"
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return nil // it has ended
	}
	var out []int
	for _, t := range tasks {
		b, err := os.ReadFile(dir + t.Name() + "/children")
		if errors.Is(err, fs.ErrNotExist) && startTime(parent) != "" {
			return childrenAmongAll(parent) // this kernel does not list them, or a thread has ended
		}
		for f := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}

func childrenAmongAll(parent int) []int {
	var out []int
	for _, pid := range pids() {
		if s, ok := readStat(pid); ok && s.parent == parent {
			out = append(out, pid)
		}
	}
	return out
}

// endDescendants kills all descendants of a process until there are none. It
// reaps none.
func endDescendants(root int) {
	for range 100 { // what cannot be killed waits for a disk
		all := descendants(root)
		if len(all) == 0 {
			return
		}
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// killRun ends a supervisor and all below it.
func killRun(folder string) {
	if pid := supervisorPID(folder); pid > 0 {
		// A stopped parent still adopts orphans, and starts nothing new.
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		endDescendants(pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	} else if pid := lockHolder(folder); pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it has not begun
	}
	endOrphans(folder)
}

// lockHolder finds a supervisor that has not left its number yet.
func lockHolder(folder string) int {
	want := filepath.Join(folder, lockFile)
	for _, pid := range pids() {
		if to, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.Itoa(lockFD)); err == nil && to == want && pid != os.Getpid() {
			return pid
		}
	}
	return 0
}

// endOrphans kills the processes that a dead supervisor left. They are known by
// the environment they were given.
func endOrphans(folder string) {
	want := []byte(folderVariable + "=" + folder)
	for range 10 {
		found := false
		for _, pid := range pids() {
			b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
			if err != nil || pid == os.Getpid() || !hasVariable(b, want) {
				continue
			}
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				found = true
			}
		}
		if !found {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func hasVariable(environ, want []byte) bool {
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.Equal(v, want) {
			return true
		}
	}
	return false
}

// owner is the user a file belongs to.
func owner(i fs.FileInfo) int {
	if st, ok := i.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}
