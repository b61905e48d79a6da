// Command images builds Prow's container images without Docker: for each platform
// a layer with git, ssh, a shell and certificates from Debian's packages, and a layer
// with our binary. The same packages and the same code give the same bytes.
//
// It is called by `make images` from the root of the repository.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// image is one of the images. Those of one binary differ in what they start only.
type image struct {
	name   string // podutil
	binary string // ./cmd/podutil
	links  []string
	start  string
	user   string // who it runs as, where nobody says; "" is root
}

// utilities are the names podutil answers to.
func utilities() []string {
	return []string{"clonerefs", "initupload", "entrypoint", "sidecar", "gcsupload"}
}

func images() []image {
	var links []string
	for _, u := range utilities() {
		links = append(links, u, "ko-app/"+u)
	}
	out := []image{
		{name: "prow", binary: "prow", links: []string{"ko-app/prow"}, start: "/prow", user: "65532:65532"},
		{name: "podutil", binary: "podutil", links: links, start: "/podutil"},
	}
	for _, u := range utilities() {
		out = append(out, image{name: u, binary: "podutil", links: links, start: "/" + u})
	}
	return out
}

type options struct {
	out     string
	repo    string
	version string
	arches  []string
	cache   string
	base    string
	only    []string
	created time.Time
	commit  string // "" if it is not known
}

func main() {
	var o options
	var arches, only string
	flag.StringVar(&o.out, "out", "bin/images", "folder for the images")
	flag.StringVar(&o.repo, "repo", "prow.local", "registry and folder that the images' names begin with")
	flag.StringVar(&o.version, "version", "dev", "tag of the images, and the version the binaries tell")
	flag.StringVar(&arches, "arch", "amd64,arm64", "platforms")
	flag.StringVar(&o.cache, "cache", ".cache/images", "folder for Debian's packages; what is there is not fetched again")
	flag.StringVar(&o.base, "base", "", "OCI layout of an image with git, ssh and a shell, to put our binary on, in place of Debian's packages")
	flag.StringVar(&only, "only", "", "names of images, if not all: prow,podutil")
	flag.Parse()
	o.arches = strings.Split(arches, ",")
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	if err := build(&o); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

// build builds all images and writes them.
func build(o *options) error {
	seconds, err := commitTime()
	if err != nil {
		return err
	}
	o.created = time.Unix(seconds, 0).UTC()
	if head, err := exec.Command("git", "rev-parse", "HEAD").Output(); err == nil { // a released archive is no clone
		o.commit = strings.TrimSpace(string(head))
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	wanted := wantedImages(o.only)
	if len(wanted) == 0 {
		return fmt.Errorf("--only=%s: there is no such image", strings.Join(o.only, ","))
	}
	blobs := &blobs{m: map[string][]byte{}}
	bases := map[string]base{}
	layers := map[string]layer{} // by platform and binary
	for _, arch := range o.arches {
		if bases[arch], err = baseOf(o, arch, blobs); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
		for _, i := range wanted {
			key := arch + "/" + i.binary
			if _, ok := layers[key]; ok {
				continue
			}
			if layers[key], err = binaryLayer(o, arch, i, blobs); err != nil {
				return fmt.Errorf("%s %s: %w", arch, i.name, err)
			}
		}
	}
	made := map[string][]descriptor{} // by image: one manifest a platform
	for _, i := range wanted {
		for _, arch := range o.arches {
			d, err := blobs.manifest(o, i, arch, bases[arch], layers[arch+"/"+i.binary])
			if err != nil {
				return err
			}
			made[i.name] = append(made[i.name], d)
		}
	}
	return write(o, wanted, made, blobs)
}

func wantedImages(only []string) []image {
	if only == nil {
		return images()
	}
	var out []image
	for _, i := range images() {
		for _, n := range only {
			if i.name == n {
				out = append(out, i)
			}
		}
	}
	return out
}

// commitTime is the time that all files bear: of the newest commit, or what
// SOURCE_DATE_EPOCH says.
func commitTime() (int64, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		b, err := exec.Command("git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return 0, errors.New("the time of the newest commit is not known: run in the repository, or set SOURCE_DATE_EPOCH")
		}
		text = string(b)
	}
	return strconv.ParseInt(strings.TrimSpace(text), 10, 64)
}

// binaryLayer compiles a binary and makes its layer.
func binaryLayer(o *options, arch string, i image, blobs *blobs) (layer, error) {
	bin := filepath.Join(o.out, "bin", arch, i.binary)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+o.version, "-o", bin, "./cmd/"+i.binary)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return layer{}, fmt.Errorf("go build: %w\n%s", err, said.String())
	}
	b, err := os.ReadFile(bin)
	if err != nil {
		return layer{}, err
	}
	files := tree{}
	files.file(i.binary, 0o755, b)
	for _, l := range i.links {
		files.link(l, "/"+i.binary)
	}
	return blobs.layer(files, o.created)
}
