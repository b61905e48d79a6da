package sandbox

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func branchRoutes() []route {
	return []route{
		{"GET /repos/{owner}/{repo}/branches", read, reading(listBranches)},
		{"GET /repos/{owner}/{repo}/branches/{branch}", read, freely(getBranch)},
		{"GET /repos/{owner}/{repo}/tags", read, reading(listTags)},
	}
}

const heads, tags = "refs/heads/", "refs/tags/"

// named lists refs below a prefix, by name.
func named(refs map[string]string, prefix string) []string {
	var out []string
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if name, ok := strings.CutPrefix(ref, prefix); ok {
			out = append(out, name)
		}
	}
	return out
}

func (c *call) showBranch(name string) obj {
	r := c.repo
	sha := r.Refs[heads+name]
	u := c.repoAPI(r) + "/branches/" + url.PathEscape(name)
	o := obj{"name": name, "commit": obj{"sha": sha, "url": c.repoAPI(r) + "/commits/" + sha}, "protected": r.Protection[name] != nil, "protection_url": u + "/protection",
		"protection": obj{"enabled": r.Protection[name] != nil, "required_status_checks": obj{"enforcement_level": "off", "contexts": []string{}, "checks": []any{}}}}
	if p := r.Protection[name]; p != nil && p.HasChecks {
		level := "non_admins"
		if p.Admins {
			level = "everyone"
		}
		o["protection"] = obj{"enabled": true, "required_status_checks": obj{"enforcement_level": level, "contexts": list(p.Contexts), "checks": checksOf(p)}}
	}
	return o
}

func checksOf(p *protection) []any {
	out := []any{}
	for _, c := range p.Contexts {
		out = append(out, obj{"context": c, "app_id": nil})
	}
	return out
}

func listBranches(c *call) (any, error) {
	names := named(c.repo.Refs, heads)
	if want := c.query("protected"); want != "" {
		names = slices.DeleteFunc(names, func(n string) bool { return (c.repo.Protection[n] != nil) != (want == "true") })
	}
	return paged(c, names, func(n string) any { return c.showBranch(n) })
}

func getBranch(c *call) (any, error) {
	name := c.path("branch")
	sha := c.snapshot(c.repo).Refs[heads+name]
	if sha == "" {
		return nil, refuse(http.StatusNotFound, "Branch not found")
	}
	one, err := c.commitOf(c.r.Context(), c.repo.ID, sha)
	if err != nil {
		return nil, err
	}
	var out obj
	err = c.read(func() error {
		out = c.showBranch(name)
		out["commit"] = c.showCommit(c.repo, one)
		out["_links"] = obj{"self": c.repoAPI(c.repo) + "/branches/" + name, "html": c.o.URL + "/" + c.repoPath(c.repo) + "/tree/" + name}
		return nil
	})
	return out, err
}

// commitOf reads one commit.
func (f *Forge) commitOf(ctx context.Context, repo int64, rev string) (*commit, error) {
	if strings.HasPrefix(rev, "-") {
		return nil, notFound()
	}
	list, err := f.git.log(ctx, repo, false, "-1", rev, "--")
	if err != nil || len(list) == 0 {
		if exitCode(err) == 128 || err == nil {
			return nil, notFound()
		}
		return nil, err
	}
	return &list[0], nil
}

func listTags(c *call) (any, error) {
	u := c.repoAPI(c.repo)
	return paged(c, named(c.repo.Refs, tags), func(n string) any {
		sha := c.repo.Refs[tags+n]
		return obj{"name": n, "commit": obj{"sha": sha, "url": u + "/commits/" + sha}, "zipball_url": u + "/zipball/refs/tags/" + n,
			"tarball_url": u + "/tarball/refs/tags/" + n, "node_id": "REF_" + n}
	})
}

// resolve finds the commit that a branch, a tag, a sha, or nothing for the default
// branch, means.
func (f *Forge) resolve(ctx context.Context, repo int64, rev string) (string, error) {
	var refs map[string]string
	_ = f.read(func() error {
		r := f.st.repos[repo]
		if rev == "" {
			rev = r.DefaultBranch
		}
		refs = r.Refs
		return nil
	})
	if sha := refs[heads+strings.TrimPrefix(rev, heads)]; sha != "" {
		return sha, nil
	}
	for _, name := range []string{heads + strings.TrimPrefix(rev, "heads/"), tags + rev, "refs/" + strings.TrimPrefix(rev, "refs/")} {
		if sha := refs[name]; sha != "" {
			rev = sha
			break
		}
	}
	if f.git.known(repo, rev) {
		return rev, nil
	}
	if strings.HasPrefix(rev, "-") || strings.ContainsAny(rev, "\n:^~@{") {
		return "", notFound()
	}
	sha, err := f.git.line(ctx, repo, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if exitCode(err) != 0 {
		return "", refuse(http.StatusNotFound, "No commit found for the ref %s", rev)
	}
	if err == nil {
		f.git.learn(repo, sha)
	}
	return sha, err
}

// fileChange is a commit to make on a branch.
type fileChange struct {
	branch, message   string
	files             map[string]string
	removed           []string
	author, committer *person
	from              string // where a new branch begins; "" is the default branch
}

// commitFiles puts a commit on a branch, which is made if need be, and tells of the
// push.
func (f *Forge) commitFiles(ctx context.Context, repo int64, actor *account, c fileChange) (string, error) {
	if !goodBranch(c.branch) {
		return "", refuse(http.StatusUnprocessableEntity, "%q is not a valid branch name", c.branch)
	}
	defer f.git.lock(repo)()
	var parent string
	_ = f.read(func() error {
		r := f.st.repos[repo]
		if parent = r.Refs[heads+c.branch]; parent == "" {
			if parent = c.from; parent == "" {
				parent = r.Refs[heads+r.DefaultBranch]
			}
		}
		return nil
	})
	me := f.person(actor)
	ch := change{ref: heads + c.branch, parent: parent, author: me, committer: me, message: c.message, files: c.files, removed: c.removed}
	if c.author != nil {
		ch.author, ch.committer = *c.author, *c.author
	}
	if c.committer != nil {
		ch.committer = *c.committer
	}
	sha, err := f.git.commit(ctx, repo, ch)
	if err != nil {
		return "", err
	}
	return sha, f.settle(ctx, repo, actor)
}

// person is how an account signs. The caller does not hold the state.
func (f *Forge) person(a *account) person {
	f.mu.RLock()
	defer f.mu.RUnlock()
	name := a.Name
	if name == "" {
		name = a.Login
	}
	return person{name, a.Email, f.o.Now()}
}
