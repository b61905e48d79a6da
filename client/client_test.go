package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/client"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/deck"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/sqlite"
)

// open starts a real deck on real stores and a client of it.
func open(t *testing.T) (*client.Client, *sqlite.DB, prow.Artifacts) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.Dir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{Plugins: &config.Plugins{}}
	d := &deck.Server{
		Jobs: db.Jobs, Artifacts: files, Inbox: db.Inbox, Memory: db.Memory, Journal: db.Journal, Config: func() *config.Config { return cfg },
		May: func(*http.Request, string, *prow.Job) (string, error) { return "alice", nil }, Now: func() time.Time { return prowtest.Epoch.Add(time.Minute) }, Log: slog.New(slog.DiscardHandler),
	}
	web := httptest.NewServer(d)
	t.Cleanup(func() { d.Close(); web.Close(); _ = db.Close() })
	return &client.Client{URL: web.URL + "/", HTTP: web.Client()}, db, files
}

func TestJobs(t *testing.T) {
	t.Parallel()
	c, db, files := open(t)
	ctx := t.Context()
	for _, j := range []*prow.Job{prowtest.Job("a"), prowtest.Job("b", func(j *prow.Job) { j.Spec.Job, j.Status.BuildID = "lint", "77" })} {
		if err := db.Jobs.Create(ctx, j); err != nil {
			t.Fatal(err)
		}
	}
	l, err := c.Jobs(ctx, client.Filter{Job: "lint", Repo: "o/r", Pull: 5, Limit: 3})
	if err != nil || len(l.Jobs) != 1 || l.Jobs[0].ID != "b" || l.Jobs[0].Word != "waiting" || l.Total != 1 || l.Counts["waiting"] != 1 {
		t.Fatalf("Jobs = %+v, %v", l, err)
	}
	if _, err := c.Jobs(ctx, client.Filter{State: "purple"}); err == nil || !strings.Contains(err.Error(), "There is no state purple. The states are") {
		t.Errorf("a wrong state: %v", err)
	}
	j, err := c.Job(ctx, "b")
	if err != nil || j.Spec.Job != "lint" {
		t.Errorf("Job = %+v, %v", j, err)
	}
	var e *client.Error
	if _, err := c.Run(ctx, "none"); !errors.As(err, &e) || e.Code != http.StatusNotFound {
		t.Errorf("an absent run: %v", err)
	}

	again, err := c.Rerun(ctx, "b")
	if err != nil || again.RerunOf != "b" || again.State != prow.Triggered {
		t.Fatalf("Rerun = %+v, %v", again, err)
	}
	gone, err := c.Abort(ctx, again.ID)
	if err != nil || gone.State != prow.Aborted {
		t.Errorf("Abort = %+v, %v", gone, err)
	}
	if _, err := c.Abort(ctx, again.ID); !errors.As(err, &e) || e.Code != http.StatusConflict {
		t.Errorf("a second Abort: %v", err)
	}

	w, err := files.Create(ctx, prow.Dir(j)+"/build-log.txt")
	if err == nil {
		_, err = io.WriteString(w, "hello\n")
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, c, "b", 0, false); got != "hello\n" {
		t.Errorf("Log = %q", got)
	}
	if got := read(t, c, "b", 4, true); got != "o\n" {
		t.Errorf("Log from 4 = %q", got)
	}
	if _, err := c.Log(ctx, "a", "", 0, false); err == nil || !strings.Contains(err.Error(), "no log (yet)") {
		t.Errorf("no log: %v", err)
	}
}

// What became of the pod of a run comes with the run.
func TestPodOfARun(t *testing.T) {
	t.Parallel()
	c, db, files := open(t)
	ctx := t.Context()
	j := prowtest.Job("a", func(j *prow.Job) { j.Status.BuildID = "7" })
	if err := errors.Join(j.Advance(prow.Error, prowtest.Epoch, "It was cut off."), db.Jobs.Create(ctx, j)); err != nil {
		t.Fatal(err)
	}
	w, err := files.Create(ctx, prow.Dir(j)+"/podinfo.json")
	if err == nil {
		_, err = io.WriteString(w, `{"pod":{"metadata":{"name":"a","namespace":"ns"},"spec":{"nodeName":"n","containers":[{"name":"test","image":"i"}]},"status":{"phase":"Failed","reason":"Evicted","message":"full",
			"conditions":[{"type":"DisruptionTarget","status":"True","reason":"TerminationByKubelet"}],"containerStatuses":[{"name":"test","restartCount":2,"state":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}},
			"events":[{"type":"Warning","reason":"Evicted","message":"full","count":3,"lastTimestamp":"2026-01-02T03:04:05Z"}]}`)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	run, err := c.Run(ctx, "a")
	if err != nil || run.Pod == nil {
		t.Fatalf("Run = %+v, %v", run, err)
	}
	p := run.Pod
	if p.From != "file" || p.Name != "a" || p.Namespace != "ns" || p.Node != "n" || p.Cluster != "default" || p.Phase != "Failed" || p.Hint != "The node evicted the pod: full." {
		t.Errorf("the pod is %+v", p)
	}
	if x := p.Containers; len(x) != 1 || x[0].State != "failed" || !x[0].Wrong || x[0].Restarts != 2 || x[0].ExitCode == nil || *x[0].ExitCode != 137 || x[0].Reason != "OOMKilled" || x[0].Image != "i" {
		t.Errorf("its containers are %+v", x)
	}
	if x := p.Conditions; len(x) != 1 || !x[0].Wrong || x[0].Type != "DisruptionTarget" || x[0].Reason != "TerminationByKubelet" {
		t.Errorf("its conditions are %+v", x)
	}
	if x := p.Events; len(x) != 1 || x[0].Type != "Warning" || x[0].Reason != "Evicted" || x[0].Count != 3 || x[0].Last.IsZero() {
		t.Errorf("its events are %+v", x)
	}
}

func read(t *testing.T, c *client.Client, id string, offset int64, follow bool) string {
	t.Helper()
	r, err := c.Log(t.Context(), id, "", offset, follow)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A log that is not there yet is waited for, unless its run has ended without.
func TestLogIsWaitedFor(t *testing.T) {
	t.Parallel()
	c, db, files := open(t)
	ctx := t.Context()
	j := prowtest.Job("a", func(j *prow.Job) { j.Status.BuildID = "7" })
	if err := db.Jobs.Create(ctx, j); err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	go func() {
		r, err := c.Log(ctx, "a", "", 0, true)
		if err != nil {
			done <- err.Error()
			return
		}
		defer r.Close()
		b, _ := io.ReadAll(r)
		done <- string(b)
	}()
	w, err := files.Create(ctx, prow.Dir(j)+"/build-log.txt")
	if err == nil {
		_, err = io.WriteString(w, "late\n")
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := <-done; got != "late\n" {
		t.Errorf("Log = %q", got)
	}
	dead := prowtest.Job("dead")
	if err := dead.Advance(prow.Error, prowtest.Epoch, "the image is not there"); err != nil {
		t.Fatal(err)
	}
	if err := db.Jobs.Create(ctx, dead); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Log(ctx, "dead", "", 0, true); err == nil {
		t.Error("waited for a log that never comes")
	}
}

func TestWhyAndDeliveries(t *testing.T) {
	t.Parallel()
	c, db, _ := open(t)
	ctx := t.Context()
	id := prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: 5}
	w, err := c.Why(ctx, id)
	if err != nil || w.Known || w.Text == "" {
		t.Errorf("Why of what tide does not know = %+v, %v", w, err)
	}
	if err := db.Memory.Save(ctx, prow.VerdictName(id), []byte(`{"text":"Needs lgtm label.","items":[{"kind":"label","what":"label lgtm","command":"/lgtm"}]}`)); err != nil {
		t.Fatal(err)
	}
	w, err = c.Why(ctx, id)
	if err != nil || !w.Known || w.Merges || w.Text != "Needs lgtm label." || len(w.Verdict.Items) != 1 || w.Verdict.Items[0].Command != "/lgtm" {
		t.Errorf("Why = %+v, %v", w, err)
	}

	d := &prow.Delivery{ID: "d", Event: "push", Where: prow.IssueID{Repo: id.Repo}, Received: prowtest.Epoch, Body: []byte("{}")}
	if _, err := db.Inbox.Accept(ctx, d); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Inbox.Claim(ctx, prowtest.Epoch, 1); err != nil {
		t.Fatal(err)
	}
	d.State, d.Error, d.Results = prow.DeliveryDead, "gave up", []prow.Result{{Plugin: "trigger", Error: "502"}}
	if err := db.Inbox.Settle(ctx, d); err != nil {
		t.Fatal(err)
	}
	l, err := c.Deliveries(ctx, client.DeliveryFilter{State: "dead", Repo: "o/r"})
	if err != nil || len(l.Deliveries) != 1 || l.Deliveries[0].Error != "gave up" {
		t.Fatalf("Deliveries = %+v, %v", l, err)
	}
	one, err := c.Delivery(ctx, "d")
	if err != nil || len(one.Results) != 1 || one.Results[0].Plugin != "trigger" {
		t.Errorf("Delivery = %+v, %v", one, err)
	}
	again, err := c.Replay(ctx, "d")
	if err != nil || again.State != prow.DeliveryWaiting {
		t.Errorf("Replay = %+v, %v", again, err)
	}
}

// What is wrong with the address is said so that it can be mended.
func TestWrongAddresses(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for url, want := range map[string]string{"http://127.0.0.1:1": "nothing answers at http://127.0.0.1:1", other.URL: "is this the address of deck?", "::": "want for example http://127.0.0.1:8080"} {
		if _, err := (&client.Client{URL: url}).Jobs(t.Context(), client.Filter{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&client.Client{URL: other.URL}).Jobs(ctx, client.Filter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
