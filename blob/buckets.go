package blob

import (
	"context"
	"io"
	"io/fs"
	"sync"

	prow "github.com/prow-ci/prow"
)

// Buckets are the artifacts of several buckets as one tree, whose names are those
// of prow.Place. A bucket is opened when it is first asked for. Names without a
// bucket are in Rest.
type Buckets struct {
	// Bucket opens a bucket by its address, as gs://name. Its error is that of every
	// call that names the bucket: refuse here what nobody may look at.
	Bucket func(ctx context.Context, address string) (prow.Artifacts, error)
	Rest   prow.Artifacts // nil: there are no such names

	mu     sync.Mutex
	opened map[string]prow.Artifacts
}

var (
	_ prow.Artifacts = (*Buckets)(nil)
	_ fs.ReadDirFS   = (*Buckets)(nil)
	_ fs.StatFS      = (*Buckets)(nil)
)

// in returns the bucket of name, and the name in it.
func (b *Buckets) in(op, name string) (prow.Artifacts, string, error) {
	if !fs.ValidPath(name) {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	address, rest := prow.SplitPlace(name)
	if address == "" {
		if b.Rest == nil {
			return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		return b.Rest, rest, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.opened[address]; a != nil {
		return a, rest, nil
	}
	// What is opened outlives the call that needed it first.
	a, err := b.Bucket(context.Background(), address)
	if err != nil {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: err}
	}
	if b.opened == nil {
		b.opened = map[string]prow.Artifacts{}
	}
	b.opened[address] = a
	return a, rest, nil
}

// Open opens a file or directory for reading.
func (b *Buckets) Open(name string) (fs.File, error) {
	a, rest, err := b.in("open", name)
	if err != nil {
		return nil, err
	}
	return a.Open(rest)
}

// ReadDir lists a directory.
func (b *Buckets) ReadDir(name string) ([]fs.DirEntry, error) {
	a, rest, err := b.in("readdir", name)
	if err != nil {
		return nil, err
	}
	return fs.ReadDir(a, rest)
}

// Stat describes a file or directory.
func (b *Buckets) Stat(name string) (fs.FileInfo, error) {
	a, rest, err := b.in("stat", name)
	if err != nil {
		return nil, err
	}
	return fs.Stat(a, rest)
}

// Create writes a file.
func (b *Buckets) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	a, rest, err := b.in("create", name)
	if err != nil {
		return nil, err
	}
	return a.Create(ctx, rest)
}

// URL returns where a person may look at name, or "".
func (b *Buckets) URL(name string) string {
	a, rest, err := b.in("url", name)
	if err != nil {
		return ""
	}
	return a.URL(rest)
}
