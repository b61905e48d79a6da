package git_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prow-ci/prow/git"
)

func openClone(t *testing.T, dir string) *git.Clone {
	t.Helper()
	c, err := git.OpenClone(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A clone is read from any folder in it, and from a second work tree, and is the
// same after as before.
func TestClone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := p.commit("main", "", "a.txt", "1", "sub/b.txt", "1")
	second := p.commit("topic", "", "a.txt", "2", "ü b.txt", "1")
	p.sh(p.dir, "git rm -q sub/b.txt && mkdir -p sub && echo 3 > a.txt && echo x > sub/new.txt && echo '*.log' > .gitignore && echo l > x.log")
	before := p.sh(p.dir, "git status --porcelain && git for-each-ref && find .git -type f | sort")

	c := openClone(t, filepath.Join(p.dir, "sub"))
	if c.Dir != p.dir || c.Branch != "topic" || c.Head != second || c.Origin != p.bare {
		t.Errorf("the clone is %+v", c)
	}
	if got, err := c.Changed(t.Context(), first, second); err != nil || !slices.Equal(got, []string{"a.txt", "ü b.txt"}) {
		t.Errorf("changed %q, %v", got, err)
	}
	if got, err := c.Unsaved(t.Context(), second); err != nil || !slices.Equal(got, []string{".gitignore", "a.txt", "sub/b.txt", "sub/new.txt"}) {
		t.Errorf("not committed: %q, %v", got, err)
	}
	if got, err := c.MergeBase(t.Context(), first, second); err != nil || got != first {
		t.Errorf("merge base %s, %v", got, err)
	}
	files, err := c.FS(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(files, "sub/b.txt"); err != nil || string(b) != "1" {
		t.Errorf("read %q, %v", b, err)
	}
	for _, rev := range []string{"nothing", "--all", "", "HEAD:a.txt"} {
		if id, err := c.Commit(t.Context(), rev); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q is %s, %v", rev, id, err)
		}
	}
	if after := p.sh(p.dir, "git status --porcelain && git for-each-ref && find .git -type f | sort"); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}

	tree := filepath.Join(t.TempDir(), "tree")
	p.sh(p.dir, "git worktree add -q --detach '{}' {}", tree, first)
	c = openClone(t, tree)
	if c.Head != first || c.Branch != "" || c.Default(t.Context()) != "" {
		t.Errorf("the work tree is %+v", c)
	}
	if _, err := c.FS(t.Context(), second); err != nil {
		t.Error(err)
	}
}

func TestCloneRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for dir, want := range map[string]string{t.TempDir(): " is not in a clone: git rev-parse: not a git repository", p.dir: " has no commit yet; commit something first"} {
		if _, err := git.OpenClone(t.Context(), dir); err == nil || !strings.Contains(err.Error(), dir+want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	p.commit("main", "", "a.txt", "1")
	c := openClone(t, p.dir)
	p.sh(p.dir, "git checkout -q --orphan other && git commit -q --allow-empty -m other")
	if _, err := c.MergeBase(t.Context(), c.Head, p.sh(p.dir, "git rev-parse HEAD")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// In a hook git says where it is, of another repository perhaps.
func TestCloneInHook(t *testing.T) {
	p := newPlace(t)
	p.commit("main", "", "a.txt", "1")
	t.Setenv("GIT_DIR", "nowhere")
	t.Setenv("GIT_INDEX_FILE", filepath.Join(os.TempDir(), "no-index"))
	if c := openClone(t, p.dir); c.Dir != p.dir {
		t.Errorf("the clone is %+v", c)
	}
}
