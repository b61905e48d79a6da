package jenkins_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/jenkins"
)

func (h *house) client() *jenkins.Client {
	h.t.Helper()
	c, err := jenkins.New(h.o)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func TestLogs(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/unit", "/job/multi/job/feature%252Fx", "/job/secret")
	h.start()
	branch := func(j *prow.Job) {
		j.Spec.Job, j.Spec.Type = "multi", prow.Postsubmit
		j.Spec.JenkinsSpec = &prow.JenkinsSpec{GitHubBranchSourceJob: true}
		j.Spec.Refs.BaseRef, j.Spec.Refs.Pulls = "feature/x", nil
	}
	h.job("a")
	h.job("b", branch)
	h.job("hidden", named("secret"), func(j *prow.Job) { j.Spec.Hidden = true })
	for _, id := range []string{"a", "b", "hidden"} {
		h.begin(id)
		h.until(id, "runs", func(j *prow.Job) bool { return j.Status.State == prow.Pending })
	}
	h.box.with(func() {
		h.box.begin(&sandboxItem{path: "/job/unit", parameters: map[string]string{}}).log = "of somebody else"
	})
	logs := &jenkins.Logs{Jobs: h.db.Jobs, Jenkins: h.client(), Log: slog.New(slog.DiscardHandler)}
	for _, c := range []struct {
		method, path string
		code         int
		text         string
	}{
		{"GET", "/job/unit/1/consoleText", 200, "hello from a\n"},
		{"GET", "/job/multi/job/feature%252Fx/1/consoleText", 200, "hello from b\n"},
		{"GET", "/job/unit/2/consoleText", 404, "no job of Prow"},
		{"GET", "/job/secret/1/consoleText", 404, "no job of Prow"},
		{"GET", "/job/absent/1/consoleText", 404, ""},
		{"GET", "/job/unit/1/api/json", 403, ""},
		{"GET", "/job/unit/consoleText", 403, ""},
		{"GET", "/job/unit/%2e%2e/x/1/consoleText", 404, ""},
		{"POST", "/job/unit/1/consoleText", 405, ""},
	} {
		w := httptest.NewRecorder()
		logs.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil))
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.text) || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s = %d %q", c.method, c.path, w.Code, w.Body.String())
		}
	}
	h.box.with(func() { h.box.fault = func(*http.Request) fault { return busy } })
	w := httptest.NewRecorder()
	logs.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/job/unit/1/consoleText", nil))
	if w.Code != http.StatusBadGateway {
		t.Errorf("while Jenkins is away: %d", w.Code)
	}
}

func TestConsole(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/unit")
	h.start()
	h.job("a")
	c := h.client()
	if _, err := c.Console(t.Context(), h.get("a"), 0, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before there is a build: %v", err)
	}
	b := h.begin("a")
	j := h.until("a", "runs", func(j *prow.Job) bool { return j.Status.State == prow.Pending })
	read := func(offset int64, follow bool) string {
		rc, err := c.Console(t.Context(), j, offset, follow)
		if err != nil {
			t.Fatal(err)
		}
		defer rc.Close()
		all, err := io.ReadAll(rc)
		if err != nil {
			t.Error(err)
		}
		return string(all)
	}
	if got := read(0, false) + "|" + read(6, false) + "|" + read(1000, true); got != "hello from a\n|from a\n|" {
		t.Errorf("read %q", got)
	}
	all := make(chan string)
	go func() { all <- read(0, true) }()
	h.eventually("it is read", func() (ok bool) {
		h.box.with(func() {
			ok = strings.Count(strings.Join(h.box.requests, "\n"), "progressiveText") >= 4
		})
		return ok
	})
	h.box.with(func() { b.log += "and goes on\n"; b.result = "SUCCESS" })
	if got := <-all; got != "hello from a\nand goes on\n" {
		t.Errorf("followed %q", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	h.box.with(func() { b.result = "" })
	rc, err := c.Console(ctx, j, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if _, err := io.ReadAll(rc); err == nil {
		t.Error("following did not end with its context")
	}
}
