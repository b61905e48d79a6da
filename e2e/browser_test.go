//go:build acceptance

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// trialTown is a `prow try` that has told its own story, with one window on the forge
// and one on Prow's pages.
type trialTown struct {
	t           *testing.T
	forge, prow string // addresses
	dir         string
	repo        string
	clone       string // alice's
	hub, deck   *window
}

func newTrialTown(t *testing.T) *trialTown {
	t.Helper()
	pages, forge := freeAddr(t), freeAddr(t)
	s := &trialTown{t: t, prow: "http://" + pages, forge: "http://" + forge, dir: t.TempDir(), repo: "greeters/greet"}
	p := spawn(t, s.prow, "try", "--runner", "process", "--json", "--data", s.dir, "--addr", pages, "--forge-addr", forge)
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("prow said: %s", p.log)
		}
	})
	p.ready(t)
	await(t, time.Minute, "the trial's own story ends", func() bool {
		select {
		case <-p.done:
			t.Fatalf("prow ended: %s", p.log)
		default:
		}
		return strings.Contains(p.log.String(), `"step":"postsubmit"`)
	})
	s.hub, s.deck = newWindow(t), newWindow(t)
	return s
}

// slowJob prints until the repository has the branch that ends it. It asks the forge,
// as a file of this test may be out of a job's sight.
const slowJob = `- name: end-to-end
  always_run: true
  decorate: true
  spec:
    containers:
    - image: docker.io/library/busybox:1.37
      command: [sh, -c]
      args:
      - |
        n=0
        until git ls-remote --exit-code %s/greeters/greet.git refs/heads/all-came >/dev/null 2>&1; do
          n=$((n + 1))
          echo "guest $n is greeted"
          sleep 0.2
        done
        echo "everybody is greeted"
postsubmits:
`

// git does what alice would do in her clone.
func (s *trialTown) git(args ...string) {
	s.t.Helper()
	if out, err := run(s.t.Context(), s.clone, "git", args...); err != nil {
		s.t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
}

// push makes a branch as alice would: a change, and a job that tests it.
func (s *trialTown) push(branch string) {
	s.t.Helper()
	var keys struct {
		Tokens map[string]string `json:"tokens"`
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "keys.json"))
	must0(s.t, err)
	must0(s.t, json.Unmarshal(b, &keys))
	clone := filepath.Join(s.t.TempDir(), "greet")
	s.git("clone", "--quiet", strings.Replace(s.forge, "://", "://alice:"+keys.Tokens["alice"]+"@", 1)+"/"+s.repo+".git", clone)
	s.clone = clone
	s.git("switch", "--quiet", "-c", branch)
	jobs, err := os.ReadFile(filepath.Join(clone, ".prow.yaml"))
	must0(s.t, err)
	writeFile(s.t, filepath.Join(clone, ".prow.yaml"), strings.Replace(string(jobs), "postsubmits:\n", fmt.Sprintf(slowJob, s.forge), 1))
	writeFile(s.t, filepath.Join(clone, "README.md"), "# greet\n\n`sh greet.sh NAME` greets everybody, one after the other.\n")
	s.git("-c", "user.name=Alice", "-c", "user.email=alice@example.com", "commit", "--quiet", "-a", "-m", "Greet guests one by one")
	s.git("push", "--quiet", "origin", branch)
}

// as makes the forge's window act as a person.
func (s *trialTown) as(login string) {
	s.t.Helper()
	look[bool](s.hub, fmt.Sprintf(`window.before = true; document.querySelector('#login').value = %q; true`, login))
	s.hub.click(`form.act button`)
	s.hub.until("the page is "+login+"'s", fmt.Sprintf(`!window.before && document.querySelector('#login').value === %q`, login))
}

// say comments on the pull request that the forge's window shows.
func (s *trialTown) say(login, text string) {
	s.t.Helper()
	s.as(login)
	s.hub.write(`#body`, text)
	s.hub.click(`form[action$="/comment"] button.main`)
	s.hub.until("the comment is there", fmt.Sprintf(`[...document.querySelectorAll('li.said')].some(l => l.querySelector('header').innerText.includes(%q) && l.innerText.includes(%q))`, login, text))
}

// A person pushes a branch, opens a pull request in the browser, and sees it through
// to the merge: on the forge's pages, and on Prow's, which change by themselves.
//
// PICTURE=../docs/pull-request.png makes the picture of the README, and
// PICTURES=DIR one of every page that is passed.
func TestAPersonInABrowser(t *testing.T) {
	s := newTrialTown(t)
	s.push("one-by-one")
	pull := s.openPull("one-by-one")
	s.reviewed(pull)
	s.followed()
	s.mergedBy("carol", pull)
	s.everyPage(pull)
	s.hub.silent()
	s.deck.silent()
}

// openPull opens a pull request by the forge's form, and waits for its checks.
func (s *trialTown) openPull(branch string) string {
	s.t.Helper()
	s.hub.open(s.forge + "/" + s.repo + "/compare/" + branch)
	s.as("alice")
	s.hub.write(`#title`, "Greet guests one by one")
	s.hub.write(`textarea#body`, "So that nobody is forgotten.")
	s.hub.click(`form[action$="/pulls"] button.main`)
	s.hub.until("the pull request is open", `location.pathname.includes('/pull/')`)
	s.hub.until("its checks are there", `['unit', 'integration', 'docs', 'end-to-end'].every(n => [...document.querySelectorAll('#checks strong')].some(e => e.innerText === n))`)
	s.hub.picture("checks")
	return look[string](s.hub, `location.pathname.split('/').pop()`)
}

// item is one line of the checklist on the page of a pull request.
func item(class, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('#checklist li.%s')].some(l => l.innerText.includes(%q))`, class, text)
}

// row is the line of a job there.
func row(job, word string) string {
	return fmt.Sprintf(`document.getElementById('a-presubmit-%s').innerText.includes(%q)`, job, word)
}

// reviewed watches the checklist while bob says /lgtm.
func (s *trialTown) reviewed(pull string) {
	s.t.Helper()
	s.deck.open(s.prow + "/pr/" + s.repo + "/" + pull)
	s.deck.until("the jobs are there", row("unit", "passed")+" && "+row("integration", "passed")+" && "+row("docs", "passed")+" && "+row("end-to-end", "running"))
	s.deck.until("both labels are missing", item("unmet", "lgtm")+" && "+item("unmet", "approved"))
	look[bool](s.deck, `window.kept = document.querySelector('#checklist'); true`)
	s.say("bob", "/lgtm")
	s.deck.until("lgtm is done, and the page is the same", `kept.isConnected && `+item("met", "lgtm")+" && "+item("unmet", "approved"))
	s.deck.until("the story tells of it", `document.getElementById('timeline').innerText.includes('/lgtm')`)
	s.deck.picture("1280")
	s.deck.fits(360)
	s.deck.key("j")
	s.deck.key("j")
	s.deck.key("k")
	s.deck.until("j and k mark a row", `document.querySelectorAll('.row.cur').length === 1 && document.activeElement.matches('.row.cur a.open')`)
}

// followed watches the slow job's log, aborts it, starts it again, and lets it end.
func (s *trialTown) followed() {
	s.t.Helper()
	d := s.deck
	look[bool](d, `document.querySelector('#a-presubmit-end-to-end a.open').focus(); true`)
	d.key("\r")
	d.until("Enter opens the run", `location.pathname.startsWith('/run/') && document.querySelector('h1').innerText.includes('end-to-end')`)
	look[bool](d, `window.kept = document.getElementById('log'); true`)
	d.until("the log grows", `window.seen = window.seen || kept.childElementCount, kept.isConnected && kept.childElementCount > seen + 5`)
	d.until("and is followed", `document.getElementById('follow').getAttribute('aria-pressed') === 'true' && kept.scrollHeight - kept.scrollTop - kept.clientHeight < 40`)
	d.picture("running")
	d.fits(360)
	d.key("/")
	d.until("/ searches the log", `document.activeElement.id === 'logsearch'`)
	d.key("guest 2 \r")
	d.until("and finds the line", `document.querySelector('.l.on').innerText.includes('guest 2 is')`)
	look[bool](d, `document.activeElement.blur(); true`)
	d.key("?")
	d.until("? helps", `document.getElementById('help').open`)
	d.key("\x1b")
	d.until("Escape closes the help", `!document.getElementById('help').open`)

	d.click(`form[action$="/abort"] button`)
	d.until("it is aborted", `document.querySelector('h1').innerText.includes('aborted')`)
	d.picture("aborted")
	first := look[string](d, `location.pathname`)
	d.click(`form[action$="/rerun"] button`)
	d.until("a new run is shown", fmt.Sprintf(`location.pathname !== %q && document.querySelector('h1').innerText.includes('running')`, first))
	d.until("it says something", `document.getElementById('log').innerText.includes('guest 3 is greeted')`)
	d.picture("again")
	s.hub.write(`#body`, "Half a sent")
	s.git("push", "--quiet", "origin", "HEAD:refs/heads/all-came")
	d.until("it passes, and the page says so", `document.querySelector('h1').innerText.includes('passed') && document.getElementById('log').innerText.includes('everybody is greeted')`)
	d.picture("passed")
	s.hub.until("the forge knows", `[...document.querySelectorAll('#checks li')].some(l => l.innerText.includes('end-to-end') && l.querySelector('.success'))`)
	s.hub.until("and what is being typed stays", `document.activeElement.id === 'body' && document.activeElement.value === 'Half a sent'`)
}

// mergedBy watches the page of the pull request until it is merged.
func (s *trialTown) mergedBy(approver, pull string) {
	s.t.Helper()
	s.deck.open(s.prow + "/pr/" + s.repo + "/" + pull)
	s.deck.until("only the approval is missing", item("unmet", "approved")+` && document.querySelectorAll('#checklist li.unmet').length === 1`)
	look[bool](s.deck, `window.kept = document.querySelector('h1'); true`)
	if name := os.Getenv("PICTURE"); name != "" {
		s.deck.shot(name)
	}
	s.say(approver, "/approve")
	s.deck.until("it is merged, and the page is the same", `kept.isConnected && document.querySelector('.sentence').innerText.includes('merged')`)
	s.deck.picture("merged")
	s.deck.fits(360)
	s.hub.until("the forge says so", `document.querySelector('main .state').innerText === 'merged'`)
	s.hub.picture("merged")
}

// everyPage looks at all the other pages with what has happened.
func (s *trialTown) everyPage(pull string) {
	s.t.Helper()
	for _, p := range []string{"/", "/jobs", "/tide", "/tide/" + s.repo + "/main", "/repo/" + s.repo, "/job/unit?repo=" + s.repo, "/deliveries", "/commands", "/plugins", "/system", "/api", "/pr/" + s.repo + "/1"} {
		s.deck.open(s.prow + p)
		s.deck.until("there is a headline", `document.querySelector('h1')`)
		s.deck.picture("1280")
		s.deck.fits(360)
	}
	at := "/" + s.repo
	for _, p := range []string{"/", at, at + "/pulls?state=all", at + "/pull/" + pull + "/files", at + "/pull/" + pull + "/commits", "/-/deliveries"} {
		s.hub.open(s.forge + p)
		s.hub.until("there is a headline", `document.querySelector('h1')`)
		s.hub.picture("1280")
		s.hub.fits(360)
	}
}
