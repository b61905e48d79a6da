//go:build acceptance

package deck_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	prow "github.com/prow-ci/prow"
)

// browser is one tab of a real Chromium, and what it complained about.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu    sync.Mutex
	wrong []string
	quiet bool // complaints are expected
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(t.TempDir()))
	if at := os.Getenv("CHROMIUM"); at != "" {
		opts = append(opts, chromedp.ExecPath(at))
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	b.listen()
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, w := range b.wrong {
			if b.quiet {
				break
			}
			t.Errorf("the console says: %s", w)
		}
	})
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

func eval[T any](b *browser, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// until waits until js is true.
func (b *browser) until(what, js string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if eval[bool](b, "(() => { try { return !!("+js+") } catch (e) { return false } })()") {
			return
		}
	}
	b.t.Fatalf("never happened: %s; the page says:\n%s", what, eval[string](b, `document.querySelector('body').innerText.slice(0, 1500)`))
}

func (b *browser) size(width, height int64) { b.do(chromedp.EmulateViewport(width, height)) }

func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("DECK_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

var pages = map[string]string{
	"home": "/", "jobs": "/jobs", "run-failed": "/run/run-unit-7b", "run-running": "/run/run-e2e-7", "run-waiting": "/run/run-e2e-9", "pull": "/pr/acme/boats/7", "pull-queued": "/pr/acme/boats/8",
	"tide": "/tide", "pool": "/tide/acme/boats/main", "repo": "/repo/acme/boats", "job": "/job/unit", "commands": "/commands", "plugins": "/plugins", "deliveries": "/deliveries",
	"pod-waiting": "/run/run-fog", "pod-running": "/run/run-rowing", "pod-gone": "/run/run-wreck", "delivery": "/delivery/d-5", "system": "/system", "api": "/api", "missing": "/run/none",
}

// Every page, on a desktop and on a narrow phone, by day and by night: no
// horizontal scroll, nothing in the console, text that can be read, and a name
// for every control.
func TestPagesInChromium(t *testing.T) {
	h, ask := newHarbour(t)
	s := newSite(t, full, ask)
	s.story()
	s.pods(h)
	b := newBrowser(t)
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for _, width := range []int64{1280, 360} {
			b.size(width, 900)
			for name, p := range pages {
				b.open(s.url + p)
				if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
					t.Errorf("%s is %d pixels too wide at %d: %s", p, over, width, eval[string](b, widest))
				}
				for _, fault := range eval[[]string](b, faults) {
					t.Errorf("%s, %s, %d: %s", p, scheme, width, fault)
				}
				b.picture(fmt.Sprintf("%s-%s-%d", name, scheme, width))
			}
		}
	}
}

// widest names what sticks out.
const widest = `[...document.querySelectorAll('main *, header *')].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).slice(0, 4).map(e => e.tagName + '.' + (e.getAttribute('class') || '')).join(' ')`

// faults finds what people with other eyes or other tools would stumble over.
const faults = `(() => {
  const out = [], name = e => (e.innerText || e.getAttribute('aria-label') || e.title || (e.labels && e.labels.length && e.labels[0].textContent) || '').trim();
  for (const e of document.querySelectorAll('a[href], button, input:not([type=hidden]), select')) if (e.offsetParent && !name(e) && !e.querySelector('[aria-label],title')) out.push('no name: ' + e.outerHTML.slice(0, 120));
  for (const sel of ['header', 'main', 'nav[aria-label]', 'footer']) if (!document.querySelector(sel)) out.push('no ' + sel);
  if (document.querySelectorAll('h1').length !== 1) out.push('h1: ' + document.querySelectorAll('h1').length);
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  for (const id of new Set(ids)) if (ids.filter(x => x === id).length > 1 && !/^L\d/.test(id)) out.push('id twice: ' + id);
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const c2 = canvas.getContext('2d', { willReadFrequently: true });
  const rgba = c => { c2.clearRect(0, 0, 1, 1); c2.fillStyle = c; c2.fillRect(0, 0, 1, 1); return [...c2.getImageData(0, 0, 1, 1).data]; };
  const lum = c => { const f = v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }; return .2126 * f(c[0]) + .7152 * f(c[1]) + .0722 * f(c[2]); };
  const under = e => { let stack = []; for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3]) { stack.push(c); if (c[3] === 255) break; } } let r = stack.pop() || [255, 255, 255, 255]; while (stack.length) { const c = stack.pop(), a = c[3] / 255; r = r.map((v, i) => v * (1 - a) + c[i] * a); } return r; };
  const seen = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.offsetParent || e.closest('svg,.hide,.skip,dialog,script')) continue;
    const fg = rgba(getComputedStyle(e).color), bg = under(e), l1 = lum(fg), l2 = lum(bg), r = (Math.max(l1, l2) + .05) / (Math.min(l1, l2) + .05);
    const key = fg + '/' + bg.map(Math.round);
    if (r < 4.5 && !seen.has(key)) { seen.add(key); out.push('contrast ' + r.toFixed(2) + ' of ' + JSON.stringify(walk.currentNode.data.trim().slice(0, 40)) + ' ' + key); }
  }
  return out;
})()`

// scheme sets what the system prefers, light or dark.
func (b *browser) scheme(s string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	}))
}

// listen keeps what the console says, but for pages that are not there on
// purpose.
func (b *browser) listen() {
	messages := chromedp.Console(b.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if strings.Contains(m.Text, "404") && strings.Contains(m.URL, "none") {
				continue
			}
			b.mu.Lock()
			b.wrong = append(b.wrong, m.String()+" "+m.URL)
			b.mu.Unlock()
		}
	}()
}

// A row changes in place, without a reload, while another is left alone.
func TestARowChangesInPlace(t *testing.T) {
	s := newSite(t, full)
	s.story()
	b := newBrowser(t)
	b.open(s.url + "/jobs")
	eval[bool](b, `window.kept = document.getElementById('r-run-e2e-9'); document.getElementById('search').value = 'half-typed'; true`)
	b.until("the waiting row is there", `kept.innerText.includes('waiting')`)
	s.advance("run-e2e-9", prow.Pending, "started")
	b.until("the row says running", `document.getElementById('r-run-e2e-9').innerText.includes('running')`)
	s.advance("run-e2e-9", prow.Failure, "The test exited with 7.")
	b.until("the row says why it failed", `document.getElementById('r-run-e2e-9').innerText.includes('exited with 7')`)
	s.create(job("run-new", "unit", 12, prow.Triggered, 0))
	b.until("a new row appears at the top", `document.querySelector('tr.row').id === 'r-run-new'`)
	b.until("it is the same element, and nothing was reloaded", `kept.isConnected && kept === document.getElementById('r-run-e2e-9') && document.getElementById('search').value === 'half-typed'`)
}

// The log of a running job grows on the page; at the end the page tells the
// result by itself.
func TestFollowingALog(t *testing.T) {
	s := newSite(t, full)
	s.story()
	b := newBrowser(t)
	b.open(s.url + "/run/run-e2e-7")
	b.until("what was said is there", `document.getElementById('log').innerText.includes('harbour')`)
	for i := range 500 {
		s.runs.say("run-e2e-7", fmt.Sprintf("line number %d of the crossing\n", i))
	}
	b.until("the last line is there, and in sight", `(() => { const l = document.getElementById('L502'), g = document.getElementById('log'); return !!l && l.innerText.includes('499') && g.scrollHeight - g.scrollTop - g.clientHeight < 40 })()`)
	s.runs.say("run-e2e-7", "<img src=x onerror=document.title='owned'>\x1b[31mred\x1b[0m\n")
	b.until("hostile output is text", `document.getElementById('log').innerText.includes('<img src=x') && !document.querySelector('#log img') && document.querySelector('#L503 .f1').innerText === 'red'`)
	b.until("no line came twice", `new Set([...document.querySelectorAll('#log .l')].map(l => l.id)).size === document.querySelectorAll('#log .l').length`)
	s.runs.end("run-e2e-7")
	s.advance("run-e2e-7", prow.Success, "All of it passed.")
	b.until("the page says passed", `document.querySelector('h1').innerText.includes('passed') && document.title.includes('passed') && document.getElementById('follow').hidden`)
}

// What is told of a pod appears on the page by itself; what a reader has folded
// stays so, and keys unfold it.
func TestAPodInTheBrowser(t *testing.T) {
	h, ask := newHarbour(t)
	s := newSite(t, full, ask)
	s.pods(h)
	b := newBrowser(t)
	b.open(s.url + "/run/run-fog")
	b.until("why it waits is there", `document.getElementById('hint').innerText.includes('The volume cache cannot be mounted') && document.querySelector('#pod details').open`)
	eval[bool](b, `document.querySelector('#pod summary').focus(); true`)
	b.key(" ")
	b.until("a key folds it", `!document.querySelector('#pod details').open`)
	b.key(" ")
	b.until("and unfolds it", `document.querySelector('#pod details').open`)
	h.change(func() {
		info := h.pods["run-fog"]
		info.Events = append(info.Events, tells("FailedSync", "<img src=x onerror=document.title='owned'>", 1, 0))
		h.pods["run-fog"] = info
	})
	b.until("an event appears, as text", `document.querySelector('#pod .story').innerText.includes('<img src=x') && !document.querySelector('#pod img')`)
	eval[bool](b, `document.querySelector('#pod details').open = false; true`)
	h.change(func() {
		info := h.pods["run-fog"]
		info.Pod.ResourceVersion, info.Pod.Status.ContainerStatuses[0].State = "2", waits("ImagePullBackOff", "not found")
	})
	b.until("its container says what is wrong, up front", `document.querySelector('#pod > .lines').innerText.includes('ImagePullBackOff') && document.getElementById('hint').innerText.includes('registry.example/test:1')`)
	b.until("what was folded stays so", `!document.querySelector('#pod details').open`)
}

// A run that waits has no log; it appears when the run starts.
func TestALogThatIsNotThereYet(t *testing.T) {
	s := newSite(t, full)
	s.story()
	b := newBrowser(t)
	b.open(s.url + "/run/run-e2e-9")
	s.advance("run-e2e-9", prow.Pending, "started")
	s.runs.say("run-e2e-9", "first words\n")
	b.until("the first words are there", `document.getElementById('log').innerText.includes('first words')`)
}

// A log much longer than a page: only what is looked at is fetched.
func TestALongLog(t *testing.T) {
	s := newSite(t, full)
	s.story()
	j := job("run-long", "unit", 12, prow.Failure, time.Minute)
	s.create(j)
	var log strings.Builder
	for i := 1; i <= 400_000; i++ {
		if i%100_000 == 500 {
			log.WriteString("\x1b[31mError: the boat leaks\x1b[0m\n")
			continue
		}
		fmt.Fprintf(&log, "%d rowing, rowing\n", i)
	}
	s.write(prow.Dir(j)+"/build-log.txt", log.String())
	b := newBrowser(t)
	b.size(1280, 900)
	b.open(s.url + "/run/run-long")
	b.until("the end is there", `!!document.getElementById('L400000') && document.getElementById('where').innerText.startsWith('400,000 lines')`)
	b.key("n")
	b.until("n goes to the first error", `location.hash === '#L500' && document.getElementById('L500').classList.contains('on')`)
	b.key("n")
	b.until("and to the next", `location.hash === '#L100500'`)
	b.until("which is in sight", inSight("L100500"))
	b.open("about:blank")
	b.open(s.url + "/run/run-long#L250000-L250002")
	b.until("a link to lines shows them", `document.querySelectorAll('#log .on').length === 3 && `+inSight("L250001"))
	eval[bool](b, `document.getElementById('log').scrollTop = 0; true`)
	b.until("more comes above when it is scrolled to", `!!document.getElementById('L249700')`)
	b.until("and below", `(document.getElementById('log').scrollTop = 1e9, document.getElementById('L250700'))`)
	if n := eval[int](b, `document.querySelectorAll('#log .l').length`); n > 2500 {
		t.Errorf("the page holds %d lines", n)
	}
	b.key("/")
	b.until("the search of the log has the focus", `document.activeElement.id === 'logsearch'`)
	b.do(chromedp.KeyEvent("399999 rowing\r"))
	b.until("search finds what is far away", `location.hash === '#L399999' && `+inSight("L399999"))
	b.picture("long-log")
}

func inSight(id string) string {
	return `(() => { const e = document.getElementById('` + id + `'), g = document.getElementById('log'); if (!e) return false; const r = e.getBoundingClientRect(), o = g.getBoundingClientRect(); return r.top >= o.top && r.bottom <= o.bottom })()`
}

// Everything that is read is reached by keys.
func TestKeys(t *testing.T) {
	s := newSite(t, full)
	s.story()
	b := newBrowser(t)
	b.open(s.url + "/jobs")
	b.key("j")
	b.key("j")
	b.key("k")
	b.until("the first row is marked, and its link has the focus", `document.querySelectorAll('.cur').length === 1 && document.querySelector('tr.row').classList.contains('cur') && document.activeElement.matches('tr.row.cur a.open')`)
	b.key("\r")
	b.until("enter opens it", `location.pathname === '/run/run-e2e-9' && document.readyState === 'complete'`)
	b.key("g")
	b.key("h")
	b.until("g h is home", `location.pathname === '/' && document.readyState === 'complete'`)
	b.key("?")
	b.until("? helps", `document.getElementById('help').open`)
	b.key("\x1b")
	b.until("Escape closes the help", `!document.getElementById('help').open`)
	b.key("/")
	b.until("the search box has the focus", `document.activeElement.id === 'search'`)
	b.do(chromedp.KeyEvent("acme/boats#7"))
	b.do(chromedp.KeyEvent("\r"))
	b.until("/ searches", `location.pathname === '/pr/acme/boats/7'`)
}

// A button starts the run again and leads to the new one, and another stops it.
func TestButtons(t *testing.T) {
	s := newSite(t, full)
	s.story()
	b := newBrowser(t)
	b.open(s.url + "/run/run-unit-7b")
	eval[bool](b, `document.querySelector('form[action$="/rerun"] button').click(); true`)
	b.until("the new run is shown", `document.body.innerText.includes('This is the new run') && document.querySelector('h1').innerText.includes('waiting')`)
	eval[bool](b, `document.querySelector('form[action$="/abort"] button').click(); true`)
	b.until("it is aborted", `document.querySelector('h1').innerText.includes('aborted') && document.body.innerText.includes('Aborted by alice')`)
	b.open(s.url + "/delivery/d-5")
	eval[bool](b, `document.querySelector('form[action$="/replay"] button').click(); true`)
	b.until("the delivery waits again", `document.querySelector('h1').innerText.includes('waiting')`)
}

// A file that a job left cannot act as deck, even in a frame of its own.
func TestArtifactsHaveNoRights(t *testing.T) {
	s := newSite(t, full)
	s.story()
	j := job("run-evil", "unit", 12, prow.Success, time.Minute)
	s.create(j)
	s.write(prow.Dir(j)+"/artifacts/evil.html", `<p id=o>ran</p><script>
try { document.getElementById('o').textContent = 'cookie ' + document.cookie } catch (e) { document.getElementById('o').textContent = 'no cookies' }
fetch('/api/v1/runs/run-e2e-7/abort', {method: 'POST'}).then(() => document.body.append('posted'), () => document.body.append(' no request'))</script>`)
	b := newBrowser(t)
	b.quiet = true // it complains, as it should
	b.open(s.url + "/run/run-evil/files/artifacts/evil.html")
	b.until("it is kept from both", `document.body.innerText.includes('no cookies') && document.body.innerText.includes('no request')`)
	if j, err := s.db.Jobs.Get(t.Context(), "run-e2e-7"); err != nil || j.Status.State != prow.Pending {
		t.Errorf("the run is %v, %v", j.Status.State, err)
	}
}

func (b *browser) key(k string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(k))
}

// When the server goes away the page says so, and keeps what it shows.
func TestALostConnection(t *testing.T) {
	s := newSite(t, full)
	s.story()
	b := newBrowser(t)
	b.quiet = true // the browser says so, too
	b.open(s.url + "/jobs")
	b.until("the page is live", `window.performance.getEntriesByType('resource').some(e => e.name.includes('/static/app.js'))`)
	s.Close()
	s.down()
	b.until("a note says that the connection is lost", `document.getElementById('lost') && document.querySelectorAll('tr.row').length > 5`)
}

// In a very long log, the first error is found after the page is there.
func TestTheFirstErrorOfAVeryLongLog(t *testing.T) {
	s := newSite(t, full)
	j := job("run-long", "unit", 12, prow.Failure, time.Minute)
	s.create(j)
	noise := strings.Repeat("no errors here, says ERRORS of errors\n", 1<<20)
	s.write(prow.Dir(j)+"/build-log.txt", strings.Repeat(noise, 5)+"panic: the mast\nafter\n")
	b := newBrowser(t)
	b.open(s.url + "/run/run-long")
	b.until("the first error is shown", `document.querySelector('.first .err').innerText.includes('the mast') && document.querySelector('.first h2 a').innerText === 'line 5242881'`)
	eval[bool](b, `document.querySelector('.first h2 a').click(); true`)
	b.until("and its link leads into the log", inSight("L5242881"))
}
