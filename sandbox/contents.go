package sandbox

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

func contentRoutes() []route {
	return []route{
		{"GET /repos/{owner}/{repo}/contents/{path...}", read, freely(getContents)},
		{"GET /repos/{owner}/{repo}/contents", read, freely(getContents)},
		{"PUT /repos/{owner}/{repo}/contents/{path...}", push, freely(putContents)},
		{"DELETE /repos/{owner}/{repo}/contents/{path...}", push, freely(deleteContents)},
		{"GET /repos/{owner}/{repo}/readme", read, freely(getReadme)},
	}
}

func escapePath(p string) string { return (&url.URL{Path: p}).EscapedPath() }

// entry is one line of a tree.
type entry struct {
	mode, kind, sha, name string
	size                  int
}

func (c *call) tree(rev, dir string, recursive bool) ([]entry, error) {
	args := []string{"ls-tree", "-z", "-l"}
	if recursive {
		args = append(args, "-r", "-t")
	}
	at := rev
	if dir != "" {
		at += ":" + dir
	}
	out, err := c.git.run(c.r.Context(), c.repo.ID, append(args, at)...)
	if err != nil {
		return nil, err
	}
	var list []entry
	for l := range strings.SplitSeq(strings.TrimRight(out, "\x00"), "\x00") {
		meta, name, ok := strings.Cut(l, "\t")
		f := strings.Fields(meta)
		if !ok || len(f) < 4 {
			continue
		}
		size, _ := strconv.Atoi(f[3])
		list = append(list, entry{f[0], f[1], f[2], name, size})
	}
	return list, nil
}

// find looks a path up in a commit.
func (c *call) find(sha, p string) (*entry, error) {
	list, err := c.tree(sha, strings.TrimPrefix(path.Dir("/"+p), "/"), false)
	if err != nil {
		if exitCode(err) == 128 {
			return nil, notFound()
		}
		return nil, err
	}
	if i := slices.IndexFunc(list, func(e entry) bool { return e.name == path.Base(p) }); i >= 0 {
		return &list[i], nil
	}
	return nil, notFound()
}

func (c *call) showEntry(sha, p string, e *entry) obj {
	u := c.repoAPI(c.repo)
	kind := map[string]string{"blob": "file", "tree": "dir", "commit": "submodule"}[e.kind]
	if e.mode == "120000" {
		kind = "symlink"
	}
	self := u + "/contents/" + escapePath(p) + "?ref=" + sha
	git, html := u+"/git/blobs/"+e.sha, c.o.URL+"/"+c.repoPath(c.repo)+"/blob/"+sha+"/"+escapePath(p)
	var download any = c.o.URL + "/" + c.repoPath(c.repo) + "/raw/" + sha + "/" + escapePath(p)
	if e.kind == "tree" {
		git, html, download = u+"/git/trees/"+e.sha, c.o.URL+"/"+c.repoPath(c.repo)+"/tree/"+sha+"/"+escapePath(p), nil
	}
	return obj{
		"type": kind, "name": path.Base(p), "path": p, "sha": e.sha, "size": e.size, "url": self, "html_url": html, "git_url": git, "download_url": download,
		"_links": obj{"self": self, "git": git, "html": html},
	}
}

func getContents(c *call) (any, error) {
	sha, err := c.resolve(c.r.Context(), c.repo.ID, c.query("ref"))
	if err != nil {
		return nil, err
	}
	p := strings.Trim(c.path("path"), "/")
	if p != "" {
		e, err := c.find(sha, p)
		if err != nil {
			return nil, err
		}
		if e.kind != "tree" {
			return c.content(sha, p, e)
		}
	}
	list, err := c.tree(sha, p, false)
	if err != nil {
		return nil, err
	}
	out := []any{}
	err = c.read(func() error {
		for i := range list {
			out = append(out, c.showEntry(sha, path.Join(p, list[i].name), &list[i]))
		}
		return nil
	})
	return out, err
}

func (c *call) content(sha, p string, e *entry) (any, error) {
	text, err := c.git.run(c.r.Context(), c.repo.ID, "cat-file", "blob", e.sha)
	if err != nil {
		return nil, err
	}
	if strings.Contains(c.r.Header.Get("Accept"), ".raw") {
		return answer{code: http.StatusOK, raw: []byte(text), kind: "application/vnd.github.raw; charset=utf-8"}, nil
	}
	var out obj
	err = c.read(func() error { out = c.showEntry(sha, p, e); return nil })
	out["encoding"], out["content"] = "base64", wrap(base64.StdEncoding.EncodeToString([]byte(text)))
	return out, err
}

// wrap breaks base64 into lines, as GitHub does.
func wrap(s string) string {
	var b strings.Builder
	for len(s) > 60 {
		b.WriteString(s[:60] + "\n")
		s = s[60:]
	}
	if s != "" {
		b.WriteString(s + "\n")
	}
	return b.String()
}

func getReadme(c *call) (any, error) {
	sha, err := c.resolve(c.r.Context(), c.repo.ID, c.query("ref"))
	if err != nil {
		return nil, err
	}
	e, err := c.find(sha, "README.md")
	if err != nil {
		return nil, err
	}
	return c.content(sha, "README.md", e)
}

type contentInput struct {
	Message, Content, SHA, Branch string
	Author, Committer             *struct{ Name, Email string }
}

// writeContent makes the commit of a PUT or DELETE.
func (c *call) writeContent(in contentInput, text *string) (any, error) {
	p := strings.Trim(c.path("path"), "/")
	r := c.snapshot(c.repo)
	if in.Branch == "" {
		in.Branch = r.DefaultBranch
	}
	head := r.Refs[heads+in.Branch]
	if head == "" && len(r.Refs) > 0 {
		return nil, refuse(http.StatusNotFound, "Branch %s not found", in.Branch)
	}
	if !goodPath(p) {
		return nil, refuse(http.StatusUnprocessableEntity, "path contains a malformed path component")
	}
	var old *entry
	if head != "" {
		old, _ = c.find(head, p)
	}
	switch {
	case old != nil && in.SHA == "":
		return nil, refuse(http.StatusUnprocessableEntity, "Invalid request.\n\n\"sha\" wasn't supplied.")
	case old != nil && old.sha != in.SHA:
		return nil, refuse(http.StatusConflict, "%s does not match %s", p, in.SHA)
	case old == nil && text == nil:
		return nil, notFound()
	}
	if in.Message == "" {
		in.Message = "Update " + p
	}
	ch := fileChange{branch: in.Branch, message: in.Message}
	if in.Author != nil {
		ch.author = &person{in.Author.Name, in.Author.Email, c.o.Now()}
	}
	if text != nil {
		ch.files = map[string]string{p: *text}
	} else {
		ch.removed = []string{p}
	}
	sha, err := c.commitFiles(c.r.Context(), c.repo.ID, c.user, ch)
	if err != nil {
		return nil, err
	}
	one, err := c.commitOf(c.r.Context(), c.repo.ID, sha)
	if err != nil {
		return nil, err
	}
	var e *entry
	if text != nil {
		if e, err = c.find(sha, p); err != nil {
			return nil, err
		}
	}
	out := obj{"content": nil}
	err = c.read(func() error {
		out["commit"] = c.showGitCommit(c.repo, one)
		if e != nil {
			out["content"] = c.showEntry(sha, p, e)
		}
		return nil
	})
	if old == nil {
		return answer{code: http.StatusCreated, body: out}, err
	}
	return out, err
}

// goodPath reports whether git takes p as the name of a file.
func goodPath(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") {
			return false
		}
	}
	return !strings.ContainsRune(p, 0)
}

func putContents(c *call) (any, error) {
	var in contentInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(in.Content, "\n", ""))
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, "content is not valid Base64")
	}
	text := string(b)
	return c.writeContent(in, &text)
}

func deleteContents(c *call) (any, error) {
	var in contentInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.SHA == "" {
		in.SHA = c.query("sha")
	}
	if in.Branch == "" {
		in.Branch = c.query("branch")
	}
	return c.writeContent(in, nil)
}
