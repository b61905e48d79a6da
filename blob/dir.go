// Package blob keeps files: prow.Artifacts in a directory.
//
// Takes: names and what to write there. Gives: the files back, whole or in
// parts. Woken by: its callers.
package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// unfinished is where files are until they are closed. It is no name of a file.
const unfinished = ".unfinished"

// abandoned is the age at which an unfinished file belongs to nobody any more.
const abandoned = 48 * time.Hour

// Dir keeps files below path, which is made if it is not there. Nothing outside
// is read or written, whatever a name or a symbolic link says. Several processes
// may use one directory. A file appears by being renamed, so it is always whole;
// it is not forced to the disk, so a power cut may take the newest.
func Dir(path string) (prow.Artifacts, error) {
	if path == "" {
		return nil, errors.New("artifacts: no directory was given")
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("artifacts: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("artifacts: %w", err)
	}
	d := &dir{root, root.FS()}
	if err := d.sweep(); err != nil {
		return nil, fmt.Errorf("artifacts: %w", err)
	}
	return d, nil
}

type dir struct {
	root *os.Root
	fs   fs.FS
}

var (
	_ prow.Artifacts = (*dir)(nil)
	_ fs.ReadDirFS   = (*dir)(nil)
	_ fs.StatFS      = (*dir)(nil)
)

// sweep makes the place for unfinished files and empties it of what a killed
// process left long ago, by the clock of the file system.
func (d *dir) sweep() error {
	if err := d.root.Mkdir(unfinished, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	w, err := d.create(context.Background(), "now")
	if err != nil {
		return err
	}
	defer w.discard()
	now, err := w.f.Stat()
	if err != nil {
		return err
	}
	list, err := fs.ReadDir(d.fs, unfinished)
	if err != nil {
		return err
	}
	for _, e := range list {
		// One that is gone meanwhile was finished, or swept by another.
		if i, err := e.Info(); err == nil && now.ModTime().Sub(i.ModTime()) > abandoned {
			_ = d.root.Remove(path.Join(unfinished, e.Name()))
		}
	}
	return nil
}

func check(op, name string) error {
	if !fs.ValidPath(name) || name == unfinished || strings.HasPrefix(name, unfinished+"/") {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return nil
}

func (d *dir) Open(name string) (fs.File, error) {
	if err := check("open", name); err != nil {
		return nil, err
	}
	return d.fs.Open(name)
}

func (d *dir) Stat(name string) (fs.FileInfo, error) {
	if err := check("stat", name); err != nil {
		return nil, err
	}
	return fs.Stat(d.fs, name)
}

func (d *dir) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := check("readdir", name); err != nil {
		return nil, err
	}
	list, err := fs.ReadDir(d.fs, name)
	if name == "." {
		list = slices.DeleteFunc(list, func(e fs.DirEntry) bool { return e.Name() == unfinished })
	}
	return list, err
}

// URL returns "": a browser does not open files; deck shows them.
func (d *dir) URL(string) string { return "" }

func (d *dir) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	err := check("create", name)
	if err == nil && name == "." {
		err = &fs.PathError{Op: "create", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, err
	}
	return d.create(ctx, name)
}

func (d *dir) create(ctx context.Context, name string) (*writer, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	tmp := path.Join(unfinished, rand.Text())
	f, err := d.root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &writer{ctx: ctx, d: d, f: f, tmp: tmp, name: name}, nil
}

// writer is a file that is not there yet.
type writer struct {
	ctx       context.Context // of Create: if it ends before Close, nothing appears
	d         *dir
	f         *os.File
	tmp, name string
	err       error // the first of a Write
	closed    bool
}

func (w *writer) Write(p []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	n, err := w.f.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// ReadFrom lets the kernel copy where it can.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	n, err := w.f.ReadFrom(r)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

func (w *writer) discard() {
	w.closed = true
	_ = w.f.Close()
	_ = w.d.root.Remove(w.tmp) // else a later sweep does it
}

// Close lets the file appear. After a failed write it does not, so that half a
// file is never taken for a whole one.
func (w *writer) Close() error {
	if w.closed {
		return fs.ErrClosed
	}
	w.closed = true
	err := errors.Join(context.Cause(w.ctx), w.err, w.f.Close())
	if err == nil {
		err = w.appear()
	}
	if err != nil {
		_ = w.d.root.Remove(w.tmp) // else a later sweep does it
		return fmt.Errorf("write %s: %w", w.name, err)
	}
	return nil
}

func (w *writer) appear() error {
	err := w.d.root.Rename(w.tmp, w.name)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := w.d.root.MkdirAll(path.Dir(w.name), 0o755); err != nil {
		return err
	}
	return w.d.root.Rename(w.tmp, w.name)
}
