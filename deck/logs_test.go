package deck_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

// Every container of a run has its log, Prow's own and init containers too: from
// its pod while that is there, and what is kept afterwards.
func TestLogsOfAllContainers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create(job("r", "unit", 7, prow.Pending, time.Minute, func(j *prow.Job) { j.Spec.PodSpec.Containers[0].Name = "mine" }))
	if code, body := s.get("/run/r"); code != http.StatusOK || strings.Contains(body, `aria-label="Containers"`) {
		t.Errorf("before there is a pod: %d", code)
	}
	s.run("r", "test", "sidecar", "clonerefs")
	s.runs.change(func() { s.runs.mute["r"] = true })
	if code, body := s.get("/run/r"); code != http.StatusOK || !strings.Contains(body, "no output yet") && !strings.Contains(body, `id="log"`) {
		t.Errorf("while its container waits: %d %s", code, seen(body))
	}
	s.runs.change(func() { s.runs.mute["r"] = false })
	s.runs.say("r", "of the test\n")
	s.runs.say("r/clonerefs", "of the clone\n")
	page := seen(s.page("/run/r?container=clonerefs"))
	if !strings.Contains(page, "Log\ntest sidecar clonerefs\n") || !strings.Contains(page, "1 of the clone") {
		t.Errorf("the page says %s", page)
	}
	follow := s.listen(t.Context(), "/run/r/follow?container=clonerefs")
	var got strings.Builder
	got.WriteString((<-follow)[1]) // it is followed by now
	s.runs.say("r/clonerefs", "all of it\n")
	s.runs.end("r")
	for e := range follow {
		if e[0] == "end" {
			break
		}
		got.WriteString(e[1])
	}
	if text := seen(got.String()); text != "1 of the clone\n2 all of it\n" {
		t.Errorf("followed %q", text)
	}
	if code, _ := s.get("/run/r/log?container=moon"); code != http.StatusNotFound {
		t.Errorf("a container that is not there = %d", code)
	}

	s.runs.change(func() { delete(s.runs.logs, "r"); delete(s.runs.names, "r") })
	s.advance("r", prow.Success, "")
	dir := prow.Dir(job("r", "unit", 7, prow.Pending, time.Minute))
	s.write(dir+"/build-log.txt", "kept of the test\n")
	s.write(dir+"/clone-log.txt", "kept of the clone\n")
	for container, want := range map[string]string{"": "kept of the test", "test": "kept of the test", "clonerefs": "kept of the clone"} {
		if got := s.page("/api/v1/runs/r/log?container=" + container); got != want+"\n" {
			t.Errorf("of %q: %q", container, got)
		}
	}
	if page := seen(s.page("/run/r")); !strings.Contains(page, "Log\ntest clonerefs\n") {
		t.Errorf("afterwards the page says %s", page)
	}
}
