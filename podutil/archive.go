package podutil

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
)

var (
	// errSecretInside says why an archive is not uploaded. Secrets in it cannot be
	// replaced without making another archive of it.
	errSecretInside = errors.New("there is a secret in this archive")
	errOpaque       = errors.New("it is compressed in a way that cannot be searched for secrets: use gzip, bzip2 or zip, or exclude its folder from the search")
	errTooDeep      = errors.New("archives in archives in archives: it is not searched for secrets")
)

const (
	deepest     = 4
	mostWithin  = 16 << 30 // bytes searched in one artifact; more is a trap
	headLength  = 512
	tarMagicAt  = 257
	spoolPrefix = "podutil-archive-"
)

// inspect looks into archives, whatever they are called, and into those in them. One
// that holds a secret, or that cannot be read to its end, is not to be uploaded.
func inspect(f *os.File, hide []string) error {
	head := make([]byte, headLength)
	n, _ := f.ReadAt(head, 0) // what cannot be read fails when it is copied
	kind := archiveKind(head[:n])
	if kind == "" {
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	s := &search{hide: hide, left: mostWithin}
	if kind == "zip" {
		i, err := f.Stat()
		if err != nil {
			return err
		}
		return s.zip(f, i.Size(), 0)
	}
	return s.stream(f, 0)
}

// archiveKind tells an archive by its first bytes, "" for other files.
func archiveKind(head []byte) string {
	for _, m := range []struct{ magic, kind string }{
		{"\x1f\x8b", "gzip"}, {"BZh", "bzip2"}, {"PK\x03\x04", "zip"}, {"PK\x05\x06", "zip"},
		{"\xfd7zXZ\x00", "opaque"}, {"\x28\xb5\x2f\xfd", "opaque"}, {"7z\xbc\xaf\x27\x1c", "opaque"}, {"Rar!\x1a\x07", "opaque"},
		{"\x04\x22\x4d\x18", "opaque"}, {"\x1f\x9d", "opaque"}, {"LZIP", "opaque"},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.kind
		}
	}
	if len(head) > tarMagicAt+5 && string(head[tarMagicAt:tarMagicAt+5]) == "ustar" {
		return "tar"
	}
	return ""
}

// search is a search of one artifact.
type search struct {
	hide []string
	left int64 // bytes that may still be searched
}

func damaged(what string, err error) error {
	if errors.Is(err, errSecretInside) || errors.Is(err, errOpaque) || errors.Is(err, errTooDeep) {
		return err
	}
	return fmt.Errorf("a damaged %s archive: %w", what, err)
}

// stream searches what r gives, and what is packed in it.
func (s *search) stream(r io.Reader, depth int) error {
	if depth > deepest {
		return errTooDeep
	}
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(headLength)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch kind := archiveKind(head); kind {
	case "gzip":
		z, err := gzip.NewReader(b)
		if err == nil {
			err = s.stream(z, depth+1)
		}
		if err != nil {
			return damaged(kind, err)
		}
		return nil
	case "bzip2":
		if err := s.stream(bzip2.NewReader(b), depth+1); err != nil {
			return damaged(kind, err)
		}
		return nil
	case "zip":
		return s.spooled(b, depth)
	case "tar":
		return s.tar(b, depth)
	case "opaque":
		return errOpaque
	}
	return s.plain(b)
}

// plain reads r to its end, or to the first secret.
func (s *search) plain(r io.Reader) error {
	c := newCensor(io.Discard, s.hide)
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if s.left -= int64(n); s.left < 0 {
			return errTooDeep
		}
		if _, e := c.Write(buf[:n]); e != nil {
			return e
		}
		if errors.Is(err, io.EOF) {
			if err = c.Close(); err == nil && c.found {
				err = errSecretInside
			}
			return err
		}
		if c.found {
			return errSecretInside
		}
		if err != nil {
			return err
		}
	}
}

// tar searches the files of a tar, and its bytes as they are, for names.
func (s *search) tar(r io.Reader, depth int) error {
	c := newCensor(io.Discard, s.hide)
	raw := io.TeeReader(r, c)
	t := tar.NewReader(raw)
	for {
		_, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = s.stream(t, depth+1)
		}
		if err != nil {
			return damaged("tar", err)
		}
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return damaged("tar", err)
	}
	if err := c.Close(); err != nil {
		return err
	}
	if c.found {
		return errSecretInside
	}
	return nil
}

func (s *search) zip(r io.ReaderAt, size int64, depth int) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return damaged("zip", err)
	}
	for _, e := range z.File {
		f, err := e.Open()
		if err != nil {
			return damaged("zip", err)
		}
		if err := errors.Join(s.stream(f, depth+1), f.Close()); err != nil {
			return damaged("zip", err)
		}
	}
	// Names and comments, and what hides between the files.
	return s.plain(io.NewSectionReader(r, 0, size))
}

// spooled searches a zip that is inside another archive: its list is at its end.
func (s *search) spooled(r io.Reader, depth int) error {
	f, err := os.CreateTemp("", spoolPrefix)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(r, s.left+1))
	if err != nil {
		return err
	}
	if s.left -= n; s.left < 0 {
		return errTooDeep
	}
	return s.zip(f, n, depth)
}
