package podutil

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"
	"unicode/utf8"

	prow "github.com/prow-ci/prow"
)

// errLeftOut marks a file that is not uploaded, for a reason that is told.
var errLeftOut = errors.New("left out")

// artifacts uploads everything below root, to below the run's folder to. Nothing
// outside is read, whatever a symbolic link says.
func (u *upload) artifacts(root *os.Root, to string) {
	names := make(chan string)
	var wg sync.WaitGroup
	for range uploaders {
		wg.Go(func() {
			for n := range names {
				u.artifact(root, n, to)
			}
		})
	}
	taken := map[string]bool{}
	err := fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			u.warn("%s: %v", name, err)
			if e != nil && e.IsDir() {
				return fs.SkipDir
			}
		case e.IsDir():
		case !utf8.ValidString(name):
			u.warn("%q was left out: its name is not UTF-8", name)
		case taken[u.objectName(name)]:
			u.warn("%s was left out: another file is stored under the same name", name)
		case u.ctx.Err() != nil:
			return fs.SkipAll
		default:
			taken[u.objectName(name)] = true
			names <- name
		}
		return nil
	})
	close(names)
	wg.Wait()
	u.fail(err)
}

func (u *upload) artifact(root *os.Root, name, to string) {
	err := u.copyArtifact(root, name, to)
	switch {
	case err == nil:
	case errors.Is(err, errLeftOut), errors.Is(err, fs.ErrInvalid), errors.Is(err, syscall.ENAMETOOLONG):
		u.warn("%s: %v", name, err)
	default:
		u.fail(fmt.Errorf("artifact %s: %w", name, err))
	}
}

func (u *upload) copyArtifact(root *os.Root, name, to string) error {
	f, err := openRegular(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: it is gone, or a link to nothing", errLeftOut)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	hide := u.hidden()
	if len(hide) > 0 {
		if !searched(u.rules, name) {
			hide = nil
		} else if err := inspect(f, hide); err != nil {
			return fmt.Errorf("%w: %w", errLeftOut, err)
		}
	}
	served, compress := u.serving(name, f)
	return u.put(u.name(path.Join(to, u.objectName(name))), served, func(w io.Writer) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if compress {
			z := gzip.NewWriter(w)
			if err := pour(z, f, hide); err != nil {
				return err
			}
			return z.Close()
		}
		return pour(w, f, hide)
	})
}

// pour copies without the secrets.
func pour(w io.Writer, r io.Reader, hide []string) error {
	if len(hide) == 0 {
		_, err := io.Copy(w, r)
		return err
	}
	c := newCensor(w, hide)
	if _, err := io.Copy(c, r); err != nil {
		return err
	}
	return c.Close()
}

// far reports whether the files go to a store that serves them itself.
func (u *upload) far() bool {
	_, ok := u.to.(prow.ServingArtifacts)
	return ok
}
