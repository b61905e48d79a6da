package config

import (
	"encoding/binary"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// fileTree sees changes of files by their times and sizes. It lists a directory
// again only when the directory's own time changed.
type fileTree struct {
	suffixes []string // of names that matter, besides those of job files
	seed     maphash.Seed
	dirs     map[string]*listing
	fresh    []string // directories listed since somebody took them away

	round   int
	now     time.Time
	sum     maphash.Hash
	settled bool
	emptied bool // one of the files is empty, and was written just now
}

// listing is what matters in a directory.
type listing struct {
	files, dirs []string // full names
	modified    time.Time
	trusted     bool // it was not just being changed when it was listed
	round       int  // when it was last looked at
}

func newFileTree(suffixes ...string) *fileTree {
	suffixes = slices.DeleteFunc(suffixes, func(s string) bool { return s == "" })
	return &fileTree{suffixes: suffixes, seed: maphash.MakeSeed(), dirs: map[string]*listing{}}
}

// look returns a digest of all that matters below roots. settled says that
// nothing of it was written just now.
func (t *fileTree) look(roots []string) (sum uint64, settled bool) {
	t.round++
	t.now, t.settled, t.emptied = time.Now(), true, false
	t.sum.SetSeed(t.seed)
	t.sum.Reset()
	for _, root := range roots {
		real, err := filepath.EvalSymlinks(root)
		if err != nil {
			real = root
		}
		t.text(real)
		t.root(real)
	}
	for name, l := range t.dirs {
		if l.round != t.round {
			delete(t.dirs, name)
		}
	}
	return t.sum.Sum64(), t.settled
}

func (t *fileTree) root(name string) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		t.text(err.Error())
	case info.IsDir():
		t.dir(name, info, 0)
	default:
		t.file(info)
	}
}

// dir adds a directory and what lies below it.
func (t *fileTree) dir(name string, info fs.FileInfo, depth int) {
	l := t.dirs[name]
	if l == nil || !l.trusted || !l.modified.Equal(info.ModTime()) {
		l = t.list(name, info)
		t.dirs[name] = l
		t.fresh = append(t.fresh, name)
	}
	l.round = t.round
	t.text(name)
	for _, f := range l.files {
		t.text(f)
		if info, err := os.Stat(f); err == nil { // through links: a ConfigMap swaps them
			t.file(info)
		}
	}
	for _, d := range l.dirs {
		if info, err := os.Stat(d); err == nil && depth < maxDepth {
			t.dir(d, info, depth+1)
		}
	}
}

func (t *fileTree) list(name string, info fs.FileInfo) *listing {
	l := &listing{modified: info.ModTime(), trusted: t.now.Sub(info.ModTime()) > time.Second}
	entries, err := os.ReadDir(name)
	if err != nil {
		t.text(err.Error())
	}
	for _, e := range entries {
		switch full := filepath.Join(name, e.Name()); {
		case e.IsDir() && strings.HasPrefix(e.Name(), ".."): // what is in it is seen through the links that lead there
		case e.IsDir():
			l.dirs = append(l.dirs, full)
		case e.Type()&fs.ModeSymlink != 0 || t.matters(e.Name()):
			l.files = append(l.files, full)
		}
	}
	return l
}

// matters reports whether a file of that name may be configuration.
func (t *fileTree) matters(name string) bool {
	return slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name)) || name == ".prowignore" ||
		slices.ContainsFunc(t.suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// file adds what changes when a file does.
func (t *fileTree) file(info fs.FileInfo) {
	var b [32]byte
	binary.LittleEndian.PutUint64(b[0:], uint64(info.ModTime().UnixNano()))
	binary.LittleEndian.PutUint64(b[8:], uint64(info.Mode()))
	if !info.IsDir() {
		binary.LittleEndian.PutUint64(b[16:], uint64(info.Size()))
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		binary.LittleEndian.PutUint64(b[24:], s.Ino)
	}
	_, _ = t.sum.Write(b[:]) // never fails
	if info.IsDir() {
		return
	}
	age := t.now.Sub(info.ModTime())
	if age < recent && age > -recent {
		t.settled = false
	}
	if info.Size() == 0 && age < emptied && age > -emptied {
		t.emptied = true
	}
}

func (t *fileTree) text(s string) {
	_, _ = t.sum.WriteString(s) // never fails
	_ = t.sum.WriteByte(0)
}
