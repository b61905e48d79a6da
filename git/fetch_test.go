package git_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/git"
)

// short is a response that ends when so many bytes were sent.
type short struct {
	http.ResponseWriter
	left int
}

func (s *short) Write(b []byte) (int, error) {
	if s.left -= len(b); s.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return s.ResponseWriter.Write(b)
}

// A fetch that is cut off leaves no commit without its files: the next one brings
// all of it.
func TestAFetchThatIsCutOff(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	var noise strings.Builder
	for r := rand.New(rand.NewPCG(1, 2)); noise.Len() < 1<<20; {
		fmt.Fprintf(&noise, "%016x\n", r.Uint64())
	}
	c := p.commit("main", "", "f", noise.String())
	to, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	var cut atomic.Bool
	cut.Store(true)
	proxy := httputil.NewSingleHostReverseProxy(to)
	wire := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cut.Load() {
			w = &short{w, 200 << 10}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(wire.Close)
	store := &git.Store{Dir: t.TempDir(), Remote: func(r prow.Repo) git.Remote { return git.Remote{URL: wire.URL + "/" + r.String() + ".git"} }}
	t.Cleanup(func() { store.Close() })
	repo := store.Repo(prow.Repo{Owner: "o", Name: "r"})
	if err := repo.Ensure(ctx, nil, c); err == nil {
		t.Fatal("the fetch was not cut off")
	}
	cut.Store(false)
	if err := repo.Ensure(ctx, nil, c); err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(must(repo.FS(ctx, c))(t), "f"); err != nil || string(b) != noise.String() {
		t.Errorf("the file has %d bytes, %v", len(b), err)
	}
}

// However many fetches there were, git looks through few packs, and has all that
// came, be it on a branch or not.
func TestManyFetches(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	var commits []string
	for n := range 64 {
		c := p.commit("main", "", "f", fmt.Sprint(n))
		if n%10 == 0 { // nobody leads to it any more
			p.sh(p.dir, "git commit -q --amend -m again && git push -q -f origin HEAD")
		}
		if err := p.repo.Ensure(ctx, nil, c); err != nil {
			t.Fatal(err)
		}
		commits = append(commits, c)
	}
	for n, c := range commits {
		if b, err := fs.ReadFile(must(p.repo.FS(ctx, c))(t), "f"); err != nil || string(b) != fmt.Sprint(n) {
			t.Errorf("of fetch %d: %q, %v", n, b, err)
		}
	}
	packs, err := filepath.Glob(filepath.Join(filepath.Dir(p.dir), "mirrors", "o", "r.git", "objects", "pack", "*.pack"))
	if err != nil || len(packs) == 0 || len(packs) > 60 {
		t.Errorf("%d packs, %v", len(packs), err)
	}
}
