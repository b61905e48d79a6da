package deck_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// aboutPod is what a page says from its head on up to the log.
func aboutPod(page string) string {
	page, _, _ = strings.Cut(page, `<section id="logs">`)
	return seen(page)
}

// What people read of the pod of a run: while it waits, while it works, and when
// it is gone.
func TestWhatPagesSayOfPods(t *testing.T) {
	t.Parallel()
	h, ask := newHarbour(t)
	s := newSite(t, ask)
	s.pods(h)
	var all strings.Builder
	for _, id := range []string{"run-fog", "run-rowing", "run-wreck"} {
		all.WriteString("== " + id + "\n" + aboutPod(s.page("/run/"+id)) + "\n")
	}
	golden(t, "pod.txt", all.String())
}

// What a pod, or a file that somebody wrote, says is text.
func TestHostilePods(t *testing.T) {
	t.Parallel()
	h, ask := newHarbour(t)
	s := newSite(t, ask)
	s.pods(h)
	body := s.page("/run/run-wreck")
	if strings.Contains(body, "<script>alert") || strings.ContainsRune(body, '\x1b') || !strings.Contains(body, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Errorf("the page says %s", aboutPod(body))
	}
	for _, text := range []string{"nonsense", `{"pod":7}`, strings.Repeat(" ", 2<<20), `{"events":[{}]}`, "{}"} {
		s.write(prow.Dir(job("run-wreck", "e2e", 12, prow.Error, 20*time.Minute))+"/podinfo.json", text)
		if code, body := s.get("/run/run-wreck"); code != http.StatusOK || !strings.Contains(body, "</html>") {
			t.Errorf("of %.20q: %d", text, code)
		}
	}
}

// A cluster that says no, or not all, is told in a sentence; the page is there.
func TestPodsThatCannotBeHad(t *testing.T) {
	t.Parallel()
	h, ask := newHarbour(t)
	s := newSite(t, ask)
	s.pods(h)
	h.change(func() { h.down = true })
	if text := aboutPod(s.page("/run/run-fog")); !strings.Contains(text, "Its cluster does not say all of it just now.") {
		t.Errorf("the page says %s", text)
	}
	h.change(func() { h.down, h.asked = false, 0 })
	for end := time.Now().Add(time.Minute); !strings.Contains(aboutPod(s.page("/run/run-fog")), "quay-3"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never asked again")
		}
	}
	h.change(func() { h.asked = 0 })
	const pages = 100
	for range pages {
		s.page("/run/run-fog")
	}
	h.change(func() {
		if h.asked >= pages {
			t.Errorf("for %d pages the cluster was asked %d times", pages, h.asked)
		}
		delete(h.pods, "run-fog")
	})
	for end := time.Now().Add(time.Minute); strings.Contains(s.page("/run/run-fog"), `id="pod"`); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a pod that is gone without a trace is still shown")
		}
	}
}

// The lens podinfo says where people look at a pod.
func TestLinkOfAPod(t *testing.T) {
	t.Parallel()
	h, ask := newHarbour(t)
	s := newSite(t, ask)
	s.pods(h)
	for template, want := range map[string]string{
		"https://console.example/{{.ObjectMeta.Namespace}}/{{.Name}}?node={{.Spec.NodeName}}": "https://console.example/test-pods/run-wreck?node=quay-3",
		"javascript:alert('{{.Name}}')": "", "{{.Nothing}}": "", "{{": "", "": "",
	} {
		lens := config.LensFile{Lens: config.Lens{Name: "podinfo", Config: map[string]any{"runner_configs": map[string]any{"default": map[string]any{"pod_link_template": template}}}}}
		s.cfg.Deck.Spyglass.Lenses = []config.LensFile{lens}
		var v struct{ Pod struct{ Link string } }
		if err := json.Unmarshal([]byte(s.page("/api/v1/runs/run-wreck")), &v); err != nil || v.Pod.Link != want {
			t.Errorf("%s: link %q, want %q, %v", template, v.Pod.Link, want, err)
		}
		if strings.Contains(s.page("/run/run-wreck"), `href="`+want+`"`) != (want != "") {
			t.Errorf("%s: the page has no link, or one", template)
		}
	}
}

// Who looks at a run is told when its pod changes, and when something is told of
// it, though the job stays as it is.
func TestPodsAreLive(t *testing.T) {
	t.Parallel()
	h, ask := newHarbour(t)
	s := newSite(t, ask)
	s.pods(h)
	heard := s.listen(t.Context(), "/api/v1/events?on=run=run-fog")
	next := func(what string) {
		t.Helper()
		for {
			select {
			case e := <-heard:
				if e[0] == "change" {
					return
				}
			case <-time.After(time.Minute):
				t.Fatalf("nobody told of %s", what)
			}
		}
	}
	next("what there was when it began to watch")
	h.change(func() {
		info := h.pods["run-fog"]
		info.Events = append(info.Events, tells("FailedSync", "the harbour is closed", 1, 0))
		h.pods["run-fog"] = info
	})
	next("an event")
	if text := aboutPod(s.page("/run/run-fog")); !strings.Contains(text, "the harbour is closed") {
		t.Errorf("the page says %s", text)
	}
	s.run("run-fog", "test", "sidecar")
	next("a change of its run")
}
