//go:build !linux

package local

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// Elsewhere there is no /proc: a process is known by its number alone, and a
// daemon of a test may outlive it.

func becomeReaper() {}

func isOpen(fd int) bool {
	var st syscall.Stat_t
	return syscall.Fstat(fd, &st) == nil
}

func startTime(pid int) string {
	if syscall.Kill(pid, 0) != nil {
		return ""
	}
	return strconv.Itoa(pid)
}

func endDescendants(int) {}

func endOrphans(string) {}

func killRun(folder string) {
	if pid := supervisorPID(folder); pid > 0 && pid != os.Getpid() {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func owner(i fs.FileInfo) int {
	if st, ok := i.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}
