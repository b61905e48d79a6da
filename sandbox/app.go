package sandbox

import (
	"maps"
	"slices"
	"strings"
	"time"
)

type (
	// app is a GitHub App. What it does is done by its bot.
	app struct {
		ID          int64
		Slug        string
		ClientID    string
		Owner       int64
		Bot         int64
		Keys        [][]byte          // public keys, as PKIX
		Permissions map[string]string // read or write, by name
		Created     time.Time
	}
	// installation is an App at an account, with the permissions accepted there.
	installation struct {
		ID          int64
		App         int64
		Account     int64
		Permissions map[string]string
		Suspended   time.Time
		Grants      []*grant `json:",omitempty"`
		Created     time.Time
	}
	// grant is a token of an installation, and what it is narrowed to.
	grant struct {
		Token        string // SHA-256, in hex
		Expires      time.Time
		Permissions  map[string]string
		Repos        []int64 // empty: all
		installation *installation
	}
)

func (a *app) key() (string, int64)          { return "app", a.ID }
func (i *installation) key() (string, int64) { return "installation", i.ID }

// addInstallation files an installation with its tokens.
func (s *state) addInstallation(i *installation) {
	s.installations[i.ID] = i
	for _, g := range i.Grants {
		g.installation = i
		s.grants[g.Token] = g
	}
}

func (s *state) dropInstallation(i *installation) {
	delete(s.installations, i.ID)
	for _, g := range i.Grants {
		delete(s.grants, g.Token)
	}
}

// installed finds the App's installation at an account.
func (s *state) installed(app, account int64) *installation {
	for _, i := range s.installations {
		if i.App == app && i.Account == account {
			return i
		}
	}
	return nil
}

func (s *state) installationsOf(app int64) []*installation {
	out := slices.DeleteFunc(slices.Collect(maps.Values(s.installations)), func(i *installation) bool { return i.App != app })
	slices.SortFunc(out, func(a, b *installation) int { return int(a.ID - b.ID) })
	return out
}

// covers reports whether the token is good for what r holds.
func (g *grant) covers(r *repo) bool {
	return g.installation.Account == r.Owner && (len(g.Repos) == 0 || slices.Contains(g.Repos, r.ID))
}

// may reports whether the token has a permission; write includes read.
func (g *grant) may(permission, access string) bool {
	has := g.Permissions[permission]
	return permission == "metadata" || has == "write" || has == "admin" || has != "" && has == access
}

// appLevel is what the bot of an App may do in r: what its token is good for or,
// without one, its installation. The routes look closer.
func (f *Forge) appLevel(r *repo, bot *account) level {
	g := bot.as
	if g == nil {
		i := f.st.installed(bot.App, r.Owner)
		if i == nil || !i.Suspended.IsZero() {
			return none
		}
		g = &grant{installation: i, Permissions: i.Permissions}
	}
	if !g.covers(r) {
		return none
	}
	if g.Permissions["administration"] != "" {
		return admin
	}
	for p, access := range g.Permissions {
		if access == "write" && p != "members" && !strings.HasPrefix(p, "organization_") {
			return push
		}
	}
	return read
}

// appNeed is a permission and its access that a route takes of an App; any one of
// several will do.
type appNeed struct{ permission, access string }

// appNeeds says what a route takes. no is true where Apps have no business.
func appNeeds(pattern string) (needs []appNeed, no bool) {
	method, path, _ := strings.Cut(pattern, " ")
	access := "write"
	if method == "GET" {
		access = "read"
	}
	if path == "/user" || strings.HasPrefix(path, "/user/") {
		return nil, true
	}
	for _, row := range appTable {
		if !strings.Contains(path, row.part) || row.method != "" && row.method != method {
			continue
		}
		for p := range strings.FieldsSeq(row.permissions) {
			needs = append(needs, appNeed{p, access})
		}
		return needs, false
	}
	if strings.HasPrefix(path, "/repos/") {
		if access == "read" {
			return []appNeed{{"metadata", access}}, false
		}
		return []appNeed{{"administration", access}}, false
	}
	return nil, false
}

// appTable is the permissions of GitHub Apps, as GitHub's documents list them; the
// first row whose text is in the path counts.
var appTable = []struct{ method, part, permissions string }{
	{"", "/orgs/{org}/hooks", "organization_hooks"},
	{"", "/hooks", "repository_hooks"},
	{"GET", "/collaborators", "metadata"},
	{"", "/collaborators", "administration"},
	{"", "/protection", "administration"},
	{"GET", "/rules", "metadata"},
	{"", "/statuses", "statuses"},
	{"", "/commits/{ref}/status", "statuses"},
	{"", "/check-", "checks"},
	{"", "/actions/", "actions"},
	{"GET", "/commits/{ref}/pulls", "pull_requests contents"},
	{"PUT", "/merge", "contents"},
	{"", "/pulls", "pull_requests"},
	{"", "/issues", "issues pull_requests"},
	{"", "/{owner}/{repo}/labels", "issues pull_requests"},
	{"", "/milestones", "issues pull_requests"},
	{"", "/assignees", "issues pull_requests"},
	{"", "/git/", "contents"},
	{"", "/contents", "contents"},
	{"", "/branches", "contents"},
	{"", "/tags", "metadata"},
	{"", "/commits", "contents"},
	{"", "/compare", "contents"},
	{"", "/readme", "contents"},
	{"GET", "/{owner}/{repo}/teams", "administration"},
	{"GET", "/orgs/{org}/members", "members"},
	{"GET", "/orgs/{org}/teams", "members"},
	{"", "/memberships", "members"},
	{"", "/orgs/{org}/members", "members"},
	{"", "/orgs/{org}/teams", "members"},
	{"", "/teams/{id}", "members"},
	{"POST", "/orgs/{org}/repos", "administration"},
}
