package sandbox

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

//go:embed html
var files embed.FS

// sites are the pages to look at and click.
type sites struct {
	*Forge
	pages map[string]*template.Template
	mux   *mux
}

// visit is one look at a page.
type visit struct {
	*sites
	w    http.ResponseWriter
	r    *http.Request
	me   *account // whom the visitor acts as
	repo *repo
	may  level
}

func (f *Forge) sites() http.Handler {
	s := &sites{Forge: f, pages: map[string]*template.Template{}, mux: &mux{}}
	layout := template.Must(template.New("layout.html").Funcs(template.FuncMap{
		"when": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }, "short": short, "lower": lower, "first": firstLine,
		"lines": diffLines, "path": escapePath, "markdown": markdown(), "plain": func(text string) string { return prow.Check{Text: text}.Plain() }, "ms": func(seconds float64) float64 { return seconds * 1000 },
	}).ParseFS(files, "html/layout.html", "html/parts.html"))
	for _, name := range []string{"home", "repo", "tree", "file", "list", "pull", "commits", "diff", "open", "issue", "newissue", "deliveries", "delivery", "error"} {
		t := template.Must(layout.Clone())
		s.pages[name] = template.Must(t.ParseFS(files, "html/"+name+".html"))
	}
	for _, p := range s.list() {
		s.mux.add(p.pattern, s.handle(p.do))
	}
	s.mux.rest = map[string]*leaf{"": {"", s.handle(func(*visit) (any, error) { return nil, notFound() })}}
	// A page of another site must not click in ours.
	return http.NewCrossOriginProtection().Handler(s.mux)
}

// site is one address; do answers a view, a redirect, or an error.
type site struct {
	pattern string
	do      func(v *visit) (any, error)
}

// view is a page to draw.
type view struct {
	page  string
	title string
	data  any
}

// redirect sends the visitor elsewhere.
type redirect string

func (s *sites) list() []site {
	const at, pull = "/{owner}/{repo}", "/{owner}/{repo}/pull/{number}"
	return []site{
		{"GET /{$}", homePage}, {"GET /-/style.css", stylePage}, {"GET /-/live.js", scriptPage}, {"GET /-/live", newsPage}, {"GET /-/avatar/{login}", avatarPage}, {"POST /-/act-as", actAs},
		{"GET /-/deliveries", deliveriesPage}, {"GET /-/deliveries/{delivery}", deliveryPage}, {"POST /-/deliveries/{delivery}/again", deliverAgain},
		{"GET /{owner}", ownerPage}, {"GET " + at, repoPage}, {"GET " + at + "/tree/{rest...}", treePage}, {"GET " + at + "/blob/{rest...}", treePage}, {"GET " + at + "/raw/{rest...}", rawPage},
		{"GET " + at + "/pulls", listPage(true)}, {"GET " + at + "/issues", listPage(false)}, {"GET " + at + "/commits/{rest...}", logPage}, {"GET " + at + "/commit/{sha}", commitPage},
		{"GET " + at + "/compare", openPage}, {"GET " + at + "/compare/{rest...}", openPage}, {"POST " + at + "/pulls", openAction},
		{"GET " + at + "/issues/new", newIssuePage}, {"POST " + at + "/issues", newIssueAction}, {"POST " + at + "/fork", forkAction},
		{"GET " + pull, pullPage}, {"GET " + pull + "/commits", pullCommitsPage}, {"GET " + pull + "/files", pullFilesPage}, {"GET " + pull + "/checks", pullPage},
		{"GET " + at + "/issues/{number}", pullPage},
		{"POST " + pull + "/comment", commentAction}, {"POST " + at + "/issues/{number}/comment", commentAction},
		{"POST " + pull + "/review", reviewAction}, {"POST " + pull + "/merge", mergeAction}, {"POST " + pull + "/label", labelAction}, {"POST " + at + "/issues/{number}/label", labelAction},
		{"POST " + pull + "/state", stateAction}, {"POST " + at + "/issues/{number}/state", stateAction},
	}
}

func (s *sites) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

const actCookie = "act_as"

func (s *sites) handle(do func(*visit) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{sites: s, w: w, r: r}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		answer, err := v.answer(do)
		if err != nil {
			v.fail(err)
			return
		}
		switch a := answer.(type) {
		case view:
			v.draw(http.StatusOK, a)
		case redirect:
			http.Redirect(w, r, string(a), http.StatusSeeOther)
		}
	})
}

func (v *visit) answer(do func(*visit) (any, error)) (any, error) {
	err := v.read(func() error {
		v.me = v.actor()
		if v.r.PathValue("repo") == "" {
			return nil
		}
		v.repo = v.st.names[lower(v.r.PathValue("owner")+"/"+v.r.PathValue("repo"))]
		if v.repo == nil || v.level(v.repo, v.me) < read {
			return notFound()
		}
		v.may = v.level(v.repo, v.me)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if v.r.Method == http.MethodPost && v.me == nil && v.r.URL.Path != "/-/act-as" {
		return nil, refuse(http.StatusForbidden, "Choose whom to act as first, at the top of the page.")
	}
	return do(v)
}

// actor is whom the cookie names; without one, the first person there is.
func (v *visit) actor() *account {
	if k, err := v.r.Cookie(actCookie); err == nil {
		login, _ := url.QueryUnescape(k.Value)
		return v.st.logins[lower(login)]
	}
	var best *account
	for _, a := range v.st.accounts {
		if a.Type == "User" && !a.Admin && (best == nil || a.ID < best.ID) {
			best = a
		}
	}
	return best
}

func actAs(v *visit) (any, error) {
	http.SetCookie(v.w, &http.Cookie{Name: actCookie, Value: url.QueryEscape(v.r.PostFormValue("login")), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	back, err := url.Parse(v.r.PostFormValue("back"))
	if err != nil || back.Host != "" || back.Scheme != "" || !strings.HasPrefix(back.Path, "/") || strings.HasPrefix(back.Path, "//") {
		return redirect("/"), nil
	}
	return redirect(back.String()), nil
}

// fail draws an error as a page.
func (v *visit) fail(err error) {
	var no *fail
	if !errors.As(err, &no) {
		v.o.Log.Error("page failed", "path", v.r.URL.Path, "err", err)
		no = &fail{code: http.StatusInternalServerError, message: "Something went wrong here; the log says what."}
	}
	text := words(no)
	if no.code == http.StatusNotFound {
		text = "There is nothing at this address, or you may not see it as the user you act as."
	}
	v.draw(no.code, view{"error", http.StatusText(no.code), text})
}

func (v *visit) draw(code int, a view) {
	page := map[string]any{"Title": a.title, "Data": a.data, "Me": "", "Path": v.r.URL.RequestURI(), "URL": v.o.URL, "CanWrite": v.may >= push, "Repo": ""}
	_ = v.read(func() error {
		if v.me != nil {
			page["Me"] = v.me.Login
		}
		var users []string
		for _, u := range v.st.accounts {
			if u.Type != "Organization" {
				users = append(users, u.Login)
			}
		}
		slices.SortFunc(users, func(a, b string) int { return strings.Compare(lower(a), lower(b)) })
		page["Users"] = users
		if v.repo != nil {
			page["Repo"] = v.repoPath(v.repo)
		}
		return nil
	})
	var b bytes.Buffer
	if err := v.pages[a.page].ExecuteTemplate(&b, "layout.html", page); err != nil {
		v.o.Log.Error("page not drawn", "page", a.page, "err", err)
		http.Error(v.w, "This page could not be drawn.", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(code)
	_, _ = v.w.Write(b.Bytes())
}

func stylePage(v *visit) (any, error) {
	http.ServeFileFS(v.w, v.r, files, "html/style.css")
	return nil, nil
}

// avatarPage draws the first letter of a name.
func avatarPage(v *visit) (any, error) {
	login := v.r.PathValue("login")
	hue, letter := 0, "?"
	for n, r := range login {
		if n == 0 {
			letter = strings.ToUpper(string(r))
		}
		hue = (hue*31 + int(r)) % 360
	}
	v.w.Header().Set("Content-Type", "image/svg+xml")
	v.w.Header().Set("Cache-Control", "max-age=86400")
	_, err := fmt.Fprintf(v.w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="20" fill="hsl(%d 45%% 42%%)"/><text x="20" y="27" font-family="sans-serif" font-size="20" fill="#fff" text-anchor="middle">%s</text></svg>`,
		hue, template.HTMLEscapeString(letter))
	if err != nil {
		return nil, nil //nolint:nilerr // the visitor has gone
	}
	return nil, nil
}

func short(sha string) string {
	if len(sha) > 8 {
		return sha[:8]
	}
	return sha
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// diffLine is a line of a patch, and its kind for the eye.
type diffLine struct{ Kind, Text string }

func diffLines(patch string) []diffLine {
	var out []diffLine
	for l := range strings.SplitSeq(patch, "\n") {
		kind := ""
		switch {
		case strings.HasPrefix(l, "+"):
			kind = "add"
		case strings.HasPrefix(l, "-"):
			kind = "del"
		case strings.HasPrefix(l, "@@"):
			kind = "hunk"
		}
		out = append(out, diffLine{kind, l})
	}
	return out
}
