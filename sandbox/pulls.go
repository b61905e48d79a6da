package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const inPull = "/repos/{owner}/{repo}/pulls/{number}"

func pullRoutes() []route {
	return []route{
		{"GET /repos/{owner}/{repo}/pulls", read, reading(listPulls)},
		{"POST /repos/{owner}/{repo}/pulls", read, freely(postPull)},
		{"GET " + inPull, read, freely(getPull)},
		{"PATCH " + inPull, read, freely(patchPull)},
		{"GET " + inPull + "/commits", read, freely(listPullCommits)},
		{"GET " + inPull + "/files", read, freely(listPullFiles)},
		{"GET " + inPull + "/merge", read, reading(isMerged)},
		{"PUT " + inPull + "/merge", read, freely(putMerge)},
		{"PUT " + inPull + "/update-branch", read, freely(putUpdateBranch)},
		{"GET " + inPull + "/requested_reviewers", read, reading(listReviewers)},
		{"POST " + inPull + "/requested_reviewers", triage, writing(postReviewers)},
		{"DELETE " + inPull + "/requested_reviewers", triage, writing(deleteReviewers)},
	}
}

// pull finds the pull request of the path.
func (c *call) pull() (*issue, error) {
	i, err := c.issue()
	if err == nil && i.Pull == nil {
		err = notFound()
	}
	return i, err
}

// ends are what git needs to know of a pull request.
type ends struct {
	id, repo, headRepo     int64
	number                 int
	base, head, baseRef    string
	headRef, headOwner     string
	open                   bool
	baseOwner, title, body string
}

// ends copies them out of the state.
func (f *Forge) ends(i *issue) ends {
	p, r := i.Pull, f.st.repos[i.Repo]
	base := r.Refs[heads+p.BaseRef]
	if i.State != "open" || base == "" {
		base = p.BaseSHA
	}
	return ends{
		id: i.ID, repo: i.Repo, headRepo: p.HeadRepo, number: i.Number, base: base, head: p.HeadSHA, baseRef: p.BaseRef, headRef: p.HeadRef,
		headOwner: f.account(p.HeadOwner).Login, open: i.State == "open", baseOwner: f.account(r.Owner).Login, title: i.Title, body: i.Body,
	}
}

func (c *call) pullEnds() (e ends, err error) {
	err = c.read(func() error {
		i, err := c.pull()
		if err == nil {
			e = c.ends(i)
		}
		return err
	})
	return e, err
}

func listPulls(c *call) (any, error) {
	q := c.r.URL.Query()
	want := q.Get("state")
	if want == "" {
		want = "open"
	}
	var out []*issue
	for _, i := range c.st.byRepo[c.repo.ID] {
		if i.Pull == nil || want != "all" && i.State != want || q.Get("base") != "" && i.Pull.BaseRef != q.Get("base") {
			continue
		}
		if h := q.Get("head"); h != "" && !strings.EqualFold(c.account(i.Pull.HeadOwner).Login+":"+i.Pull.HeadRef, h) {
			continue
		}
		out = append(out, i)
	}
	direction := q.Get("direction")
	if s := q.Get("sort"); direction == "" && s != "" && s != "created" {
		direction = "asc"
	}
	sortIssues(out, q.Get("sort"), direction)
	return paged(c, out, func(i *issue) any { return c.showPull(i) })
}

type pullInput struct {
	Title, Body, Head, Base, State *string
	Draft                          bool
	HeadRepo                       string `json:"head_repo"`
	Maintainer                     *bool  `json:"maintainer_can_modify"`
	Issue                          int
}

func postPull(c *call) (any, error) {
	var in pullInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	for name, v := range map[string]*string{"title": in.Title, "head": in.Head, "base": in.Base} {
		if v == nil || strings.TrimSpace(*v) == "" {
			return nil, invalid("PullRequest", name, "missing_field")
		}
	}
	body := ""
	if in.Body != nil {
		body = *in.Body
	}
	i, err := c.openPull(c.r.Context(), c.repo, c.user, newPull{head: *in.Head, base: *in.Base, title: *in.Title, body: body, draft: in.Draft, maintainer: in.Maintainer == nil || *in.Maintainer})
	if err != nil {
		return nil, err
	}
	v, err := c.pullWithFacts(c.r.Context(), i)
	c.header.Set("Location", fmt.Sprintf("%s/repos/%s/%s/pulls/%d", c.API(), c.path("owner"), c.path("repo"), i.Number))
	return answer{code: http.StatusCreated, body: v}, err
}

type newPull struct {
	head, base, title, body string
	draft, maintainer       bool
}

// openPull opens a pull request. head is "branch" or "owner:branch".
func (f *Forge) openPull(ctx context.Context, r *repo, actor *account, n newPull) (*issue, error) {
	if err := checkBody("PullRequest", n.body); err != nil {
		return nil, err
	}
	if len([]rune(n.title)) > 256 {
		return nil, invalid("PullRequest", "title", "custom", "title is too long (maximum is 256 characters)")
	}
	owner, branch, ok := strings.Cut(n.head, ":")
	if !ok {
		branch = n.head
	}
	var from *repo
	var headSHA, baseSHA string
	if err := f.read(func() error {
		if from = r; ok {
			from = f.network(r, owner)
		}
		if from != nil {
			headSHA = from.Refs[heads+branch]
		}
		baseSHA = r.Refs[heads+n.base]
		switch {
		case headSHA == "":
			return invalid("PullRequest", "head", "invalid")
		case baseSHA == "":
			return invalid("PullRequest", "base", "invalid")
		case f.level(from, actor) < push && f.level(r, actor) < push:
			return refuse(http.StatusForbidden, "You must have push access to %s to open a pull request from it.", f.repoPath(from))
		}
		return f.noTwin(r, from, branch, n.base)
	}); err != nil {
		return nil, err
	}
	if from.ID != r.ID { // its commits must be here before they can be compared
		if _, err := f.git.run(ctx, r.ID, "fetch", "-q", "--no-write-fetch-head", "--no-tags", f.git.path(from.ID), headSHA); err != nil {
			return nil, err
		}
	}
	x, err := f.git.look(ctx, r.ID, baseSHA, headSHA)
	if err != nil {
		return nil, err
	}
	if x.mergeBase == "" {
		return nil, invalid("PullRequest", "base", "custom", fmt.Sprintf("The %s branch has no history in common with %s", branch, n.base))
	}
	if x.stat.commits == 0 {
		return nil, invalid("PullRequest", "head", "custom", fmt.Sprintf("No commits between %s and %s", n.base, branch))
	}
	var i *issue
	err = f.write(ctx, func(t *tx) error {
		if err := f.noTwin(r, from, branch, n.base); err != nil {
			return err
		}
		i = t.openIssue(r, actor, n.title, n.body, &pull{
			BaseRef: n.base, BaseSHA: baseSHA, HeadRepo: from.ID, HeadOwner: from.Owner, HeadRef: branch, HeadSHA: headSHA, Draft: n.draft,
			MaintainerEdits: n.maintainer && from.ID != r.ID, Commits: x.stat.commits, Additions: x.stat.additions, Deletions: x.stat.deletions, ChangedFiles: x.stat.files,
		})
		// Here, so that nobody sees a pull request without its ref.
		if err := f.git.move(ctx, r.ID, fmt.Sprintf("refs/pull/%d/head", i.Number), headSHA, ""); err != nil {
			return err
		}
		t.onIssue(i, actor, "opened", nil)
		return nil
	})
	return i, err
}

// noTwin refuses a second open pull request between the same branches.
func (f *Forge) noTwin(r, from *repo, branch, base string) error {
	for _, i := range f.st.byRepo[r.ID] {
		if p := i.Pull; p != nil && i.State == "open" && p.HeadRepo == from.ID && p.HeadRef == branch && p.BaseRef == base {
			return invalid("PullRequest", "", "custom", fmt.Sprintf("A pull request already exists for %s:%s.", f.account(from.Owner).Login, branch))
		}
	}
	return nil
}

// pullWithFacts shows i with what git says of it.
func (f *Forge) pullWithFacts(ctx context.Context, i *issue) (out obj, err error) {
	var e ends
	_ = f.read(func() error { e = f.ends(i); return nil })
	var x *facts
	if e.open {
		if x, err = f.git.look(ctx, e.repo, e.base, e.head); err != nil {
			return nil, err
		}
	}
	err = f.read(func() error { out = f.showFullPull(i, x); return nil })
	return out, err
}

func getPull(c *call) (any, error) {
	var i *issue
	var e ends
	if err := c.read(func() (err error) {
		if i, err = c.pull(); err == nil {
			e = c.ends(i)
		}
		return err
	}); err != nil {
		return nil, err
	}
	switch accept := c.r.Header.Get("Accept"); {
	case strings.Contains(accept, ".diff"):
		return c.pullText(e, "diff")
	case strings.Contains(accept, ".patch"):
		return c.pullText(e, "patch")
	}
	return c.pullWithFacts(c.r.Context(), i)
}

// pullText is the diff or the mails of a pull request.
func (c *call) pullText(e ends, kind string) (any, error) {
	text, err := c.textOf(c.r.Context(), e, kind)
	return answer{code: http.StatusOK, raw: []byte(text), kind: "text/plain; charset=utf-8"}, err
}

func (f *Forge) textOf(ctx context.Context, e ends, kind string) (string, error) {
	mb, err := f.mergeBase(ctx, e)
	if err != nil {
		return "", err
	}
	if kind == "patch" {
		return f.git.run(ctx, e.repo, "format-patch", "--stdout", mb+".."+e.head)
	}
	return f.git.run(ctx, e.repo, "diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", mb, e.head)
}

// mergeBase is where the pull request left its base. Of one that is merged, the
// base is as it was before.
func (f *Forge) mergeBase(ctx context.Context, e ends) (string, error) {
	x, err := f.git.look(ctx, e.repo, e.base, e.head)
	if err != nil {
		return "", err
	}
	return x.mergeBase, nil
}

func patchPull(c *call) (any, error) {
	var in pullInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var i *issue
	err := c.write(c.r.Context(), func(t *tx) (err error) {
		if i, err = c.pull(); err != nil {
			return err
		}
		if err := c.mayEdit(i.Author); err != nil {
			return err
		}
		p, err := c.plan(&issueInput{Title: in.Title, Body: in.Body, State: in.State})
		if err != nil {
			return err
		}
		if in.Base != nil {
			if c.repo.Refs[heads+*in.Base] == "" {
				return invalid("PullRequest", "base", "invalid")
			}
			p.text.base = in.Base
		}
		if p.state == "open" {
			if err := t.mayReopen(i); err != nil {
				return err
			}
		}
		if in.Maintainer != nil {
			i.Pull.MaintainerEdits = *in.Maintainer
			t.save(i)
		}
		p.do(t, i, c.user)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.pullWithFacts(c.r.Context(), i)
}

// mayReopen refuses what cannot be opened again; the head of what can may have moved
// meanwhile.
func (t *tx) mayReopen(i *issue) error {
	p := i.Pull
	if i.State == "open" {
		return nil
	}
	if !p.Merged.IsZero() {
		return invalid("PullRequest", "state", "custom", "state cannot be changed. The pull request was merged.")
	}
	from := t.st.repos[p.HeadRepo]
	if from == nil || from.Refs[heads+p.HeadRef] == "" {
		return invalid("PullRequest", "state", "custom", fmt.Sprintf("state cannot be changed. The %s branch has been deleted.", p.HeadRef))
	}
	if from.Refs[heads+p.HeadRef] != p.HeadSHA {
		return invalid("PullRequest", "state", "custom", fmt.Sprintf("state cannot be changed. The %s branch was force-pushed or recreated.", p.HeadRef))
	}
	return t.noTwin(t.st.repos[i.Repo], from, p.HeadRef, p.BaseRef)
}

func listPullCommits(c *call) (any, error) {
	e, err := c.pullEnds()
	if err != nil {
		return nil, err
	}
	mb, err := c.mergeBase(c.r.Context(), e)
	if err != nil {
		return nil, err
	}
	all, err := c.git.log(c.r.Context(), e.repo, false, "--reverse", "--topo-order", mb+".."+e.head)
	if err != nil {
		return nil, err
	}
	if len(all) > 250 {
		all = all[:250]
	}
	var out any
	err = c.read(func() (err error) {
		out, err = paged(c, all, func(x commit) any { return c.showCommit(c.repo, &x) })
		return err
	})
	return out, err
}

func listPullFiles(c *call) (any, error) {
	e, err := c.pullEnds()
	if err != nil {
		return nil, err
	}
	files, err := c.pullFiles(c.r.Context(), e)
	if err != nil {
		return nil, err
	}
	if len(files) > 3000 {
		files = files[:3000]
	}
	var out any
	err = c.read(func() (err error) {
		out, err = paged(c, files, func(x file) any { return c.showFile(c.repo, e.head, &x) })
		return err
	})
	return out, err
}

func (f *Forge) pullFiles(ctx context.Context, e ends) ([]file, error) {
	mb, err := f.mergeBase(ctx, e)
	if err != nil {
		return nil, err
	}
	return f.git.diff(ctx, e.repo, mb, e.head)
}

func isMerged(c *call) (any, error) {
	i, err := c.pull()
	if err != nil {
		return nil, err
	}
	if i.Pull.Merged.IsZero() {
		return nil, notFound()
	}
	return noContent()
}

// putUpdateBranch merges the base into the head.
func putUpdateBranch(c *call) (any, error) {
	e, err := c.pullEnds()
	if err != nil {
		return nil, err
	}
	var in struct {
		Expected string `json:"expected_head_sha"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Expected != "" && in.Expected != e.head {
		return nil, refuse(http.StatusUnprocessableEntity, "expected head sha didn't match current head ref.")
	}
	if e.headRepo != e.repo || !e.open {
		return nil, refuse(http.StatusForbidden, "The head branch of this pull request cannot be updated from here.")
	}
	ctx := c.r.Context()
	defer c.git.lock(e.repo)()
	tree, err := c.git.mergeTree(ctx, e.repo, e.head, e.base)
	if errors.Is(err, errConflict) {
		return nil, refuse(http.StatusUnprocessableEntity, "merge conflict between base and head")
	}
	if err != nil {
		return nil, err
	}
	me := c.person(c.user)
	sha, err := c.git.commitTree(ctx, e.repo, me, me, fmt.Sprintf("Merge branch '%s' into %s", e.baseRef, e.headRef), tree, e.head, e.base)
	if err == nil {
		err = c.git.move(ctx, e.repo, heads+e.headRef, sha, e.head)
	}
	if err == nil {
		err = c.settle(ctx, e.repo, c.user)
	}
	return answer{code: http.StatusAccepted, body: obj{"message": "Updating pull request branch.", "url": fmt.Sprintf("%s/%s/%s/pull/%d", c.o.URL, c.path("owner"), c.path("repo"), e.number)}}, err
}
