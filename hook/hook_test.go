package hook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/sqlite"
)

const token = "s3cret"

// house is a worker on a real store, reached over HTTP.
type house struct {
	*Worker
	t   *testing.T
	db  *sqlite.DB
	url string
	end func() // ends Run and waits for it
}

// open starts nothing yet but the HTTP side.
func open(t *testing.T, plugins ...plugin.Plugin) *house {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	secrets, err := ParseSecrets([]byte(token))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range plugins {
		names = append(names, p.Name)
	}
	cfg := &config.Config{Plugins: &config.Plugins{Plugins: map[string]config.OrgPlugins{"o": {Plugins: names}}}}
	h := &house{t: t, db: db, Worker: &Worker{
		Inbox: db.Inbox, Journal: db.Journal, Plugins: plugins, Parse: github.ParseEvents, Now: time.Now,
		Config:  func() *config.Config { return cfg },
		Secrets: func() Secrets { return secrets },
		Log:     slog.New(slog.DiscardHandler), Pause: time.Millisecond,
	}}
	srv := httptest.NewServer(h.Worker)
	t.Cleanup(srv.Close)
	h.url = srv.URL
	return h
}

func (h *house) run() {
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Run(ctx) }()
	h.end = func() { cancel(); <-done }
	h.t.Cleanup(h.end)
}

func sign(body, token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func request(t *testing.T, url, event, id, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", id)
	r.Header.Set("X-Hub-Signature-256", sign(body, token))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func (h *house) post(event, id, body string) int {
	h.t.Helper()
	resp, err := http.DefaultClient.Do(request(h.t, h.url, event, id, body))
	if err != nil {
		h.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// settled waits until the delivery is handled or dead.
func (h *house) settled(id string) *prow.Delivery {
	h.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		d, err := h.Inbox.Delivery(h.t.Context(), id)
		if err == nil && (d.State == prow.DeliveryHandled || d.State == prow.DeliveryDead) {
			return d
		}
	}
	h.t.Fatalf("delivery %s was never settled", id)
	return nil
}

func commentBody(number int, text string) string {
	return fmt.Sprintf(`{"action":"created","issue":{"number":%d,"state":"open","pull_request":{},"user":{"login":"ann"}},
		"comment":{"id":7,"body":%q,"html_url":"http://f/c7","user":{"login":"bob"}},
		"repository":{"full_name":"o/r","name":"r","owner":{"login":"o"}},"sender":{"login":"bob"}}`, number, text)
}

func TestAWebhookIsStoredHandledOnceAndTold(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 10)
	h := open(t, plugin.Plugin{Name: "echo", Commands: []plugin.Command{{Name: "echo", Run: func(_ context.Context, c *plugin.Call, e prow.CommentEvent, lines []plugin.Line) error {
		heard <- fmt.Sprint(e.By, " ", c.At, " ", len(lines))
		c.Did("echoed")
		return nil
	}}}})
	if code := h.post("issue_comment", "d1", commentBody(5, "/echo\n/echo")); code != 200 {
		t.Fatalf("answered %d", code)
	}
	if d, err := h.Inbox.Delivery(t.Context(), "d1"); err != nil || d.State != prow.DeliveryWaiting || d.By != "bob" || d.Where.Number != 5 {
		t.Fatalf("before anything runs the delivery is stored: %+v, %v", d, err)
	}
	h.run()
	d := h.settled("d1")
	if got := <-heard; got != "bob o/r#5 2" {
		t.Errorf("the command heard %q", got)
	}
	if len(d.Results) != 1 || d.Results[0].Plugin != "echo" || !d.Results[0].Done || d.Results[0].Did[0] != "echoed" {
		t.Errorf("results = %+v", d.Results)
	}
	if code := h.post("issue_comment", "d1", commentBody(5, "/echo")); code != 200 || len(heard) != 0 {
		t.Errorf("a redelivery answered %d and was handled %d times", code, len(heard))
	}
	notes, err := h.Journal.Notes(t.Context(), d.Where, 10)
	if err != nil || len(notes) != 2 || notes[0].Text != "bob commented: /echo" || notes[1].Text != "echoed" || notes[1].Who != "echo" {
		t.Errorf("story = %+v, %v", notes, err)
	}
}
