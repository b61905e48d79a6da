//go:build bench || chaos || acceptance || kubernetes

package e2e

import (
	"os/exec"
	"syscall"
)

// dieWithUs has a process killed where the test is, and can stop nothing any more.
func dieWithUs(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
