package podutil

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
	"unicode/utf8"

	prow "github.com/prow-ci/prow"
)

// errLeftOut marks a file that is not uploaded, for a reason that is told.
var errLeftOut = errors.New("left out")

// artifacts uploads everything below the test's artifacts folder. Nothing outside
// is read, whatever a symbolic link says.
func (u *upload) artifacts() {
	root, err := os.OpenRoot(filepath.Join(u.r.Folder, outDir))
	if err != nil {
		u.fail(err)
		return
	}
	defer root.Close()
	names := make(chan string)
	var wg sync.WaitGroup
	for range uploaders {
		wg.Go(func() {
			for n := range names {
				u.artifact(root, n)
			}
		})
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			u.warn("%s: %v", name, err)
			if e != nil && e.IsDir() {
				return fs.SkipDir
			}
		case e.IsDir():
		case !utf8.ValidString(name):
			u.warn("%q was left out: its name is not UTF-8", name)
		default:
			names <- name
		}
		return nil
	})
	close(names)
	wg.Wait()
	u.fail(err)
}

func (u *upload) artifact(root *os.Root, name string) {
	err := u.copyArtifact(root, name)
	switch {
	case err == nil:
	case errors.Is(err, errLeftOut), errors.Is(err, fs.ErrInvalid), errors.Is(err, syscall.ENAMETOOLONG):
		u.warn("%s: %v", name, err)
	default:
		u.fail(fmt.Errorf("artifact %s: %w", name, err))
	}
}

func (u *upload) copyArtifact(root *os.Root, name string) error {
	// Not to wait for the other end of a pipe.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", errLeftOut, err)
	}
	defer f.Close()
	if i, err := f.Stat(); err != nil || !i.Mode().IsRegular() {
		return fmt.Errorf("%w: it is not a file", errLeftOut)
	}
	hide := u.r.hidden()
	if len(hide) > 0 {
		if !u.censored(name) {
			hide = nil
		} else if err := inspect(f, hide); err != nil {
			return fmt.Errorf("%w: %w", errLeftOut, err)
		}
	}
	return u.put(u.name(path.Join(prow.ArtifactsDir, name)), func(w io.Writer) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if len(hide) == 0 {
			_, err := io.Copy(w, f)
			return err
		}
		c := newCensor(w, hide)
		if _, err := io.Copy(c, f); err != nil {
			return err
		}
		return c.Close()
	})
}
