//go:build acceptance

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/client"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sandbox"
)

// smallDisk is a folder with room for so many bytes.
func smallDisk(t *testing.T, size string, flags uintptr) string {
	t.Helper()
	dir := t.TempDir()
	must0(t, syscall.Mount("tmpfs", dir, "tmpfs", flags, "size="+size))
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// A job that fills the disk on which Prow keeps everything ends as an error with a
// sentence; the server lives through it and goes on.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	r := newRack(t, rackConfig+"presubmits:\n  o/r:\n"+jobWith("glutton", "cat /dev/zero > big; echo full; sleep 1; exit 1", ""), smallDisk(t, "64m", 0))
	id := r.w.Pull(r.repo, "alice", "topic", map[string]string{"a": "a\n"})
	if j := r.job("glutton"); j.State != prow.Error || !strings.Contains(j.Why, "disk is full") {
		t.Errorf("glutton: %s: %q", j.State, j.Why)
	}
	if c := r.check(id, "glutton"); c.State != prow.CheckError && c.State != prow.CheckFailure || c.Text == "" {
		t.Errorf("check %+v", c)
	}
	get(t, r.p.url+"/jobs")
	r.works(id)
}

// A folder that cannot be written is one clear error at the start.
func TestNoRoomForState(t *testing.T) {
	t.Parallel()
	full := smallDisk(t, "64k", 0)
	_ = os.WriteFile(filepath.Join(full, "filler"), make([]byte, 1<<20), 0o600) // until there is no room
	for name, data := range map[string]string{
		"full":      full,
		"read-only": smallDisk(t, "1m", syscall.MS_RDONLY),
		"a file":    writeFile(t, filepath.Join(t.TempDir(), "file"), "x"),
	} {
		addr := freeAddr(t)
		p := spawn(t, "http://"+addr, serveArgs(t, addr, data)...)
		select {
		case <-p.done:
		case <-time.After(time.Minute):
			p.kill()
			t.Errorf("%s: it runs", name)
			continue
		}
		said := strings.TrimSpace(p.log.String())
		t.Logf("%s: %s", name, said)
		if p.cmd.ProcessState.ExitCode() != 1 || strings.Count(said, "\n") > 0 || !strings.Contains(said, data) {
			t.Errorf("%s: exit status %d: %q; want 1 and one line that names the folder", name, p.cmd.ProcessState.ExitCode(), said)
		}
	}
}

// A repository of fifty thousand files is cloned, tested and reported.
func TestAHugeRepository(t *testing.T) {
	t.Parallel()
	r := newRack(t, rackConfig+"presubmits:\n  o/r:\n"+
		jobWith("count", "test $(git ls-files | wc -l) = 50002 && test $(find . -name '*.txt' | wc -l) = 50001", "    run_if_changed: '^d7/'\n    always_run: false\n")[0:], "")
	files := map[string]string{}
	for i := range 50_000 {
		files[fmt.Sprintf("d%d/e%d/file-%d.txt", i%50, i%500, i)] = fmt.Sprintln(i)
	}
	r.w.Commit(r.repo, "main", "bob", files)
	id := r.w.Pull(r.repo, "alice", "topic", map[string]string{"d7/new.txt": "new\n"})
	if c := r.check(id, "count"); c.State != prow.CheckSuccess {
		t.Errorf("count: %+v; %+v", c, r.job("count"))
	}
	r.works(id)
	if m := memory(t, r.p.cmd.Process.Pid); m > 250<<20 {
		t.Errorf("the server took %d MB", m>>20)
	}
}

// A configuration that breaks while Prow runs changes nothing but a notice; mended,
// it is in force.
func TestBrokenConfiguration(t *testing.T) {
	t.Parallel()
	r := newRack(t, rackConfig+unit, "")
	id := r.w.Pull(r.repo, "alice", "topic", map[string]string{"a": "a\n"})
	r.check(id, "unit")
	file := filepath.Join(r.dir, "config.yaml")
	for i, broken := range []string{
		rackConfig + unit + "    nonsense: [1\n",
		rackConfig + strings.Replace(unit, "name: unit", "name: \"not a name!\"", 1),
		"",
		"\x00\xff\xfe",
	} {
		writeFile(t, file, broken)
		if broken == "" {
			must0(t, os.Remove(file))
		}
		r.until(fmt.Sprintf("%d is refused", i), func() bool {
			return strings.Contains(get(t, r.p.url+"/api/v1/system"), `"stale":true`)
		})
		page := get(t, r.p.url+"/system")
		if !strings.Contains(page, "config.yaml") || i < 2 && !strings.Contains(page, "config.yaml:") {
			t.Errorf("%d: the page does not say where: %s", i, page)
		}
		if notice := get(t, r.p.url+"/jobs"); !strings.Contains(notice, "/system") || !strings.Contains(notice, "onfiguration") {
			t.Errorf("%d: no notice on the other pages", i)
		}
		before := r.runs("unit")
		r.w.Say(id, "alice", fmt.Sprintf("/test unit\n\nround %d", i))
		r.until("the last good configuration is in use", func() bool { return r.runs("unit") == before+1 && r.job("unit").State == prow.Success })
		// In place, as an editor does, and by a new file, as a config map does.
		mended := rackConfig + unit + fmt.Sprintf("# %d\n", i)
		if i%2 == 0 {
			writeFile(t, file, mended)
		} else {
			must0(t, os.Rename(writeFile(t, file+".new", mended), file))
		}
		r.until(fmt.Sprintf("%d is mended", i), func() bool {
			return strings.Contains(get(t, r.p.url+"/api/v1/system"), `"stale":false`)
		})
	}
	writeFile(t, file, rackConfig+strings.ReplaceAll(unit, "name: unit", "name: renamed"))
	r.until("the new job can be had", func() bool {
		r.w.Say(id, "alice", "/test renamed")
		return r.runs("renamed") > 0
	})
}

// nonsense are the answers of a forge that has lost its mind.
var nonsense = map[string]http.HandlerFunc{
	"HTML":          answer(200, "text/html", "<html><body>Unicorn!</body></html>"),
	"garbage":       answer(200, "application/json", "\x00\x01{\"a\":"),
	"wrong shape":   answer(200, "application/json", `"hello"`),
	"403":           answer(403, "application/json", `{"message":"Resource not accessible by personal access token"}`),
	"too fast, 403": answer(403, "application/json", `{"message":"You have exceeded a secondary rate limit."}`, "Retry-After", "1"),
	"too fast, 429": answer(429, "application/json", `{"message":"Too many requests."}`, "Retry-After", "1"),
	"cut":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"500":           answer(500, "text/html", "<h1>Whoops</h1>"),
}

func answer(code int, kind, body string, head ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		for i := 0; i+1 < len(head); i += 2 {
			w.Header().Set(head[i], head[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

// madness stands before a forge and answers in its place while it is on.
type madness struct {
	answer http.Handler
	on     atomic.Bool
	met    atomic.Int64 // how many requests got such an answer
}

func (m *madness) option(o *world.Setup) {
	o.Wrap = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m.on.Load() {
				m.met.Add(1)
				m.answer.ServeHTTP(w, r)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
}

// A forge that answers nonsense for a while, when a pull request comes and when its
// result is told, delays the result and does not change it.
func TestBadForge(t *testing.T) {
	t.Parallel()
	for name, bad := range nonsense {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &madness{answer: bad}
			gate, err := net.Listen("tcp", "127.0.0.1:0")
			must0(t, err)
			defer gate.Close()
			r := newRack(t, rackConfig+"presubmits:\n  o/r:\n"+
				jobWith("unit", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d; read -u 3 word; test $word = go", gate.Addr().(*net.TCPAddr).Port), ""), "", m.option)

			m.on.Store(true)
			id := r.w.Pull(r.repo, "alice", "topic", map[string]string{"a": "a\n"})
			r.until("Prow meets the bad forge", func() bool { return m.met.Load() > 0 })
			get(t, r.p.url+"/jobs")
			m.on.Store(false)
			unit, err := gate.Accept() // it runs
			must0(t, err)
			defer unit.Close()

			m.met.Store(0)
			m.on.Store(true)
			fmt.Fprintln(unit, "go")
			r.job("unit")
			r.until("Prow meets the bad forge again", func() bool { return m.met.Load() > 0 })
			m.on.Store(false)
			r.good(id)
		})
	}
}

// A slow forge only takes longer.
func TestSlowForge(t *testing.T) {
	t.Parallel()
	f, err := sandbox.ParseFault("* * delay=700ms")
	must0(t, err)
	r := newRack(t, rackConfig+unit, "")
	r.w.Hub.SetFaults(f)
	id := r.w.Pull(r.repo, "alice", "topic", map[string]string{"a": "a\n"})
	r.good(id)
}

// What a forge forbids again and again is put aside, and done when someone says so.
func TestForbiddenUntilReplayed(t *testing.T) {
	t.Parallel()
	m := &madness{answer: nonsense["403"]}
	r := newRack(t, rackConfig+unit, "", m.option)
	m.on.Store(true)
	id := r.w.Pull(r.repo, "alice", "topic", map[string]string{"a": "a\n"})
	var dead client.Delivery
	r.until("the webhook is put aside", func() bool {
		l, err := r.api.Deliveries(t.Context(), client.DeliveryFilter{State: "dead"})
		if err != nil || len(l.Deliveries) == 0 {
			return false
		}
		dead = l.Deliveries[0]
		return true
	})
	if !strings.Contains(dead.Error, "403") {
		t.Errorf("it does not say why: %q", dead.Error)
	}
	m.on.Store(false)
	_, err := r.api.Replay(t.Context(), dead.ID)
	must0(t, err)
	r.good(id)
}

// good is how it ends with a good forge: one run, one green check, no word.
func (r *rack) good(id prow.IssueID) {
	r.t.Helper()
	if c := r.check(id, "unit"); c.State != prow.CheckSuccess {
		r.t.Errorf("unit: %+v", c)
	}
	if n := r.runs("unit"); n != 1 {
		r.t.Errorf("%d runs of unit, want one", n)
	}
	if all := r.comments(id); len(all) != 0 {
		r.t.Errorf("comments %+v, want none", all)
	}
	r.until("the size is there", func() bool { return r.w.PullNow(id).HasLabel("size/XS") })
	r.works(id)
}
