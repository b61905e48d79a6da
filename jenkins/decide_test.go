package jenkins

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	queued, running, passed := &build{item: 3}, &build{number: 7}, &build{number: 7, result: "SUCCESS"}
	for _, c := range []struct {
		name  string
		state prow.State
		b     *build
		asked bool
		want  step
	}{
		{"new", "", nil, false, step{do: release}},
		{"to be scheduled", prow.Scheduling, nil, false, step{do: release}},
		{"to be started", prow.Triggered, nil, false, step{do: start}},
		{"asked for, not to be seen", prow.Triggered, nil, true, step{do: search}},
		{"in the queue", prow.Triggered, queued, true, step{do: tell, why: "Jenkins job enqueued."}},
		{"begun", prow.Triggered, running, true, step{do: run, why: "Jenkins job running."}},
		{"begun by the process before", prow.Triggered, running, false, step{do: run, why: "Jenkins job running."}},
		{"ended before it was seen to run", prow.Triggered, passed, true, step{do: end, to: prow.Success, why: "Jenkins job succeeded."}},
		{"running", prow.Pending, running, true, step{do: run, why: "Jenkins job running."}},
		{"running and back in the queue", prow.Pending, queued, true, step{}},
		{"gone", prow.Pending, nil, false, step{do: search}},
		{"passed", prow.Pending, passed, false, step{do: end, to: prow.Success, why: "Jenkins job succeeded."}},
		{"aborted in the queue", prow.Aborted, queued, false, step{do: cancel}},
		{"aborted while it runs", prow.Aborted, running, false, step{do: stop}},
		{"aborted and over", prow.Aborted, passed, false, step{do: finish}},
		{"aborted before it was started", prow.Aborted, nil, false, step{do: finish}},
	} {
		j := &prow.Job{Status: prow.Status{State: c.state}}
		if got := decide(j, c.b, c.asked); got != c.want {
			t.Errorf("%s: decide = %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestOlderDuplicates(t *testing.T) {
	t.Parallel()
	job := func(id string, minute, pull int, change ...func(*prow.Job)) *prow.Job {
		j := &prow.Job{ObjectMeta: metav1.ObjectMeta{Name: id}, Spec: prow.Spec{Job: "unit", Type: prow.Presubmit, Refs: &prow.Refs{Org: "o", Repo: "r", Pulls: []prow.PullRef{{Number: pull}}}}}
		j.Status.StartTime = metav1.NewTime(time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC))
		for _, f := range change {
			f(j)
		}
		return j
	}
	got := olderDuplicates([]*prow.Job{
		job("a", 1, 5), job("b", 3, 5), job("c", 2, 5), job("d", 3, 5), // d was created later than b
		job("e", 1, 6),
		job("f", 0, 5, func(j *prow.Job) { j.Spec.Job = "lint" }),
		job("g", 0, 5, func(j *prow.Job) { j.Spec.Type = prow.Batch }),
		job("h", 0, 5, func(j *prow.Job) { j.Status.State = prow.Aborted }),
		job("i", 0, 5, func(j *prow.Job) { j.Spec.Refs.Repo = "other" }),
	})
	var ids []string
	for _, j := range got {
		ids = append(ids, j.Name)
	}
	if !slices.Equal(ids, []string{"a", "c", "b"}) {
		t.Errorf("older are %v", ids)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	refs := func(branch string, pulls ...int) *prow.Refs {
		r := &prow.Refs{BaseRef: branch}
		for _, n := range pulls {
			r.Pulls = append(r.Pulls, prow.PullRef{Number: n})
		}
		return r
	}
	for _, c := range []struct {
		name   string
		branch bool
		refs   *prow.Refs
		want   string
	}{
		{"unit", false, refs("main", 5), "/job/unit"},
		{"folder/sub/unit", false, nil, "/job/folder/job/sub/job/unit"},
		{"a b", false, nil, "/job/a%20b"},
		{"folder/multi", true, refs("main", 5), "/job/folder/job/multi/view/change-requests/job/PR-5"},
		{"folder/multi", true, refs("main"), "/job/folder/job/multi/job/main"},
		{"multi", true, refs("feature/x"), "/job/multi/job/feature%252Fx"},
		{"multi", true, nil, "/job/multi"},
	} {
		j := &prow.Job{Spec: prow.Spec{Job: c.name, Refs: c.refs, JenkinsSpec: &prow.JenkinsSpec{GitHubBranchSourceJob: c.branch}}}
		got := jobPath(j)
		if got != c.want {
			t.Errorf("path of %s (branch source %v) = %s, want %s", c.name, c.branch, got, c.want)
		}
		if names := jobNames(got); !slices.Contains(names, c.name) {
			t.Errorf("%s leads back to %q, not to %s", got, names, c.name)
		}
	}
}

// Whatever answers in the place of Jenkins, there is one clear error and no panic.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{`{"items":[{"id":1,"actions":[{"parameters":[{"name":"PROW_JOB_ID","value":"a"}]}]}]}`, `{"builds":[{"number":1,"result":null,"building":true}]}`,
		"<html>", "null", "[]", `{"items":null}`, `{"builds":[{"number":"x"}]}`, `{"items":[{"actions":[null,{"parameters":[{"name":"PROW_JOB_ID","value":{"a":1}}]}]}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) }))
		defer s.Close()
		c, err := New(Options{URL: s.URL, Pause: time.Microsecond})
		if err != nil {
			t.Fatal(err)
		}
		defer c.http.CloseIdleConnections()
		queue, err := c.queue(t.Context())
		for _, b := range queue {
			if b.job == "" || !b.queued() {
				t.Errorf("queued: %+v", b)
			}
		}
		if err != nil && !strings.Contains(err.Error(), "Jenkins") {
			t.Errorf("queue: %v", err)
		}
		_ = c.builds(t.Context(), "/job/x", time.Time{}, func(b build) bool { return b.job != "" })
		_, _ = c.define(t.Context(), "/job/x")
	})
}

func TestAnAnswerWithoutEnd(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"items":[`)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat(`{"id":1},`, 10000)); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	c, err := New(Options{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.http.CloseIdleConnections()
	if _, err := c.queue(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than 32 MB") {
		t.Errorf("queue = %v", err)
	}
}
