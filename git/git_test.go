package git_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/git"
)

func TestHeadFollowsTheRemote(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	for range 3 {
		want := p.commit("main", "", "f", "text")
		if got := must(p.repo.Head(ctx, "main"))(t); got != want {
			t.Fatalf("Head = %s, want %s", got, want)
		}
	}
	p.commit("x", "main", "f", "1")
	must(p.repo.Head(ctx, "x"))(t)
	p.sh(p.dir, "git push -q origin :x && git checkout -q main && git branch -qD x")
	want := p.commit("x/y", "main", "f", "2") // where x was a file, x/ has to be a directory
	if got := must(p.repo.Head(ctx, "x/y"))(t); got != want {
		t.Errorf("Head of x/y = %s, want %s", got, want)
	}
	for _, branch := range []string{"x", "none", "", "-x", "a b", "--upload-pack=touch x", "a..b", "a\nb", "refs/heads/main:x", "ü"} {
		if _, err := p.repo.Head(ctx, branch); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Head(%q) = %v, want fs.ErrNotExist", branch, err)
		}
	}
}

func TestEnsureFetchesOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	a := p.commit("main", "", "f", "1")
	b := p.commit("topic", "main", "f", "2")
	var mu sync.Mutex
	asked := 0
	p.allowing(func(*http.Request, string, string) ([]string, int) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return nil, 200
	})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := p.repo.Ensure(ctx, nil, a, b); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if asked > 6 { // two runs at most: one that had begun, one for all who came later
		t.Errorf("%d requests for twenty callers", asked)
	}
	asked = 0
	if err := p.repo.Ensure(ctx, nil, a, b); err != nil || asked != 0 {
		t.Errorf("Ensure of what is here = %v, with %d requests", err, asked)
	}
	absent := strings.Repeat("ab", 20)
	if err := p.repo.Ensure(ctx, []string{"refs/heads/main"}, a, absent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Ensure of what does not exist = %v", err)
	}
	if err := p.repo.Ensure(ctx, nil, "main"); err == nil {
		t.Error("a name was taken for a commit")
	}
}

func TestARemoteThatIsDownIsAnError(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	a := p.commit("main", "", "f", "1")
	must(p.repo.Head(ctx, "main"))(t)
	p.allowing(func(*http.Request, string, string) ([]string, int) { return nil, 502 })
	if head, err := p.repo.Head(ctx, "main"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Head = %s, %v; want an error that is not absence", head, err)
	}
	if _, err := p.repo.FS(ctx, a); err != nil {
		t.Errorf("what is here needs no remote: %v", err)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	want := p.commit("main", "", "f", "1")
	const token = "s3cr3t-t0ken"
	p.allowing(func(req *http.Request, _, _ string) ([]string, int) {
		if user, pass, _ := req.BasicAuth(); user == "x-access-token" && pass == token {
			return nil, 200
		}
		return nil, 401
	})
	given := token
	store := &git.Store{Dir: t.TempDir(), Remote: func(r prow.Repo) git.Remote {
		return git.Remote{URL: p.url + "/" + r.String(), Token: func(context.Context) (string, error) { return given, nil }}
	}}
	defer store.Close()
	repo := store.Repo(prow.Repo{Owner: "o", Name: "r"})
	if got := must(repo.Head(ctx, "main"))(t); got != want {
		t.Errorf("Head = %s, want %s", got, want)
	}
	given = "wrong-t0ken"
	if _, err := repo.Head(ctx, "main"); !errors.Is(err, prow.ErrForbidden) || strings.Contains(err.Error(), given) {
		t.Errorf("Head with a wrong token = %v", err)
	}
}

func TestFS(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	if err := os.MkdirAll(filepath.Join(p.dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": "d/a.txt", "d/up": "../d.x", "out": "../../etc/passwd", "abs": "/etc/passwd", "loop": "loop", "dirlink": "d"} {
		if err := os.Symlink(to, filepath.Join(p.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	c := p.commit("main", "", "d/a.txt", "A\n", "d/-rf", "minus", "d/new\nline", "nl", "d.x", "x", "d/sub/deep", "deep", "ü", "umlaut", "empty", "")
	files := must(p.repo.FS(ctx, c))(t)
	if err := fstest.TestFS(subset{files}, "d/a.txt", "d/-rf", "d/sub/deep", "d.x", "ü", "empty"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"link": "A\n", "d/up": "x", "d/new\nline": "nl", "dirlink/sub/deep": "deep", "empty": ""} {
		if got, err := fs.ReadFile(files, name); err != nil || string(got) != want {
			t.Errorf("%q = %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"out", "abs", "none", "d/none", "d.x/none"} {
		if _, err := fs.ReadFile(files, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v, want fs.ErrNotExist", name, err)
		}
	}
	if _, err := fs.ReadFile(files, "loop"); err == nil {
		t.Error("a link to itself was read")
	}
	d := must(p.repo.Tree(ctx, c, "d"))(t)
	c2 := p.commit("main", "", "other", "x")
	if got := must(p.repo.Tree(ctx, c2, "d"))(t); got != d {
		t.Errorf("Tree of what did not change: %s, was %s", got, d)
	}
	if must(p.repo.Tree(ctx, c2, ""))(t) == must(p.repo.Tree(ctx, c, "."))(t) {
		t.Error("the root tree did not change")
	}
	if _, err := p.repo.Tree(ctx, c, "no/such"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Tree of what is absent = %v", err)
	}
	got := must(p.repo.Match(ctx, c, func(path string) bool { return strings.HasPrefix(path, "d/") }))(t)
	slices.Sort(got)
	if want := []string{"d/-rf", "d/a.txt", "d/new\nline", "d/sub/deep", "d/up"}; !slices.Equal(got, want) {
		t.Errorf("Match = %q", got)
	}
}

// subset hides the links that lead nowhere from fstest, which opens all it sees.
type subset struct{ fs.FS }

func (s subset) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(s.FS, name)
	return slices.DeleteFunc(list, func(e fs.DirEntry) bool { return e.Type() == fs.ModeSymlink || strings.Contains(e.Name(), "\n") }), err
}

func (s subset) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if d, ok := f.(fs.ReadDirFile); ok && err == nil {
		if i, _ := f.Stat(); i.IsDir() {
			list, err := s.ReadDir(name)
			return &dir{d, list}, err
		}
	}
	return f, err
}

type dir struct {
	fs.ReadDirFile
	list []fs.DirEntry
}

func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || len(d.list) == 0 {
		out := d.list
		d.list = nil
		if n > 0 {
			return nil, io.EOF
		}
		return out, nil
	}
	n = min(n, len(d.list))
	out := d.list[:n:n]
	d.list = d.list[n:]
	return out, nil
}

func TestMerge(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	start := p.commit("main", "", "a", "1\n", "b", "1\n")
	one := p.commit("one", start, "a", "2\n")
	p.commit("two", start, "b", "2\n")
	two := p.commit("two", start, "c", "2\n")
	clash := p.commit("clash", start, "a", "3\n", "sub/x y", "3\n")
	base := p.commit("main", "", "d", "1\n")

	show := func(c, format string) string { return p.sh(p.bareMirror(), "git log -1 --format='{}' {}", format, c) }
	merged := must(p.repo.Merge(ctx, base, git.Pick{SHA: one, Method: prow.MergeCommit}, git.Pick{SHA: two, Method: prow.MergeCommit}))(t)
	if got := show(merged, "%P"); !strings.HasSuffix(got, " "+two) {
		t.Errorf("parents %s", got)
	}
	files := must(p.repo.FS(ctx, merged))(t)
	for name, want := range map[string]string{"a": "2\n", "b": "2\n", "c": "2\n", "d": "1\n"} {
		if got, _ := fs.ReadFile(files, name); string(got) != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	again := must(p.repo.Merge(ctx, base, git.Pick{SHA: one}, git.Pick{SHA: two}))(t)
	if again != merged {
		t.Errorf("the same input gave %s and %s", merged, again)
	}
	squashed := must(p.repo.Merge(ctx, base, git.Pick{SHA: two, Method: prow.MergeSquash}))(t)
	if got := show(squashed, "%P"); got != base {
		t.Errorf("parents of the squash: %s", got)
	}
	rebased := must(p.repo.Merge(ctx, base, git.Pick{SHA: one, Method: prow.MergeRebase}, git.Pick{SHA: two, Method: prow.MergeRebase}))(t)
	if got := p.sh(p.bareMirror(), "git log --format='%an %s' {}..{}", base, rebased); got != "alice a change\nalice a change\nalice a change" {
		t.Errorf("log of the rebase:\n%s", got)
	}
	_, err := p.repo.Merge(ctx, base, git.Pick{SHA: two}, git.Pick{SHA: one}, git.Pick{SHA: clash})
	var c *git.ConflictError
	if !errors.As(err, &c) || c.Index != 2 || !slices.Equal(c.Files, []string{"a"}) {
		t.Errorf("a conflict = %v", err)
	}
	_, err = p.repo.Merge(ctx, one, git.Pick{SHA: clash, Method: prow.MergeRebase})
	if !errors.As(err, &c) || !slices.Equal(c.Files, []string{"a"}) {
		t.Errorf("a conflict of a rebase = %v", err)
	}
	if got := must(p.repo.Merge(ctx, base, git.Pick{SHA: start}))(t); got != base {
		t.Errorf("merging what is contained made %s", got)
	}
	p.sh(p.dir, "git checkout -q --orphan alien && git rm -rqf .")
	alien := p.commit("alien", "", "z", "z")
	if _, err = p.repo.Merge(ctx, base, git.Pick{SHA: alien}); !errors.As(err, &c) || len(c.Files) != 0 {
		t.Errorf("histories with nothing in common = %v", err)
	}
	if yes := must(p.repo.Contains(ctx, merged, two))(t); !yes {
		t.Error("the merge does not contain what was merged")
	}
	if yes := must(p.repo.Contains(ctx, base, two))(t); yes {
		t.Error("the base contains what was not merged")
	}
}

func (p *place) bareMirror() string { return filepath.Join(p.store.Dir, "o", "r.git") }

func TestChanged(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	long := strings.Repeat("line\n", 30)
	start := p.commit("main", "", "keep", "1\n", "gone", "1\n", "old name", long)
	p.commit("main", "", "later", "on main")
	p.sh(p.dir, "git checkout -q -b topic {} && git mv 'old name' 'new\tname' && git rm -q gone", start)
	topic := p.commit("topic", start, "keep", "1\n2\n", "-added", "a\nb\n")
	head := must(p.repo.Head(ctx, "main"))(t)
	want := map[string]prow.File{
		"keep":      {Name: "keep", Status: "modified", Additions: 1},
		"gone":      {Name: "gone", Status: "removed", Deletions: 1},
		"-added":    {Name: "-added", Status: "added", Additions: 2},
		"new\tname": {Name: "new\tname", OldName: "old name", Status: "renamed"},
	}
	got := must(p.repo.Changed(ctx, head, topic))(t)
	for _, f := range got {
		if f != want[f.Name] {
			t.Errorf("got %+v, want %+v", f, want[f.Name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("Changed = %+v", got)
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	for _, r := range []prow.Repo{{Owner: "..", Name: ".."}, {Owner: "-x", Name: "--upload-pack=x"}, {Owner: "a/../..", Name: "b"}, {Owner: "ü", Name: "\n"}} {
		if _, err := p.store.Repo(r).Head(ctx, "main"); err == nil {
			t.Errorf("%q exists", r)
		}
	}
	list := must(os.ReadDir(filepath.Dir(p.store.Dir)))(t)
	for _, e := range list {
		if n := e.Name(); n != "work" && n != "remote" && n != "mirrors" {
			t.Errorf("%q was made outside of the store", n)
		}
	}
}
