package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

func orgRoutes() []route {
	return []route{
		{"GET /orgs/{org}", none, reading(getOrg)},
		{"GET /orgs/{org}/repos", none, reading(listOrgRepos)},
		{"POST /orgs/{org}/repos", none, freely(postOrgRepo)},
		{"GET /orgs/{org}/members", none, reading(listMembers)},
		{"GET /orgs/{org}/members/{login}", none, reading(isMember)},
		{"GET /orgs/{org}/public_members/{login}", none, reading(isMember)},
		{"GET /orgs/{org}/memberships/{login}", none, reading(getMembership)},
		{"PUT /orgs/{org}/memberships/{login}", none, writing(putMembership)},
		{"DELETE /orgs/{org}/memberships/{login}", none, writing(deleteMembership)},
		{"DELETE /orgs/{org}/members/{login}", none, writing(deleteMembership)},
	}
}

func (f *Forge) showOrg(o *account) obj {
	u := f.API() + "/orgs/" + o.Login
	return obj{
		"login": o.Login, "id": o.ID, "node_id": nodeID("O", o.ID), "url": u, "repos_url": u + "/repos", "events_url": u + "/events", "hooks_url": u + "/hooks",
		"issues_url": u + "/issues", "members_url": u + "/members{/member}", "public_members_url": u + "/public_members{/member}",
		"avatar_url": f.o.URL + "/-/avatar/" + o.Login, "description": o.Name,
	}
}

// org finds the organisation that the path names.
func (c *call) org() (*account, error) {
	o := c.login("org")
	if o == nil || o.Type != "Organization" {
		return nil, notFound()
	}
	return o, nil
}

// ownOrg is org for those who administer it.
func (c *call) ownOrg() (*account, error) {
	o, err := c.org()
	if err == nil && !(c.user.Admin || o.Members[c.user.ID] == "admin" || c.user.as != nil) { // an App's permissions are looked at already
		err = refuse(http.StatusForbidden, "You must be an admin of this organization.")
	}
	return o, err
}

func getOrg(c *call) (any, error) {
	o, err := c.org()
	if err != nil {
		return nil, err
	}
	return join(c.showOrg(o), obj{
		"name": o.Name, "html_url": c.o.URL + "/" + o.Login, "type": "Organization", "public_repos": len(c.reposWhere(func(r *repo) bool { return r.Owner == o.ID })),
		"public_gists": 0, "followers": 0, "following": 0, "has_organization_projects": false, "has_repository_projects": false,
		"created_at": stamp(o.Created), "updated_at": stamp(o.Created), "archived_at": nil, "is_verified": false,
		"default_repository_permission": orNull(o.BasePermission), "members_can_create_repositories": true,
	}), nil
}

func listOrgRepos(c *call) (any, error) {
	o, err := c.org()
	if err != nil {
		return nil, err
	}
	return paged(c, c.reposWhere(func(r *repo) bool { return r.Owner == o.ID }), func(r *repo) any { return c.showRepo(r) })
}

func (f *Forge) people(m map[int64]string, role string) []*account {
	var out []*account
	for id, has := range m {
		if role == "" || role == "all" || role == has {
			out = append(out, f.account(id))
		}
	}
	slices.SortFunc(out, func(a, b *account) int { return strings.Compare(lower(a.Login), lower(b.Login)) })
	return out
}

func listMembers(c *call) (any, error) {
	o, err := c.org()
	if err != nil {
		return nil, err
	}
	return paged(c, c.people(o.Members, c.query("role")), func(a *account) any { return c.showUser(a) })
}

func isMember(c *call) (any, error) {
	o, err := c.org()
	if err != nil {
		return nil, err
	}
	if a := c.login("login"); a == nil || o.Members[a.ID] == "" {
		return nil, refuse(http.StatusNotFound, "User does not exist or is not a member of the organization")
	}
	return noContent()
}

func (c *call) showMembership(o, a *account) obj {
	u := c.API() + "/orgs/" + o.Login
	return obj{
		"url": u + "/memberships/" + a.Login, "state": "active", "role": o.Members[a.ID], "organization_url": u,
		"organization": c.showOrg(o), "user": c.showUser(a),
	}
}

func getMembership(c *call) (any, error) {
	o, err := c.org()
	if err != nil {
		return nil, err
	}
	a := c.login("login")
	if a == nil || o.Members[a.ID] == "" {
		return nil, notFound()
	}
	return c.showMembership(o, a), nil
}

func putMembership(c *call, t *tx) (any, error) {
	o, err := c.ownOrg()
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
	if in.Role != "admin" {
		in.Role = "member"
	}
	t.setMember(o, a, in.Role)
	return c.showMembership(o, a), nil
}

func (t *tx) setMember(o, a *account, role string) {
	if o.Members == nil {
		o.Members = map[int64]string{}
	}
	o.Members[a.ID] = role
	t.save(o)
}

func deleteMembership(c *call, t *tx) (any, error) {
	o, err := c.ownOrg()
	if err != nil {
		return nil, err
	}
	a := c.login("login")
	if a == nil || o.Members[a.ID] == "" {
		return nil, notFound()
	}
	delete(o.Members, a.ID)
	for _, g := range t.st.teams {
		if g.Org == o.ID && g.Members[a.ID] != "" {
			delete(g.Members, a.ID)
			t.save(g)
		}
	}
	t.save(o)
	return noContent()
}
