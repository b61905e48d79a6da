package sandbox

import (
	"context"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// repoLine is a repository in a list.
type repoLine struct {
	Name, Description string
	Private           bool
	Pulls, Issues     int
	Pushed            time.Time
}

func (v *visit) repoLines(keep func(*repo) bool) []repoLine {
	var out []repoLine
	_ = v.read(func() error {
		for _, r := range v.st.repos {
			if !keep(r) || v.level(r, v.me) < read {
				continue
			}
			l := repoLine{Name: v.repoPath(r), Description: r.Description, Private: r.Private, Pushed: r.Pushed}
			for _, i := range v.st.byRepo[r.ID] {
				switch {
				case i.State != "open":
				case i.Pull != nil:
					l.Pulls++
				default:
					l.Issues++
				}
			}
			out = append(out, l)
		}
		return nil
	})
	slices.SortFunc(out, func(a, b repoLine) int { return strings.Compare(lower(a.Name), lower(b.Name)) })
	return out
}

func homePage(v *visit) (any, error) {
	return view{"home", "Repositories", v.repoLines(func(*repo) bool { return true })}, nil
}

func ownerPage(v *visit) (any, error) {
	a := v.find(v.r.PathValue("owner"))
	if a == nil {
		return nil, notFound()
	}
	return view{"home", a.Login, v.repoLines(func(r *repo) bool { return r.Owner == a.ID })}, nil
}

// branchLine is a branch in a list.
type branchLine struct {
	Name, SHA string
	Default   bool
	Pull      int
}

// repoView is the front of a repository.
type repoView struct {
	Name, Description, Clone, Default, Branch, Dir, Up string
	Empty, CanFork                                     bool
	Branches                                           []branchLine
	Entries                                            []entryLine
	Readme                                             string
	Parent                                             string
}

type entryLine struct {
	Name, Path string
	Dir        bool
	Size       int
}

func repoPage(v *visit) (any, error) { return v.folder("", "") }

// treePage shows a folder, or a file, of a branch or commit.
func treePage(v *visit) (any, error) {
	rev, p, err := v.split(v.r.PathValue("rest"))
	if err != nil {
		return nil, err
	}
	if p == "" {
		return v.folder(rev, "")
	}
	c := v.call()
	sha, err := v.resolve(v.r.Context(), v.repo.ID, rev)
	if err != nil {
		return nil, err
	}
	e, err := c.find(sha, p)
	if err != nil {
		return nil, err
	}
	if e.kind == "tree" {
		return v.folder(rev, p)
	}
	text, err := v.blob(v.r.Context(), e)
	if err != nil {
		return nil, err
	}
	return view{"file", p, map[string]any{"Rev": rev, "Path": p, "Text": text, "Size": e.size, "Dir": strings.TrimPrefix(path.Dir("/"+p), "/")}}, nil
}

// blob reads a file for showing.
func (v *visit) blob(ctx context.Context, e *entry) (string, error) {
	if e.size > 1<<20 {
		return "This file is too large to show.", nil
	}
	text, err := v.git.run(ctx, v.repo.ID, "cat-file", "blob", e.sha)
	if err == nil && (!utf8.ValidString(text) || strings.ContainsRune(text, 0)) {
		return "This file is not text.", nil
	}
	return text, err
}

func rawPage(v *visit) (any, error) {
	rev, p, err := v.split(v.r.PathValue("rest"))
	if err != nil {
		return nil, err
	}
	sha, err := v.resolve(v.r.Context(), v.repo.ID, rev)
	if err != nil {
		return nil, err
	}
	e, err := v.call().find(sha, p)
	if err != nil || e.kind != "blob" {
		return nil, notFound()
	}
	text, err := v.git.run(v.r.Context(), v.repo.ID, "cat-file", "blob", e.sha)
	if err != nil {
		return nil, err
	}
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = v.w.Write([]byte(text))
	return nil, nil
}

// call lends the API's helpers to a page.
func (v *visit) call() *call {
	return &call{Forge: v.Forge, r: v.r, user: v.me, repo: v.repo, may: v.may, header: http.Header{}}
}

// split takes "branch/with/slash/path" apart at the longest branch there is.
func (v *visit) split(rest string) (rev, p string, err error) {
	refs := v.snapshot(v.repo).Refs
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	for n := len(parts); n > 0; n-- {
		name := strings.Join(parts[:n], "/")
		if refs[heads+name] != "" || refs[tags+name] != "" {
			return name, strings.Join(parts[n:], "/"), nil
		}
	}
	if parts[0] == "" {
		return "", "", notFound()
	}
	return parts[0], strings.Join(parts[1:], "/"), nil
}

func (v *visit) folder(rev, dir string) (any, error) {
	r := v.snapshot(v.repo)
	if rev == "" {
		rev = r.DefaultBranch
	}
	d := repoView{Default: r.DefaultBranch, Branch: rev, Dir: dir, Description: r.Description, Empty: len(r.Refs) == 0}
	_ = v.read(func() error {
		d.Name = v.repoPath(v.repo)
		d.Clone = v.o.URL + "/" + d.Name + ".git"
		d.CanFork = v.me != nil && v.repo.Owner != v.me.ID
		if up := v.st.repos[r.Parent]; up != nil {
			d.Parent = v.repoPath(up)
		}
		d.Branches = v.branches()
		return nil
	})
	if d.Empty {
		return view{"repo", d.Name, d}, nil
	}
	sha, err := v.resolve(v.r.Context(), r.ID, rev)
	if err != nil {
		return nil, err
	}
	list, err := v.call().tree(sha, dir, false)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b entry) int { return strings.Compare(a.kind, b.kind) * -1 })
	for n := range list {
		e := &list[n]
		d.Entries = append(d.Entries, entryLine{e.name, path.Join(dir, e.name), e.kind == "tree", e.size})
		if dir == "" && strings.EqualFold(e.name, "README.md") {
			if d.Readme, err = v.blob(v.r.Context(), e); err != nil {
				return nil, err
			}
		}
	}
	if dir != "" {
		d.Up = strings.TrimPrefix(path.Dir("/"+dir), "/")
		return view{"tree", dir, d}, nil
	}
	return view{"repo", d.Name, d}, nil
}

// branches lists branches with the pull request that each is the head of.
func (v *visit) branches() []branchLine {
	var out []branchLine
	for _, n := range named(v.repo.Refs, heads) {
		b := branchLine{Name: n, SHA: v.repo.Refs[heads+n], Default: n == v.repo.DefaultBranch}
		for _, i := range v.st.issues {
			if i.Pull != nil && i.State == "open" && i.Pull.HeadRepo == v.repo.ID && i.Pull.HeadRef == n && i.Repo == v.repo.ID {
				b.Pull = i.Number
			}
		}
		out = append(out, b)
	}
	return out
}

// commitLine is a commit in a list.
type commitLine struct {
	SHA, Title, Author string
	When               time.Time
}

func commitLines(list []commit) []commitLine {
	var out []commitLine
	for _, c := range list {
		out = append(out, commitLine{c.sha, firstLine(c.message), c.author.name, c.author.when})
	}
	return out
}

func logPage(v *visit) (any, error) {
	rev, _, err := v.split(v.r.PathValue("rest"))
	if err != nil {
		return nil, err
	}
	sha, err := v.resolve(v.r.Context(), v.repo.ID, rev)
	if err != nil {
		return nil, err
	}
	list, err := v.git.log(v.r.Context(), v.repo.ID, false, "-100", sha)
	return view{"commits", "Commits of " + rev, map[string]any{"Commits": commitLines(list), "Pull": (*pullView)(nil)}}, err
}

// fileView is one changed file to show.
type fileView struct {
	Name, Old, Status, Patch string
	Additions, Deletions     int
	Binary                   bool
}

// fileViews are the changed files to show; a very large diff is cut.
func fileViews(files []file) []fileView {
	var out []fileView
	size := 0
	for _, f := range files {
		v := fileView{f.name, f.old, f.status, f.patch, f.additions, f.deletions, f.binary}
		if size += len(f.patch); size > 2<<20 {
			v.Patch = ""
		}
		out = append(out, v)
	}
	return out
}

func commitPage(v *visit) (any, error) {
	sha, err := v.resolve(v.r.Context(), v.repo.ID, v.r.PathValue("sha"))
	if err != nil {
		return nil, err
	}
	one, err := v.commitOf(v.r.Context(), v.repo.ID, sha)
	if err != nil {
		return nil, err
	}
	parent := emptyTree
	if len(one.parents) > 0 {
		parent = one.parents[0]
	}
	files, err := v.git.diff(v.r.Context(), v.repo.ID, parent, sha)
	return view{"diff", firstLine(one.message), map[string]any{"Files": fileViews(files), "Message": one.message, "SHA": sha, "Author": one.author.name, "When": one.author.when, "Pull": (*pullView)(nil)}}, err
}
