package deck

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

//go:embed html/*.html
var htmlFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

// pageTemplate is one page in its frame.
type pageTemplate struct{ *template.Template }

// frame is what html/layout.html renders.
type frame struct {
	head
	V       view
	API     string // the JSON twin
	Stale   *Stale
	Config  string // version in force
	Now     time.Time
	Path    string
	Notice  string
	Query   string
	Version string // of the static files
	Host    string
}

// parsePages reads all templates: each page with the frame and the shared parts.
func parsePages() map[string]*pageTemplate {
	pages := map[string]*pageTemplate{}
	shared := template.Must(template.New("layout.html").Funcs(funcs()).ParseFS(htmlFiles, "html/layout.html", "html/parts.html"))
	files, err := fs.Glob(htmlFiles, "html/*.html")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		t := template.Must(shared.Clone())
		pages[name] = &pageTemplate{template.Must(t.ParseFS(htmlFiles, f))}
	}
	return pages
}

// render makes the page called name of v.
func (s *Server) render(r *http.Request, name string, v view) ([]byte, error) {
	f := frame{head: v.head(), V: v, Now: s.Now(), Path: r.URL.Path, Query: r.URL.RawQuery, Version: s.assets, Notice: notice(r), Host: r.Host}
	if s.Stale != nil {
		f.Stale = s.Stale()
	}
	if cfg := s.Config(); cfg != nil {
		f.Config = cfg.Version
	}
	f.API = twin(r.URL)
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, "layout.html", f); err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	return bytes.Map(printable, b.Bytes()), nil
}

// printable drops control characters: a browser shows none, but a page may be
// read in a terminal.
func printable(c rune) rune {
	if c < ' ' && c != '\n' && c != '\t' || c >= 0x7f && c < 0xa0 {
		return -1
	}
	return c
}

// notice is a line shown once after a form was sent. The set is closed, because
// anyone can write an address.
func notice(r *http.Request) string {
	switch r.URL.Query().Get("did") {
	case "rerun":
		return "Started again. This is the new run."
	case "abort":
		return "Aborted. What still runs has its grace period to end."
	case "replay":
		return "It waits to be handled again, by all plugins."
	}
	return ""
}

// twin returns where the same as JSON is.
func twin(u *url.URL) string {
	p := u.Path
	for page, api := range map[string]string{"/run/": "/runs/", "/pr/": "/pulls/", "/repo/": "/repos/", "/job/": "/jobs/", "/delivery/": "/deliveries/"} {
		if rest, ok := strings.CutPrefix(p, page); ok {
			p = api + rest
		}
	}
	if p == "/" {
		p = "/home"
	}
	if p == "/api" {
		p = "/openapi.json"
	}
	out := url.URL{Path: "/api/v1" + p, RawQuery: u.RawQuery}
	return out.String()
}

func funcs() template.FuncMap {
	return template.FuncMap{
		"ago":       ago,
		"rfc":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"exact":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"seconds":   func(f float64) string { return length(time.Duration(f * float64(time.Second))) },
		"length":    length,
		"short":     short,
		"bytes":     sizeText,
		"icon":      icon,
		"word":      word,
		"checkof":   checkWord,
		"plural":    plural,
		"query":     withQuery,
		"join":      strings.Join,
		"pullpath":  pullPath,
		"title":     capital,
		"percent":   func(f float64) string { return strconv.Itoa(int(f*100+0.5)) + " %" },
		"arg":       func(kv ...any) map[string]any { return pairs(kv) },
		"verb":      verbWord,
		"did":       didWord,
		"hasprefix": strings.HasPrefix,
	}
}

func pairs(kv []any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(kv); i += 2 {
		m[kv[i].(string)] = kv[i+1]
	}
	return m
}

// ago says how long before now t was, in few words.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return ""
	case d < -5*time.Second:
		return "in " + length(-d)
	case d < 5*time.Second:
		return "just now"
	case d < 48*time.Hour:
		return coarse(d) + " ago"
	case d < 60*24*time.Hour:
		return strconv.Itoa(int(d.Hours()/24)) + " days ago"
	}
	return t.UTC().Format("2006-01-02")
}

func coarse(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 90*time.Minute:
		return strconv.Itoa(int(d.Minutes())) + " min"
	}
	return strconv.Itoa(int(d.Hours()+0.5)) + " h"
}

// length writes a duration with two units at most: 2 h 5 min, 3 min 12 s, 0.4 s.
func length(d time.Duration) string {
	switch {
	case d < 0:
		return ""
	case d == 0: // the times of jobs are whole seconds
		return "under 1 s"
	case d < 100*time.Millisecond && d > 0:
		return strconv.FormatInt(max(1, d.Milliseconds()), 10) + " ms"
	case d < time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return two(int(d.Minutes()), "min", int(d.Seconds())%60, "s")
	case d < 48*time.Hour:
		return two(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func two(n int, unit string, rest int, smaller string) string {
	if rest == 0 {
		return fmt.Sprintf("%d %s", n, unit)
	}
	return fmt.Sprintf("%d %s %d %s", n, unit, rest, smaller)
}

func short(sha string) string {
	if len(sha) > 8 {
		return sha[:8]
	}
	return sha
}

func sizeText(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1000*1000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " kB"
	case n < 1000*1000*1000:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
	}
	return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + " GB"
}

// word is what a state is called on the pages.
func word(s prow.State) string {
	switch s {
	case prow.Success:
		return "passed"
	case prow.Failure:
		return "failed"
	case prow.Pending:
		return "running"
	case prow.Aborted:
		return "aborted"
	case prow.Error:
		return "error"
	}
	return "waiting"
}

func checkWord(s prow.CheckState) string {
	switch s {
	case prow.CheckSuccess:
		return "passed"
	case prow.CheckFailure:
		return "failed"
	case prow.CheckError:
		return "error"
	case prow.CheckPending:
		return "running"
	}
	return "waiting"
}

// icon names the shape of a word: a state is never told by its colour alone.
func icon(word string) template.HTML {
	switch word {
	case "passed", "failed", "running", "aborted", "error", "waiting", "skipped", "flaky":
		return template.HTML(`<svg class="i i-` + word + `" aria-hidden="true"><use href="#i-` + word + `"/></svg>`)
	}
	return ""
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func pullPath(id prow.IssueID) string {
	return fmt.Sprintf("/pr/%s/%s/%d", url.PathEscape(id.Repo.Owner), url.PathEscape(id.Repo.Name), id.Number)
}

// withQuery returns the query with one key changed, as the end of a link.
func withQuery(query, key, value string) string {
	q, err := url.ParseQuery(query)
	if err != nil {
		q = url.Values{}
	}
	q.Del("did")
	if value == "" {
		q.Del(key)
	} else {
		q.Set(key, value)
	}
	if key != "before" {
		q.Del("before")
	}
	return "?" + q.Encode()
}
