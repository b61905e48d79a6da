package deck_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/deck"
)

// Every answer is as the API's own document says.
func TestAnswersMatchTheDocument(t *testing.T) {
	t.Parallel()
	h, ask := newHarbour(t)
	s := newSite(t, full, ask)
	s.story()
	s.pods(h)
	doc, err := openapi3.NewLoader().LoadFromData([]byte(s.page("/api/v1/openapi.json")))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: s.url + "/api/v1"}}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, call := range []string{
		"GET /home", "GET /home?me=alice", "GET /jobs", "GET /jobs?state=failed,error&since=1d&limit=1", "GET /jobs?state=purple", "GET /jobs?since=soon", "GET /jobs?pull=x", "GET /jobs?type=odd", "GET /jobs?limit=0",
		"GET /runs/run-unit-7b", "GET /runs/run-e2e-7", "GET /runs/run-e2e-9", "GET /runs/none", "GET /runs/run-fog", "GET /runs/run-wreck", "GET /runs/run-unit-7b/job",
		"GET /runs/run-unit-7b/lines?from=2&count=3", "GET /runs/run-unit-7b/lines?from=-2", "GET /runs/run-unit-7b/lines?from=x", "GET /runs/run-unit-7b/search", "GET /runs/run-unit-7b/search?q=oars", "GET /runs/run-unit-7b/search?q=/(/", "GET /runs/run-unit-7b/files",
		"GET /runs/run-unit-7b/log", "GET /runs/run-e2e-9/log", "GET /runs/run-unit-7b/log?container=none",
		"GET /pulls/acme/boats/7", "GET /pulls/acme/boats/8", "GET /pulls/acme/boats/99", "GET /pulls/acme/boats/0", "GET /pulls/acme/boats/7/why", "GET /pulls/acme/boats/99/why",
		"GET /tide", "GET /tide/acme/boats/main", "GET /tide/acme/boats/none", "GET /repos/acme/boats", "GET /repos/no/where", "GET /jobs/unit", "GET /jobs/unit?repo=acme", "GET /jobs/none",
		"GET /commands", "GET /commands?repo=acme/boats", "GET /plugins", "GET /plugins?repo=acme/boats", "GET /deliveries", "GET /deliveries?state=dead", "GET /deliveries?state=odd", "GET /deliveries/d-5", "GET /deliveries/none", "GET /system",
		"POST /runs/run-unit-7b/rerun", "POST /runs/run-e2e-7/abort", "POST /runs/run-unit-7b/abort", "POST /runs/none/rerun", "POST /deliveries/d-5/replay", "POST /deliveries/none/replay",
	} {
		method, address, _ := strings.Cut(call, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, s.url+"/api/v1"+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		route, params, err := router.FindRoute(req)
		if err != nil {
			t.Errorf("%s: %v", call, err)
			continue
		}
		seen[method+" "+route.Path] = true
		checkAnswer(t, s.client, req, route, params)
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if !seen[method+" "+path] && path != "/events" {
				t.Errorf("%s %s is described, but not tried", method, path)
			}
		}
	}
}

func checkAnswer(t *testing.T, c *http.Client, req *http.Request, route *routers.Route, params map[string]string) {
	t.Helper()
	r, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: r.StatusCode, Header: r.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true}}
	if err := openapi3filter.ValidateResponse(context.WithoutCancel(t.Context()), out); err != nil {
		t.Errorf("%s %s = %d: %v\n%s", req.Method, req.URL, r.StatusCode, err, body[:min(len(body), 400)])
	}
	if r.StatusCode >= 500 {
		t.Errorf("%s %s = %d: %s", req.Method, req.URL, r.StatusCode, body)
	}
}

// Reruns and aborts are for those who may, from here, and for jobs that can.
func TestWhoMayRerunAndAbort(t *testing.T) {
	t.Parallel()
	var refused error
	s := newSite(t, func(d *deck.Server) {
		d.May = func(_ *http.Request, action string, j *prow.Job) (string, error) { return "alice", refused }
	})
	s.story()
	code, body, h := s.do("POST", "/run/run-unit-7b/rerun")
	if code != http.StatusSeeOther {
		t.Fatalf("%d %s", code, body)
	}
	id := strings.TrimSuffix(strings.TrimPrefix(h.Get("Location"), "/run/"), "?did=rerun")
	again, err := s.db.Jobs.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if again.Annotations[prow.AnnotationRerunOf] != "run-unit-7b" || again.Annotations[prow.AnnotationWhy] != "Run again by alice." || again.Status.State != prow.Triggered ||
		again.Status.BuildID != "" || again.Spec.Refs.Pulls[0].SHA != headOf(7) || again.Complete() {
		t.Errorf("the copy is %+v %+v", again.ObjectMeta, again.Status)
	}
	if _, _, h2 := s.do("POST", "/run/run-unit-7b/rerun"); h2.Get("Location") != h.Get("Location") {
		t.Error("a double click made two runs")
	}
	if code, _, _ := s.do("POST", "/run/"+id+"/abort"); code != http.StatusSeeOther {
		t.Errorf("abort = %d", code)
	}
	if j, _ := s.db.Jobs.Get(t.Context(), id); j.Status.State != prow.Aborted || j.Status.Description != "Aborted by alice." || j.Complete() {
		t.Errorf("after abort: %+v; plank has still to end it", j.Status)
	}
	if code, body, _ := s.do("POST", "/run/"+id+"/abort"); code != http.StatusConflict || !strings.Contains(body, "ended already") {
		t.Errorf("second abort = %d", code)
	}
	notes, err := s.db.Journal.Notes(t.Context(), prow.IssueID{Repo: prow.Repo{Owner: "acme", Name: "boats"}, Number: 7}, 2)
	if err != nil || len(notes) != 2 || notes[1].By != "alice" || notes[1].Who != "deck" {
		t.Errorf("the story says %+v, %v", notes, err)
	}

	refused = prow.Refuse("Only the crew may.")
	for _, p := range []string{"/run/run-unit-7b/rerun", "/run/run-e2e-7/abort", "/delivery/d-5/replay", "/api/v1/runs/run-unit-7b/rerun", "/api/v1/deliveries/d-5/replay", "/rerun?prowjob=run-unit-7b", "/abort?prowjob=run-e2e-7"} {
		if code, body, _ := s.do("POST", p); code != http.StatusForbidden || !strings.Contains(body, "Only the crew may.") {
			t.Errorf("%s = %d %s", p, code, body)
		}
	}
	refused = nil
	for _, header := range []string{"Sec-Fetch-Site", "Origin"} {
		if code, body, _ := s.do("POST", "/run/run-e2e-7/abort", header, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}[header]); code != http.StatusForbidden || !strings.Contains(body, "another site") {
			t.Errorf("a POST with %s = %d", header, code)
		}
	}
	if code, _, _ := s.do("GET", "/run/run-e2e-7/abort"); code == http.StatusOK || code == http.StatusSeeOther {
		t.Errorf("a GET aborted: %d", code)
	}
	if j, _ := s.db.Jobs.Get(t.Context(), "run-e2e-7"); j.Status.State != prow.Pending {
		t.Errorf("the run is %s", j.Status.State)
	}
}

// What is hidden is shown nowhere: not in lists, not by name, not by its files.
func TestHiddenJobs(t *testing.T) {
	t.Parallel()
	s := newSite(t, full)
	secret := func(j *prow.Job) { j.Spec.Hidden, j.Spec.Job = true, "topsecret" }
	j := job("run-secret", "unit", 7, prow.Failure, 60e9, secret)
	other := job("run-cellar", "unit", 3, prow.Failure, 60e9, func(j *prow.Job) { j.Spec.Refs.Repo, j.Spec.Job = "cellar", "topsecret" })
	s.story()
	s.create(j, other)
	s.cfg.Deck.HiddenRepos = []string{"acme/cellar"}
	s.artifacts(j)
	s.save(prow.VerdictName(prow.IssueID{Repo: prow.Repo{Owner: "acme", Name: "cellar"}, Number: 3}), prow.Verdict{Text: "topsecret", Pull: prow.PullRef{Title: "topsecret"}})
	for _, p := range []string{"/", "/jobs", "/jobs?job=topsecret", "/pr/acme/boats/7", "/repo/acme/boats", "/prowjobs.js", "/data.js", "/api/v1/jobs", "/api/v1/home", "/tide.js", "/badge.svg?jobs=*"} {
		if _, body := s.get(p); strings.Contains(strings.ReplaceAll(body, `value="topsecret"`, ""), "topsecret") && !strings.Contains(p, "job=") {
			t.Errorf("%s tells", p)
		}
	}
	for _, id := range []string{"run-secret", "run-cellar"} {
		for _, p := range []string{"/run/" + id, "/api/v1/runs/" + id, "/api/v1/runs/" + id + "/job", "/api/v1/runs/" + id + "/log", "/run/" + id + "/log", "/run/" + id + "/follow", "/run/" + id + "/files/build-log.txt", "/prowjob?prowjob=" + id, "/rerun?prowjob=" + id, "/log?job=topsecret&id=" + j.Status.BuildID} {
			if code, body := s.get(p); code != http.StatusNotFound {
				t.Errorf("%s = %d %.80s", p, code, body)
			}
		}
		if code, _, _ := s.do("POST", "/run/"+id+"/rerun"); code != http.StatusNotFound {
			t.Errorf("rerun = %d", code)
		}
	}
	for _, p := range []string{"/pr/acme/cellar/3", "/repo/acme/cellar", "/tide/acme/cellar/main"} {
		if code, _ := s.get(p); code != http.StatusNotFound {
			t.Errorf("%s = %d", p, code)
		}
	}
}

// What jobs wrote is served without deck's rights, whatever it is called.
func TestArtifacts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	j := job("run-a", "unit", 7, prow.Success, 60e9)
	s.create(j)
	for name, kind := range map[string]string{"artifacts/x.html": "text/html", "artifacts/x": "text/plain", "artifacts/x.svg": "image/svg+xml", "artifacts/a b/ü?.txt": "text/plain", "build-log.txt": "text/plain"} {
		s.write(prow.Dir(j)+"/"+name, "0123456789")
		code, body, h := s.do("GET", "/run/run-a/files/"+strings.NewReplacer(" ", "%20", "?", "%3F").Replace(name))
		if code != http.StatusOK || body != "0123456789" || !strings.HasPrefix(h.Get("Content-Type"), kind) || !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s = %d %q %v", name, code, body, h)
		}
	}
	if code, body, _ := s.do("GET", "/run/run-a/files/build-log.txt", "Range", "bytes=2-4"); code != http.StatusPartialContent || body != "234" {
		t.Errorf("a range = %d %q", code, body)
	}
	for _, bad := range []string{"../../secret", "%2e%2e/%2e%2e/secret", "none.txt", "artifacts"} {
		if code, _, _ := s.do("GET", "/run/run-a/files/"+bad); code == http.StatusOK {
			t.Errorf("%s was served", bad)
		}
	}
}
