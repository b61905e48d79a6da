package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// aged writes a file that was not changed just now.
func aged(t testing.TB, name, text string, age time.Duration) {
	t.Helper()
	at := time.Now().Add(-age)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(text), 0o666), os.Chtimes(name, at, at)); err != nil {
		t.Fatal(err)
	}
}

// Without any event of the kernel, looking alone sees every kind of change.
func TestFileTree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	aged(t, at("c/config"), "a", time.Hour)
	aged(t, at("jobs/a/one.yaml"), "a", time.Hour)
	aged(t, at("jobs/a/README"), "a", time.Hour)
	aged(t, at("m/..1/x.yaml"), "a", time.Hour)
	aged(t, at("m/..2/x.yaml"), "b", time.Hour)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink("..1", at("m/..data")))
	must(os.Symlink("..data/x.yaml", at("m/x.yaml")))
	tree := newFileTree("_prowconfig.yaml")
	roots := []string{at("c/config"), at("jobs"), at("m"), at("gone")}
	last, _ := tree.look(roots)
	for _, c := range []struct {
		name string
		seen bool
		do   func()
	}{
		{"nothing", false, func() {}},
		{"another size", true, func() { aged(t, at("jobs/a/one.yaml"), "ab", time.Hour) }},
		{"another time", true, func() { aged(t, at("jobs/a/one.yaml"), "cd", time.Minute) }},
		{"the main file", true, func() { aged(t, at("c/config"), "abc", time.Hour) }},
		{"a file that does not matter", false, func() { aged(t, at("jobs/a/README"), "abc", time.Hour) }},
		{"a new file", true, func() { aged(t, at("jobs/a/two.yml"), "a", time.Hour) }},
		{"a rename", true, func() { must(os.Rename(at("jobs/a/two.yml"), at("jobs/a/three.yml"))) }},
		{"another file of the same size and time", true, func() {
			info, err := os.Stat(at("jobs/a/three.yml"))
			must(err)
			must(os.WriteFile(at("new"), []byte("b"), 0o666))
			must(os.Chtimes(at("new"), info.ModTime(), info.ModTime()))
			must(os.Rename(at("new"), at("jobs/a/three.yml")))
		}},
		{"a new directory", true, func() { aged(t, at("jobs/b/c/d.yaml"), "a", time.Hour) }},
		{"a directory gone", true, func() { must(os.RemoveAll(at("jobs/b"))) }},
		{"a ConfigMap swapped", true, func() {
			must(os.Symlink("..2", at("m/..tmp")))
			must(os.Rename(at("m/..tmp"), at("m/..data")))
		}},
		{"a root that was not there", true, func() { aged(t, at("gone"), "a", time.Hour) }},
	} {
		c.do()
		sum, settled := tree.look(roots)
		if (sum != last) != c.seen || !settled {
			t.Errorf("%s: seen %v, settled %v; want %v, true", c.name, sum != last, settled, c.seen)
		}
		last = sum
	}
	must(os.WriteFile(at("c/config"), []byte("abcd"), 0o666))
	if _, settled := tree.look(roots); settled {
		t.Error("what was written just now counts as settled")
	}
}

// Two writes in one tick of the clock of files: the second is not lost.
func TestUnsettledIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "config.yaml")
	aged(t, name, "a: 1", 0)
	w := newWatcher(Paths{Config: name}, slog.New(slog.DiscardHandler))
	defer w.close()
	aged(t, name, "a: 2", time.Hour)
	if !w.changed() {
		t.Error("a change was not seen")
	}
	w.settled = false // as if it had just been written
	if !w.changed() {
		t.Error("what had just been written was not looked at again")
	}
	if w.changed() {
		t.Error("it is looked at for ever")
	}
}

// Where the kernel tells nothing, looking every second has to do.
func TestPolling(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "config.yaml")
	aged(t, name, "a: 1", time.Hour)
	w := newWatcher(Paths{Config: name}, slog.New(slog.DiscardHandler))
	w.close()
	w.fs = nil
	aged(t, name, "a: 23", time.Minute)
	if !w.next(t.Context()) {
		t.Error("a change was not seen")
	}
}

func TestConcerns(t *testing.T) {
	t.Parallel()
	w := newWatcher(Paths{Config: filepath.Join(t.TempDir(), "c")}, slog.New(slog.DiscardHandler))
	defer w.close()
	for e, want := range map[fsnotify.Event]bool{
		{Name: "/x/a.yaml", Op: fsnotify.Write}: true, {Name: "/x/c", Op: fsnotify.Write}: true, {Name: "/x/VERSION", Op: fsnotify.Write}: true,
		{Name: "/x/prow.db", Op: fsnotify.Write}: false, {Name: "/x/prow.db", Op: fsnotify.Chmod}: false, {Name: "/x/..data", Op: fsnotify.Create}: true,
	} {
		if w.concerns(e) != want {
			t.Errorf("%v concerns: %v", e, !want)
		}
	}
}

// The cost of one look at 2,000 files.
func BenchmarkLook(b *testing.B) {
	dir := b.TempDir()
	for i := range 2000 {
		aged(b, filepath.Join(dir, fmt.Sprint(i%100), fmt.Sprintf("%d.yaml", i)), "a", time.Hour)
	}
	for i := range 100 {
		at := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, fmt.Sprint(i)), at, at); err != nil {
			b.Fatal(err)
		}
	}
	tree := newFileTree("_prowconfig.yaml")
	for b.Loop() {
		tree.look([]string{dir})
	}
}
