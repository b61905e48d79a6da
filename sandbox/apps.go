package sandbox

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func appRoutes() []route {
	return []route{
		{"GET /app", none, reading(func(c *call) (any, error) { return c.showApp(c.app), nil })},
		{"GET /app/installations", none, reading(func(c *call) (any, error) {
			return paged(c, c.st.installationsOf(c.app.ID), func(i *installation) any { return c.showInstallation(i) })
		})},
		{"GET /app/installations/{id}", none, reading(func(c *call) (any, error) { return c.shownInstallation(c.st.installations[c.number("id")]) })},
		{"DELETE /app/installations/{id}", none, writing(deleteInstallation)},
		{"POST /app/installations/{id}/access_tokens", none, writing(postAccessToken)},
		{"GET /orgs/{org}/installation", none, reading(func(c *call) (any, error) {
			o, err := c.org()
			if err != nil {
				return nil, err
			}
			return c.shownInstallation(c.st.installed(c.app.ID, o.ID))
		})},
		{"GET /users/{login}/installation", none, reading(func(c *call) (any, error) {
			a := c.login("login")
			if a == nil {
				return nil, notFound()
			}
			return c.shownInstallation(c.st.installed(c.app.ID, a.ID))
		})},
		{"GET /repos/{owner}/{repo}/installation", none, reading(func(c *call) (any, error) {
			r := c.st.names[lower(c.path("owner")+"/"+c.path("repo"))]
			if r == nil {
				return nil, notFound()
			}
			return c.shownInstallation(c.st.installed(c.app.ID, r.Owner))
		})},
		{"GET /installation/repositories", none, reading(listInstallationRepos)},
		{"DELETE /installation/token", none, writing(deleteToken)},
	}
}

// forApps reports whether a route is asked with the token that an App signs.
func forApps(pattern string) bool {
	_, path, _ := strings.Cut(pattern, " ")
	return path == "/app" || strings.HasPrefix(path, "/app/") || strings.HasSuffix(path, "/installation")
}

// speaks holds who asks against what the route is for.
func (c *call) speaks(rt *route) error {
	switch {
	case forApps(rt.pattern):
		if c.app == nil {
			return refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
		}
		return nil
	case c.app != nil:
		return notIntegration()
	case strings.Contains(rt.pattern, " /installation/"):
		if c.user == nil || c.user.as == nil {
			return refuse(http.StatusForbidden, "You must authenticate with an installation access token in order to list repositories for an installation.")
		}
		return nil
	case c.user == nil || c.user.as == nil:
		return nil
	}
	return c.permitted(rt.pattern)
}

func notIntegration() error {
	return refuse(http.StatusForbidden, "Resource not accessible by integration")
}

// permitted holds the token of an installation against the permission that the
// route takes. In what belongs to others it may look at what everybody may.
func (c *call) permitted(pattern string) error {
	needs, no := appNeeds(pattern)
	if no {
		return notIntegration()
	}
	if c.aboutIssue(pattern) {
		needs = slices.DeleteFunc(needs, func(n appNeed) bool { return n.permission == "pull_requests" })
	}
	if len(needs) == 0 {
		return nil
	}
	var text []string
	for _, n := range needs {
		text = append(text, n.permission+"="+n.access)
	}
	c.header.Set("X-Accepted-GitHub-Permissions", strings.Join(text, "; "))
	g, foreign := c.user.as, false
	_ = c.read(func() error {
		if r := c.st.names[lower(c.path("owner")+"/"+c.path("repo"))]; r != nil {
			foreign = !g.covers(r)
		} else if o := c.login("org"); o != nil {
			foreign = o.ID != g.installation.Account
		}
		return nil
	})
	if foreign && c.r.Method == http.MethodGet && needs[0].permission != "members" {
		return nil
	}
	if foreign || !slices.ContainsFunc(needs, func(n appNeed) bool { return g.may(n.permission, n.access) }) {
		return notIntegration()
	}
	return nil
}

// aboutIssue reports whether a call is about one issue that is no pull request.
func (c *call) aboutIssue(pattern string) (is bool) {
	if pattern == "POST /repos/{owner}/{repo}/issues" {
		return true
	}
	if !strings.Contains(pattern, inIssue) {
		return false
	}
	_ = c.read(func() error {
		if r := c.st.names[lower(c.path("owner")+"/"+c.path("repo"))]; r != nil {
			i := c.st.numbers[numberID{r.ID, int(c.number("number"))}]
			is = i != nil && i.Pull == nil
		}
		return nil
	})
	return is
}

func (f *Forge) showApp(a *app) obj {
	return obj{
		"id": a.ID, "slug": a.Slug, "node_id": nodeID("A", a.ID), "client_id": a.ClientID, "owner": f.showUserID(a.Owner), "name": a.Slug, "description": nil,
		"external_url": f.o.URL, "html_url": f.o.URL + "/apps/" + a.Slug, "created_at": stamp(a.Created), "updated_at": stamp(a.Created),
		"permissions": a.Permissions, "events": []any{}, "installations_count": len(f.st.installationsOf(a.ID)),
	}
}

func (f *Forge) showInstallation(i *installation) obj {
	u, app, at := f.API()+"/app/installations/"+itoa(i.ID), f.st.apps[i.App], f.account(i.Account)
	o := obj{
		"id": i.ID, "account": f.showUser(at), "repository_selection": "all", "access_tokens_url": u + "/access_tokens",
		"repositories_url": f.API() + "/installation/repositories", "html_url": f.o.URL + "/organizations/" + at.Login + "/settings/installations/" + itoa(i.ID),
		"app_id": app.ID, "app_slug": app.Slug, "client_id": app.ClientID, "target_id": at.ID, "target_type": at.Type, "permissions": i.Permissions,
		"events": []any{}, "created_at": stamp(i.Created), "updated_at": stamp(i.Created), "single_file_name": nil, "suspended_by": nil, "suspended_at": stamp(i.Suspended),
	}
	if !i.Suspended.IsZero() {
		o["suspended_by"] = f.showUser(at)
	}
	return o
}

// shownInstallation shows one of the App's own.
func (c *call) shownInstallation(i *installation) (any, error) {
	if i == nil || i.App != c.app.ID {
		return nil, notFound()
	}
	return c.showInstallation(i), nil
}

func deleteInstallation(c *call, t *tx) (any, error) {
	i := c.st.installations[c.number("id")]
	if i == nil || i.App != c.app.ID {
		return nil, notFound()
	}
	t.remove(i)
	return noContent()
}

// tokenTime is how long the token of an installation is good.
const tokenTime = time.Hour

func postAccessToken(c *call, t *tx) (any, error) {
	i := c.st.installations[c.number("id")]
	switch {
	case i == nil || i.App != c.app.ID:
		return nil, notFound()
	case !i.Suspended.IsZero():
		return nil, suspendedError()
	}
	token := "ghs_" + rand.Text()
	g := &grant{Token: hashToken(token), Expires: t.o.Now().Add(tokenTime).Truncate(time.Second), Permissions: i.Permissions, installation: i}
	if err := c.narrow(g); err != nil {
		return nil, err
	}
	for _, old := range i.Grants {
		if !t.o.Now().Before(old.Expires) {
			delete(c.st.grants, old.Token)
		}
	}
	i.Grants = append(slices.DeleteFunc(i.Grants, func(old *grant) bool { return c.st.grants[old.Token] == nil }), g)
	c.st.grants[g.Token] = g
	t.save(i)
	selection := "all"
	if len(g.Repos) > 0 {
		selection = "selected"
	}
	return created(obj{"token": token, "expires_at": stamp(g.Expires), "permissions": g.Permissions, "repository_selection": selection})
}

// narrow leaves to g what the request asks for, which must not be more than there
// is.
func (c *call) narrow(g *grant) error {
	var in struct {
		Repositories  []string
		RepositoryIDs []int64 `json:"repository_ids"`
		Permissions   map[string]string
	}
	if err := c.decode(&in); err != nil {
		return err
	}
	all := g.Permissions
	for p, access := range in.Permissions {
		if has := all[p]; access != "read" && access != "write" || has == "" || access == "write" && has == "read" {
			return refuse(http.StatusUnprocessableEntity, "The permissions requested are not granted to this installation.")
		}
	}
	if len(in.Permissions) > 0 {
		g.Permissions = in.Permissions
	}
	owner := c.account(g.installation.Account).Login
	for _, name := range in.Repositories {
		r := c.st.names[lower(owner+"/"+name)]
		if r == nil {
			return refuse(http.StatusUnprocessableEntity, "There is at least one repository that does not exist or is not accessible to the parent installation.")
		}
		g.Repos = append(g.Repos, r.ID)
	}
	for _, id := range in.RepositoryIDs {
		if r := c.st.repos[id]; r == nil || r.Owner != g.installation.Account {
			return refuse(http.StatusUnprocessableEntity, "There is at least one repository that does not exist or is not accessible to the parent installation.")
		}
		g.Repos = append(g.Repos, id)
	}
	return nil
}

func listInstallationRepos(c *call) (any, error) {
	all := c.reposWhere(c.user.as.covers)
	page, total := cut(c, all)
	out := []any{}
	for _, r := range page {
		out = append(out, c.showRepo(r))
	}
	return obj{"total_count": total, "repositories": out}, nil
}

func deleteToken(c *call, t *tx) (any, error) {
	g := c.user.as
	delete(c.st.grants, g.Token)
	g.installation.Grants = without(g.installation.Grants, g)
	t.save(g.installation)
	return noContent()
}
