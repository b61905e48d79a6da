package local

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/prow-ci/prow/podutil"
)

// bwrapBase is what every sandbox has: processes of its own, the rights of a
// container, and it ends with us. New privileges it never has.
func bwrapBase() []string {
	args := []string{"--unshare-pid", "--unshare-ipc", "--die-with-parent", "--new-session"}
	if os.Geteuid() == 0 {
		args = append(args, "--cap-drop", "ALL")
		for _, c := range []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "NET_BIND_SERVICE"} {
			args = append(args, "--cap-add", "CAP_"+c)
		}
	}
	return args
}

// startInside starts argv in a sandbox: the system read-only, the run and caches
// writable, /tmp its own.
func (p *processes) startInside(x *process, folder string, c podutil.Container, argv []string) error {
	args, err := p.bwrapArgs(folder, c.Mounts)
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	args = append(args, "--chdir", x.cmd.Dir, "--info-fd", "3", "--", x.cmd.Path)
	args = append(args, argv[1:]...)
	x.cmd.Path, x.cmd.Args, x.cmd.Dir = p.bwrap, append([]string{"bwrap"}, args...), folder
	x.cmd.ExtraFiles = []*os.File{w}
	err = x.cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return err
	}
	go func() {
		// Signals are for the test: bwrap itself would die of them, and take the
		// test with it at once.
		var info struct {
			Child int `json:"child-pid"`
		}
		_ = json.NewDecoder(io.LimitReader(r, 1<<10)).Decode(&info) // it ended at once, then
		_ = r.Close()
		x.group = info.Child
		close(x.known)
	}()
	return nil
}

func (p *processes) bwrapArgs(folder string, mounts []podutil.Mount) ([]string, error) {
	args := bwrapBase()
	if p.noNetwork {
		args = append(args, "--unshare-net")
	}
	top, err := os.ReadDir("/")
	if err != nil {
		return nil, err
	}
	for _, e := range top {
		path := "/" + e.Name()
		switch {
		case e.Name() == "proc":
			args = append(args, "--proc", path)
		case e.Name() == "dev":
			args = append(args, "--dev", path)
		case e.Name() == "tmp":
			args = append(args, "--bind", filepath.Join(folder, "tmp"), path)
		case e.Name() == "run":
			args = append(args, "--tmpfs", path) // sockets of the system's services
		case e.Type()&os.ModeSymlink != 0:
			if to, err := os.Readlink(path); err == nil {
				args = append(args, "--symlink", to, path)
			}
		case e.IsDir():
			args = append(args, "--ro-bind", path, path)
		}
	}
	args = append(args, "--ro-bind-try", "/run/systemd/resolve", "/run/systemd/resolve") // where resolv.conf may point to
	args = append(args, "--bind", filepath.Join(folder, "tmp"), "/var/tmp")
	for _, d := range caches() {
		args = append(args, "--bind-try", d, d)
	}
	for _, d := range append(credentials(), p.hidden...) {
		if i, err := os.Stat(d); err == nil && i.IsDir() && !strings.HasPrefix(d, "/tmp/") {
			args = append(args, "--tmpfs", d)
		}
	}
	args = append(args, "--bind", folder, folder)
	for _, m := range mounts {
		if err := mountable(m.Target); err != nil {
			return nil, err
		}
		how := "--bind"
		if m.ReadOnly {
			how = "--ro-bind"
		}
		args = append(args, how, m.Source, m.Target)
	}
	return args, nil
}

// mountable reports whether there can be a mount at target: it is there, or the
// sandbox can make it.
func mountable(target string) error {
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(target, "/"), "/")
	if _, err := os.Stat("/" + first); err != nil || first == "tmp" || first == "run" {
		return nil
	}
	return fmt.Errorf("nothing can be mounted at %s, which this read-only machine does not have: choose a place below a new folder such as /%s, or use containers", target, "volumes")
}

// caches are the folders that tools share between runs.
func caches() []string {
	var out []string
	if d, err := os.UserCacheDir(); err == nil {
		out = append(out, d)
	}
	if d := os.Getenv("GOCACHE"); filepath.IsAbs(d) {
		out = append(out, d)
	}
	if d := moduleCache(); d != "" {
		out = append(out, d)
	}
	return out
}

// credentials are the folders of a person that no test needs.
func credentials() []string {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	var out []string
	for _, d := range []string{".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".config/gh", ".config/gcloud", ".config/git"} {
		out = append(out, filepath.Join(home, d))
	}
	return out
}
