package prowtest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"

	prow "github.com/prow-ci/prow"
)

// Artifacts tests a store of files. open returns an empty one.
func Artifacts(t *testing.T, open func(t *testing.T) prow.Artifacts) {
	write := func(t *testing.T, a prow.Artifacts, name, text string) {
		t.Helper()
		w := must[io.WriteCloser](t)(a.Create(t.Context(), name))
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("what is written is read", func(t *testing.T) {
		a := open(t)
		for _, text := range []string{"first", "second", ""} {
			write(t, a, "logs/job/1/build-log.txt", text)
			if got := must[[]byte](t)(fs.ReadFile(a, "logs/job/1/build-log.txt")); string(got) != text {
				t.Errorf("read %q, want %q", got, text)
			}
		}
	})
	t.Run("names are kept as they are", func(t *testing.T) {
		a := open(t)
		for _, name := range []string{"a b/ü#?%.txt", "a b/ü", "x/-rf"} {
			write(t, a, name, name)
			if got := must[[]byte](t)(fs.ReadFile(a, name)); string(got) != name {
				t.Errorf("%q: read %q", name, got)
			}
		}
	})
	t.Run("names that lead outside are refused", func(t *testing.T) {
		a := open(t)
		for _, name := range []string{"../x", "/etc/passwd", "a/../../x", "", "a//b"} {
			if _, err := a.Create(t.Context(), name); err == nil {
				t.Errorf("Create(%q) worked", name)
			}
			if _, err := a.Open(name); err == nil {
				t.Errorf("Open(%q) worked", name)
			}
		}
	})
	t.Run("absent", func(t *testing.T) {
		_, err := open(t).Open("logs/none")
		absent(t, "Open", err)
	})
	t.Run("until it is closed the old file stays, and a cancelled one never appears", func(t *testing.T) {
		a := open(t)
		write(t, a, "f", "old")
		ctx, cancel := context.WithCancel(t.Context())
		w := must[io.WriteCloser](t)(a.Create(ctx, "f"))
		_, _ = io.WriteString(w, "new")
		if got := must[[]byte](t)(fs.ReadFile(a, "f")); string(got) != "old" {
			t.Errorf("read %q before Close", got)
		}
		cancel()
		if err := w.Close(); err == nil {
			t.Error("Close of a cancelled writer said nothing")
		}
		if got := must[[]byte](t)(fs.ReadFile(a, "f")); string(got) != "old" {
			t.Errorf("read %q after a cancelled write", got)
		}
	})
	t.Run("lists", func(t *testing.T) {
		a := open(t)
		for _, n := range []string{"d/b.txt", "d/a.txt", "d/sub/c.txt", "e"} {
			write(t, a, n, n)
		}
		var got string
		for _, e := range must[[]fs.DirEntry](t)(fs.ReadDir(a, "d")) {
			got += e.Name()
			if e.IsDir() {
				got += "/"
			}
			got += " "
		}
		if got != "a.txt b.txt sub/ " {
			t.Errorf("ReadDir = %q", got)
		}
		if _, err := fs.ReadDir(a, "none"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadDir of what is absent = %v", err)
		}
		n := 0
		_ = fs.WalkDir(a, ".", func(_ string, e fs.DirEntry, err error) error {
			if err != nil {
				t.Error(err)
			} else if !e.IsDir() {
				n++
			}
			return nil
		})
		if n != 4 {
			t.Errorf("WalkDir found %d files, want 4", n)
		}
	})
	t.Run("parts of a file", func(t *testing.T) {
		a := open(t)
		write(t, a, "f", "0123456789")
		f := must[fs.File](t)(a.Open("f"))
		defer f.Close()
		if i := must[fs.FileInfo](t)(f.Stat()); i.Size() != 10 || i.IsDir() {
			t.Errorf("Stat = %v", i)
		}
		b := make([]byte, 3)
		if n, err := f.(io.ReaderAt).ReadAt(b, 4); n != 3 || err != nil || string(b) != "456" {
			t.Errorf("ReadAt = %d, %v, %q", n, err, b)
		}
		if _, err := f.(io.Seeker).Seek(-2, io.SeekEnd); err != nil {
			t.Fatal(err)
		}
		if rest := must[[]byte](t)(io.ReadAll(f)); string(rest) != "89" {
			t.Errorf("the end is %q", rest)
		}
		if i := must[fs.FileInfo](t)(fs.Stat(a, "f")); i.Size() != 10 {
			t.Errorf("fs.Stat = %v", i)
		}
	})
}
