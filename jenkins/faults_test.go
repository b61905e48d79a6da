package jenkins_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/jenkins"
)

// once spoils the first request that is meant.
func once(f fault, meant func(*http.Request) bool) func(*http.Request) fault {
	var done sync.Once
	return func(r *http.Request) (out fault) {
		if meant(r) {
			done.Do(func() { out = f })
		}
		return out
	}
}

func starts(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/buildWithParameters") }

// Whatever happens to the request that starts a build, there is one build.
func TestTheStartGoesWrong(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fault{"busy": busy, "not carried out": cut, "carried out, but the answer is lost": lose} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, "/job/unit")
			h.box.fault = once(f, starts)
			h.start()
			h.job("a")
			h.begin("a")
			h.ends("a", "SUCCESS")
			if j := h.complete("a"); j.Status.State != prow.Success {
				t.Errorf("it ended as %+v", j.Status)
			}
			h.box.with(func() {
				if n := len(h.box.of("a")) + len(h.box.queue); n != 1 {
					t.Errorf("%d builds", n)
				}
			})
		})
	}
}

// What passes by itself fails no job.
func TestJenkinsIsAwayForAWhile(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fault{"starting": busy, "behind a page": page, "gone": cut} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, "/job/unit")
			h.start()
			h.job("a")
			h.begin("a")
			h.until("a", "runs", func(j *prow.Job) bool { return j.Status.State == prow.Pending })
			asked := 0
			h.box.with(func() { h.box.fault = func(*http.Request) fault { asked++; return f } })
			h.job("b", pull(6))
			h.eventually("it has been asked often", func() (ok bool) {
				h.box.with(func() { ok = asked > 20 })
				return ok
			})
			if j := h.get("a"); j.Status.State != prow.Pending {
				t.Errorf("it is %+v", j.Status)
			}
			h.box.with(func() { h.box.fault = nil })
			h.begin("b")
			h.ends("a", "SUCCESS")
			h.complete("a")
		})
	}
}

// However often the operator is killed, and whatever becomes of its requests, each
// job is built once.
func TestKilledAgainAndAgainEachJobIsBuiltOnce(t *testing.T) {
	t.Parallel()
	const n = 30
	h := build(t, "/job/unit")
	h.o.Pause = time.Microsecond
	h.box.with(func() {
		h.box.quick, h.box.gap = true, 4*time.Millisecond
		h.box.fault = func(*http.Request) fault {
			return []fault{none, none, none, none, none, none, busy, cut, lose, page}[rand.IntN(10)]
		}
	})
	for i := range n {
		h.job(fmt.Sprint("j", i), pull(i+1))
	}
	for range 15 {
		h.start()
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(60))*time.Millisecond)
		<-ctx.Done()
		cancel()
		h.stop()
	}
	h.box.with(func() { h.box.fault = nil })
	h.start()
	for i := range n {
		id := fmt.Sprint("j", i)
		j := h.complete(id)
		h.box.with(func() {
			if b := h.box.of(id); len(b) != 1 || j.Status.State != prow.Success || j.Status.BuildID != b[0].parameters["BUILD_ID"] {
				t.Errorf("%s has %d builds: %+v", id, len(b), j.Status)
			}
		})
	}
}

func TestHowJenkinsKnowsUs(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/unit")
	var mu sync.Mutex
	token := "first"
	h.o.User, h.o.Token, h.o.CSRF = "prow", func(context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		return token, nil
	}, true
	basic := func(token string) string {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth("prow", token)
		return r.Header.Get("Authorization")
	}
	h.box.auth, h.box.crumb = basic("first"), "one"
	h.start()
	h.job("a")
	h.queued("a")
	mu.Lock()
	token = "second"
	mu.Unlock()
	h.box.with(func() { h.box.auth, h.box.crumb = basic("second"), "two" }) // Jenkins was restarted, and crumbs with it
	h.job("b", pull(6))
	h.queued("b")
	h.stop()

	h.o.User, h.o.Token = "", nil
	h.o.Bearer = func(context.Context) (string, error) { return "bear", nil }
	h.box.with(func() { h.box.auth = "Bearer bear" })
	h.start()
	h.job("c", pull(7))
	h.queued("c")
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	token := func(context.Context) (string, error) { return "", nil }
	for words, o := range map[string]jenkins.Options{
		"want one like https://":    {URL: "jenkins.example.com"},
		"two tokens":                {URL: "http://j", User: "u", Token: token, Bearer: token},
		"needs a token":             {URL: "http://j", User: "u"},
		"needs its key":             {URL: "http://j", CertFile: "c"},
		"certificate for Jenkins":   {URL: "http://j", CertFile: "no-file", KeyFile: "no-file"},
		"authority of Jenkins":      {URL: "http://j", CAFile: "no-file"},
		"holds no certificate":      {URL: "http://j", CAFile: "faults_test.go"},
		"the address of Jenkins is": {},
	} {
		if _, err := jenkins.New(o); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("New(%+v) = %v; want it to say %q", o, err, words)
		}
	}
}
