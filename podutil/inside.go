package podutil

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// folder is what a test and we both write to. The test may have put a symbolic link
// anywhere in it, also where its log or its artifacts belong; none is followed out
// of it, since we can read what the test must not publish.
type folder struct{ dir string }

// root opens a folder below f, or, if it is not below f, itself.
func (f folder) root(dir string) (*os.Root, error) {
	rel, ok := f.rel(dir)
	if !ok {
		return os.OpenRoot(dir)
	}
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenRoot(rel)
}

func (f folder) rel(name string) (string, bool) {
	if f.dir == "" {
		return "", false
	}
	rel, err := filepath.Rel(f.dir, name)
	return rel, err == nil && filepath.IsLocal(rel)
}

// open opens a file below f, or, if it is not below f, one whose folder is trusted.
func (f folder) open(name string) (*os.File, error) {
	dir := f.dir
	rel, ok := f.rel(name)
	if !ok {
		dir, rel = filepath.Split(filepath.Clean(name))
		if dir == "" {
			dir = "."
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return openRegular(root, rel)
}

// read reads a small file below f.
func (f folder) read(name string) ([]byte, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, 16<<20))
}

// openRegular opens a file, and does not wait for the other end of a pipe.
func openRegular(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLeftOut, err)
	}
	if i, err := f.Stat(); err != nil || !i.Mode().IsRegular() {
		_ = f.Close()
		return nil, fmt.Errorf("%w: it is not a file", errLeftOut)
	}
	return f, nil
}
