package blob

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// store is a bucket, as its provider speaks. Keys are whole. An absent object is
// fs.ErrNotExist.
type store interface {
	stat(ctx context.Context, key string) (attrs, error)
	// get reads n bytes from an offset on; -1 are all. Where etag is not "", the
	// object still has it.
	get(ctx context.Context, key string, from, n int64, etag string) (io.ReadCloser, attrs, error)
	// list returns a page of what is directly below prefix, which is "" or ends
	// with a slash, and where the next begins, "" at the end. At most max if not 0.
	list(ctx context.Context, prefix, page string, max int) (entries []attrs, next string, err error)
	put(ctx context.Context, key string, s prow.Served, b []byte) error
	// begin starts an object that comes in parts.
	begin(ctx context.Context, key string, s prow.Served) (parts, error)
	// link is an address where a browser can read the object for a while, or "".
	link(key string) string
}

// parts is an object that is being written. It appears when it is finished.
type parts interface {
	// part adds bytes: partSize, or fewer in the last.
	part(ctx context.Context, b []byte, last bool) error
	finish(ctx context.Context) error
	// abort forgets what was written.
	abort(ctx context.Context)
}

// partSize is a multiple of what all stores ask for.
const partSize = 8 << 20

// attrs are what a store says of an object, or of a folder of objects.
type attrs struct {
	name     string // key; of a folder with a slash at its end
	size     int64
	modified time.Time
	encoding string
	etag     string
	folder   bool
}

// bucket is prow.Artifacts on a store.
type bucket struct {
	ctx   context.Context // of Open: when it ends, reading does
	s     store
	root  string // "" or a folder with a slash at its end
	named string // for errors: gs://bucket
}

var (
	_ prow.ServingArtifacts = (*bucket)(nil)
	_ fs.ReadDirFS          = (*bucket)(nil)
	_ fs.ReadFileFS         = (*bucket)(nil)
	_ fs.StatFS             = (*bucket)(nil)
)

func (b *bucket) key(name string) string { return b.root + name }

// folder is the prefix of what is below name.
func (b *bucket) folder(name string) string {
	if name == "." {
		return b.root
	}
	return b.key(name) + "/"
}

func (b *bucket) wrong(op, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: op, Path: b.named + "/" + name, Err: fs.ErrNotExist}
	}
	return &fs.PathError{Op: op, Path: b.named + "/" + name, Err: err}
}

func invalid(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
}

// Stat asks the store. A folder is there if something is in it.
func (b *bucket) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, invalid("stat", name)
	}
	a, err := b.attrs(name)
	if err != nil {
		return nil, b.wrong("stat", name, err)
	}
	return info{a}, nil
}

func (b *bucket) attrs(name string) (attrs, error) {
	if name == "." {
		return attrs{name: "./", folder: true}, nil
	}
	a, err := b.s.stat(b.ctx, b.key(name))
	if !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	below, _, err := b.s.list(b.ctx, b.folder(name), "", 1)
	if err != nil {
		return attrs{}, err
	}
	if len(below) == 0 {
		return attrs{}, fs.ErrNotExist
	}
	return attrs{name: b.folder(name), folder: true}, nil
}

func (b *bucket) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, invalid("open", name)
	}
	a, err := b.attrs(name)
	if err != nil {
		return nil, b.wrong("open", name, err)
	}
	if a.folder {
		return &directory{b: b, name: name, a: a}, nil
	}
	f := &file{b: b, name: name, a: a}
	if a.encoding == gzipped {
		return f.decompressed()
	}
	return f, nil
}

// ReadFile reads an object with one request.
func (b *bucket) ReadFile(name string) ([]byte, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, invalid("read", name)
	}
	var out []byte
	for i := 1; ; i++ {
		r, a, err := b.s.get(b.ctx, b.key(name), 0, -1, "")
		if err == nil {
			out, err = io.ReadAll(r)
			err = errors.Join(err, r.Close())
			if err == nil && a.encoding == gzipped {
				out, err = gunzip(out)
				i = tries
			}
		} else {
			i = tries // the request was tried often enough
		}
		if err == nil {
			return out, nil
		}
		if i >= tries || b.ctx.Err() != nil {
			return nil, b.wrong("read", name, err)
		}
	}
}

func gunzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("it is said to be gzip: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(z, mostUnpacked+1))
	if err == nil && len(out) > mostUnpacked {
		err = fmt.Errorf("it has more than %d bytes unpacked", mostUnpacked)
	}
	return out, err
}

// mostUnpacked is for those who hide a large file in a small one.
const mostUnpacked = 256 << 20

// ReadDir lists a folder, however many pages it has.
func (b *bucket) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, invalid("readdir", name)
	}
	var out []fs.DirEntry
	for page := ""; ; {
		entries, next, err := b.s.list(b.ctx, b.folder(name), page, 0)
		if err != nil {
			return nil, b.wrong("readdir", name, err)
		}
		for _, a := range entries {
			// An object that ends with a slash is how some tools make folders.
			if e := (info{a}); e.Name() != "" && a.name != b.folder(name) && fs.ValidPath(e.Name()) {
				out = append(out, fs.FileInfoToDirEntry(e))
			}
		}
		if page = next; page == "" {
			break
		}
	}
	if len(out) == 0 && name != "." {
		return nil, b.wrong("readdir", name, fs.ErrNotExist)
	}
	slices.SortFunc(out, func(x, y fs.DirEntry) int { return strings.Compare(x.Name(), y.Name()) })
	// A file and a folder of one name: only the folder can be walked.
	return slices.CompactFunc(out, func(x, y fs.DirEntry) bool { return x.Name() == y.Name() }), nil
}

// URL is a signed link, good for ten minutes, where there are credentials to sign
// with.
func (b *bucket) URL(name string) string {
	if !fs.ValidPath(name) || name == "." {
		return ""
	}
	return b.s.link(b.key(name))
}

func (b *bucket) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	return b.CreateServed(ctx, name, prow.Served{})
}

func (b *bucket) CreateServed(ctx context.Context, name string, s prow.Served) (io.WriteCloser, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, invalid("create", name)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return &object{ctx: ctx, b: b, name: name, served: s}, nil
}

// info is what a store says, as fs.FileInfo.
type info struct{ a attrs }

func (i info) Name() string       { return path.Base(strings.TrimSuffix(i.a.name, "/")) }
func (i info) Size() int64        { return i.a.size }
func (i info) ModTime() time.Time { return i.a.modified }
func (i info) IsDir() bool        { return i.a.folder }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.a.folder {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
