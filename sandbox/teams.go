package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

func teamRoutes() []route {
	return []route{
		{"GET /orgs/{org}/teams", none, reading(listTeams)},
		{"POST /orgs/{org}/teams", none, writing(postTeam)},
		{"GET /orgs/{org}/teams/{slug}", none, reading(getTeam)},
		{"DELETE /orgs/{org}/teams/{slug}", none, writing(deleteTeam)},
		{"GET /orgs/{org}/teams/{slug}/members", none, reading(listTeamMembers)},
		{"GET /orgs/{org}/teams/{slug}/memberships/{login}", none, reading(getTeamMembership)},
		{"PUT /orgs/{org}/teams/{slug}/memberships/{login}", none, writing(putTeamMembership)},
		{"DELETE /orgs/{org}/teams/{slug}/memberships/{login}", none, writing(deleteTeamMembership)},
		{"GET /orgs/{org}/teams/{slug}/repos", none, reading(listTeamRepos)},
		{"PUT /orgs/{org}/teams/{slug}/repos/{owner}/{repo}", none, writing(putTeamRepo)},
		{"GET /teams/{id}", none, reading(getTeam)},
		{"GET /teams/{id}/members", none, reading(listTeamMembers)},
		{"GET /organizations/{org}/team/{id}/members", none, reading(listTeamMembers)},
	}
}

// team finds the team that the path names by slug or id.
func (c *call) team() (*team, error) {
	if id := c.number("id"); id != 0 {
		if t := c.st.teams[id]; t != nil {
			return t, nil
		}
		return nil, notFound()
	}
	o, err := c.org()
	if err != nil {
		return nil, err
	}
	if t := c.teamOf(o.ID, c.path("slug")); t != nil {
		return t, nil
	}
	return nil, notFound()
}

func (f *Forge) teamOf(org int64, slug string) *team {
	for _, t := range f.st.teams {
		if t.Org == org && strings.EqualFold(t.Slug, slug) {
			return t
		}
	}
	return nil
}

func (f *Forge) teamsOf(org int64) []*team {
	var out []*team
	for _, t := range f.st.teams {
		if t.Org == org {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *team) int { return strings.Compare(a.Slug, b.Slug) })
	return out
}

func (f *Forge) showFullTeam(t *team) obj {
	return join(f.showTeam(t), obj{
		"members_count": len(t.Members), "repos_count": len(t.Repos), "created_at": stamp(f.account(t.Org).Created), "updated_at": stamp(f.account(t.Org).Created),
		"organization": f.showFullOrg(f.account(t.Org)),
	})
}

func (f *Forge) showFullOrg(o *account) obj {
	return join(f.showOrg(o), obj{
		"name": o.Name, "html_url": f.o.URL + "/" + o.Login, "type": "Organization", "public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
		"has_organization_projects": false, "has_repository_projects": false, "created_at": stamp(o.Created), "updated_at": stamp(o.Created), "archived_at": nil,
	})
}

func listTeams(c *call) (any, error) {
	o, err := c.org()
	if err != nil {
		return nil, err
	}
	return paged(c, c.teamsOf(o.ID), func(t *team) any { return c.showTeam(t) })
}

func getTeam(c *call) (any, error) {
	t, err := c.team()
	if err != nil {
		return nil, err
	}
	return c.showFullTeam(t), nil
}

// slug is how a team's name looks in an address.
func slug(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '-'
	}, lower(name)), "-")
}

func (t *tx) newTeam(o *account, name, text string) *team {
	g := &team{ID: t.id(), Org: o.ID, Name: name, Slug: slug(name), Description: text, Members: map[int64]string{}, Repos: map[int64]string{}}
	t.create(g)
	return g
}

func postTeam(c *call, t *tx) (any, error) {
	o, err := c.ownOrg()
	if err != nil {
		return nil, err
	}
	var in struct {
		Name, Description string
		Maintainers       []string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	switch {
	case slug(in.Name) == "":
		return nil, invalid("Team", "name", "missing_field")
	case c.teamOf(o.ID, slug(in.Name)) != nil:
		return nil, invalid("Team", "name", "already_exists")
	}
	g := t.newTeam(o, in.Name, in.Description)
	for _, login := range in.Maintainers {
		if a := t.st.logins[lower(login)]; a != nil {
			g.Members[a.ID] = "maintainer"
		}
	}
	return created(c.showFullTeam(g))
}

func deleteTeam(c *call, t *tx) (any, error) {
	if _, err := c.ownOrg(); err != nil {
		return nil, err
	}
	g, err := c.team()
	if err != nil {
		return nil, err
	}
	t.remove(g)
	return noContent()
}

func listTeamMembers(c *call) (any, error) {
	t, err := c.team()
	if err != nil {
		return nil, err
	}
	return paged(c, c.people(t.Members, c.query("role")), func(a *account) any { return c.showUser(a) })
}

func (c *call) showTeamMembership(t *team, a *account) obj {
	return obj{"url": c.API() + "/orgs/" + c.account(t.Org).Login + "/teams/" + t.Slug + "/memberships/" + a.Login, "role": t.Members[a.ID], "state": "active"}
}

func getTeamMembership(c *call) (any, error) {
	t, err := c.team()
	if err != nil {
		return nil, err
	}
	a := c.login("login")
	if a == nil || t.Members[a.ID] == "" {
		return nil, notFound()
	}
	return c.showTeamMembership(t, a), nil
}

func putTeamMembership(c *call, t *tx) (any, error) {
	o, err := c.ownOrg()
	if err != nil {
		return nil, err
	}
	g, err := c.team()
	if err != nil {
		return nil, err
	}
	var in struct{ Role string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	a := c.login("login")
	if a == nil {
		return nil, notFound()
	}
	if in.Role != "maintainer" {
		in.Role = "member"
	}
	if o.Members[a.ID] == "" {
		t.setMember(o, a, "member")
	}
	g.Members[a.ID] = in.Role
	t.save(g)
	return c.showTeamMembership(g, a), nil
}

func deleteTeamMembership(c *call, t *tx) (any, error) {
	if _, err := c.ownOrg(); err != nil {
		return nil, err
	}
	g, err := c.team()
	if err != nil {
		return nil, err
	}
	a := c.login("login")
	if a == nil {
		return nil, notFound()
	}
	delete(g.Members, a.ID)
	t.save(g)
	return noContent()
}

func listTeamRepos(c *call) (any, error) {
	t, err := c.team()
	if err != nil {
		return nil, err
	}
	return paged(c, c.reposWhere(func(r *repo) bool { return t.Repos[r.ID] != "" }), func(r *repo) any { return c.showRepo(r) })
}

func putTeamRepo(c *call, t *tx) (any, error) {
	if _, err := c.ownOrg(); err != nil {
		return nil, err
	}
	g, err := c.team()
	if err != nil {
		return nil, err
	}
	r := c.st.names[lower(c.path("owner")+"/"+c.path("repo"))]
	if r == nil {
		return nil, notFound()
	}
	var in struct{ Permission string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Permission == "" {
		in.Permission = "push"
	}
	if _, ok := parseLevel(in.Permission); !ok {
		return nil, refuse(http.StatusUnprocessableEntity, "Invalid permission %q: want pull, triage, push, maintain or admin", in.Permission)
	}
	g.Repos[r.ID] = in.Permission
	t.save(g)
	return noContent()
}
