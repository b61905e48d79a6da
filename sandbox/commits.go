package sandbox

import (
	"net/http"
	"strconv"
	"strings"
)

func commitRoutes() []route {
	return []route{
		{"GET /repos/{owner}/{repo}/commits", read, freely(listCommits)},
		{"GET /repos/{owner}/{repo}/commits/{ref}", read, freely(getCommit)},
		{"GET /repos/{owner}/{repo}/commits/{ref}/pulls", read, freely(listCommitPulls)},
		{"GET /repos/{owner}/{repo}/compare/{range...}", read, freely(getCompare)},
	}
}

// window turns page and per_page into git's --skip and -n, one more to see whether
// there is a next page.
func (c *call) window() (skip, n int) {
	page, err := strconv.Atoi(c.query("page"))
	if err != nil || page < 1 {
		page = 1
	}
	n, err = strconv.Atoi(c.query("per_page"))
	if err != nil || n < 1 {
		n = 30
	}
	n = min(n, 100)
	return (page - 1) * n, n
}

func listCommits(c *call) (any, error) {
	ctx := c.r.Context()
	sha, err := c.resolve(ctx, c.repo.ID, c.query("sha"))
	if err != nil {
		if len(c.snapshot(c.repo).Refs) == 0 {
			return nil, refuse(http.StatusConflict, "Git Repository is empty.")
		}
		return nil, err
	}
	skip, n := c.window()
	args := []string{"--skip=" + strconv.Itoa(skip), "-" + strconv.Itoa(n+1), sha, "--"}
	if p := c.query("path"); p != "" {
		args = append(args, ":(literal)"+p)
	}
	all, err := c.git.log(ctx, c.repo.ID, false, args...)
	if err != nil {
		return nil, err
	}
	page := skip/n + 1
	last := page
	if len(all) > n {
		all, last = all[:n], page+1
	}
	c.links(c.r.URL.Query(), page, last)
	out := []any{}
	err = c.read(func() error {
		for i := range all {
			out = append(out, c.showCommit(c.repo, &all[i]))
		}
		return nil
	})
	return out, err
}

func getCommit(c *call) (any, error) {
	ctx := c.r.Context()
	sha, err := c.resolve(ctx, c.repo.ID, c.path("ref"))
	if err != nil {
		if no := (*fail)(nil); asFail(err, &no) {
			return nil, refuse(http.StatusUnprocessableEntity, "No commit found for SHA: %s", c.path("ref"))
		}
		return nil, err
	}
	if strings.Contains(c.r.Header.Get("Accept"), ".sha") {
		return answer{code: http.StatusOK, raw: []byte(sha), kind: "text/plain; charset=utf-8"}, nil
	}
	one, err := c.commitOf(ctx, c.repo.ID, sha)
	if err != nil {
		return nil, err
	}
	parent := emptyTree
	if len(one.parents) > 0 {
		parent = one.parents[0]
	}
	if strings.Contains(c.r.Header.Get("Accept"), ".diff") {
		return c.rawDiff(parent, sha)
	}
	files, err := c.git.diff(ctx, c.repo.ID, parent, sha)
	if err != nil {
		return nil, err
	}
	var out obj
	err = c.read(func() error {
		out = c.showCommit(c.repo, one)
		shown, add, del := c.showFiles(sha, files)
		out["files"], out["stats"] = shown, obj{"total": add + del, "additions": add, "deletions": del}
		return nil
	})
	return out, err
}

const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

func (c *call) showFiles(sha string, files []file) (out []any, add, del int) {
	out = []any{}
	for i := range files {
		out = append(out, c.showFile(c.repo, sha, &files[i]))
		add += files[i].additions
		del += files[i].deletions
	}
	return out, add, del
}

func (c *call) rawDiff(from, to string) (any, error) {
	text, err := c.git.run(c.r.Context(), c.repo.ID, "diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", from, to)
	return answer{code: http.StatusOK, raw: []byte(text), kind: "text/plain; charset=utf-8"}, err
}

func listCommitPulls(c *call) (any, error) {
	sha, err := c.resolve(c.r.Context(), c.repo.ID, c.path("ref"))
	if err != nil {
		return nil, err
	}
	var out any
	err = c.read(func() (err error) {
		var pulls []*issue
		for _, i := range c.st.byRepo[c.repo.ID] {
			if i.Pull != nil && (i.Pull.HeadSHA == sha || i.Pull.MergeSHA == sha) {
				pulls = append(pulls, i)
			}
		}
		out, err = paged(c, pulls, func(i *issue) any { return c.showPull(i) })
		return err
	})
	return out, err
}

// side resolves one side of a comparison, which may be "owner:branch".
func (c *call) side(rev string) (string, error) {
	owner, branch, ok := strings.Cut(rev, ":")
	if !ok {
		return c.resolve(c.r.Context(), c.repo.ID, rev)
	}
	var from *repo
	_ = c.read(func() error { from = c.network(c.repo, owner); return nil })
	if from == nil {
		return "", notFound()
	}
	sha, err := c.resolve(c.r.Context(), from.ID, branch)
	if err == nil && from.ID != c.repo.ID {
		_, err = c.git.run(c.r.Context(), c.repo.ID, "fetch", "-q", "--no-write-fetch-head", "--no-tags", c.git.path(from.ID), sha)
	}
	return sha, err
}

// network finds the repository of owner in the family of r.
func (f *Forge) network(r *repo, owner string) *repo {
	root := r.ID
	if r.Parent != 0 {
		root = r.Parent
	}
	for _, x := range f.st.repos {
		if (x.ID == root || x.Parent == root || x.Parent == r.ID) && strings.EqualFold(f.account(x.Owner).Login, owner) {
			return x
		}
	}
	return nil
}

func getCompare(c *call) (any, error) {
	base, head, ok := strings.Cut(c.path("range"), "...")
	if !ok {
		return nil, notFound()
	}
	from, err := c.side(base)
	if err != nil {
		return nil, err
	}
	to, err := c.side(head)
	if err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	mb, err := c.git.line(ctx, c.repo.ID, "merge-base", from, to)
	if err != nil {
		if exitCode(err) == 1 {
			return nil, refuse(http.StatusNotFound, "No common ancestor between %s and %s.", base, head)
		}
		return nil, err
	}
	if strings.Contains(c.r.Header.Get("Accept"), ".diff") {
		return c.rawDiff(mb, to)
	}
	ahead, err := c.git.log(ctx, c.repo.ID, false, "--reverse", "-250", from+".."+to)
	if err != nil {
		return nil, err
	}
	behind, err := c.git.line(ctx, c.repo.ID, "rev-list", "--count", to+".."+from)
	if err != nil {
		return nil, err
	}
	files, err := c.git.diff(ctx, c.repo.ID, mb, to)
	if err != nil {
		return nil, err
	}
	baseCommit, err := c.commitOf(ctx, c.repo.ID, from)
	if err != nil {
		return nil, err
	}
	mbCommit, err := c.commitOf(ctx, c.repo.ID, mb)
	if err != nil {
		return nil, err
	}
	nBehind, _ := strconv.Atoi(behind)
	var out obj
	err = c.read(func() error {
		u, html := c.repoAPI(c.repo)+"/compare/"+base+"..."+head, c.o.URL+"/"+c.repoPath(c.repo)+"/compare/"+base+"..."+head
		commits := []any{}
		for i := range ahead {
			commits = append(commits, c.showCommit(c.repo, &ahead[i]))
		}
		shown, _, _ := c.showFiles(to, files)
		out = obj{
			"url": u, "html_url": html, "permalink_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch",
			"base_commit": c.showCommit(c.repo, baseCommit), "merge_base_commit": c.showCommit(c.repo, mbCommit), "status": compareStatus(len(ahead), nBehind),
			"ahead_by": len(ahead), "behind_by": nBehind, "total_commits": len(ahead), "commits": commits, "files": shown,
		}
		return nil
	})
	return out, err
}

func compareStatus(ahead, behind int) string {
	switch {
	case ahead > 0 && behind > 0:
		return "diverged"
	case ahead > 0:
		return "ahead"
	case behind > 0:
		return "behind"
	}
	return "identical"
}
