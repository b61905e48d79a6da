package podutil

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	prow "github.com/prow-ci/prow"
)

// errSecretInside says why an archive is not uploaded. Secrets in it cannot be
// replaced without making another archive of it.
var errSecretInside = errors.New("there is a secret in this archive")

// searched reports whether an artifact is searched for secrets: the job may say
// which directories are, and which are not.
func searched(o *prow.CensoringOptions, name string) bool {
	switch {
	case o == nil:
		return true
	case matches(o.ExcludeDirectories, name):
		return false
	}
	return len(o.IncludeDirectories) == 0 || matches(o.IncludeDirectories, name)
}

// matches reports whether a pattern matches the name or a directory it is in. In a
// pattern, ** is any number of directories.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		pattern := strings.Split(path.Clean(p), "/")
		for n := name; n != "." && n != "/"; n = path.Dir(n) {
			if matchParts(pattern, strings.Split(n, "/")) {
				return true
			}
		}
	}
	return false
}

func matchParts(pattern, name []string) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == "**" {
		for i := range len(name) + 1 {
			if matchParts(pattern[1:], name[i:]) {
				return true
			}
		}
		return false
	}
	if len(name) == 0 {
		return false
	}
	ok, err := path.Match(pattern[0], name[0])
	return ok && err == nil && matchParts(pattern[1:], name[1:])
}

// inspect looks into gzip and zip files, whatever they are called. One that holds a
// secret, or that cannot be read to its end, is not to be uploaded.
func inspect(f *os.File, hide []string) error {
	var magic [4]byte
	if n, _ := f.ReadAt(magic[:], 0); n < 4 {
		return nil
	}
	switch {
	case bytes.HasPrefix(magic[:], []byte{0x1f, 0x8b}):
		return inspectGzip(f, hide)
	case string(magic[:]) == "PK\x03\x04":
		return inspectZip(f, hide)
	}
	return nil
}

func inspectGzip(f *os.File, hide []string) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("a damaged gzip file: %w", err)
	}
	return search(z, hide)
}

func inspectZip(f *os.File, hide []string) error {
	i, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(f, i.Size())
	if err != nil {
		return fmt.Errorf("a damaged zip file: %w", err)
	}
	for _, e := range z.File {
		r, err := e.Open()
		if err != nil {
			return fmt.Errorf("a damaged zip file: %w", err)
		}
		if err := errors.Join(search(r, hide), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// search reads r to its end, or to the first secret.
func search(r io.Reader, hide []string) error {
	c := newCensor(io.Discard, hide)
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if _, e := c.Write(buf[:n]); e != nil {
			return e
		}
		if c.found {
			return errSecretInside
		}
		if errors.Is(err, io.EOF) {
			if e := c.Close(); e != nil {
				return e
			}
			if c.found {
				return errSecretInside
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("a damaged archive: %w", err)
		}
	}
}
