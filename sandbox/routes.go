package sandbox

import (
	"net/http"
	"strings"
)

// how a route holds the state while it runs.
type (
	reading func(c *call) (any, error)        // the state held for reading
	writing func(c *call, t *tx) (any, error) // alone with the state
	freely  func(c *call) (any, error)        // not at all: it calls git, and reads and writes by itself
)

// route is one line of the API.
type route struct {
	pattern string // method and path; {x} is one part, {x...} the rest
	needs   level  // in the repository of the path; none also lets nobody in
	do      any    // reading, writing or freely
}

// routes joins the tables of all nouns.
func (f *Forge) routes() http.Handler {
	m := &mux{}
	for _, table := range tables() {
		for _, r := range table {
			m.add(r.pattern, f.handle(r))
		}
	}
	absent := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{Forge: f, r: r, header: http.Header{}}
		c.reply(w, nil, notFound())
	})
	if m.rest == nil {
		m.rest = map[string]*leaf{}
	}
	m.rest[""] = &leaf{"", absent}
	return m
}

func tables() [][]route {
	return [][]route{
		metaRoutes(), userRoutes(), orgRoutes(), teamRoutes(), repoRoutes(), branchRoutes(), protectionRoutes(), contentRoutes(), gitRoutes(),
		commitRoutes(), issueRoutes(), labelRoutes(), milestoneRoutes(), commentRoutes(), pullRoutes(), reviewRoutes(), statusRoutes(), hookRoutes(),
		searchRoutes(), appRoutes(), workflowRoutes(),
	}
}

func metaRoutes() []route {
	return []route{
		{"GET /rate_limit", none, reading(getRateLimit)},
		{"GET /meta", none, reading(func(c *call) (any, error) {
			return obj{"verifiable_password_authentication": false, "installed_version": "3.20.0"}, nil
		})},
		{"GET /{$}", none, reading(func(c *call) (any, error) { return rootURLs(c.API()), nil })},
		{"GET /zen", none, reading(func(c *call) (any, error) {
			return answer{code: 200, raw: []byte("Keep it logically awesome."), kind: "text/plain; charset=utf-8"}, nil
		})},
		{"POST /graphql", none, freely(postGraphQL)},
	}
}

func rootURLs(u string) obj {
	return obj{"current_user_url": u + "/user", "repository_url": u + "/repos/{owner}/{repo}", "user_url": u + "/users/{user}", "rate_limit_url": u + "/rate_limit"}
}

// handle is what all routes share: who is it, may they, and the answer.
func (f *Forge) handle(rt route) http.Handler {
	hasRepo := strings.Contains(rt.pattern, "/repos/{owner}/{repo}") && !forApps(rt.pattern)
	resource := "core"
	switch {
	case strings.Contains(rt.pattern, "/search/"):
		resource = "search"
	case strings.Contains(rt.pattern, "/graphql"):
		resource = "graphql"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{Forge: f, r: r, header: http.Header{}}
		v, err := func() (any, error) {
			var err error
			if c.user, c.app, err = f.identify(r); err != nil {
				return nil, err
			}
			if f.rate.header(c.header, c.payer(), resource, 1) {
				return nil, refuse(http.StatusForbidden, "API rate limit exceeded for user ID %d.", c.userID())
			}
			if err := c.speaks(&rt); err != nil {
				return nil, err
			}
			if c.user == nil && c.app == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
				return nil, refuse(http.StatusUnauthorized, "Requires authentication")
			}
			return c.run(rt, hasRepo)
		}()
		c.reply(w, v, err)
	})
}

func (c *call) run(rt route, hasRepo bool) (v any, err error) {
	enter := func() error {
		if hasRepo {
			return c.enter(rt.needs)
		}
		return nil
	}
	switch do := rt.do.(type) {
	case reading:
		err = c.read(func() (err error) {
			if err = enter(); err == nil {
				v, err = do(c)
			}
			return err
		})
	case writing:
		err = c.write(c.r.Context(), func(t *tx) (err error) {
			if err = enter(); err == nil {
				v, err = do(c, t)
			}
			return err
		})
	case freely:
		if err = c.read(enter); err == nil {
			v, err = do(c)
		}
	}
	return v, err
}

// enter finds the repository of the path. Who may not even read it is told that it
// is not there.
func (c *call) enter(needs level) error {
	c.repo = c.st.names[strings.ToLower(c.path("owner")+"/"+c.path("repo"))]
	if c.repo == nil {
		return notFound()
	}
	c.may = c.level(c.repo, c.user)
	switch {
	case c.may < read:
		return notFound()
	case c.may >= needs:
	case c.user != nil && c.user.as != nil && c.user.as.covers(c.repo): // its permissions are looked at already
	case c.user == nil:
		return refuse(http.StatusUnauthorized, "Requires authentication")
	case needs == admin:
		return forbidden()
	case c.r.Method == http.MethodGet:
		return refuse(http.StatusForbidden, "Must have push access to view repository collaborators.")
	default:
		return refuse(http.StatusForbidden, "Must have %s access to Repository.", needs)
	}
	if c.repo.Archived && c.r.Method != http.MethodGet && needs != admin {
		return refuse(http.StatusForbidden, "Repository was archived so is read-only.")
	}
	return nil
}
