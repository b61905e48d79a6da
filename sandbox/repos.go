package sandbox

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func repoRoutes() []route {
	return []route{
		{"GET /repos/{owner}/{repo}", read, reading(getRepo)},
		{"PATCH /repos/{owner}/{repo}", admin, writing(patchRepo)},
		{"DELETE /repos/{owner}/{repo}", admin, freely(deleteRepo)},
		{"POST /repos/{owner}/{repo}/forks", read, freely(postFork)},
		{"GET /repos/{owner}/{repo}/forks", read, reading(listForks)},
		{"GET /repos/{owner}/{repo}/collaborators", push, reading(listCollaborators)},
		{"GET /repos/{owner}/{repo}/collaborators/{login}", push, reading(isCollaborator)},
		{"PUT /repos/{owner}/{repo}/collaborators/{login}", admin, writing(putCollaborator)},
		{"DELETE /repos/{owner}/{repo}/collaborators/{login}", admin, writing(deleteCollaborator)},
		{"GET /repos/{owner}/{repo}/collaborators/{login}/permission", read, reading(getPermission)},
		{"GET /repos/{owner}/{repo}/assignees", read, reading(listAssignable)},
		{"GET /repos/{owner}/{repo}/assignees/{login}", read, reading(isAssignable)},
		{"GET /repos/{owner}/{repo}/teams", push, reading(listRepoTeams)},
		{"GET /repos/{owner}/{repo}/topics", read, reading(func(*call) (any, error) { return obj{"names": []string{}}, nil })},
		{"GET /repos/{owner}/{repo}/languages", read, reading(func(*call) (any, error) { return obj{}, nil })},
	}
}

func getRepo(c *call) (any, error) { return c.showFullRepo(c.repo), nil }

func (c *call) showFullRepo(r *repo) obj {
	o := join(c.repoObj(r), obj{"network_count": c.forks(r.ID), "subscribers_count": 0})
	if c.user != nil {
		o["permissions"] = c.level(r, c.user).permissions()
	}
	if up := c.st.repos[r.Parent]; up != nil {
		o["parent"], o["source"] = c.showRepo(up), c.showRepo(up)
	}
	if owner := c.account(r.Owner); owner.Type == "Organization" {
		o["organization"] = c.showUser(owner)
	}
	return o
}

type repoInput struct {
	Name, Description  *string
	Private, Archived  *bool
	DefaultBranch      *string `json:"default_branch"`
	AutoInit           bool    `json:"auto_init"`
	AllowMerge         *bool   `json:"allow_merge_commit"`
	AllowSquash        *bool   `json:"allow_squash_merge"`
	AllowRebase        *bool   `json:"allow_rebase_merge"`
	DeleteBranchOnMrge *bool   `json:"delete_branch_on_merge"`
}

// apply changes the settings that in names.
func (in *repoInput) apply(r *repo) {
	set := func(to *bool, from *bool, negate bool) {
		if from != nil {
			*to = *from != negate
		}
	}
	if in.Description != nil {
		r.Description = *in.Description
	}
	set(&r.Private, in.Private, false)
	set(&r.Archived, in.Archived, false)
	set(&r.NoMerge, in.AllowMerge, true)
	set(&r.NoSquash, in.AllowSquash, true)
	set(&r.NoRebase, in.AllowRebase, true)
	set(&r.DeleteMerged, in.DeleteBranchOnMrge, false)
}

func patchRepo(c *call, t *tx) (any, error) {
	var in repoInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.DefaultBranch != nil && c.repo.Refs["refs/heads/"+*in.DefaultBranch] == "" {
		return nil, invalid("Repository", "default_branch", "invalid", "The branch "+*in.DefaultBranch+" was not found. Please push that ref first or create it via the Git Data API.")
	}
	if c.repo.Archived && in.Archived == nil {
		return nil, refuse(http.StatusForbidden, "Repository was archived so is read-only.")
	}
	if in.DefaultBranch != nil {
		c.repo.DefaultBranch = *in.DefaultBranch
	}
	in.apply(c.repo)
	c.repo.Updated = c.o.Now()
	t.save(c.repo)
	return c.showFullRepo(c.repo), nil
}

func deleteRepo(c *call) (any, error) {
	err := c.write(c.r.Context(), func(t *tx) error {
		t.dropRepo(c.repo)
		return nil
	})
	if err == nil {
		err = c.git.remove(c.repo.ID)
	}
	if err != nil {
		return nil, err
	}
	return noContent()
}

// dropRepo forgets a repository; pull requests from it keep their commits.
func (t *tx) dropRepo(r *repo) {
	for _, i := range t.st.issues {
		if i.Pull != nil && i.Pull.HeadRepo == r.ID && i.Repo != r.ID {
			i.Pull.HeadRepo = 0
			t.save(i)
		}
	}
	for _, h := range t.st.hooks {
		if h.Repo == r.ID {
			t.remove(h)
		}
	}
	t.shown.Delete(r.Parent)
	t.remove(r)
}

var repoName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

func goodRepoName(s string) bool {
	return repoName.MatchString(s) && s != "." && s != ".." && !strings.HasSuffix(lower(s), ".git")
}

// makeRepo makes an empty repository.
func (f *Forge) makeRepo(ctx context.Context, owner *account, name, branch string, set func(*repo)) (*repo, error) {
	var r *repo
	err := f.write(ctx, func(t *tx) error {
		if !goodRepoName(name) {
			return invalid("Repository", "name", "custom", "name can only contain ASCII letters, digits, and the characters ., -, and _")
		}
		if t.st.names[lower(owner.Login+"/"+name)] != nil {
			return invalid("Repository", "name", "custom", "name already exists on this account")
		}
		now := t.o.Now()
		r = &repo{ID: t.id(), Owner: owner.ID, Name: name, DefaultBranch: branch, Created: now, Updated: now, Pushed: now,
			Collaborators: map[int64]string{}, Protection: map[string]*protection{}, Refs: map[string]string{}}
		if set != nil {
			set(r)
		}
		if err := t.git.create(ctx, r.ID, branch); err != nil {
			return err
		}
		t.create(r)
		t.emit(r, owner, "repository", "created", func() obj { return obj{} })
		return nil
	})
	return r, err
}

func postUserRepo(c *call) (any, error) { return c.postRepo(c.user) }

func postOrgRepo(c *call) (any, error) {
	var o *account
	if err := c.read(func() (err error) { o, err = c.org(); return err }); err != nil {
		return nil, err
	}
	if !c.user.Admin && o.Members[c.user.ID] == "" {
		return nil, refuse(http.StatusForbidden, "You need to be a member of this organization.")
	}
	return c.postRepo(o)
}

func (c *call) postRepo(owner *account) (any, error) {
	var in repoInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Name == nil || *in.Name == "" {
		return nil, invalid("Repository", "name", "missing_field")
	}
	branch := "main"
	if in.DefaultBranch != nil {
		branch = *in.DefaultBranch
	}
	r, err := c.makeRepo(c.r.Context(), owner, *in.Name, branch, in.apply)
	if err != nil {
		return nil, err
	}
	if in.AutoInit {
		_, err = c.commitFiles(c.r.Context(), r.ID, c.user, fileChange{branch: branch, message: "Initial commit", files: map[string]string{"README.md": "# " + *in.Name + "\n"}})
	}
	if err != nil {
		return nil, err
	}
	var out any
	_ = c.read(func() error { out = c.showFullRepo(r); return nil })
	return created(out)
}

func postFork(c *call) (any, error) {
	var in struct{ Organization, Name string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	owner := c.user
	if in.Organization != "" {
		_ = c.read(func() error { owner = c.st.logins[lower(in.Organization)]; return nil })
	}
	if owner == nil {
		return nil, notFound()
	}
	r, err := c.forkRepo(c.r.Context(), c.repo, owner, c.user, in.Name)
	if err != nil {
		return nil, err
	}
	var out any
	_ = c.read(func() error { out = c.showFullRepo(r); return nil })
	return answer{code: http.StatusAccepted, body: out}, nil
}

// snapshot copies a repository for use while the state is not held. Its maps other
// than Refs are not to be touched.
func (f *Forge) snapshot(r *repo) repo {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return *r
}

// forkRepo copies up to owner; an existing fork is answered as it is.
func (f *Forge) forkRepo(ctx context.Context, up *repo, owner, actor *account, name string) (*repo, error) {
	from := f.snapshot(up)
	if name == "" {
		name = from.Name
	}
	var old *repo
	_ = f.read(func() error { old = f.st.names[lower(owner.Login+"/"+name)]; return nil })
	if old != nil {
		if old.Parent == up.ID {
			return old, nil
		}
		return nil, invalid("Repository", "name", "custom", "name already exists on this account")
	}
	r, err := f.makeRepo(ctx, owner, name, from.DefaultBranch, func(r *repo) { r.Parent, r.Private = from.ID, from.Private })
	if err != nil {
		return nil, err
	}
	if err := f.git.fork(ctx, from.ID, r.ID, from.DefaultBranch); err != nil {
		return nil, err
	}
	return r, f.write(ctx, func(t *tx) error {
		refs, err := f.git.refs(ctx, r.ID)
		if err != nil {
			return err
		}
		r.Refs = refs
		t.save(r)
		t.save(up)
		t.shown.Delete(up.ID)
		t.emit(up, actor, "fork", "", func() obj { return obj{"forkee": join(t.repoObj(r), obj{"public": !r.Private})} })
		return nil
	})
}

func listForks(c *call) (any, error) {
	return paged(c, c.reposWhere(func(r *repo) bool { return r.Parent == c.repo.ID }), func(r *repo) any { return c.showRepo(r) })
}

// members lists who was given access to r.
func (c *call) members(r *repo) []*account {
	var out []*account
	for _, a := range c.st.accounts {
		if a.Type != "Organization" && c.collaborator(r, a) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b *account) int { return strings.Compare(lower(a.Login), lower(b.Login)) })
	return out
}

func listCollaborators(c *call) (any, error) {
	return paged(c, c.members(c.repo), func(a *account) any {
		l := c.level(c.repo, a)
		return join(c.showUser(a), obj{"permissions": l.permissions(), "role_name": l.roleName()})
	})
}

func isCollaborator(c *call) (any, error) {
	if a := c.login("login"); a == nil || !c.collaborator(c.repo, a) {
		return nil, refuse(http.StatusNotFound, "%s is not a user", c.path("login"))
	}
	return noContent()
}

func putCollaborator(c *call, t *tx) (any, error) {
	var in struct{ Permission string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Permission == "" {
		in.Permission = "push"
	}
	l, ok := parseLevel(in.Permission)
	a := c.login("login")
	switch {
	case a == nil:
		return nil, notFound()
	case !ok || l == none:
		return nil, invalid("RepositoryInvitation", "permission", "invalid")
	}
	c.repo.Collaborators[a.ID] = l.String()
	t.save(c.repo)
	return noContent()
}

func deleteCollaborator(c *call, t *tx) (any, error) {
	a := c.login("login")
	if a == nil {
		return nil, notFound()
	}
	delete(c.repo.Collaborators, a.ID)
	t.save(c.repo)
	return noContent()
}

func getPermission(c *call) (any, error) {
	a := c.login("login")
	if a == nil {
		return nil, refuse(http.StatusNotFound, "%s is not a user", c.path("login"))
	}
	l := c.level(c.repo, a)
	return obj{"permission": l.legacy(), "role_name": l.roleName(), "user": join(c.showUser(a), obj{"permissions": l.permissions(), "role_name": l.roleName()})}, nil
}

// candidates are who can be assigned.
func (c *call) candidates() []*account {
	var out []*account
	for _, a := range c.st.accounts {
		if a.Type != "Organization" && (c.collaborator(c.repo, a) || c.account(c.repo.Owner).Members[a.ID] != "" || c.level(c.repo, a) > read) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b *account) int { return strings.Compare(lower(a.Login), lower(b.Login)) })
	return out
}

func listAssignable(c *call) (any, error) {
	return paged(c, c.candidates(), func(a *account) any { return c.showUser(a) })
}

func isAssignable(c *call) (any, error) {
	if a := c.login("login"); a == nil || !slices.Contains(c.candidates(), a) {
		return nil, notFound()
	}
	return noContent()
}

func listRepoTeams(c *call) (any, error) {
	var out []*team
	for _, t := range c.teamsOf(c.repo.Owner) {
		if t.Repos[c.repo.ID] != "" {
			out = append(out, t)
		}
	}
	return paged(c, out, func(t *team) any { return c.showTeam(t) })
}
