package git

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// entry is one line of a tree.
type entry struct {
	name string
	mode string // as git writes it: 100644, 100755, 120000, 40000, 160000
	id   string
}

func (e entry) kind() fs.FileMode {
	switch e.mode {
	case "40000":
		return fs.ModeDir | 0o755
	case "120000":
		return fs.ModeSymlink | 0o777
	case "160000": // a submodule: another repository's commit
		return fs.ModeIrregular
	case "100755":
		return 0o755
	}
	return 0o644
}

// parseTree reads the raw form of a tree object whose ids have idSize bytes.
func parseTree(b []byte, idSize int) ([]entry, error) {
	var out []entry
	for len(b) > 0 {
		head, rest, ok := bytes.Cut(b, []byte{0})
		mode, name, ok2 := bytes.Cut(head, []byte(" "))
		if !ok || !ok2 || len(name) == 0 || bytes.IndexByte(name, '/') >= 0 || len(rest) < idSize {
			return nil, fmt.Errorf("git: damaged tree after %d entries", len(out))
		}
		out = append(out, entry{string(name), string(mode), hex.EncodeToString(rest[:idSize])})
		b = rest[idSize:]
	}
	// Git sorts as if directories ended with a slash; fs.ReadDir sorts by name.
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

func find(entries []entry, name string) (entry, bool) {
	i, ok := slices.BinarySearchFunc(entries, name, func(e entry, n string) int { return strings.Compare(e.name, n) })
	if !ok {
		return entry{}, false
	}
	return entries[i], true
}

// treeCache remembers trees by their id, which never changes its meaning.
type treeCache struct {
	mu    sync.Mutex
	trees map[string][]entry
	size  int // entries in all
}

const maxCached = 100_000 // entries of a mirror, about 15 MB

func (c *treeCache) get(id string) ([]entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.trees[id]
	return t, ok
}

func (c *treeCache) put(id string, t []entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trees == nil || c.size+len(t) > maxCached {
		c.trees, c.size = map[string][]entry{}, 0
	}
	if _, ok := c.trees[id]; !ok {
		c.trees[id] = t
		c.size += len(t)
	}
}

// tree reads the entries of a tree.
func (m *mirror) tree(ctx context.Context, id string) ([]entry, error) {
	if t, ok := m.trees.get(id); ok {
		return t, nil
	}
	o, err := m.readers.ask(ctx, "contents", id)
	if err != nil {
		return nil, err
	}
	if o.kind != "tree" {
		return nil, fmt.Errorf("git: %s is a %s, want a tree", id, o.kind)
	}
	t, err := parseTree(o.data, len(id)/2)
	if err == nil {
		m.trees.put(id, t)
	}
	return t, err
}

// lookup walks from a tree down a slash-separated path, "" or "." being the tree
// itself.
func (m *mirror) lookup(ctx context.Context, root, path string) (entry, error) {
	e := entry{name: ".", mode: "40000", id: root}
	if path == "" || path == "." {
		return e, nil
	}
	for part := range strings.SplitSeq(path, "/") {
		if !e.kind().IsDir() {
			return entry{}, fs.ErrNotExist
		}
		t, err := m.tree(ctx, e.id)
		if err != nil {
			return entry{}, err
		}
		var ok bool
		if e, ok = find(t, part); !ok {
			return entry{}, fs.ErrNotExist
		}
	}
	return e, nil
}

// root returns the tree of a commit.
func (m *mirror) root(ctx context.Context, commit string) (string, error) {
	o, err := m.readers.ask(ctx, "info", commit+"^{tree}")
	return o.id, err
}

// Tree returns the object id of the path in the commit ("" is the root), for use
// as the key of a cache. Absent paths are fs.ErrNotExist.
func (r *Repo) Tree(ctx context.Context, commit, path string) (string, error) {
	m, err := r.have(ctx, commit)
	if err != nil {
		return "", err
	}
	root, err := m.root(ctx, commit)
	if err != nil {
		return "", err
	}
	e, err := m.lookup(ctx, root, strings.Trim(path, "/"))
	if err != nil {
		return "", fmt.Errorf("%s at %s: %w", path, commit, err)
	}
	return e.id, nil
}

// Match returns the paths of the files of a commit for which keep says yes,
// sorted as git sorts them.
func (r *Repo) Match(ctx context.Context, commit string, keep func(path string) bool) ([]string, error) {
	m, err := r.have(ctx, commit)
	if err != nil {
		return nil, err
	}
	var out []string
	lines := &records{each: func(path string) {
		if keep(path) {
			out = append(out, path)
		}
	}}
	err = stream(ctx, call{dir: m.dir, args: []string{"ls-tree", "-r", "-z", "--name-only", "--full-tree", commit}}, lines)
	return out, err
}

// records calls each for every text that ends with a NUL.
type records struct {
	each func(string)
	rest []byte
}

func (r *records) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, 0)
		if i < 0 {
			r.rest = append(r.rest, p...)
			return n, nil
		}
		r.each(string(r.rest) + string(p[:i]))
		r.rest, p = r.rest[:0], p[i+1:]
	}
}
