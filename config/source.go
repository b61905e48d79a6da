package config

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"syscall"
)

const (
	maxFile  = 32 << 20  // bytes of one file, unpacked
	maxNodes = 3_000_000 // values in one file, estimated before it is parsed; one takes about 200 bytes
)

// source is one file: where it is, and what was in it.
type source struct {
	name    string
	fsys    fs.FS      // where it is, if not on this machine
	as      func() any // what it is decoded into
	codec   codec
	zipped  bool   // may be gzip
	unknown string // kind of findings about keys that mean nothing
	fresh   bool   // decoded at every load, because assembling changes the value

	// keepPlaces says that there is something to tell of the file at every load.
	keepPlaces bool

	info     fs.FileInfo // when it was read
	hash     [sha256.Size]byte
	data     []byte // nil once the load is over
	value    any
	places   *tree    // once they were asked for, if keepPlaces
	problems Problems // of decoding, warnings included
}

// parseAll reads and decodes files on all cores. What did not change since the
// last load is not decoded again.
func (l *loader) parseAll(ctx context.Context, files []*source) error {
	work := make(chan *source)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		wg.Go(func() {
			for s := range work {
				s.parse(l.cache[s.name])
			}
		})
	}
	var err error
	for _, s := range files {
		if err = ctx.Err(); err != nil {
			break
		}
		work <- s
	}
	close(work)
	wg.Wait()
	return err
}

// parse reads and decodes s; old is the same file as it was at the last load.
func (s *source) parse(old *source) {
	defer func() {
		if r := recover(); r != nil {
			s.fail(Position{}, KindSyntax, fmt.Sprintf("cannot be decoded: %v", r))
		}
	}()
	if old != nil && s.untouched(old) {
		s.info, s.hash, s.value, s.problems, s.places = old.info, old.hash, old.value, old.problems, old.places
		return
	}
	data, err := s.read()
	if err != nil {
		s.fail(Position{}, KindUnreadable, err.Error())
		return
	}
	s.data, s.hash = data, sha256.Sum256(data)
	if !s.fresh && old != nil && old.hash == s.hash && old.value != nil {
		s.value, s.problems, s.places = old.value, old.problems, old.places
		return
	}
	v := s.as()
	s.problems = append(s.problems, s.codec.decode(s.name, data, v, s.unknown)...)
	s.value = v
}

func (s *source) fail(p Position, kind, text string) {
	p.File = s.name
	s.problems = append(s.problems, Problem{Kind: kind, Position: p, Text: text})
	s.value = s.as()
}

// read returns the text of s, unpacked and bounded.
func (s *source) read() ([]byte, error) {
	f, err := s.open()
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer f.Close()
	if s.info, err = f.Stat(); err == nil && !s.info.Mode().IsRegular() {
		return nil, fmt.Errorf("is %s, not a file", kindOf(s.info.Mode()))
	} else if err == nil && s.info.Size() > maxFile {
		return nil, errTooLarge
	}
	var size int64
	if s.info != nil {
		size = s.info.Size()
	}
	data, err := readBounded(f, size)
	if err != nil || !s.zipped || !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("begins like gzip, but is not: %w", err)
	}
	return readBounded(z, 0)
}

// untouched reports whether the file is the one that was read as old.
func (s *source) untouched(old *source) bool {
	if s.fresh || s.fsys != nil || old.info == nil || old.value == nil {
		return false
	}
	info, err := os.Stat(s.name)
	return err == nil && os.SameFile(info, old.info) && info.Size() == old.info.Size() && info.ModTime().Equal(old.info.ModTime())
}

// text returns the content of s, read again if it is needed no longer.
func (s *source) text() []byte {
	if s == nil {
		return nil
	}
	if s.data == nil {
		s.data, _ = s.read() // without it positions stay unknown
	}
	return s.data
}

func (s *source) open() (fs.File, error) {
	if s.fsys != nil {
		return s.fsys.Open(s.name)
	}
	// A pipe would keep us waiting for its writer.
	return os.OpenFile(s.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func kindOf(m fs.FileMode) string {
	if m.IsDir() {
		return "a directory"
	}
	return "something special (" + m.Type().String() + ")"
}

// errTooLarge says that a file is not read.
var errTooLarge = fmt.Errorf("is larger than %d MB, and not read; split it into several files", maxFile>>20)

// readBounded reads what is probably of the size.
func readBounded(r io.Reader, size int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(size, maxFile)) + bytes.MinRead)
	if _, err := b.ReadFrom(io.LimitReader(r, maxFile+1)); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if b.Len() > maxFile {
		return nil, errTooLarge
	}
	return b.Bytes(), nil
}

// forget keeps the parsed files of this load for the next, without their text.
// Findings of decoding are kept with them.
func (l *loader) forget(in *inputs) {
	l.cache = map[string]*source{}
	for _, s := range in.all() {
		s.data = nil
		l.cache[s.name] = s
	}
}
