//go:build acceptance

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/client"
	"github.com/prow-ci/prow/prowtest/world"
)

// rack is a server of its own on a world of its own.
type rack struct {
	t    *testing.T
	w    *world.World
	repo prow.Repo
	p    *proc
	api  *client.Client
	dir  string // of the configuration
	data string

	mu   sync.Mutex
	seen map[string][]byte // the last webhook of each kind
}

const rackConfig = `
prowjob_namespace: prow
plank:
  default_decoration_config_entries:
  - config:
      timeout: 1m
      grace_period: 1s
      gcs_configuration: {bucket: prow, path_strategy: explicit}
      utility_images: {clonerefs: p, initupload: p, entrypoint: p, sidecar: p}
`

// unit is a job that passes.
const unit = `
presubmits:
  o/r:
  - name: unit
    always_run: true
    decorate: true
    spec: {containers: [{image: busybox, command: ["true"]}]}
`

const rackPlugins = "plugins:\n  o/r:\n    plugins: [hold, label, lgtm, size, trigger, wip]\n"

// newRack starts a world with the repository o/r of alice and bob, and a server that
// serves it. data is the server's folder, "" for a new one.
func newRack(t *testing.T, config, data string, options ...world.Option) *rack {
	r := &rack{t: t, w: world.New(t, options...), dir: t.TempDir(), data: data, seen: map[string][]byte{}}
	if r.data == "" {
		r.data = t.TempDir()
	}
	r.w.Org("o", "alice", "bob")
	r.repo = r.w.Repo("o/r", map[string]string{"README.md": "torture\n"})
	for _, login := range []string{"alice", "bob"} {
		must0(t, r.w.Hub.AddCollaborator(t.Context(), r.repo, login, "write"))
	}
	addr := freeAddr(t)
	relay := httptest.NewServer(r.relay("http://" + addr + "/hook"))
	t.Cleanup(relay.Close)
	must0(t, r.w.Hub.SetHook(t.Context(), relay.URL, hmacSecret))
	r.p = spawn(t, "http://"+addr, "serve", "--addr", addr, "--data", r.data, "--runner", "process", "--log-level", "warn",
		"--config-path", writeFile(t, filepath.Join(r.dir, "config.yaml"), config),
		"--plugin-config", writeFile(t, filepath.Join(r.dir, "plugins.yaml"), rackPlugins),
		"--github-token-path", writeFile(t, filepath.Join(r.dir, "token"), world.Token(world.Bot)),
		"--hmac-secret-file", writeFile(t, filepath.Join(r.dir, "hmac"), hmacSecret),
		"--github-endpoint", r.w.Hub.API(), "--github-graphql-endpoint", r.w.URL+"/graphql", "--github-host", r.w.URL)
	t.Cleanup(func() {
		r.p.stop()
		// Runs outlive their server, until the next one; here there is none.
		await(t, 20*time.Second, "the last run has ended", func() bool { return processes(t, "run-folder", r.data) == 0 })
		if t.Failed() {
			t.Logf("the server said:\n%.4000s", r.p.log)
		}
	})
	r.p.ready(t)
	r.api = &client.Client{URL: r.p.url}
	return r
}

// relay hands webhooks on and keeps the last one of each kind.
func (r *rack) relay(to string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		if err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		r.seen[in.Header.Get("X-GitHub-Event")] = body
		r.mu.Unlock()
		out, err := http.NewRequestWithContext(in.Context(), http.MethodPost, to, bytes.NewReader(body))
		if err != nil {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		out.Header = in.Header.Clone()
		res, err := http.DefaultClient.Do(out)
		if err != nil {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		rw.WriteHeader(res.StatusCode)
	})
}

// until waits as long as a slow machine may need.
func (r *rack) until(what string, ok func() bool) {
	r.t.Helper()
	await(r.t, 80*time.Second, what, ok)
}

// job waits until the newest run of a job has ended.
func (r *rack) job(name string) client.Job {
	r.t.Helper()
	var got client.Job
	r.until(name+" ends", func() bool {
		l, err := r.api.Jobs(r.t.Context(), client.Filter{Job: name})
		if err != nil || len(l.Jobs) == 0 {
			return false
		}
		got = l.Jobs[0]
		return got.Done()
	})
	return got
}

// runs counts the runs of a job.
func (r *rack) runs(name string) int {
	r.t.Helper()
	l, err := r.api.Jobs(r.t.Context(), client.Filter{Job: name})
	must0(r.t, err)
	return l.Total
}

// handled waits until a delivery is settled and returns it.
func (r *rack) handled(id string) *client.DeliveryDetail {
	r.t.Helper()
	var got *client.DeliveryDetail
	r.until("delivery "+id+" is settled", func() bool {
		d, err := r.api.Delivery(r.t.Context(), id)
		got = d
		return err == nil && (d.Delivery.State == prow.DeliveryHandled || d.Delivery.State == prow.DeliveryDead)
	})
	return got
}

// check waits for a check of the head of a pull request to have ended.
func (r *rack) check(id prow.IssueID, name string) prow.Check {
	r.t.Helper()
	var got prow.Check
	r.until(name+" is reported", func() bool {
		p, err := r.w.Forge().Pull(r.t.Context(), id)
		if err != nil {
			return false
		}
		all, err := r.w.Forge().Checks(r.t.Context(), id.Repo, p.HeadSHA)
		for _, c := range all {
			if c.Name == name && c.State != prow.CheckPending {
				got = c
				return err == nil
			}
		}
		return false
	})
	return got
}

// works sees that the server goes on: someone says /hold, and it is held.
func (r *rack) works(id prow.IssueID) {
	r.t.Helper()
	r.w.Say(id, "bob", "/hold")
	r.until("the hold is there", func() bool { return r.w.PullNow(id).HasLabel(prow.Hold) })
}

// comment is the webhook of a comment on a pull request with another text in it.
func (r *rack) comment(id prow.IssueID, text string) []byte {
	r.t.Helper()
	r.w.Say(id, "alice", "the pattern")
	var body []byte
	r.until("the webhook of a comment comes", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		body = r.seen["issue_comment"]
		return body != nil
	})
	var v map[string]any
	must0(r.t, json.Unmarshal(body, &v))
	v["comment"].(map[string]any)["body"] = text
	out, err := json.Marshal(v)
	must0(r.t, err)
	return out
}

// send delivers a signed webhook.
func (r *rack) send(id, event string, body []byte) {
	r.t.Helper()
	must0(r.t, post(r.t.Context(), http.DefaultClient, r.p.url+"/hook", id, event, body))
}

// memory is the most that the server and what it started had in memory, each.
func memory(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0 // it has ended
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	return 0
}

// Whatever comes instead of a webhook is refused with the right status and handled
// by nobody, and the next good one is handled.
func TestBadWebhooks(t *testing.T) {
	t.Parallel()
	r := newRack(t, rackConfig+unit, "")
	good := []byte(`{"zen":"Keep it logically awesome.","hook_id":1}`)
	large := bytes.Repeat([]byte(" "), 25<<20+1)
	copy(large, good)
	type request struct {
		method string
		body   []byte
		head   map[string]string
		stream bool // without a length
	}
	for name, x := range map[string]struct {
		request
		code int
		says string
	}{
		"unsigned":            {request{body: good, head: map[string]string{"X-Hub-Signature-256": ""}}, 403, "Missing X-Hub-Signature-256"},
		"wrongly signed":      {request{body: good, head: map[string]string{"X-Hub-Signature-256": sign([]byte("another"))}}, 403, "X-Hub-Signature-256 does not fit the payload"},
		"signed with SHA-1":   {request{body: good, head: map[string]string{"X-Hub-Signature-256": "", "X-Hub-Signature": "sha1=0123"}}, 403, "Missing X-Hub-Signature-256"},
		"signature cut short": {request{body: good, head: map[string]string{"X-Hub-Signature-256": sign(good)[:20]}}, 403, "X-Hub-Signature-256 does not fit the payload"},
		"too large":           {request{body: large}, 413, "larger than 25 MiB"},
		"too large, streamed": {request{body: large, stream: true}, 413, "larger than 25 MiB"},
		"cut off":             {request{body: good[:len(good)-5]}, 403, "not JSON"},
		"not JSON":            {request{body: []byte("<html>hello</html>")}, 403, "not JSON"},
		"nothing":             {request{body: []byte{}}, 403, "not JSON"},
		"a form":              {request{body: good, head: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 400, "application/json"},
		"no event":            {request{body: good, head: map[string]string{"X-GitHub-Event": ""}}, 400, "the header X-GitHub-Event is missing"},
		"no id":               {request{body: good, head: map[string]string{"X-GitHub-Delivery": ""}}, 400, "the header X-GitHub-Delivery is missing"},
		"endless id":          {request{body: good, head: map[string]string{"X-GitHub-Delivery": strings.Repeat("x", 5000)}}, 400, "longer than 200"},
		"a GET":               {request{method: http.MethodGet, body: good}, 405, "webhooks come by POST"},
	} {
		var body io.Reader = bytes.NewReader(x.body)
		if x.stream {
			body = io.MultiReader(body)
		}
		if x.method == "" {
			x.method = http.MethodPost
		}
		req, err := http.NewRequestWithContext(t.Context(), x.method, r.p.url+"/hook", body)
		must0(t, err)
		for k, v := range map[string]string{
			"X-GitHub-Event": "ping", "X-GitHub-Delivery": "bad-" + strings.ReplaceAll(name, " ", "-"),
			"X-Hub-Signature-256": sign(x.body), "Content-Type": "application/json",
		} {
			req.Header.Set(k, v)
		}
		for k, v := range x.head {
			if req.Header.Set(k, v); v == "" {
				req.Header.Del(k)
			}
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != x.code || !strings.Contains(string(text), x.says) {
			t.Errorf("%s: %s: %.200s; want %d with %q", name, res.Status, text, x.code, x.says)
		}
	}
	r.breakOff(good)
	if l, err := r.api.Deliveries(t.Context(), client.DeliveryFilter{}); err != nil || len(l.Deliveries) != 0 {
		t.Errorf("deliveries = %+v, %v; want none", l, err)
	}

	r.send("unknown-1", "comet_sighted", []byte(`{"action":"seen","repository":{"full_name":"o/r","name":"r","owner":{"login":"o"}},"comet":[1,2,{"x":null}]}`))
	r.send("odd-1", "issue_comment", []byte(`{"action":42,"comment":"not an object","issue":[]}`))
	r.send("odd-2", "pull_request", []byte(`[]`))
	if d := r.handled("unknown-1"); d.Delivery.State != prow.DeliveryHandled || len(d.Delivery.Did) != 0 {
		t.Errorf("the unknown event: %+v", d)
	}
	for _, id := range []string{"odd-1", "odd-2"} {
		if d := r.handled(id); len(d.Delivery.Did) != 0 {
			t.Errorf("%s: %+v", id, d.Delivery)
		}
	}
	r.works(r.w.Pull(r.repo, "alice", "topic", map[string]string{"a": "a\n"}))
	if m := memory(t, r.p.cmd.Process.Pid); m > 300<<20 {
		t.Errorf("the server took %d MB", m>>20)
	}
}

// breakOff begins a webhook and goes away in the midst of it.
func (r *rack) breakOff(body []byte) {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.p.url, "http://"))
	must0(r.t, err)
	defer c.Close()
	fmt.Fprintf(c, "POST /hook HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: ping\r\nX-GitHub-Delivery: broken-off\r\nX-Hub-Signature-256: %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", sign(body), len(body)+100, body)
	must0(r.t, c.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(c)
	must0(r.t, err)
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 500")) {
		r.t.Errorf("broken off: %.100q", answer)
	}
}

// A comment larger than any forge permits is read as far as anyone may write, and
// ten thousand commands are one wish.
func TestHugeComments(t *testing.T) {
	t.Parallel()
	r := newRack(t, rackConfig+strings.Replace(unit, "always_run: true", "optional: true", 1), "")
	id := r.w.Pull(r.repo, "alice", "topic", map[string]string{"a": "a\n"})

	text := "/hold\n" + strings.Repeat("All work and no play makes Jack a dull boy. ", 2<<20/44) + "\n/label absurd\n"
	r.send("two-megabytes", "issue_comment", r.comment(id, text))
	if d := r.handled("two-megabytes"); d.Delivery.State != prow.DeliveryHandled {
		t.Errorf("2 MB: %+v", d.Delivery)
	}
	r.until("the hold is there", func() bool { return r.w.PullNow(id).HasLabel(prow.Hold) })

	r.send("same-command", "issue_comment", r.comment(id, strings.Repeat("/test unit\n", 10_000)))
	if d := r.handled("same-command"); d.Delivery.State != prow.DeliveryHandled {
		t.Errorf("10,000 times /test: %+v", d.Delivery)
	}
	if j := r.job("unit"); j.State != prow.Success || r.runs("unit") != 1 {
		t.Errorf("%d runs of unit, the last is %+v; want one", r.runs("unit"), j)
	}

	var wishes strings.Builder
	wishes.WriteString("/hold cancel\n")
	for i := range 10_000 {
		fmt.Fprintf(&wishes, "/label absurd-%d\n/test no-such-job-%d\n", i, i)
	}
	before := len(r.comments(id))
	r.send("many-commands", "issue_comment", r.comment(id, wishes.String()))
	if d := r.handled("many-commands"); d.Delivery.State != prow.DeliveryHandled {
		t.Errorf("20,000 different commands: %+v", d.Delivery)
	}
	r.until("the hold is gone", func() bool { return !r.w.PullNow(id).HasLabel(prow.Hold) })
	after := r.comments(id)
	if n := len(after) - before; n > 4 {
		t.Errorf("20,000 refused commands were answered with %d comments", n)
	}
	for _, c := range after {
		if len(c.Body) > 65536 {
			t.Errorf("an answer of %d bytes", len(c.Body))
		}
	}
	if n := r.runs(""); n != 1 {
		t.Errorf("%d runs in all", n)
	}
	if m := memory(t, r.p.cmd.Process.Pid); m > 300<<20 {
		t.Errorf("the server took %d MB", m>>20)
	}
}

func (r *rack) comments(id prow.IssueID) []prow.Comment {
	r.t.Helper()
	all, err := r.w.Forge().Comments(r.t.Context(), id)
	must0(r.t, err)
	return all
}

// Names that attack a shell, a page or a terminal are text everywhere.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	const (
		html   = `<script>alert(1)</script>`
		img    = `"><img src=x onerror=alert(2)>`
		escape = "\x1b]0;owned\x07\x1b[31mred\x1b[2J"
	)
	r := newRack(t, rackConfig+`
presubmits:
  o/r:
  - name: unit
    always_run: true
    decorate: true
    context: 'ci/<script>alert(1)</script>'
    spec: {containers: [{image: busybox, command: [sh, -c, 'echo "ref=$PULL_HEAD_REF"; echo "title=$PULL_TITLE"; ls; touch "$ARTIFACTS/<script>alert(1)<-script>"; printf ''\033]0;owned\007<script>alert(1)</script>\n''; find . "$HOME" "$ARTIFACTS" -name pwned -exec echo RAN {} ";"; exit 1']}]}
`, "")
	branch := "$(touch${IFS}pwned);`touch${IFS}pwned`&&'" + `"><script>alert(1)<` + "/script>|"
	file := "-rf $(touch pwned);" + html[:8] + escape + "'\".txt"
	files := map[string]string{file: "x\n", `<img src=x onerror=alert(2)>/OWNERS`: "approvers: [bob]\n"}
	fork, err := r.w.Hub.Fork(t.Context(), r.repo, "alice")
	must0(t, err)
	r.w.Commit(fork, branch, "alice", files)
	id, err := r.w.Hub.OpenPull(t.Context(), "alice", prow.NewPull{Repo: r.repo, Head: "alice:" + branch, Base: "main", Title: html + img + escape + "$(touch pwned)", Body: html + escape})
	must0(t, err)
	must0(t, r.w.Hub.AddLabels(t.Context(), r.repo, img))
	must0(t, r.w.Hub.Label(t.Context(), id, "bob", img))
	r.w.Say(id, "bob", "/label "+html+escape+"\n/test "+html+escape+"\n/hold "+img)
	j := r.job("unit")
	if j.State != prow.Failure {
		t.Errorf("unit: %+v", j)
	}
	log, err := r.api.Log(t.Context(), j.ID, "", 0, true)
	must0(t, err)
	text, err := io.ReadAll(log)
	must0(t, err)
	log.Close()
	if !strings.Contains(string(text), "title="+html) || !strings.Contains(string(text), "ref="+branch) {
		t.Errorf("the log does not tell the names as they are: %q", text)
	}

	// What the forge would not let in may come by a webhook all the same.
	odd, err := json.Marshal(map[string]any{
		"action": html + escape, "sender": map[string]any{"login": html + escape},
		"comment":    map[string]any{"id": 1, "body": "/hold", "user": map[string]any{"login": img + escape}},
		"issue":      map[string]any{"number": 7, "title": img, "user": map[string]any{"login": img}},
		"repository": map[string]any{"name": "r", "full_name": "o/r", "owner": map[string]any{"login": "o"}},
	})
	must0(t, err)
	r.send("odd-"+html, "issue_comment", odd)
	r.send("odd-event", "ev<script>alert(1)</script>", odd)
	r.handled("odd-event")

	pages := []string{
		"/", "/?me=" + "%3Cscript%3Ealert(1)%3C/script%3E", "/jobs", "/jobs?job=%3Cscript%3Ealert(1)%3C/script%3E&repo=%22%3E%3Cimg%20src=x%3E", "/run/" + j.ID,
		"/pr/o/r/" + fmt.Sprint(id.Number), "/tide", "/tide/o/r/main", "/repo/o/r", "/job/unit", "/commands", "/plugins?repo=o/r", "/deliveries",
		"/delivery/odd-event", "/system", "/no/such/%3Cscript%3Ealert(1)%3C/script%3E", "/go?q=%3Cscript%3Ealert(1)%3C/script%3E",
	}
	for _, page := range pages {
		res, err := http.Get(r.p.url + page)
		must0(t, err)
		b, err := io.ReadAll(res.Body)
		must0(t, err)
		res.Body.Close()
		for _, bad := range []string{"<script>alert", "<img src=x"} {
			if i := strings.Index(string(b), bad); i >= 0 {
				t.Errorf("%s has %q: …%q…", page, bad, b[max(0, i-80):min(len(b), i+80)])
			}
		}
		if res.StatusCode >= 500 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %s, %s", page, res.Status, res.Header.Get("Content-Type"))
		}
	}
	for _, args := range [][]string{{"jobs"}, {"jobs", "--json"}, {"deliveries"}, {"deliveries", "--json"}, {"why", id.String()}, {"why", id.String(), "--json"}, {"jobs", "--job", html + escape}, {"rerun", html + escape}} {
		out, _ := run(t.Context(), "", binary(t), append(args, "--server", r.p.url)...)
		if strings.ContainsAny(out, "\x1b\x07") {
			t.Errorf("prow %q: %q", args, out)
		}
	}
	if strings.Contains(string(text), "RAN") {
		t.Errorf("a name was run as a command: %q", text)
	}
	r.works(id)
}

// jobWith is a presubmit whose test is a script of a shell.
func jobWith(name, script, more string) string {
	quoted, _ := json.Marshal(script)
	return fmt.Sprintf("  - name: %s\n    always_run: true\n    decorate: true\n%s    spec: {containers: [{image: busybox, command: [bash, -c, %s]}]}\n", name, more, quoted)
}

// Jobs that behave as badly as they can end in the right state with a sentence, and
// the server stays small and answers.
func TestUnrulyJobs(t *testing.T) {
	t.Parallel()
	mark := fmt.Sprintf("4%d", time.Now().UnixNano()%1e9)
	r := newRack(t, rackConfig+"presubmits:\n  o/r:\n"+
		jobWith("flood", "yes 'a line of a hundred bytes or so, again and again, until two hundred million of them are written' | head -c 200000000; echo; echo the end", "")+
		jobWith("longline", "head -c 50000000 /dev/zero | tr '\\0' x; echo; echo the end", "")+
		jobWith("daemon", "for i in 1 2 3; do setsid nohup sleep "+mark+" & done; (setsid sh -c 'trap \"\" TERM HUP; sleep "+mark+"; :' &) ; echo left; exit 0", "")+
		jobWith("stubborn", "trap '' TERM INT HUP; echo no; while :; do sleep 0.2; done", "    decoration_config: {timeout: 1s, grace_period: 500ms}\n"), "")
	watch := r.watchMemory()
	id := r.w.Pull(r.repo, "alice", "topic", map[string]string{"a": "a\n"})
	for name, x := range map[string]struct {
		state prow.State
		check prow.CheckState
		why   string
	}{
		"flood":    {prow.Success, prow.CheckSuccess, ""},
		"longline": {prow.Success, prow.CheckSuccess, ""},
		"daemon":   {prow.Success, prow.CheckSuccess, ""},
		"stubborn": {prow.Failure, prow.CheckFailure, "time limit"},
	} {
		j := r.job(name)
		if j.State != x.state || !strings.Contains(j.Why, x.why) {
			t.Errorf("%s: %s: %q; want %s", name, j.State, j.Why, x.state)
		}
		s, err := r.api.Run(t.Context(), j.ID)
		if err != nil || s.Sentence == "" {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		if c := r.check(id, name); c.State != x.check || c.Text == "" {
			t.Errorf("%s: check %+v", name, c)
		}
		for _, page := range []string{"/run/" + j.ID, "/run/" + j.ID + "/log", "/api/v1/runs/" + j.ID + "/lines?from=-20", "/api/v1/runs/" + j.ID + "/search?q=end"} {
			if n := len(get(t, r.p.url+page)); n > 4<<20 {
				t.Errorf("%s of %s has %d MB", page, name, n>>20)
			}
		}
		if n := r.logSize(j.ID); name == "flood" && n < 200e6 || name == "longline" && n < 50e6 {
			t.Errorf("%s: the log has %d bytes", name, n)
		}
	}
	r.until("no daemon lives on after its job", func() bool { return processes(t, mark) == 0 })
	r.works(id)
	server, run := watch()
	t.Logf("the most memory: server %d MB, a run's supervisor %d MB", server>>20, run>>20)
	if server > 250<<20 || run > 250<<20 {
		t.Errorf("the server took %d MB, a run's supervisor %d MB; want under 250 each", server>>20, run>>20)
	}
}

// logSize reads the whole log and counts.
func (r *rack) logSize(id string) int64 {
	r.t.Helper()
	log, err := r.api.Log(r.t.Context(), id, "", 0, false)
	must0(r.t, err)
	defer log.Close()
	n, err := io.Copy(io.Discard, log)
	must0(r.t, err)
	return n
}

// processes counts those whose command line has all of words.
func processes(t *testing.T, words ...string) int {
	t.Helper()
	n := 0
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must0(t, err)
	for _, name := range all {
		b, err := os.ReadFile(name)
		if err == nil && len(b) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !bytes.Contains(b, []byte(w)) }) {
			n++
		}
	}
	return n
}

// watchMemory looks at the server and at what it started until it is asked for the
// most memory that each took.
func (r *rack) watchMemory() func() (server, run int64) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	var most int64
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, name := range all {
				b, err := os.ReadFile(name)
				var pid int
				if _, scanned := fmt.Sscanf(name, "/proc/%d/", &pid); err == nil && scanned == nil && bytes.Contains(b, []byte("\x00run-folder\x00")) && bytes.Contains(b, []byte(r.data)) {
					most = max(most, memory(r.t, pid))
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() (int64, int64) {
		cancel()
		<-done
		return memory(r.t, r.p.cmd.Process.Pid), most
	}
}
