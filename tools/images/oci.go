package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// entry is a file, a folder or a symbolic link.
type entry struct {
	mode   int64
	data   []byte
	target string
	folder bool
}

// tree is what a layer holds, by name.
type tree map[string]entry

func (t tree) file(name string, mode int64, data []byte) { t[name] = entry{mode: mode, data: data} }
func (t tree) link(name, target string)                  { t[name] = entry{mode: 0o777, target: target} }
func (t tree) dir(name string, mode int64)               { t[name] = entry{mode: mode, folder: true} }
func (t tree) names() []string                           { return slices.Sorted(maps.Keys(t)) }

// layer is a layer that is made.
type layer struct {
	descriptor
	diff string // of the tar before it is compressed
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type config struct {
	Created      time.Time `json:"created"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Config       started   `json:"config"`
	RootFS       struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

type started struct {
	User       string            `json:"User,omitempty"`
	Entrypoint []string          `json:"Entrypoint"`
	Env        []string          `json:"Env,omitempty"`
	Labels     map[string]string `json:"Labels,omitempty"`
}

// blobs holds all blobs by digest.
type blobs struct{ m map[string][]byte }

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func (s *blobs) add(media string, b []byte) descriptor {
	d := descriptor{MediaType: media, Digest: digest(b), Size: int64(len(b))}
	s.m[d.Digest] = b
	return d
}

func (s *blobs) json(media string, v any) (descriptor, error) {
	b, err := json.Marshal(v)
	return s.add(media, b), err
}

// layer makes a layer; folders on the way are made.
func (s *blobs) layer(t tree, at time.Time) (layer, error) {
	for _, name := range t.names() {
		for d := path.Dir(name); d != "."; d = path.Dir(d) {
			if _, ok := t[d]; !ok {
				t.dir(d, 0o755)
			}
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range t.names() {
		e := t[name]
		h := &tar.Header{Name: name, Mode: e.mode, ModTime: at, Format: tar.FormatPAX, Typeflag: tar.TypeReg, Size: int64(len(e.data))}
		switch {
		case e.folder:
			h.Typeflag, h.Name = tar.TypeDir, name+"/"
		case e.target != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.target
		}
		if err := w.WriteHeader(h); err != nil {
			return layer{}, err
		}
		if _, err := w.Write(e.data); err != nil {
			return layer{}, err
		}
	}
	if err := w.Close(); err != nil {
		return layer{}, err
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return layer{}, err
	}
	_, err = z.Write(b.Bytes())
	if err := errors.Join(err, z.Close()); err != nil {
		return layer{}, err
	}
	return layer{s.add(typeLayer, packed.Bytes()), digest(b.Bytes())}, nil
}

// labels say what an image is and where it comes from, to people and to scanners.
func (o *options) labels(i image) map[string]string {
	const of = "org.opencontainers.image."
	out := map[string]string{
		of + "title": i.name, of + "version": o.version, of + "created": o.created.Format(time.RFC3339),
		of + "source": "https://github.com/prow-ci/prow", of + "licenses": "Apache-2.0",
	}
	if o.commit != "" {
		out[of+"revision"] = o.commit
	}
	return out
}

// manifest makes the manifest of an image for a platform.
func (s *blobs) manifest(o *options, i image, arch string, b base, own layer) (descriptor, error) {
	c := config{Created: o.created, Architecture: arch, OS: "linux"}
	c.Config = started{User: i.user, Entrypoint: []string{i.start}, Env: b.env, Labels: o.labels(i)}
	c.RootFS.Type = "layers"
	m := manifest{SchemaVersion: 2, MediaType: typeManifest}
	for _, l := range append(slices.Clone(b.layers), own) {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, l.diff)
		m.Layers = append(m.Layers, l.descriptor)
	}
	cd, err := s.json(typeConfig, c)
	if err != nil {
		return cd, err
	}
	m.Config = &cd
	d, err := s.json(typeManifest, m)
	d.Platform = &platform{arch, "linux"}
	return d, err
}

// baseLayout reads the layers of an image that lies as an OCI layout in a folder.
func (s *blobs) baseLayout(dir, arch string) (base, error) {
	read := func(digest string, v any) ([]byte, error) {
		b, err := os.ReadFile(filepath.Join(dir, "blobs", filepath.FromSlash(strings.Replace(digest, ":", "/", 1))))
		if err == nil && v != nil {
			err = json.Unmarshal(b, v)
		}
		return b, err
	}
	var m manifest
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	for err == nil && m.Config == nil {
		i := slices.IndexFunc(m.Manifests, func(d descriptor) bool { return d.Platform == nil || d.Platform.Architecture == arch })
		if i < 0 {
			return base{}, fmt.Errorf("%s has no image for %s", dir, arch)
		}
		d := m.Manifests[i].Digest
		m = manifest{}
		_, err = read(d, &m)
	}
	if err != nil {
		return base{}, fmt.Errorf("--base: want an OCI layout, as `skopeo copy docker://… oci:DIR` makes it: %w", err)
	}
	var c config
	if _, err := read(m.Config.Digest, &c); err != nil {
		return base{}, err
	}
	if len(c.RootFS.DiffIDs) != len(m.Layers) {
		return base{}, fmt.Errorf("%s: the image has %d layers and %d diff ids", dir, len(m.Layers), len(c.RootFS.DiffIDs))
	}
	out := base{env: c.Config.Env}
	for i, l := range m.Layers {
		b, err := read(l.Digest, nil)
		if err != nil {
			return base{}, err
		}
		s.m[l.Digest] = b
		out.layers = append(out.layers, layer{l, c.RootFS.DiffIDs[i]})
	}
	return out, nil
}

// write writes one archive an image: an OCI layout of all platforms, which Docker
// loads too.
func write(o *options, wanted []image, made map[string][]descriptor, blobs *blobs) error {
	for _, i := range wanted {
		name := o.repo + "/" + i.name + ":" + o.version
		index, err := blobs.json(typeIndex, manifest{SchemaVersion: 2, MediaType: typeIndex, Manifests: made[i.name]})
		if err != nil {
			return err
		}
		index.Annotations = map[string]string{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": o.version}
		top, err := json.Marshal(manifest{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{index}})
		if err != nil {
			return err
		}
		files := tree{}
		files.file("oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`))
		files.file("index.json", 0o644, top)
		docker, err := blobs.reach(files, index, name)
		if err != nil {
			return err
		}
		files.file("manifest.json", 0o644, docker)
		to := filepath.Join(o.out, i.name+".tar")
		if err := os.WriteFile(to, pack(files, o.created), 0o644); err != nil {
			return err
		}
		fmt.Printf("%s\t%s@%s\n", to, name, index.Digest)
	}
	return nil
}

// reach adds the blobs of an image to its archive, and returns what `docker load`
// reads: the image for the first platform.
func (s *blobs) reach(files tree, index descriptor, name string) ([]byte, error) {
	at := func(d string) string { return "blobs/" + strings.Replace(d, ":", "/", 1) }
	add := func(d descriptor) []byte {
		files.file(at(d.Digest), 0o644, s.m[d.Digest])
		return s.m[d.Digest]
	}
	var i manifest
	if err := json.Unmarshal(add(index), &i); err != nil {
		return nil, err
	}
	type dockerImage struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var docker []dockerImage
	for _, d := range i.Manifests {
		var m manifest
		if err := json.Unmarshal(add(d), &m); err != nil {
			return nil, err
		}
		add(*m.Config)
		one := dockerImage{Config: at(m.Config.Digest), RepoTags: []string{name}}
		for _, l := range m.Layers {
			add(l)
			one.Layers = append(one.Layers, at(l.Digest))
		}
		if docker == nil {
			docker = append(docker, one)
		}
	}
	return json.Marshal(docker)
}

// pack makes a tar in memory; it cannot fail.
func pack(t tree, at time.Time) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range t.names() {
		e := t[name]
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: e.mode, ModTime: at, Size: int64(len(e.data)), Typeflag: tar.TypeReg, Format: tar.FormatPAX})
		_, _ = w.Write(e.data)
	}
	_ = w.Close()
	return b.Bytes()
}
