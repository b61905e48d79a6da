package deck_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/deck"
)

var update = flag.Bool("update", false, "write the goldens again")

// tags matches what a reader does not see: elements, and what is in the head.
var (
	unseen = regexp.MustCompile(`(?s)<head>.*?</head>|<svg.*?</svg>|<dialog.*?</dialog>|<header.*?</header>|<footer.*?</footer>`)
	broken = regexp.MustCompile(`</?(p|div|li|tr|h1|h2|h3|section|dd|summary|details|ol|ul|table|pre|form)\b[^>]*>`)
	tag    = regexp.MustCompile(`<[^>]*>`)
	blanks = regexp.MustCompile(`[ \t]+`)
	lines  = regexp.MustCompile(`\s*\n\s*`)
)

// seen is what a page says, as text.
func seen(html string) string {
	s := unseen.ReplaceAllString(html, "")
	s = broken.ReplaceAllString(s, "\n")
	s = tag.ReplaceAllString(s, " ")
	s = blanks.ReplaceAllString(s, " ")
	return strings.TrimSpace(lines.ReplaceAllString(s, "\n")) + "\n"
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what the page says now (go test ./deck -update writes it):\n%s", file, got)
	}
}

// What people read on the pages that matter most.
func TestWhatPagesSay(t *testing.T) {
	t.Parallel()
	s := newSite(t, full)
	s.story()
	for name, p := range map[string]string{
		"home": "/", "jobs": "/jobs?state=failed,running", "run": "/run/run-unit-7b", "pull": "/pr/acme/boats/7", "tide": "/tide/acme/boats/main", "delivery": "/delivery/d-5", "repo": "/repo/acme/boats", "system": "/system", "commands": "/commands",
	} {
		golden(t, name+".txt", seen(s.page(p)))
	}
}

// Empty pages teach, and every error says what to do.
func TestEmptyPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var all strings.Builder
	for _, p := range []string{"/", "/jobs", "/jobs?job=x", "/tide", "/deliveries", "/commands", "/plugins", "/pr/o/r/1", "/run/x", "/repo/o/r", "/job/x", "/system"} {
		_, body := s.get(p)
		fmt.Fprintf(&all, "== %s\n%s\n", p, seen(body))
	}
	golden(t, "empty.txt", all.String())
}

func TestStaleConfigurationIsOnEveryPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(d *deck.Server) {
		d.Stale = func() *deck.Stale {
			return &deck.Stale{Since: noon.Add(-time.Minute), Problems: config.Problems{{Position: config.Position{File: "config.yaml", Line: 3, Column: 7}, Path: "tide.queries[0]", Text: "unknown key lables", Hint: "did you mean labels?", Snippet: "    lables: [lgtm]"}}}
		}
	})
	for _, p := range []string{"/", "/jobs", "/tide", "/api"} {
		if body := s.page(p); !strings.Contains(body, "The newest configuration was refused") || !strings.Contains(body, "1 problem,") {
			t.Errorf("%s does not say so", p)
		}
	}
	if body := seen(s.page("/system")); !strings.Contains(body, "config.yaml:3:7 tide.queries[0] unknown key lables did you mean labels?") {
		t.Errorf("the page of the system says %s", body)
	}
}

// Addresses and files that people and scripts have from earlier dashboards.
func TestOldAddresses(t *testing.T) {
	t.Parallel()
	s := newSite(t, full)
	s.story()
	unit, err := s.db.Jobs.Get(t.Context(), "run-unit-7b")
	if err != nil {
		t.Fatal(err)
	}
	build := unit.Status.BuildID
	s.create(job("run-sail", "sail", 7, prow.Failure, time.Minute))
	for from, to := range map[string]string{
		"/?job=unit&state=failure": "/jobs?job=unit&state=failure", "/view/gs/bucket/pr-logs/pull/acme_boats/7/unit/" + build: "/run/run-unit-7b", "/view/gcs/bucket/logs/unit/" + build: "/run/run-unit-7b",
		"/view/prowjob/unit/" + build: "/run/run-unit-7b", "/job-history/gs/bucket/logs/nightly": "/job/nightly", "/job-history/bucket/pr-logs/directory/unit?buildId=9": "/job/unit",
		"/pr-history?org=acme&repo=boats&pr=7": "/pr/acme/boats/7", "/pr-history/?org=acme&repo=boats&pr=7": "/pr/acme/boats/7", "/command-help?repo=acme/boats": "/commands?repo=acme/boats",
		"/plugin-help": "/commands", "/tide-history": "/tide", "/configured-jobs/acme/boats": "/repo/acme/boats", "/github-link?dest=acme/boats": "https://github.com/acme/boats", "/github-link?dest=//evil.example/x": "https://github.com/evil.example/x",
		"/go?q=acme/boats%237": "/pr/acme/boats/7", "/go?q=acme/boats": "/repo/acme/boats", "/go?q=run-unit-7b": "/run/run-unit-7b", "/go?q=unit": "/jobs?job=%2Aunit%2A", "/go": "/jobs",
	} {
		if code, _, h := s.do("GET", from); code/100 != 3 || h.Get("Location") != to {
			t.Errorf("%s = %d to %s, want %s", from, code, h.Get("Location"), to)
		}
	}
	for _, c := range []struct {
		address string
		code    int
		has     string
	}{
		{"/data.js", 200, `"refs_key":"main:b0b0`}, {"/data.js?var=allBuilds", 200, "var allBuilds = [{"}, {"/data.js?var=x%3Balert(1)", 400, ""},
		{"/prowjobs.js?omit=pod_spec,labels,annotations,decoration_config", 200, `"pod_spec":{"containers":[{"name":"","resources":{}}]}`}, {"/prowjobs.js?org=acme&repo=boats&owner=nobody", 200, `{"items":[]}`},
		{"/tide.js", 200, `"Pools":[{"Org":"acme","Repo":"boats","Branch":"main","SuccessPRs":null,"PendingPRs":[{"Number":8`}, {"/tide-history.js", 200, `"History":{"acme/boats:main":[{"time"`}, {"/plugin-help.js", 200, "{}"},
		{"/log?job=unit&id=" + build, 200, "--- FAIL: TestOars"}, {"/log?job=unit&id=" + build + "&container=test", 200, "--- FAIL: TestOars"}, {"/log?job=unit&id=1", 404, "no run 1 of unit"}, {"/log?job=unit", 400, "missing"},
		{"/prowjob?prowjob=run-unit-7b", 200, "kind: ProwJob"}, {"/prowjob", 400, "missing"}, {"/prowjob?prowjob=none", 404, "no run none"}, {"/rerun?prowjob=run-unit-7b", 200, "state: triggered"},
		{"/badge.svg?jobs=unit", 200, ">passing<"}, {"/badge.svg?jobs=s*,unit", 200, ">failing sail<"}, {"/badge.svg?jobs=lint,nightly", 200, ">passing<"}, {"/badge.svg?jobs=none", 200, ">no results<"}, {"/badge.svg", 400, "missing"},
		{"/config", 200, "tide:"}, {"/config?key=disabled-clusters", 200, "[]"}, {"/config?key=x", 400, "disabled-clusters"}, {"/plugin-config", 200, "acme/boats"}, {"/favicon.ico", 200, "<svg"}, {"/static/none.js", 404, ""},
	} {
		if code, body := s.get(c.address); code != c.code || !strings.Contains(body, c.has) {
			t.Errorf("%s = %d %.300s", c.address, code, body)
		}
	}
	if code, body, _ := s.do("POST", "/rerun?prowjob=run-unit-7b"); code != 200 || !strings.HasPrefix(body, "Job successfully triggered.") {
		t.Errorf("rerun = %d %s", code, body)
	}
	if code, body, _ := s.do("POST", "/abort?prowjob=run-e2e-7"); code != 200 || body != "Job successfully aborted." {
		t.Errorf("abort = %d %s", code, body)
	}
	if code, _, _ := s.do("POST", "/abort?prowjob=run-unit-9"); code != 400 {
		t.Errorf("abort of a finished run = %d", code)
	}
}

// Pages go through all jobs, each once, newest first.
func TestPaging(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 205 {
		s.create(job(fmt.Sprintf("r%03d", i), "unit", 7, prow.Success, time.Duration(300-i)*time.Minute))
	}
	s.cfg.Deck.HiddenRepos = []string{"acme/cellar"}
	for i := range 30 { // newer, and hidden
		s.create(job(fmt.Sprintf("h%03d", i), "unit", 7, prow.Success, time.Second, func(j *prow.Job) { j.Spec.Refs.Repo = "cellar" }))
	}
	got, before := []string{}, ""
	for pages := 0; pages < 5; pages++ {
		var v struct {
			Jobs []struct{ ID string }
			Next string
		}
		if err := json.Unmarshal([]byte(s.page("/api/v1/jobs?before="+before)), &v); err != nil {
			t.Fatal(err)
		}
		for _, j := range v.Jobs {
			got = append(got, j.ID)
		}
		if before = v.Next; before == "" {
			break
		}
	}
	if len(got) != 205 || got[0] != "r204" || got[204] != "r000" {
		t.Errorf("%d jobs, from %s to %s", len(got), got[0], got[len(got)-1])
	}
	if body := s.page("/jobs"); len(body) > 100<<10 || !strings.Contains(body, `rel="next" href="?before=r125"`) {
		t.Errorf("the page has %d bytes, or no link to older jobs", len(body))
	}
}

// A page that was sent before is not sent again.
func TestPagesAreNotSentTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t, full)
	s.story()
	_, _, h := s.do("GET", "/jobs")
	if code, body, _ := s.do("GET", "/jobs", "If-None-Match", h.Get("ETag")); code != http.StatusNotModified || body != "" {
		t.Errorf("again = %d", code)
	}
	s.advance("run-e2e-9", prow.Pending, "started")
	if code, _, _ := s.do("GET", "/jobs", "If-None-Match", h.Get("ETag")); code != http.StatusOK {
		t.Errorf("after a change = %d", code)
	}
	if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("policy %q", h.Get("Content-Security-Policy"))
	}
}

// listen reads server-sent events and returns their names and data in turn.
func (s *site) listen(ctx context.Context, address string) <-chan [2]string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := s.client.Do(req)
	if err != nil || r.StatusCode != http.StatusOK {
		s.t.Fatal(r, err)
	}
	out := make(chan [2]string, 1000)
	go func() {
		defer close(out)
		defer r.Body.Close()
		var e [2]string
		for in := bufio.NewScanner(r.Body); in.Scan(); {
			key, value, _ := strings.Cut(in.Text(), ": ")
			switch {
			case key == "event":
				e = [2]string{value}
			case key == "data":
				e[1] += value + "\n"
			case in.Text() == "" && e[0] != "":
				out <- e
				e = [2]string{}
			}
		}
	}()
	return out
}

// Readers are told of what concerns them, and of nothing else.
func TestEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create(job("mine", "unit", 7, prow.Triggered, time.Minute), job("other", "lint", 8, prow.Triggered, time.Minute))
	topics := map[string]bool{"jobs": true, "run=mine": true, "run=other": false, "job=unit": true, "job=lint": false, "repo=acme/boats": true, "repo=acme/x": false, "tide": true, "deliveries": false}
	heard := map[string]<-chan [2]string{}
	for on := range topics {
		heard[on] = s.listen(t.Context(), "/api/v1/events?on="+on)
	}
	next := func(on string) string {
		select {
		case e := <-heard[on]:
			return e[0]
		case <-time.After(20 * time.Second):
			return "nothing"
		}
	}
	for on := range topics {
		if e := next(on); e != "time" {
			t.Errorf("%s began with %q", on, e)
		}
	}
	s.advance("mine", prow.Pending, "started")
	for on, want := range topics {
		if want {
			if e := next(on); e != "change" {
				t.Errorf("%s heard %q", on, e)
			}
		}
	}
	if code, _ := s.get("/api/v1/events?on=moon"); code != http.StatusBadRequest {
		t.Errorf("on=moon = %d", code)
	}
	s.Close()
	for on := range topics {
		for range heard[on] {
		}
	}
}

// A log is followed from a line on to its end.
func TestFollow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create(job("r", "unit", 7, prow.Pending, time.Minute))
	ch := s.listen(t.Context(), "/run/r/follow?from=2")
	s.runs.say("r", "one\ntwo\n")
	s.runs.say("r", "three <b>\nunfinished")
	s.runs.end("r")
	var all strings.Builder
	for e := range ch {
		if e[0] == "end" {
			break
		}
		all.WriteString(e[1])
	}
	if got := seen(all.String()); got != "2 two\n3 three &lt;b&gt;\n4 unfinished\n" {
		t.Errorf("followed %q", got)
	}
}

// The API's raw log ends with the run, and begins where it is asked to.
func TestRawLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	j := job("r", "unit", 7, prow.Pending, time.Minute)
	s.create(j)
	if code, body := s.get("/api/v1/runs/r/log"); code != 404 || !strings.Contains(body, "no log (yet)") {
		t.Errorf("no log = %d %s", code, body)
	}
	s.runs.say("r", "0123456789\n")
	if got := s.page("/api/v1/runs/r/log?offset=8"); got != "89\n" {
		t.Errorf("from 8: %q", got)
	}
	s.runs.end("r")
	if got := s.page("/api/v1/runs/r/log?follow=1"); got != "0123456789\n" {
		t.Errorf("followed: %q", got)
	}
	s.write(prow.Dir(j)+"/build-log.txt", "uploaded\n")
	s.advance("r", prow.Success, "")
	code, body, h := s.do("GET", "/api/v1/runs/r/log?download=1", "Range", "bytes=2-4")
	if code != 206 || body != "loa" || !strings.Contains(h.Get("Content-Disposition"), "unit-") {
		t.Errorf("download = %d %q %v", code, body, h)
	}
}

// A line of 50 MB is cut on the page, and whole in the raw log.
func TestALineOf50MB(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	j := job("r", "unit", 7, prow.Failure, time.Minute)
	s.create(j)
	s.write(prow.Dir(j)+"/build-log.txt", "Error: early\n"+strings.Repeat("<", 50<<20)+"\nthe last\n")
	body := s.page("/run/r")
	text := seen(body)
	if len(body) > 100<<10 || !strings.Contains(text, "52.4 MB more in this line, see the raw log") || !strings.Contains(text, "First error line 1") || !strings.Contains(text, "3 the last") {
		t.Errorf("%d bytes: %.3000s", len(body), text)
	}
	if got := s.page("/api/v1/runs/r/search?q=the+last"); !strings.Contains(got, `"number":3`) {
		t.Errorf("search: %s", got)
	}
	if _, _, h := s.do("GET", "/api/v1/runs/r/log"); h.Get("Content-Length") != "52428823" {
		t.Errorf("raw: %v", h)
	}
}
