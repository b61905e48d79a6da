package podutil_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podutil"
)

func read(t *testing.T, name ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(name...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func cloneInto(t *testing.T, c *podutil.Cloner, refs ...prow.Refs) []podutil.Record {
	t.Helper()
	c.Root, c.Scratch = t.TempDir(), t.TempDir()
	return c.Clone(t.Context(), refs)
}

func whole(t *testing.T, records []podutil.Record) {
	t.Helper()
	for i := range records {
		if records[i].Failed {
			t.Fatalf("record %d failed:\n%s", i, records[i].Text())
		}
	}
}

// story is a repository with a base, two pulls that merge and one that does not.
type story struct {
	*place
	base, one, two, clash string
}

func newStory(t testing.TB) story {
	p := newPlace(t)
	s := story{place: p}
	start := p.commit(p.work, "main", "", "main", "a", "1\n", "b", "1\n", "sub/keep", "1\n")
	p.sh(p.work, "git tag v1 && git push -q origin v1")
	s.one = p.commit(p.work, "one", start, "refs/pull/1/head", "a", "2\n")
	p.commit(p.work, "two", start, "refs/pull/2/head", "b", "2\n")
	s.two = p.commit(p.work, "two", start, "refs/pull/2/head", "c", "2\n")
	s.clash = p.commit(p.work, "clash", start, "refs/pull/3/head", "a", "3\n")
	for i := range 5 {
		s.base = p.commit(p.work, "main", "", "main", "d", string(rune('0'+i)))
	}
	return s
}

func TestPullsAreMergedInOrder(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	refs := s.refs(s.base, prow.PullRef{Number: 1, SHA: s.one}, prow.PullRef{Number: 2, SHA: s.two})
	c := &podutil.Cloner{}
	records := cloneInto(t, c, refs)
	whole(t, records)
	dir := filepath.Join(c.Root, "src/github.com/o/r")
	for name, want := range map[string]string{"a": "2\n", "b": "2\n", "c": "2\n", "d": "4"} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if got := s.sh(dir, "git rev-parse HEAD"); got != records[0].FinalSHA {
		t.Errorf("final sha %s, HEAD is %s", records[0].FinalSHA, got)
	}
	if got := s.sh(dir, "git rev-parse --abbrev-ref HEAD && git tag && git status --short && git log --first-parent --format=%an:%s -2"); got != "main\nv1\nci-robot:Merge #2\nci-robot:Merge #1" {
		t.Errorf("the clone is\n%s", got)
	}
	again := cloneInto(t, &podutil.Cloner{}, refs)
	if again[0].FinalSHA != records[0].FinalSHA {
		t.Errorf("the same refs gave %s and %s", records[0].FinalSHA, again[0].FinalSHA)
	}
	if n := len(records[0].Commands); n > 5 {
		t.Errorf("it took %d commands:\n%s", n, records[0].Text())
	}
}

func TestAConflictNamesPullAndFiles(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	records := cloneInto(t, &podutil.Cloner{}, s.refs(s.base, prow.PullRef{Number: 1, SHA: s.one}, prow.PullRef{Number: 2, SHA: s.two}, prow.PullRef{Number: 3, SHA: s.clash}))
	if !records[0].Failed || records[0].FinalSHA != "" {
		t.Fatalf("a conflict went through: %+v", records[0])
	}
	if text := records[0].Text(); !strings.Contains(text, "# FAILED!\n") || !strings.Contains(text, "CONFLICT (content)") {
		t.Errorf("log:\n%s", text)
	}
	var conflict *podutil.ConflictError
	if err := records[0].Err(); !errors.As(err, &conflict) || err.Error() != "#3 does not merge with main with #1, #2 of o/r: conflict in a. Rebase the pull request" {
		t.Errorf("error %v", err)
	}
}

func TestShapesOfAClone(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	yes := true
	pull := prow.PullRef{Number: 2, SHA: s.two}
	lib := s.repo("o/lib")
	s.commit(lib, "main", "", "main", "lib.txt", "lib\n")
	s.sh(s.work, "git checkout -q -b subs main && git -c protocol.file.allow=always submodule --quiet add ../lib lib && git commit -qm subs && git push -q origin subs")
	subs := s.sh(s.work, "git rev-parse subs")
	for name, c := range map[string]struct {
		change func(*prow.Refs)
		see    func(t *testing.T, dir string)
	}{
		"shallow": {func(r *prow.Refs) { r.CloneDepth, r.Pulls = 1, nil }, func(t *testing.T, dir string) {
			if got := s.sh(dir, "git rev-list --count HEAD"); got != "1" {
				t.Errorf("%s commits", got)
			}
		}},
		"shallow, the merge base out of reach": {func(r *prow.Refs) { r.CloneDepth = 1 }, func(t *testing.T, dir string) {
			if got := read(t, dir, "c"); got != "2\n" {
				t.Errorf("c = %q", got)
			}
		}},
		"sparse": {func(r *prow.Refs) { r.SparseCheckoutFiles = []string{"/sub/"} }, func(t *testing.T, dir string) {
			read(t, dir, "sub/keep")
			if _, err := os.Stat(filepath.Join(dir, "d")); err == nil {
				t.Error("d is there")
			}
			if tags := s.sh(dir, "git tag"); tags != "" {
				t.Errorf("tags %s", tags)
			}
		}},
		"blobless": {func(r *prow.Refs) { r.BloblessFetch = &yes }, func(t *testing.T, dir string) {
			if missing := s.sh(dir, "git rev-list --objects --missing=print HEAD | grep -c '^?' || true"); missing == "0" {
				t.Error("no blob is missing")
			}
		}},
		"no tags":        {func(r *prow.Refs) { r.SkipFetchHead = true }, func(t *testing.T, dir string) { s.sh(dir, "test -z \"$(git tag)\"") }},
		"branch head":    {func(r *prow.Refs) { r.BaseSHA = "" }, func(t *testing.T, dir string) { s.sh(dir, "git merge-base --is-ancestor "+s.base+" HEAD") }},
		"pull by number": {func(r *prow.Refs) { r.Pulls[0].SHA = "" }, func(t *testing.T, dir string) { s.sh(dir, "git merge-base --is-ancestor "+s.two+" HEAD") }},
		"pull by ref":    {func(r *prow.Refs) { r.Pulls[0].Ref = "refs/pull/2/head" }, func(t *testing.T, dir string) { read(t, dir, "c") }},
		"submodules": {func(r *prow.Refs) { r.BaseRef, r.BaseSHA = "subs", subs }, func(t *testing.T, dir string) {
			if got := read(t, dir, "lib/lib.txt"); got != "lib\n" {
				t.Errorf("lib.txt = %q", got)
			}
		}},
		"no submodules": {func(r *prow.Refs) { r.BaseRef, r.BaseSHA, r.SkipSubmodules = "subs", subs, true }, func(t *testing.T, dir string) {
			if _, err := os.Stat(filepath.Join(dir, "lib/lib.txt")); err == nil {
				t.Error("the submodule is there")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refs := s.refs(s.base, pull)
			refs.PathAlias = "k8s.io/thing"
			c.change(&refs)
			cl := &podutil.Cloner{}
			records := cloneInto(t, cl, refs)
			whole(t, records)
			c.see(t, filepath.Join(cl.Root, "src/k8s.io/thing"))
		})
	}
}

func TestRecordsKeepTheOrder(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.commit(s.repo("o/x"), "main", "", "main", "x", "x")
	refs := []prow.Refs{s.refs(s.base)}
	for range 4 {
		r := prow.Refs{Org: "o", Repo: "x", BaseRef: "main", CloneURI: s.url + "/o/x", PathAlias: "x" + string(rune('0'+len(refs)))}
		refs = append(refs, r)
	}
	records := cloneInto(t, &podutil.Cloner{}, refs...)
	whole(t, records)
	for i := range refs {
		if records[i].Refs.ClonePath() != refs[i].ClonePath() {
			t.Errorf("record %d is of %s", i, records[i].Refs.ClonePath())
		}
	}
	b, err := json.Marshal(records)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"refs":{"org":"o"`, `"commands":[{"command":"git init `, `"final_sha":"`, `"duration":`} {
		if !strings.Contains(string(b), key) {
			t.Errorf("no %s in %s", key, b)
		}
	}
}

func TestWhatCannotBeCloned(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	gone := strings.Repeat("ab", 20)
	for name, c := range map[string]struct {
		refs []prow.Refs
		want string
	}{
		"pull that is gone":    {[]prow.Refs{s.refs(s.base, prow.PullRef{Number: 1, SHA: s.one}, prow.PullRef{Number: 9, SHA: gone})}, "commit of #9 does not exist"},
		"base that is gone":    {[]prow.Refs{s.refs(gone)}, gone},
		"branch that is gone":  {[]prow.Refs{{Org: "o", Repo: "r", BaseRef: "none", CloneURI: s.url + "/o/r"}}, "none of o/r does not exist"},
		"no repository":        {[]prow.Refs{{Org: "o", Repo: "no", BaseRef: "main", CloneURI: s.url + "/o/no"}}, "not found"},
		"an option as branch":  {[]prow.Refs{{Org: "o", Repo: "r", BaseRef: "--upload-pack=x", CloneURI: s.url + "/o/r"}}, "not the name of a branch"},
		"an option as sha":     {[]prow.Refs{s.refs("--exec")}, "not the name"},
		"a refspec":            {[]prow.Refs{{Org: "o", Repo: "r", BaseRef: "main:refs/heads/x", CloneURI: s.url + "/o/r"}}, "not the name"},
		"an option as address": {[]prow.Refs{{Org: "o", Repo: "r", BaseRef: "main", CloneURI: "--upload-pack=touch x"}}, "git fetch"},
		"a command as address": {[]prow.Refs{{Org: "o", Repo: "r", BaseRef: "main", CloneURI: "ext::sh -c touch% x"}}, "not allowed"},
		"a path outside":       {[]prow.Refs{{Org: "o", Repo: "r", BaseRef: "main", PathAlias: "../../x"}}, "leads out"},
		"one path twice":       {[]prow.Refs{s.refs(s.base), s.refs(s.base)}, "path_alias"},
		"nothing to check out": {[]prow.Refs{{Org: "o", Repo: "r", CloneURI: s.url + "/o/r"}}, "neither base_ref nor base_sha"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			records := cloneInto(t, &podutil.Cloner{}, c.refs...)
			if err := records[0].Err(); !records[0].Failed || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it\n%s", err, c.want, records[0].Text())
			}
		})
	}
}

func TestTheNetworkIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	var requests atomic.Int32
	s.allowing(func(*http.Request, string, string) ([]string, int) {
		if requests.Add(1) <= 2 {
			return nil, http.StatusBadGateway
		}
		return nil, 0
	})
	records := cloneInto(t, &podutil.Cloner{Pauses: []time.Duration{1, 1, 1}}, s.refs(s.base))
	whole(t, records)
	requests.Store(-100)
	records = cloneInto(t, &podutil.Cloner{Pauses: []time.Duration{1}}, s.refs(s.base))
	if err := records[0].Err(); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("error %v", err)
	}
}

func TestTheTokenIsSeenNowhere(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	const token = "gh_s3cr3t"
	s.allowing(func(req *http.Request, _, _ string) ([]string, int) {
		if user, pass, _ := req.BasicAuth(); user == "x-access-token" && pass == token {
			return nil, 0
		}
		return nil, http.StatusUnauthorized
	})
	c := &podutil.Cloner{Logins: []podutil.Login{{URL: s.url + "/o/r", Token: token}}}
	records := cloneInto(t, c, s.refs(s.base, prow.PullRef{Number: 1, SHA: s.one}))
	whole(t, records)
	b, _ := json.Marshal(records)
	if strings.Contains(string(b), token) {
		t.Errorf("the token is in the records: %s", b)
	}
	if out := s.sh(c.Root, "grep -r "+token+" . || true"); out != "" {
		t.Errorf("the token is in the clone: %s", out)
	}
	records = cloneInto(t, &podutil.Cloner{Logins: []podutil.Login{{URL: "http://elsewhere", Token: token}}}, s.refs(s.base))
	if !records[0].Failed {
		t.Error("the token was given to a host that it is not for")
	}
}

func TestAClonesContextEndsIt(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	s.allowing(func(req *http.Request, _, _ string) ([]string, int) {
		cancel(&podutil.Stopped{Why: "enough"})
		<-req.Context().Done()
		return nil, 500
	})
	c := &podutil.Cloner{Root: t.TempDir(), Pauses: podutil.Pauses()}
	records := c.Clone(ctx, []prow.Refs{s.refs(s.base)})
	if err := records[0].Err(); err == nil || err.Error() != "enough" {
		t.Errorf("error %v", err)
	}
}
