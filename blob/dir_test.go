package blob_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/prowtest"
)

func open(t *testing.T, path string) prow.Artifacts {
	t.Helper()
	a, err := blob.Dir(path)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	prowtest.Artifacts(t, func(t *testing.T) prow.Artifacts { return open(t, filepath.Join(t.TempDir(), "new", "dir")) })
}

func write(t *testing.T, a prow.Artifacts, name, text string) {
	t.Helper()
	w, err := a.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, text)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestLinksDoNotLeadOutside(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := open(t, dir)
	for name, to := range map[string]string{"abs": outside, "rel": "../" + filepath.Base(outside)} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if b, err := fs.ReadFile(a, name+"/secret"); err == nil {
			t.Errorf("read %q through %s", b, name)
		}
		if w, err := a.Create(t.Context(), name+"/new"); err == nil && w.Close() == nil {
			t.Errorf("wrote through %s", name)
		}
	}
}

func TestManyWritersOfOneName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 10 {
		a := open(t, dir)
		wg.Go(func() {
			for range 20 {
				write(t, a, "a/b", string(rune('0'+i)))
				if b, err := fs.ReadFile(a, "a/b"); err != nil || len(b) != 1 {
					t.Errorf("read %q, %v; want one digit", b, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestUnfinishedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := open(t, dir)
	if _, err := a.Create(t.Context(), "lost"); err != nil {
		t.Fatal(err)
	}
	left := func() int {
		list, err := os.ReadDir(filepath.Join(dir, ".unfinished"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if list, err := fs.ReadDir(a, "."); err != nil || len(list) != 0 {
		t.Errorf("an unfinished file is listed: %v, %v", list, err)
	}
	for _, name := range []string{".unfinished", ".unfinished/x"} {
		if _, err := a.Create(t.Context(), name); err == nil {
			t.Errorf("%s can be written", name)
		}
		if _, err := fs.Stat(a, name); err == nil {
			t.Errorf("%s can be seen", name)
		}
	}
	open(t, dir)
	if left() != 1 {
		t.Error("a young unfinished file was swept away: its writer may still be there")
	}
	list, _ := os.ReadDir(filepath.Join(dir, ".unfinished"))
	old := time.Now().Add(-72 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, ".unfinished", list[0].Name()), old, old); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if left() != 0 {
		t.Error("an old unfinished file stayed")
	}
}

func TestDirThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", file, filepath.Join(file, "below")} {
		if _, err := blob.Dir(path); err == nil {
			t.Errorf("Dir(%q) worked", path)
		}
	}
}
