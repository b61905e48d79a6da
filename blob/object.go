package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	prow "github.com/prow-ci/prow"
)

const gzipped = "gzip"

// object is one that is not there yet. Up to partSize it is sent at once when it is
// closed; a longer one is sent in parts meanwhile.
type object struct {
	ctx    context.Context // of Create: if it ends before Close, nothing appears
	b      *bucket
	name   string
	served prow.Served
	buf    []byte
	parts  parts
	err    error
	closed bool
}

func (o *object) Write(p []byte) (int, error) {
	if o.closed {
		return 0, fs.ErrClosed
	}
	n := 0
	for len(p) > 0 {
		if o.err == nil {
			o.err = context.Cause(o.ctx)
		}
		// A full buffer waits until more comes: only the last part may be short.
		if o.err == nil && len(o.buf) == partSize {
			o.err = o.flush(false)
		}
		if o.err != nil {
			return n, o.err
		}
		if o.buf == nil {
			o.buf = make([]byte, 0, min(partSize, max(len(p), 32<<10)))
		}
		k := min(len(p), partSize-len(o.buf))
		o.buf = append(o.buf, p[:k]...)
		p, n = p[k:], n+k
	}
	return n, nil
}

func (o *object) flush(last bool) error {
	if o.parts == nil {
		var err error
		if o.parts, err = o.b.s.begin(o.ctx, o.b.key(o.name), o.served); err != nil {
			return err
		}
	}
	err := o.parts.part(o.ctx, o.buf, last)
	o.buf = o.buf[:0]
	return err
}

// Close lets the object appear.
func (o *object) Close() error {
	if o.closed {
		return fs.ErrClosed
	}
	o.closed = true
	err := errors.Join(context.Cause(o.ctx), o.err)
	switch {
	case err != nil:
	case o.parts == nil:
		err = o.b.s.put(o.ctx, o.b.key(o.name), o.served, o.buf)
	default:
		if err = o.flush(true); err == nil {
			err = o.parts.finish(o.ctx)
		}
	}
	if err == nil {
		return nil
	}
	if o.parts != nil {
		o.parts.abort(context.WithoutCancel(o.ctx))
	}
	if errors.Is(err, fs.ErrNotExist) { // not the object, then
		return prow.Final(fmt.Errorf("write %s/%s: the bucket does not exist: %w", o.b.named, o.name, err))
	}
	return fmt.Errorf("write %s/%s: %w", o.b.named, o.name, err)
}

// file is an object that is read.
type file struct {
	b    *bucket
	name string
	a    attrs
	at   int64
	body io.ReadCloser // from at on, or nil
	bad  int           // connections lost since something was read
}

var (
	_ io.ReaderAt = (*file)(nil)
	_ io.Seeker   = (*file)(nil)
)

func (f *file) Stat() (fs.FileInfo, error) { return info{f.a}, nil }

func (f *file) Read(p []byte) (int, error) {
	for {
		if f.at >= f.a.size {
			return 0, io.EOF
		}
		if len(p) == 0 {
			return 0, nil
		}
		if f.body == nil {
			var err error
			if f.body, _, err = f.b.s.get(f.b.ctx, f.b.key(f.name), f.at, -1, f.a.etag); err != nil {
				return 0, f.b.wrong("read", f.name, err)
			}
		}
		n, err := f.body.Read(p)
		f.at += int64(n)
		if n > 0 {
			f.bad = 0
		}
		if err == nil || n > 0 {
			if err != nil {
				f.drop()
			}
			return n, nil
		}
		// Lost half way, or so it seems: the rest is asked for again.
		f.drop()
		if f.bad++; f.bad == tries || f.b.ctx.Err() != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, f.b.wrong("read", f.name, err)
		}
	}
}

func (f *file) drop() {
	if f.body != nil {
		_ = f.body.Close() // what was needed was read
		f.body = nil
	}
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.a.size
	}
	if offset < 0 {
		return 0, invalid("seek", f.name)
	}
	if offset != f.at {
		f.drop()
	}
	f.at = offset
	return offset, nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, invalid("read", f.name)
	}
	want := min(int64(len(p)), f.a.size-off)
	if want <= 0 {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n := 0
	for i := 1; ; i++ {
		r, _, err := f.b.s.get(f.b.ctx, f.b.key(f.name), off+int64(n), want-int64(n), f.a.etag)
		if err != nil {
			return n, f.b.wrong("read", f.name, err)
		}
		k, err := io.ReadFull(r, p[n:want])
		_ = r.Close() // it was read
		n += k
		if int64(n) == want {
			break
		}
		if i == tries || f.b.ctx.Err() != nil {
			return n, f.b.wrong("read", f.name, err)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Close() error {
	f.drop()
	return nil
}

// decompressed reads all of a compressed object: offsets are those of its content.
func (f *file) decompressed() (fs.File, error) {
	b, err := f.b.ReadFile(f.name)
	if err != nil {
		return nil, err
	}
	a := f.a
	a.size = int64(len(b))
	return &content{bytes.NewReader(b), a}, nil
}

// content is a file that is here.
type content struct {
	*bytes.Reader
	a attrs
}

func (c *content) Stat() (fs.FileInfo, error) { return info{c.a}, nil }
func (c *content) Close() error               { return nil }

// directory is a folder that was opened.
type directory struct {
	b    *bucket
	name string
	a    attrs
	rest []fs.DirEntry
	read bool
}

func (d *directory) Stat() (fs.FileInfo, error) { return info{d.a}, nil }
func (d *directory) Close() error               { return nil }
func (d *directory) Read([]byte) (int, error)   { return 0, invalid("read", d.name) }

func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.read {
		var err error
		if d.rest, err = d.b.ReadDir(d.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		d.read = true
	}
	if n <= 0 {
		out := d.rest
		d.rest = nil
		return out, nil
	}
	if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out, nil
}
