package deck

import (
	"net/http"
	"strings"
)

// route is a page and its twin under /api/v1: one function makes the value
// that both render.
type route struct {
	page string // address; "" for an answer without a page
	api  string // below /api/v1; "" for a page without a twin
	html string // name of the template
	view func(*http.Request) (view, error)

	// For the OpenAPI document.
	doc   string
	of    any // a value of the type that view returns
	query []param
}

// param is a parameter of a query.
type param struct{ name, doc string }

// list returns every page that has a JSON twin. It is the table of contents of
// deck and of its API.
func (s *Server) list() []route {
	return []route{
		{"/{$}", "/home", "home", s.home, "What needs attention: pull requests with their one next thing, failing and running jobs, queues.", homeView{},
			[]param{{"me", "only pull requests of this author"}}},
		{"/jobs", "/jobs", "jobs", s.jobs, "Jobs, newest first, a page at a time.", jobsView{}, jobParams},
		{"/run/{id}", "/runs/{id}", "run", s.run, "One run: its state and why, its first error, tests, files, attempts.", runView{},
			[]param{{"container", "whose log"}, {"line", "line of the log to begin with"}, {"dir", "where its files are, of a run that is forgotten otherwise"}}},
		{"/pr/{org}/{repo}/{number}", "/pulls/{org}/{repo}/{number}", "pull", s.pull, "Everything about a pull request.", pullView{}, nil},
		{"/tide", "/tide", "tide", s.tide, "The queues of all branches.", tideView{}, nil},
		{"/tide/{org}/{repo}/{branch...}", "/tide/{org}/{repo}/{branch...}", "pool", s.pool, "The queue of one branch, and what was decided.", poolView{}, nil},
		{"/repo/{org}/{repo}", "/repos/{org}/{repo}", "repo", s.repo, "What a repository runs, and how that goes.", repoView{}, nil},
		{"/job/{name}", "/jobs/{name}", "job", s.job, "How a job has been doing.", jobView{},
			[]param{{"repo", "owner/name: only runs there"}, {"before", "ID of a run: only older ones"}}},
		{"/commands", "/commands", "commands", s.commands, "What can be said in a comment, and by whom.", commandsView{}, []param{{"repo", "owner/name"}}},
		{"/plugins", "/plugins", "plugins", s.plugins, "The plugins there are, and where they are on.", pluginsView{}, []param{{"repo", "owner/name"}}},
		{"/deliveries", "/deliveries", "deliveries", s.deliveries, "The webhooks that came, newest first.", deliveriesView{},
			[]param{{"state", "waiting, claimed, handled or dead"}, {"event", "the webhook's own word"}, {"repo", "owner, or owner/name"}, {"pull", "number; needs repo"}, {"before", "ID of a delivery: only older ones"}}},
		{"/delivery/{id}", "/deliveries/{id}", "delivery", s.delivery, "One webhook, and what each plugin did with it.", deliveryView{}, nil},
		{"/system", "/system", "system", s.system, "The installation itself: configuration in force, problems, components.", systemView{}, nil},
		{"", "/pulls/{org}/{repo}/{number}/why", "", s.why, "Why a pull request does or does not merge: the verdict that tide acts on.", whyView{}, nil},
		{"", "/runs/{id}/lines", "", s.lines, "Lines of a run's log, numbered from 1.", linesView{},
			[]param{{"container", "whose log"}, {"from", "first line; below 0 counts from the end"}, {"count", "how many, at most 2000"}}},
		{"", "/runs/{id}/search", "", s.search, "Lines of a run's log that match.", searchView{},
			[]param{{"container", "whose log"}, {"q", "text; with a capital letter the case matters; /…/ is a regular expression; absent: what looks like an error"}, {"from", "first line to look at"}}},
		{"", "/runs/{id}/files", "", s.files, "Files that a run left.", filesView{}, nil},
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.list() {
		if r.page != "" {
			mux.HandleFunc("GET "+r.page, s.html(r))
		}
		if r.api != "" {
			mux.HandleFunc("GET /api/v1"+r.api, s.json(r))
		}
	}
	mux.HandleFunc("GET /api/v1/openapi.json", s.openAPI)
	mux.HandleFunc("GET /api/v1/events", s.events)
	mux.HandleFunc("GET /api/v1/runs/{id}/job", s.rawJob)
	mux.HandleFunc("GET /api/v1/runs/{id}/log", s.rawLog)
	mux.HandleFunc("POST /api/v1/runs/{id}/rerun", s.apiAct("rerun"))
	mux.HandleFunc("POST /api/v1/runs/{id}/abort", s.apiAct("abort"))
	mux.HandleFunc("POST /api/v1/deliveries/{id}/replay", s.apiReplay)
	mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, notFound("There is no %s %s in this API.", "See /api/v1/openapi.json for what there is.", r.Method, r.URL.Path), true)
	})

	mux.HandleFunc("GET /api", s.apiPage)
	mux.HandleFunc("GET /run/{id}/log", s.logPart)
	mux.HandleFunc("GET /run/{id}/follow", s.followLog)
	mux.HandleFunc("GET /run/{id}/files/{path...}", s.file)
	mux.HandleFunc("POST /run/{id}/rerun", s.formAct("rerun"))
	mux.HandleFunc("POST /run/{id}/abort", s.formAct("abort"))
	mux.HandleFunc("POST /delivery/{id}/replay", s.formReplay)
	mux.HandleFunc("GET /go", s.jump)
	mux.HandleFunc("GET /static/{name}", s.static)
	mux.HandleFunc("GET /favicon.ico", s.favicon)
	s.oldRoutes(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, notFound("There is no page %s.", "Look for a job, a pull request or a repository with the search box.", r.URL.Path), false)
	})
	return mux
}

// guard is what every answer has in common: headers, the refusal of requests
// that other sites make in a visitor's name, compression, and that a panic of
// one request ends that request alone.
func (s *Server) guard(next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &fault{code: http.StatusForbidden, text: "This request came from another site.",
			hint: "Open the page here and press the button again."}, strings.HasPrefix(r.URL.Path, "/api/"))
	}))
	next = sameOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store, must-revalidate")
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.Log.Error("request panicked", "path", r.URL.Path, "panic", p)
				s.fail(w, r, &fault{code: http.StatusInternalServerError, text: "Deck made a mistake here.", hint: "It is in the log. Other pages work."}, strings.HasPrefix(r.URL.Path, "/api/"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// pagePolicy lets a page use what deck itself serves and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
