package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

func userRoutes() []route {
	return []route{
		{"GET /user", none, reading(getSelf)},
		{"GET /users/{login}", none, reading(getUser)},
		{"GET /user/{id}", none, reading(getUserByID)},
		{"GET /user/repos", none, reading(listOwnRepos)},
		{"GET /user/orgs", none, reading(func(c *call) (any, error) { return listOrgsOf(c, c.user) })},
		{"GET /users/{login}/repos", none, reading(listUserRepos)},
		{"GET /users/{login}/orgs", none, reading(func(c *call) (any, error) { return listOrgsOf(c, c.login("login")) })},
		{"POST /user/repos", none, freely(postUserRepo)},
	}
}

// login finds the account that the path names.
func (c *call) login(name string) *account { return c.st.logins[lower(c.path(name))] }

func (f *Forge) showProfile(a *account) obj {
	repos := 0
	for _, r := range f.st.repos {
		if r.Owner == a.ID && !r.Private {
			repos++
		}
	}
	return join(f.showUser(a), obj{
		"name": orNull(a.Name), "company": nil, "blog": "", "location": nil, "email": orNull(a.Email), "hireable": nil, "bio": nil, "twitter_username": nil,
		"public_repos": repos, "public_gists": 0, "followers": 0, "following": 0, "created_at": stamp(a.Created), "updated_at": stamp(a.Created),
	})
}

func getSelf(c *call) (any, error) {
	if c.user == nil {
		return nil, refuse(http.StatusUnauthorized, "Requires authentication")
	}
	c.header.Set("X-OAuth-Scopes", "repo, read:org, admin:repo_hook, admin:org_hook, workflow")
	return join(c.showProfile(c.user), obj{
		"private_gists": 0, "total_private_repos": 0, "owned_private_repos": 0, "disk_usage": 0, "collaborators": 0, "two_factor_authentication": true,
		"user_view_type": "private",
	}), nil
}

func getUser(c *call) (any, error) {
	a := c.login("login")
	if a == nil {
		return nil, notFound()
	}
	return c.showProfile(a), nil
}

func getUserByID(c *call) (any, error) {
	a := c.st.accounts[c.number("id")]
	if a == nil {
		return nil, notFound()
	}
	return c.showProfile(a), nil
}

// reposWhere lists what the caller may see, by name.
func (c *call) reposWhere(keep func(*repo) bool) []*repo {
	var out []*repo
	for _, r := range c.st.repos {
		if keep(r) && c.level(r, c.user) >= read {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *repo) int { return strings.Compare(c.st.repoKey(a), c.st.repoKey(b)) })
	return out
}

func listOwnRepos(c *call) (any, error) {
	if c.user == nil {
		return nil, refuse(http.StatusUnauthorized, "Requires authentication")
	}
	return paged(c, c.reposWhere(func(r *repo) bool { return c.level(r, c.user) > read || c.collaborator(r, c.user) }), func(r *repo) any { return c.showRepo(r) })
}

func listUserRepos(c *call) (any, error) {
	a := c.login("login")
	if a == nil {
		return nil, notFound()
	}
	return paged(c, c.reposWhere(func(r *repo) bool { return r.Owner == a.ID }), func(r *repo) any { return c.showRepo(r) })
}

func listOrgsOf(c *call, a *account) (any, error) {
	if a == nil {
		return nil, notFound()
	}
	var orgs []*account
	for _, o := range c.st.accounts {
		if o.Members[a.ID] != "" {
			orgs = append(orgs, o)
		}
	}
	slices.SortFunc(orgs, func(a, b *account) int { return strings.Compare(a.Login, b.Login) })
	return paged(c, orgs, func(o *account) any { return c.showOrg(o) })
}
