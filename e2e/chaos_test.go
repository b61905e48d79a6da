//go:build chaos

package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
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

var (
	seed  = flag.Uint64("seed", 0, "repeats the order of events; 0 draws one")
	kills = flag.Int("kills", 100, "how often the server is killed")
)

const pulls = 20

// TestChaos sends hundreds of webhooks, doubled and shuffled, at a server whose
// forge fails, and kills it again and again. In the end everything has to be as if
// nothing had happened.
func TestChaos(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d; repeat with: make chaos ARGS='-seed %d'", s, s)
	c := newChaos(t, s)
	stop := c.torment()
	c.people()
	stop()
	c.settle()
	c.deliveries()
	c.jobs()
	c.merges()
	c.faces()
}

type chaos struct {
	seed  uint64
	t     *testing.T
	rnd   *rand.Rand // of the people; the killer and the forge have their own
	w     *world.World
	repo  prow.Repo
	data  string
	addr  string
	api   *client.Client
	tally *tally
	args  []string

	mu      sync.Mutex
	server  *proc
	pulls   []*subject
	manuals int // how often someone asked for the job `manual`
}

// subject is one pull request and what should become of it.
type subject struct {
	id     prow.IssueID
	branch string
	kind   int // by number: what happens to it
	merges bool
	held   bool
	fails  bool
}

const chaosConfig = `
prowjob_namespace: prow
plank:
  default_decoration_config_entries:
  - config:
      timeout: 1m
      grace_period: 1s
      gcs_configuration: {bucket: prow, path_strategy: explicit}
      utility_images: {clonerefs: p, initupload: p, entrypoint: p, sidecar: p}
tide:
  sync_period: 10s
  queries:
  - repos: [o/r]
    labels: [lgtm, approved]
    missingLabels: [do-not-merge/hold]
presubmits:
  o/r:
  - name: unit
    always_run: true
    decorate: true
    spec: {containers: [{image: busybox, command: [sh, -c, 'sleep 0.2; ls fail-* 2>/dev/null && exit 1; exit 0']}]}
  - name: manual
    optional: true
    decorate: true
    spec: {containers: [{image: busybox, command: [sh, -c, 'sleep 0.1']}]}
`

const chaosPlugins = `
plugins:
  o/r:
    plugins: [approve, assign, hold, label, lgtm, override, size, skip, trigger, wip]
approve:
- repos: [o/r]
  require_self_approval: true
`

func newChaos(t *testing.T, s uint64) *chaos {
	c := &chaos{seed: s, t: t, rnd: rand.New(rand.NewPCG(s, 1)), data: t.TempDir(), addr: freeAddr(t), tally: &tally{t: t, seen: map[string]bool{}}}
	c.w = world.New(t, func(o *world.Setup) { o.Seed = s },
		world.Faults(t, "* * 502 0.05", "* * delay=10s 0.01", "WEBHOOK * duplicate 0.1", "WEBHOOK * reorder 0.1"))
	c.w.Org("o", "alice", "bob", "carol")
	c.repo = c.w.Repo("o/r", map[string]string{"README.md": "chaos\n", "OWNERS": "approvers: [carol]\nreviewers: [bob]\n"})
	for login, p := range map[string]prow.Permission{"alice": "write", "bob": "write", "carol": "write"} {
		must0(t, c.w.Hub.AddCollaborator(t.Context(), c.repo, login, p))
	}
	c.tally.to = "http://" + c.addr + "/hook"
	proxy := httptest.NewServer(c.tally)
	t.Cleanup(proxy.Close)
	must0(t, c.w.Hub.SetHook(t.Context(), proxy.URL, hmacSecret))
	dir := t.TempDir()
	c.args = []string{
		"serve", "--addr", c.addr, "--data", c.data, "--runner", "process", "--log-level", "error",
		"--config-path", writeFile(t, filepath.Join(dir, "config.yaml"), chaosConfig),
		"--plugin-config", writeFile(t, filepath.Join(dir, "plugins.yaml"), chaosPlugins),
		"--github-token-path", writeFile(t, filepath.Join(dir, "token"), world.Token(world.Bot)),
		"--hmac-secret-file", writeFile(t, filepath.Join(dir, "hmac"), hmacSecret),
		"--github-endpoint", c.w.Hub.API(), "--github-graphql-endpoint", c.w.URL + "/graphql", "--github-host", c.w.URL,
	}
	c.api = &client.Client{URL: "http://" + c.addr}
	c.start()
	t.Cleanup(func() { c.server.kill() })
	return c
}

// tally stands between forge and server and writes down what the server has said
// that it accepted.
type tally struct {
	t    *testing.T
	to   string
	mu   sync.Mutex
	seen map[string]bool // by delivery
	sent int
}

func (y *tally) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, y.to, r.Body)
	if err != nil {
		y.t.Error(err)
		return
	}
	req.Header = r.Header.Clone()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		http.Error(w, "the server is gone", http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	y.mu.Lock()
	y.sent++
	if res.StatusCode == http.StatusOK {
		y.seen[r.Header.Get("X-GitHub-Delivery")] = true
	}
	y.mu.Unlock()
	w.WriteHeader(res.StatusCode)
}

func (c *chaos) start() {
	p := spawn(c.t, "http://"+c.addr, c.args...)
	p.ready(c.t)
	c.mu.Lock()
	c.server = p
	c.mu.Unlock()
}

// torment kills and starts the server until all kills are done and stop was
// called; stop returns when it has ended.
func (c *chaos) torment() (stop func()) {
	rnd := rand.New(rand.NewPCG(c.seed, 2))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range *kills {
			time.Sleep(time.Duration(20+rnd.IntN(700)) * time.Millisecond)
			c.server.kill()
			c.start()
		}
	}()
	return func() { <-done }
}

// people open pull requests, talk, review and push, each pull request by its own
// hand and all at once.
func (c *chaos) people() {
	for i := range pulls {
		s := &subject{kind: i % 5, branch: fmt.Sprint("topic-", i)}
		s.merges = s.kind == 0 || s.kind == 1 || s.kind == 3
		s.held, s.fails = s.kind == 2, s.kind == 4
		files := map[string]string{fmt.Sprintf("pr-%d.txt", i): "hello\n"}
		if s.kind == 1 || s.kind == 4 {
			files[fmt.Sprintf("fail-%d", i)] = "broken\n"
		}
		s.id = c.w.Pull(c.repo, "alice", s.branch, files)
		c.pulls = append(c.pulls, s)
	}
	var wg sync.WaitGroup
	for _, s := range c.pulls {
		r := rand.New(rand.NewPCG(c.rnd.Uint64(), 3))
		wg.Go(func() { c.live(s, r) })
	}
	wg.Wait()
}

// live is the life of one pull request.
func (c *chaos) live(s *subject, r *rand.Rand) {
	pause := func() { time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond) }
	say := func(who, what string) { c.w.Say(s.id, who, what); pause() }
	noise := []string{"nice work", "> /hold\nquoted, so no command", "```\n/hold\n```", "/label nonsense-that-does-not-exist-" + s.branch, "what about `/lgtm` here?"}
	pause()
	for range 3 + r.IntN(4) {
		switch r.IntN(4) {
		case 0:
			c.mu.Lock()
			c.manuals++
			c.mu.Unlock()
			say("alice", "/test manual")
		default:
			say("bob", noise[r.IntN(len(noise))])
		}
	}
	if s.kind == 1 {
		c.until(s, "unit fails", func() bool { return c.check(s, "unit") == prow.CheckFailure })
		_, err := c.w.Hub.Commit(c.t.Context(), prow.Repo{Owner: "alice", Name: "r"}, s.branch, "alice", "Mend it", map[string]string{"mended-" + s.branch: "x"}, fmt.Sprintf("fail-%d", s.id.Number-c.pulls[0].id.Number))
		if err != nil {
			c.t.Error(err)
		}
		pause()
	}
	if s.kind == 2 || s.kind == 3 {
		say("bob", "/hold")
		c.until(s, "it is held", func() bool { return c.label(s, prow.Hold) })
	}
	say("bob", "/lgtm")
	say("carol", "/approve")
	if s.kind == 3 {
		c.until(s, "it has both labels", func() bool { return c.label(s, prow.LGTM) && c.label(s, prow.Approved) })
		say("bob", "/hold cancel")
	}
}

// pull looks at a pull request through a forge that fails now and then.
func (c *chaos) pull(s *subject) *prow.Pull {
	p, err := c.w.Forge().Pull(c.t.Context(), s.id)
	if err != nil {
		return &prow.Pull{}
	}
	return p
}

func (c *chaos) label(s *subject, label string) bool { return c.pull(s).HasLabel(label) }

func (c *chaos) check(s *subject, name string) prow.CheckState {
	all, err := c.w.Forge().Checks(c.t.Context(), s.id.Repo, c.pull(s).HeadSHA)
	if err != nil {
		return ""
	}
	for _, k := range all {
		if k.Name == name {
			return k.State
		}
	}
	return ""
}

func (c *chaos) until(s *subject, what string, ok func() bool) {
	c.t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if ok() {
			return
		}
	}
	c.t.Errorf("%s: it never happened that %s; tide says: %s", s.id, what, c.why(s))
}

func (c *chaos) why(s *subject) string {
	y, err := c.api.Why(context.Background(), s.id)
	if err != nil {
		return err.Error()
	}
	return y.Text
}

// settle waits until nothing is left to do, with a forge that works again.
func (c *chaos) settle() {
	c.w.Hub.SetFaults()
	for _, s := range c.pulls {
		switch {
		case s.merges:
			c.until(s, "it is merged", func() bool { return c.pull(s).Merged })
		case s.fails:
			c.until(s, "unit has failed", func() bool { return c.check(s, "unit") == prow.CheckFailure })
		default:
			c.until(s, "unit has passed", func() bool { return c.check(s, "unit") == prow.CheckSuccess })
		}
	}
	await(c.t, 3*time.Minute, "no webhook waits", func() bool {
		for _, state := range []string{"waiting", "claimed"} {
			l, err := c.api.Deliveries(c.t.Context(), client.DeliveryFilter{State: state})
			if err != nil || len(l.Deliveries) > 0 {
				return false
			}
		}
		return true
	})
	await(c.t, 3*time.Minute, "no job is unfinished", func() bool {
		for _, j := range c.allJobs() {
			if !j.Complete() {
				return false
			}
		}
		return true
	})
	c.server.stop() // all that is still to be said is said after the next start, too
	c.start()
	time.Sleep(3 * time.Second)
}

// deliveries: what was accepted was handled, once and for all.
func (c *chaos) deliveries() {
	handled := map[string]bool{}
	f := client.DeliveryFilter{}
	for {
		l, err := c.api.Deliveries(c.t.Context(), f)
		must0(c.t, err)
		for _, d := range l.Deliveries {
			if d.State != prow.DeliveryHandled {
				c.t.Errorf("delivery %s (%s %s of %s) is %s: %s", d.ID, d.Event, d.Action, d.Where, d.State, d.Error)
			}
			handled[d.ID] = true
		}
		if l.Next == "" {
			break
		}
		f.Before = l.Next
	}
	c.tally.mu.Lock()
	defer c.tally.mu.Unlock()
	for id := range c.tally.seen {
		if !handled[id] {
			c.t.Errorf("delivery %s was answered with 200 and is lost", id)
		}
	}
	c.t.Logf("%d webhooks sent, %d different ones accepted, %d handled, %d kills", c.tally.sent, len(c.tally.seen), len(handled), *kills)
	if len(handled) < 500 {
		c.t.Errorf("only %d webhooks: the story is too short to prove anything", len(handled))
	}
}

func (c *chaos) allJobs() []*prow.Job {
	var out []*prow.Job
	f := client.Filter{Limit: 100}
	for {
		l, err := c.api.Jobs(c.t.Context(), f)
		if err != nil {
			return []*prow.Job{{}} // not to be mistaken for "all are done"
		}
		for _, row := range l.Jobs {
			j, err := c.api.Job(c.t.Context(), row.ID)
			if err != nil {
				return []*prow.Job{{}}
			}
			out = append(out, j)
		}
		if l.Next == "" {
			return out
		}
		f.Before = l.Next
	}
}

// jobs: every wanted job is there once and ran once.
func (c *chaos) jobs() {
	all := c.allJobs()
	manual, builds := 0, 0
	caused := map[string]string{}
	for _, j := range all {
		switch j.Status.State {
		case prow.Success, prow.Failure, prow.Aborted:
		default:
			c.t.Errorf("%s of %s is %s: %s", j.Spec.Job, j.Spec.Refs, j.Status.State, j.Status.Description)
		}
		if j.Spec.Job == "manual" {
			manual++
		}
		if j.Status.BuildID != "" {
			builds += 1 + j.Status.PodRevivals
		}
		if guid := j.Labels[prow.LabelEventGUID]; guid != "" {
			key := guid + " " + j.Spec.Job
			if other := caused[key]; other != "" {
				c.t.Errorf("delivery %s started %s twice: %s and %s", guid, j.Spec.Job, other, j.Name)
			}
			caused[key] = j.Name
		}
	}
	if manual != c.manuals {
		c.t.Errorf("`/test manual` was said %d times, and started %d jobs", c.manuals, manual)
	}
	dirs := 0
	root := filepath.Join(c.data, "artifacts")
	must0(c.t, filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == prow.FinishedFile {
			dirs++
		}
		return err
	}))
	if dirs > builds {
		c.t.Errorf("%d runs left files, but only %d were started", dirs, builds)
	}
	c.t.Logf("%d jobs, %d runs", len(all), dirs)
}

// merges: what should merge is merged, at a commit and on a base that were tested
// together; nothing else is.
func (c *chaos) merges() {
	jobs := c.allJobs()
	for _, s := range c.pulls {
		p := c.pull(s)
		if p.Merged != s.merges {
			c.t.Errorf("%s: merged is %v, want %v; tide says: %s", s.id, p.Merged, s.merges, c.why(s))
		}
		if p.Merged && !c.tested(p, jobs) {
			c.t.Errorf("%s was merged as %s, but its head %s was not tested on that base", s.id, p.MergeSHA, p.HeadSHA)
		}
	}
}

// tested reports whether unit passed for p on the commit that p was merged onto,
// alone or with what was merged just before it.
func (c *chaos) tested(p *prow.Pull, jobs []*prow.Job) bool {
	repo := filepath.Join(c.data, "git", "o", "r.git")
	return slices.ContainsFunc(jobs, func(j *prow.Job) bool {
		if j.Spec.Job != "unit" || j.Status.State != prow.Success {
			return false
		}
		i := slices.IndexFunc(j.Spec.Refs.Pulls, func(r prow.PullRef) bool { return r.Number == p.ID.Number && r.SHA == p.HeadSHA })
		if i < 0 {
			return false
		}
		// The merge commit's first parent is the tested base, after the members
		// of the batch that were merged before.
		parents, err := run(c.t.Context(), "", "git", "--git-dir", repo, "rev-list", "--first-parent", p.MergeSHA+"^1", "^"+j.Spec.Refs.BaseSHA)
		if err != nil {
			if _, err := run(c.t.Context(), "", "git", "--git-dir", repo, "fetch", "-q", c.w.Hub.CloneURL(c.repo), "main"); err != nil {
				c.t.Error(err)
			}
			parents, err = run(c.t.Context(), "", "git", "--git-dir", repo, "rev-list", "--first-parent", p.MergeSHA+"^1", "^"+j.Spec.Refs.BaseSHA)
			must0(c.t, err)
		}
		return len(strings.Fields(parents)) < len(j.Spec.Refs.Pulls)
	})
}

// faces: what people see on the forge is right, and there once.
func (c *chaos) faces() {
	for _, s := range c.pulls {
		p := c.pull(s)
		want := []string{"approved", "lgtm", "size/XS"}
		if s.held {
			want = append(want, prow.Hold)
		}
		got := slices.Sorted(slices.Values(p.Labels))
		slices.Sort(want)
		if !slices.Equal(got, want) {
			c.t.Errorf("%s: labels %v, want %v", s.id, got, want)
		}
		comments, err := c.w.Forge().Comments(c.t.Context(), s.id)
		must0(c.t, err)
		c.comments(s, comments)
		checks, err := c.w.Forge().Checks(c.t.Context(), s.id.Repo, p.HeadSHA)
		must0(c.t, err)
		for _, k := range checks {
			if k.State == prow.CheckPending && !(k.Name == "tide" && !s.merges) {
				c.t.Errorf("%s: check %s is left pending: %s", s.id, k.Name, k.Plain())
			}
		}
	}
}

func (c *chaos) comments(s *subject, comments []prow.Comment) {
	bodies := map[string]int{}
	reports, notices := 0, 0
	for _, m := range comments {
		if m.Author != world.Bot {
			continue
		}
		bodies[m.Body]++
		if strings.Contains(m.Body, "<!-- test report -->") {
			reports++
		}
		if strings.HasPrefix(m.Body, "[APPROVALNOTIFIER]") {
			notices++
		}
	}
	for b, n := range bodies {
		if n > 1 {
			c.t.Errorf("%s: said %d times: %q", s.id, n, b)
		}
	}
	if wantReports := map[bool]int{true: 1, false: 0}[s.fails]; reports != wantReports {
		c.t.Errorf("%s: %d comments report failed tests, want %d", s.id, reports, wantReports)
	}
	if notices != 1 {
		c.t.Errorf("%s: %d approval notices, want 1", s.id, notices)
	}
}
