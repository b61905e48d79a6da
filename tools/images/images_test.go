package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// built builds an image into a folder of its own and returns that.
func built(t *testing.T, o options) string {
	t.Helper()
	o.out, o.repo, o.version, o.cache = t.TempDir(), "registry.test/prow", "v1", ".cache/images"
	if err := build(&o); err != nil {
		t.Fatal(err)
	}
	return o.out
}

func TestImages(t *testing.T) {
	t.Chdir("../..")
	t.Setenv("SOURCE_DATE_EPOCH", "1767225600")
	o := options{arches: []string{"amd64", "arm64"}, only: []string{"podutil", "sidecar"}}
	first, second := built(t, o), built(t, o)
	for _, name := range []string{"podutil.tar", "sidecar.tar"} {
		a, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(second, name))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not the same twice: %v", name, err)
		}
	}
	checkLayout(t, filepath.Join(first, "sidecar.tar"))

	// What is inside runs, with nothing of this machine.
	root := t.TempDir()
	for _, l := range dockerImage(t, filepath.Join(first, "podutil.tar")) {
		unpack(t, l, root)
	}
	out, err := exec.Command("bwrap", "--bind", root, "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "/bin/sh", "-ec", `
		mkdir -p /tmp/repo; cd /tmp/repo; git init -q -b main; git -c user.name=a -c user.email=a@x commit -q --allow-empty -m one
		CLONEREFS_OPTIONS='{"src_root":"/tmp/go","log":"/tmp/clone.json","refs":[{"org":"o","repo":"r","base_ref":"main","clone_uri":"/tmp/repo"}],"fail":true}' /clonerefs
		git -C /tmp/go/src/github.com/o/r log -1 --format=%s
		/ko-app/entrypoint --copy-mode-only --copy-destination=/tmp/entrypoint; /tmp/entrypoint --process-log=/tmp/log --marker-file=/tmp/marker -- echo tested; cat /tmp/marker
		ssh -V 2>&1; git ls-remote https://127.0.0.1:1/x 2>&1 || true; grep -c BEGIN /etc/ssl/certs/ca-certificates.crt`).CombinedOutput()
	for _, want := range []string{"one\n", "tested\n0", "OpenSSH", "Failed to connect to 127.0.0.1"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%v: want %q in what was said:\n%s", err, want, out)
		}
	}
}

// Prow runs as nobody of the machine; what runs in a job's pod has to share files
// with a test that mostly runs as root, so there the pod says who.
func TestWhoRuns(t *testing.T) {
	o := &options{version: "v1", created: time.Unix(1767225600, 0).UTC(), commit: "abc"}
	for _, i := range images() {
		s := &blobs{m: map[string][]byte{}}
		d, err := s.manifest(o, i, "amd64", base{}, layer{})
		if err != nil {
			t.Fatal(err)
		}
		var m manifest
		var c config
		if err := json.Unmarshal(s.m[d.Digest], &m); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(s.m[m.Config.Digest], &c); err != nil {
			t.Fatal(err)
		}
		want := ""
		if i.name == "prow" {
			want = "65532:65532"
		}
		if c.Config.User != want {
			t.Errorf("%s runs as %q; want %q", i.name, c.Config.User, want)
		}
		for label, want := range map[string]string{"title": i.name, "version": "v1", "revision": "abc", "created": "2026-01-01T00:00:00Z", "licenses": "Apache-2.0"} {
			if got := c.Config.Labels["org.opencontainers.image."+label]; got != want {
				t.Errorf("%s: label %s is %q; want %q", i.name, label, got, want)
			}
		}
	}
}

// An image may be put on another that lies as an OCI layout.
func TestBase(t *testing.T) {
	t.Chdir("../..")
	t.Setenv("SOURCE_DATE_EPOCH", "1767225600")
	below := tree{}
	below.file("etc/below", 0o644, []byte("from the base"))
	s := &blobs{m: map[string][]byte{}}
	l, err := s.layer(below, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.manifest(&options{}, image{name: "base", start: "/sh"}, "amd64", base{env: []string{"PATH=/opt/bin"}}, l)
	if err != nil {
		t.Fatal(err)
	}
	top, err := json.Marshal(manifest{SchemaVersion: 2, Manifests: []descriptor{d}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string][]byte{"index.json": top}
	for digest, b := range s.m {
		files["blobs/"+strings.Replace(digest, ":", "/", 1)] = b
	}
	for name, b := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	out := built(t, options{arches: []string{"amd64"}, only: []string{"podutil"}, base: dir})
	root := t.TempDir()
	for _, l := range dockerImage(t, filepath.Join(out, "podutil.tar")) {
		unpack(t, l, root)
	}
	if b, err := os.ReadFile(filepath.Join(root, "etc/below")); err != nil || string(b) != "from the base" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(root, "podutil")); err != nil {
		t.Error(err)
	}
	o := options{arches: []string{"arm64"}, only: []string{"podutil"}, base: dir, out: t.TempDir()}
	if err := build(&o); err == nil || !strings.Contains(err.Error(), "no image for arm64") {
		t.Errorf("a base without arm64: %v", err)
	}
}

// archive reads a tar into memory.
func archive(t *testing.T, name string) map[string][]byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]byte{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if out[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// checkLayout follows an archive from its index to its layers.
func checkLayout(t *testing.T, name string) {
	t.Helper()
	files := archive(t, name)
	blob := func(d descriptor, v any) {
		t.Helper()
		b, ok := files["blobs/"+strings.Replace(d.Digest, ":", "/", 1)]
		if !ok || digest(b) != d.Digest || int64(len(b)) != d.Size {
			t.Fatalf("%s: the blob %s is not what it should be", name, d.Digest)
		}
		if v != nil {
			if err := json.Unmarshal(b, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	var top, index manifest
	if err := json.Unmarshal(files["index.json"], &top); err != nil || len(top.Manifests) != 1 {
		t.Fatal(err, top)
	}
	if got := top.Manifests[0].Annotations["io.containerd.image.name"]; got != "registry.test/prow/sidecar:v1" {
		t.Errorf("its name is %q", got)
	}
	blob(top.Manifests[0], &index)
	var arches []string
	for _, d := range index.Manifests {
		var m manifest
		var c config
		blob(d, &m)
		blob(*m.Config, &c)
		arches = append(arches, d.Platform.Architecture)
		if c.Architecture != d.Platform.Architecture || c.Config.Entrypoint[0] != "/sidecar" || len(c.RootFS.DiffIDs) != len(m.Layers) {
			t.Errorf("config %+v", c)
		}
		for _, l := range m.Layers {
			blob(l, nil)
		}
	}
	if strings.Join(arches, " ") != "amd64 arm64" {
		t.Errorf("platforms: %v", arches)
	}
}

// dockerImage returns the layers of the image that `docker load` sees.
func dockerImage(t *testing.T, name string) [][]byte {
	t.Helper()
	files := archive(t, name)
	var images []struct{ Layers []string }
	if err := json.Unmarshal(files["manifest.json"], &images); err != nil || len(images) != 1 {
		t.Fatal(err, images)
	}
	var out [][]byte
	for _, l := range images[0].Layers {
		out = append(out, files[l])
	}
	return out
}

func unpack(t *testing.T, layer []byte, root string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tar", "x", "-C", root)
	cmd.Stdin = z
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
}
