package deck_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

// A run that Prow has forgotten is still shown from its files, by the address
// that the forge has of it.
func TestForgottenRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	j := job("old", "unit", 7, prow.Pending, time.Hour)
	hidden := job("old-secret", "unit", 8, prow.Pending, time.Hour, func(j *prow.Job) { j.Spec.Hidden = true })
	for _, j := range []*prow.Job{j, hidden} {
		b, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		s.write(prow.Dir(j)+"/prowjob.json", string(b))
		s.write(prow.Dir(j)+"/finished.json", `{"timestamp":1772621400,"result":"FAILURE"}`)
		s.write(prow.Dir(j)+"/build-log.txt", "Error: it leaks\n")
	}
	s.write(prow.AliasFile(j), "gs://bucket/"+prow.Dir(j))
	want := "/run/old?dir=" + strings.ReplaceAll(prow.Dir(j), "/", "%2F")
	for _, p := range []string{"/view/gs/bucket/" + prow.Dir(j), "/view/gs/bucket/pr-logs/directory/unit/" + j.Status.BuildID} {
		if code, _, h := s.do("GET", p); code != http.StatusFound || h.Get("Location") != want {
			t.Errorf("%s = %d to %s, want %s", p, code, h.Get("Location"), want)
		}
	}
	body := s.page(want)
	text := seen(body)
	for _, w := range []string{"unit failed", "First error line 1", "Prow has forgotten this run"} {
		if !strings.Contains(text, w) {
			t.Errorf("the page does not say %q:\n%s", w, text)
		}
	}
	if strings.Contains(body, "/rerun") {
		t.Error("it offers a rerun")
	}
	_, query, _ := strings.Cut(want, "?")
	for p, has := range map[string]string{"/api/v1/runs/old/log?": "it leaks", "/run/old/log?from=1&": "it leaks", "/run/old/files/build-log.txt?": "it leaks", "/api/v1/runs/old/search?": "it leaks", "/api/v1/runs/old?": `"forgotten":true`} {
		if got := s.page(p + query); !strings.Contains(got, has) {
			t.Errorf("%s = %s", p, got)
		}
	}
	for _, p := range []string{"/view/gs/bucket/" + prow.Dir(hidden), "/run/old-secret?dir=" + prow.Dir(hidden), "/run/other?dir=" + prow.Dir(j), "/run/old?dir=../..", "/run/old?dir=/", "/view/x", "/view/gs/bucket/../../x"} {
		if code, _ := s.get(p); code == http.StatusOK || code == http.StatusFound {
			t.Errorf("%s = %d", p, code)
		}
	}
}

// With mode=latest a rerun is the job as it is configured now.
func TestRerunAsConfiguredNow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create(job("a", "unit", 7, prow.Success, time.Hour), job("b", "gone", 7, prow.Success, time.Hour), job("p", "nightly", 7, prow.Success, time.Hour, kind(prow.Periodic)), job("batch", "unit", 7, prow.Success, time.Hour, kind(prow.Batch)))
	s.configure()
	s.cfg.PresubmitsStatic["acme/boats"][0].Cluster = "newer"
	for id, want := range map[string]string{"a": "newer", "p": ""} {
		code, body, _ := s.do("POST", "/api/v1/runs/"+id+"/rerun?mode=latest")
		var got struct{ ID, Cluster, Because string }
		if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusAccepted || got.Cluster != want || got.Because != "Run again by alice." {
			t.Errorf("%s = %d %s", id, code, body)
		}
		if j, err := s.db.Jobs.Get(t.Context(), got.ID); err != nil || j.Status.State != prow.Triggered {
			t.Errorf("%s: %v, %v", id, j, err)
		}
	}
	for _, id := range []string{"b", "batch"} {
		if code, body, _ := s.do("POST", "/api/v1/runs/"+id+"/rerun?mode=latest"); code != http.StatusBadRequest || !strings.Contains(body, "Run it again as it was.") {
			t.Errorf("%s = %d %s", id, code, body)
		}
	}
	if code, body := s.get("/rerun?prowjob=a&mode=latest"); code != http.StatusOK || !strings.Contains(body, "cluster: newer") {
		t.Errorf("as YAML: %d %s", code, body)
	}
}

// The page of a job says which tests fail again and again, and the page of a run
// how often a test that failed did so before.
func TestRecordOfTests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	suite := func(oars, tide string) string {
		return `<testsuite name="s"><testcase name="TestOars">` + oars + `</testcase><testcase name="TestTide">` + tide + `</testcase><testcase name="TestFine"/></testsuite>`
	}
	const bad = `<failure message="no"/>`
	for i, xml := range []string{suite(bad, ""), suite(bad, `<flakyFailure message="once"/>`), suite("", ""), suite(bad, "")} {
		j := job([]string{"r0", "r1", "r2", "r3"}[i], "unit", 7, prow.Failure, time.Duration(10-i)*time.Hour)
		s.create(j)
		s.write(prow.Dir(j)+"/artifacts/sub/junit.xml", xml)
	}
	text := seen(s.page("/job/unit"))
	if !strings.Contains(text, "in the newest 4 runs with results") || !strings.Contains(text, "3 times TestOars") || !strings.Contains(text, "flaky TestTide") || strings.Contains(text, "TestFine") {
		t.Errorf("the job's page says %s", text)
	}
	if text := seen(s.page("/run/r3")); !strings.Contains(text, "TestOars · failed in 3 of the newest 4 runs") {
		t.Errorf("the run's page says %s", text)
	}
}
