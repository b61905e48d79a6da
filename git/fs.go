package git

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"time"
)

// maxLinks is how many symbolic links are followed to a file.
const maxLinks = 40

// FS returns the files of a commit, read by `cat-file` as they are opened, while
// ctx lasts. It serves fs.ReadDirFS, fs.ReadFileFS, fs.StatFS and fs.ReadLinkFS,
// and may be used concurrently. Symbolic links are followed inside the commit; one
// that leads outside is absent. Submodules are irregular files.
func (r *Repo) FS(ctx context.Context, commit string) (fs.FS, error) {
	m, err := r.have(ctx, commit)
	if err != nil {
		return nil, err
	}
	root, err := m.root(ctx, commit)
	if err != nil {
		return nil, err
	}
	return &files{ctx, m, root}, nil
}

// files is the fs.FS of a tree. An fs.FS has no place for a context but here.
type files struct {
	ctx  context.Context
	m    *mirror
	root string
}

var (
	_ fs.ReadDirFS  = (*files)(nil)
	_ fs.ReadFileFS = (*files)(nil)
	_ fs.StatFS     = (*files)(nil)
	_ fs.ReadLinkFS = (*files)(nil)
)

// resolve finds name, following links along the way and, if last, at its end.
func (f *files) resolve(name string, last bool) (entry, error) {
	if !fs.ValidPath(name) {
		return entry{}, fs.ErrInvalid
	}
	e := entry{name: ".", mode: "40000", id: f.root}
	at, rest := ".", name
	for links := 0; rest != "."; {
		part, after := split(rest)
		if !e.kind().IsDir() {
			return entry{}, fs.ErrNotExist
		}
		t, err := f.m.tree(f.ctx, e.id)
		if err != nil {
			return entry{}, err
		}
		next, ok := find(t, part)
		if !ok {
			return entry{}, fs.ErrNotExist
		}
		if next.kind().Type() != fs.ModeSymlink || (after == "." && !last) {
			e, at, rest = next, path.Join(at, part), after
			continue
		}
		if links++; links > maxLinks {
			return entry{}, errors.New("too many symbolic links")
		}
		target, err := f.m.readers.ask(f.ctx, "contents", next.id)
		if err != nil {
			return entry{}, err
		}
		rest = path.Join(at, string(target.data), after)
		if path.IsAbs(string(target.data)) || !fs.ValidPath(rest) {
			return entry{}, fs.ErrNotExist
		}
		e, at = entry{name: ".", mode: "40000", id: f.root}, "."
	}
	e.name = path.Base(name)
	return e, nil
}

func split(p string) (first, rest string) {
	for i := range len(p) {
		if p[i] == '/' {
			return p[:i], p[i+1:]
		}
	}
	return p, "."
}

func (f *files) stat(op, name string, last bool) (info, error) {
	e, err := f.resolve(name, last)
	if err != nil {
		return info{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	i, err := f.info(e)
	if err != nil {
		return info{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return i, nil
}

func (f *files) info(e entry) (info, error) {
	if k := e.kind(); k.IsDir() || k.Type() == fs.ModeIrregular {
		return info{e, 0}, nil
	}
	o, err := f.m.readers.ask(f.ctx, "info", e.id)
	return info{e, o.size}, err
}

func (f *files) Stat(name string) (fs.FileInfo, error)  { return f.stat("stat", name, true) }
func (f *files) Lstat(name string) (fs.FileInfo, error) { return f.stat("lstat", name, false) }

func (f *files) ReadLink(name string) (string, error) {
	e, err := f.resolve(name, false)
	if err == nil && e.kind().Type() != fs.ModeSymlink {
		err = fs.ErrInvalid
	}
	var o object
	if err == nil {
		o, err = f.m.readers.ask(f.ctx, "contents", e.id)
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(o.data), nil
}

func (f *files) ReadFile(name string) ([]byte, error) {
	e, err := f.resolve(name, true)
	if err == nil && !e.kind().IsRegular() {
		err = errors.New("not a file")
	}
	var o object
	if err == nil {
		o, err = f.m.readers.ask(f.ctx, "contents", e.id)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return o.data, nil
}

func (f *files) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := f.resolve(name, true)
	if err == nil && !e.kind().IsDir() {
		err = errors.New("not a directory")
	}
	var t []entry
	if err == nil {
		t, err = f.m.tree(f.ctx, e.id)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	out := make([]fs.DirEntry, len(t))
	for i, e := range t {
		out[i] = dirEntry{f, e}
	}
	return out, nil
}

func (f *files) Open(name string) (fs.File, error) {
	i, err := f.stat("open", name, true)
	if err != nil {
		return nil, err
	}
	return &file{f: f, name: name, info: i}, nil
}

type dirEntry struct {
	f *files
	e entry
}

func (d dirEntry) Name() string               { return d.e.name }
func (d dirEntry) IsDir() bool                { return d.e.kind().IsDir() }
func (d dirEntry) Type() fs.FileMode          { return d.e.kind().Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.f.info(d.e) }
func (d dirEntry) String() string             { return fs.FormatDirEntry(d) }

type info struct {
	e    entry
	size int64
}

func (i info) Name() string       { return i.e.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.e.kind() }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.e.kind().IsDir() }
func (i info) Sys() any           { return i.e.id } // the object's id

// file is an open file or directory; a file's text is read when it is wanted.
type file struct {
	f    *files
	name string
	info info
	data *bytes.Reader
	list []fs.DirEntry
	read bool // list is filled
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

func (f *file) load() error {
	if f.data != nil {
		return nil
	}
	if !f.info.Mode().IsRegular() {
		return &fs.PathError{Op: "read", Path: f.name, Err: errors.New("not a file")}
	}
	o, err := f.f.m.readers.ask(f.f.ctx, "contents", f.info.e.id)
	if err != nil {
		return &fs.PathError{Op: "read", Path: f.name, Err: err}
	}
	f.data = bytes.NewReader(o.data)
	return nil
}

func (f *file) Read(p []byte) (int, error) {
	if err := f.load(); err != nil {
		return 0, err
	}
	return f.data.Read(p)
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	if err := f.load(); err != nil {
		return 0, err
	}
	return f.data.Seek(offset, whence)
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.load(); err != nil {
		return 0, err
	}
	return f.data.ReadAt(p, off)
}

func (f *file) ReadDir(n int) ([]fs.DirEntry, error) {
	if !f.read {
		list, err := f.f.ReadDir(f.name)
		if err != nil {
			return nil, err
		}
		f.list, f.read = list, true
	}
	if n > 0 && len(f.list) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(f.list) {
		n = len(f.list)
	}
	out := f.list[:n:n]
	f.list = f.list[n:]
	return out, nil
}
