package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// suite is the Debian that git, ssh and the shell come from.
const suite = "bookworm"

// wanted packages; what they need is found by apt, and what is needed of that by
// the libraries that the programs ask for.
func wantedPackages() []string {
	return []string{"git", "openssh-client", "busybox-static", "ca-certificates"}
}

// unused begins the names of packages of which nothing is taken.
func unused() []string {
	return []string{"perl", "libperl", "liberror-perl", "git-man", "debconf", "dpkg", "passwd", "adduser", "openssl", "libpam", "libsemanage", "libsepol", "libgdbm", "tar"}
}

// applets are the programs of busybox that get a link.
func applets() []string {
	return strings.Fields("sh ash cat ls mkdir rmdir rm cp mv ln chmod chown env grep egrep fgrep sed awk tr head tail sort uniq wc cut " +
		"basename dirname readlink realpath expr test [ true false uname id tar gzip gunzip find xargs date sleep printf echo pwd touch mktemp " +
		"which tee diff cmp du df ps kill hostname whoami stat vi less nslookup wget")
}

// base is what lies below our layer.
type base struct {
	layers []layer
	env    []string
}

// baseOf makes the layer of git and its friends, or takes that of --base.
func baseOf(o *options, arch string, blobs *blobs) (base, error) {
	if o.base != "" {
		return blobs.baseLayout(o.base, arch)
	}
	debs, err := packages(o, arch)
	if err != nil {
		return base{}, err
	}
	all := tree{}
	for _, d := range debs {
		if err := all.unpack(d); err != nil {
			return base{}, fmt.Errorf("%s: %w", filepath.Base(d), err)
		}
	}
	files, err := pick(all)
	if err != nil {
		return base{}, err
	}
	var list strings.Builder
	for _, d := range debs {
		fmt.Fprintln(&list, filepath.Base(d))
	}
	files.file("usr/share/doc/packages.txt", 0o644, []byte(list.String()))
	if err := os.WriteFile(filepath.Join(o.out, "packages-"+arch+".txt"), []byte(list.String()), 0o644); err != nil {
		return base{}, err
	}
	l, err := blobs.layer(files, o.created)
	return base{layers: []layer{l}, env: []string{"PATH=/usr/bin:/bin"}}, err
}

// packages fetches Debian's packages for a platform, by apt, which checks their
// signatures. What is in the cache is taken as it is.
func packages(o *options, arch string) ([]string, error) {
	dir, err := filepath.Abs(filepath.Join(o.cache, suite, arch))
	if err != nil {
		return nil, err
	}
	if debs, _ := filepath.Glob(filepath.Join(dir, "debs", "*.deb")); len(debs) > 0 {
		slices.Sort(debs)
		return debs, nil
	}
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s is not here: build on Debian or Ubuntu, or give --base an image with git, ssh and a shell", tool)
		}
	}
	for _, d := range []string{"lists/partial", "archives/partial", "debs.part"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	sources := fmt.Sprintf("deb [arch=%s signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian %s main\n"+
		"deb [arch=%s signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security %s-security main\n", arch, suite, arch, suite)
	for name, text := range map[string]string{"sources.list": sources, "status": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	apt := func(at string, args ...string) (string, error) {
		cmd := exec.Command("apt-get", append([]string{
			"-o", "APT::Architecture=" + arch, "-o", "APT::Architectures::=" + arch, "-o", "Dir::State=" + dir, "-o", "Dir::State::status=" + dir + "/status",
			"-o", "Dir::Cache=" + dir, "-o", "Dir::Etc::sourcelist=" + dir + "/sources.list", "-o", "Dir::Etc::sourceparts=/dev/null",
			"-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none", "-qq"}, args...)...)
		cmd.Dir = at
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("apt-get %s: %w\n%s", args[0], err, said.String())
		}
		return string(out), nil
	}
	if _, err := apt(dir, "update"); err != nil {
		return nil, err
	}
	list, err := apt(dir, append([]string{"install", "--print-uris", "-y", "--no-install-recommends"}, wantedPackages()...)...)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasSuffix(fields[1], ".deb") {
			continue
		}
		name, _, _ := strings.Cut(fields[1], "_")
		if !slices.ContainsFunc(unused(), func(u string) bool { return strings.HasPrefix(name, u) }) {
			names = append(names, name)
		}
	}
	part := filepath.Join(dir, "debs.part")
	if _, err := apt(part, append([]string{"download"}, names...)...); err != nil {
		return nil, err
	}
	if err := os.Rename(part, filepath.Join(dir, "debs")); err != nil {
		return nil, err
	}
	return packages(o, arch)
}

// unpack adds the files of a package, all below /usr.
func (t tree) unpack(deb string) error {
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := tar.NewReader(out)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := usr(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			b, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			t.file(name, h.Mode&0o777, b)
		case tar.TypeSymlink:
			t.link(name, h.Linkname)
		case tar.TypeLink:
			t[name] = t[usr(h.Linkname)]
		}
	}
	_, _ = io.Copy(io.Discard, out) // the padding, so that dpkg-deb does not end by a closed pipe
	return cmd.Wait()
}

// usr is where a file is since /bin and /lib are links.
func usr(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	for _, d := range []string{"bin/", "sbin/", "lib/", "lib64/"} {
		if strings.HasPrefix(name, d) {
			return "usr/" + name
		}
	}
	return name
}

// pick takes, of all files of the packages, those that cloning needs.
func pick(all tree) (tree, error) {
	out := tree{}
	for _, name := range []string{"usr/bin/git", "usr/bin/ssh", "usr/bin/busybox", "usr/bin/ssh-add", "usr/bin/ssh-agent", "usr/bin/ssh-keygen"} {
		if _, ok := all[name]; !ok {
			return nil, fmt.Errorf("%s is in no package", name)
		}
		out[name] = all[name]
	}
	var certs []byte
	for _, name := range all.names() {
		e := all[name]
		switch {
		case strings.HasPrefix(name, "usr/lib/git-core/") && !bytes.HasPrefix(e.data, []byte("#!/usr/bin/perl")):
			out[name] = e
		case strings.HasPrefix(name, "usr/share/git-core/templates/"):
			out[name] = e
		case strings.HasPrefix(name, "usr/share/ca-certificates/mozilla/"):
			certs = append(append(certs, bytes.TrimSpace(e.data)...), '\n')
		}
	}
	for _, name := range out.names() {
		if err := out.needs(all, name); err != nil {
			return nil, err
		}
	}
	for _, a := range applets() {
		if _, ok := out["usr/bin/"+a]; !ok {
			out.link("usr/bin/"+a, "busybox")
		}
	}
	for _, d := range []string{"bin", "lib", "lib64"} {
		out.link(d, "usr/"+d)
	}
	out.link("sbin", "usr/bin")
	out.file("etc/ssl/certs/ca-certificates.crt", 0o644, certs)
	out.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\nprow:x:65532:65532:prow:/home/prow:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"))
	out.file("etc/group", 0o644, []byte("root:x:0:\nprow:x:65532:\nnogroup:x:65534:\n"))
	out.file("etc/nsswitch.conf", 0o644, []byte("hosts: files dns\n"))
	out.dir("tmp", 0o1777)
	out.dir("root", 0o700)
	out.dir("home/prow", 0o777)
	return out, nil
}

// needs adds the libraries that a program asks for, and those they ask for.
func (t tree) needs(all tree, name string) error {
	e := t[name]
	if e.target != "" {
		to := usr(path.Join("/", path.Dir(name), e.target))
		if strings.HasPrefix(e.target, "/") {
			to = usr(e.target)
		}
		if _, ok := t[to]; ok {
			return nil
		}
		if _, ok := all[to]; !ok {
			return nil // a link into what is not taken
		}
		t[to] = all[to]
		return t.needs(all, to)
	}
	if !bytes.HasPrefix(e.data, []byte(elf.ELFMAG)) {
		return nil
	}
	f, err := elf.NewFile(bytes.NewReader(e.data))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	libs, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b, err := io.ReadAll(p.Open())
			if err != nil {
				return err
			}
			libs = append(libs, strings.TrimRight(string(b), "\x00"))
		}
	}
	for _, l := range libs {
		at := all.library(l)
		if at == "" {
			return fmt.Errorf("%s needs %s, which is in no package", name, l)
		}
		if _, ok := t[at]; ok {
			continue
		}
		t[at] = all[at]
		if err := t.needs(all, at); err != nil {
			return err
		}
	}
	return nil
}

// library finds a shared library.
func (t tree) library(name string) string {
	if strings.HasPrefix(name, "/") {
		return usr(name)
	}
	for _, dir := range []string{"usr/lib/x86_64-linux-gnu/", "usr/lib/aarch64-linux-gnu/", "usr/lib/"} {
		if _, ok := t[dir+name]; ok {
			return dir + name
		}
	}
	return ""
}
