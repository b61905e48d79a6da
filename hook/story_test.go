package hook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/hook"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sqlite"
)

const token = "s3cret"

// marks is a plugin that labels and answers, and refuses where it is told to.
func marks() plugin.Plugin {
	return plugin.Plugin{Name: "marks", Commands: []plugin.Command{{
		Name: "mark", Args: regexp.MustCompile(`\S*`),
		Run: func(ctx context.Context, c *plugin.Call, e prow.CommentEvent, lines []plugin.Line) error {
			if lines[0].Rest == "no" {
				return prow.Refuse("Nothing is marked %q here.", "no")
			}
			if err := c.Forge.AddLabel(ctx, c.At, "marked"); err != nil {
				return err
			}
			return c.Reply(ctx, "Marked by "+e.ID+".")
		},
	}}}
}

func worker(t *testing.T, db *sqlite.DB, f prow.Forge) *hook.Worker {
	t.Helper()
	secrets, err := hook.ParseSecrets([]byte(token))
	if err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{Plugins: &config.Plugins{Plugins: map[string]config.OrgPlugins{"o": {Plugins: []string{"marks", "unknown"}}}}}
	return &hook.Worker{
		Inbox: db.Inbox, Journal: db.Journal, Plugins: []plugin.Plugin{marks()}, Tools: plugin.Tools{Forge: f},
		Config: func() *config.Config { return cfg }, Secrets: func() hook.Secrets { return secrets },
		Parse: github.ParseEvents, Log: slog.New(slog.DiscardHandler), Now: time.Now, Pause: 10 * time.Millisecond,
	}
}

// send posts a comment as a webhook; false if nobody took it.
func send(t *testing.T, url, delivery string, id prow.IssueID, text string) bool {
	t.Helper()
	body := fmt.Sprintf(`{"action":"created","issue":{"number":%d,"state":"open","user":{"login":"ann"}},
		"comment":{"id":7,"body":%q,"html_url":"http://f/c7","user":{"login":"bob"}},
		"repository":{"full_name":%q,"name":%q,"owner":{"login":%q}},"sender":{"login":"bob"}}`,
		id.Number, text, id.Repo.String(), id.Repo.Name, id.Repo.Owner)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(body))
	r.Header.Set("X-GitHub-Event", "issue_comment")
	r.Header.Set("X-GitHub-Delivery", delivery)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// What a plugin tells the forge is done, told in words, and answered where it is
// refused.
func TestAPluginActsAndRefuses(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	id := w.Issue(w.Repo("o/r", nil), "ann", "it leaks", "")
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h := worker(t, db, w.Forge())
	l := listen(t, "127.0.0.1:0")
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Run(ctx) })
	defer func() { cancel(); running.Wait() }()

	url := "http://" + l.Addr().String()
	for delivery, text := range map[string]string{"yes": "/mark\n/MARK it", "no": "/mark no\n<script>"} {
		if !send(t, url, delivery, id, text) {
			t.Fatal("not accepted")
		}
		w.Eventually(delivery+" is handled", func() bool {
			d, err := db.Inbox.Delivery(t.Context(), delivery)
			return err == nil && d.State == prow.DeliveryHandled
		})
	}
	yes, _ := db.Inbox.Delivery(t.Context(), "yes")
	no, _ := db.Inbox.Delivery(t.Context(), "no")
	if got := yes.Results[0].Did; !slices.Equal(got, []string{"added label marked", "commented"}) {
		t.Errorf("it did %q", got)
	}
	if got := no.Results[0]; !got.Done || got.Error != "" || !slices.Equal(got.Did, []string{`refused: Nothing is marked "no" here.`, "commented"}) {
		t.Errorf("refused: %+v", got)
	}
	comments, err := w.Forge().Comments(t.Context(), id)
	if err != nil || len(comments) != 2 {
		t.Fatalf("%+v, %v", comments, err)
	}
	all := comments[0].Body + comments[1].Body
	for _, want := range []string{"@bob: Marked by yes.", `@bob: Nothing is marked "no" here.`, ">/mark no"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in:\n%s", want, all)
		}
	}
	notes, err := db.Journal.Notes(t.Context(), id, 20)
	if err != nil {
		t.Fatal(err)
	}
	var story []string
	for _, n := range notes {
		story = append(story, n.Kind+" "+n.Who+": "+n.Text)
	}
	for _, want := range []string{"event hook: bob commented: /mark no", "decision marks: added label marked", `refusal marks: Nothing is marked "no" here.`} {
		if !slices.Contains(story, want) {
			t.Errorf("no %q in the story %q", want, story)
		}
	}
}

func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Killed at any point, hook handles every delivery it answered with 200, and what
// comes of each is there once.
func TestKilledAtAnyPoint(t *testing.T) {
	if dir := os.Getenv("PROW_TEST_HOOK"); dir != "" {
		serveUntilKilled(t, dir)
		return
	}
	t.Parallel()
	w := world.New(t)
	r := w.Repo("o/r", nil)
	var issues []prow.IssueID
	for range 4 {
		issues = append(issues, w.Issue(r, "ann", "it leaks", ""))
	}
	dir := t.TempDir()
	child := start(t, w, dir)
	var sent []string
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	for i := range 80 {
		if i%4 == 3 {
			// Wherever it is just now: accepting, claiming, commenting, settling.
			time.Sleep(time.Duration(dice.IntN(20000)) * time.Microsecond)
			child.kill()
			child = start(t, w, dir)
		}
		id := fmt.Sprint("d", i)
		w.Eventually("delivery is accepted", func() bool { return send(t, child.url, id, issues[i%4], "/mark") })
		sent = append(sent, id)
	}
	w.Eventually("everything is handled", func() bool {
		return child.handled() == len(sent)
	})
	child.kill()
	for n, id := range issues {
		comments, err := w.Forge().Comments(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if len(comments) != len(sent)/4 {
			t.Errorf("%s has %d answers, want %d", id, len(comments), len(sent)/4)
		}
		for i := n; i < len(sent); i += 4 {
			count := 0
			for _, c := range comments {
				if strings.Contains(c.Body, "Marked by "+sent[i]+".") {
					count++
				}
			}
			if count != 1 {
				t.Errorf("delivery %s was answered %d times", sent[i], count)
			}
		}
		changes, err := w.Forge().LabelChanges(t.Context(), id)
		if err != nil || len(changes) != 1 {
			t.Errorf("%s: label changes %+v, %v", id, changes, err)
		}
	}
}

type process struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
}

// start runs this test binary as a server of the state in dir.
func start(t *testing.T, w *world.World, dir string) *process {
	t.Helper()
	ready := filepath.Join(dir, "address")
	_ = os.Remove(ready)
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledAtAnyPoint$", "-test.timeout", "60s")
	cmd.Env = append(os.Environ(), "PROW_TEST_HOOK="+dir, "PROW_TEST_FORGE="+w.Hub.API())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd}
	t.Cleanup(p.kill)
	w.Eventually("the server listens", func() bool {
		addr, err := os.ReadFile(ready)
		p.url = "http://" + string(addr)
		return err == nil
	})
	return p
}

func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

func (p *process) handled() int {
	resp, err := http.Get(p.url + "/handled")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	n := 0
	_, _ = fmt.Fscan(resp.Body, &n)
	return n
}

func serveUntilKilled(t *testing.T, dir string) {
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := github.New(github.Options{
		BaseURL: os.Getenv("PROW_TEST_FORGE"),
		Token:   func(context.Context) (string, error) { return world.Token(world.Bot), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	h := worker(t, db, f)
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("/handled", func(rw http.ResponseWriter, r *http.Request) {
		all, _ := db.Inbox.Deliveries(r.Context(), prow.DeliveryFilter{State: prow.DeliveryHandled, Limit: 1000})
		fmt.Fprint(rw, len(all))
	})
	l := listen(t, "127.0.0.1:0")
	go func() { _ = http.Serve(l, mux) }()
	part := filepath.Join(dir, "part")
	if err := os.WriteFile(part, []byte(l.Addr().String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part, filepath.Join(dir, "address")); err != nil {
		t.Fatal(err)
	}
	_ = h.Run(t.Context())
}
