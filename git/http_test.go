package git_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHandlerTakesPushes(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.commit("main", "", "f", "1")
	hook := filepath.Join(p.bare, "hooks", "update")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho \"$1 by $WHO\" >> \"$GIT_DIR/pushed\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var services []string
	p.allowing(func(_ *http.Request, repo, service string) ([]string, int) {
		services = append(services, repo+" "+service)
		return []string{"WHO=alice"}, 0
	})
	big := make([]byte, 5<<20) // git sends it in chunks, for it is more than http.postBuffer
	_, _ = rand.Read(big)
	if err := os.WriteFile(filepath.Join(p.dir, "big"), big, 0o644); err != nil {
		t.Fatal(err)
	}
	p.sh(p.dir, "git add -A && git commit -qm big && git push -q {}/o/r HEAD:refs/heads/pushed", p.url)
	want := p.sh(p.dir, "git rev-parse HEAD")
	if got := must(p.repo.Head(t.Context(), "pushed"))(t); got != want {
		t.Errorf("Head = %s, want %s", got, want)
	}
	if b, err := os.ReadFile(filepath.Join(p.bare, "pushed")); string(b) != "refs/heads/pushed by alice\n" {
		t.Errorf("the hook saw %q, %v", b, err)
	}
	if services[0] != "o/r git-receive-pack" {
		t.Errorf("asked for %q", services)
	}
}

func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.commit("main", "", "f", "1")
	get := func(path string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for path, want := range map[string]int{
		"/o/r/info/refs?service=git-upload-pack":               200,
		"/o/r.git/info/refs?service=git-receive-pack":          200,
		"/o/r.git/info/refs?service=git-upload-archive":        404,
		"/o/r.git/info/refs":                                   404, // the dumb protocol
		"/o/r.git/HEAD":                                        404,
		"/o/r.git/config":                                      404,
		"/o/none/info/refs?service=git-upload-pack":            404,
		"/o/%2e%2e/o/r/info/refs?service=git-upload-pack":      404,
		"/%2e%2e/remote/o/r/info/refs?service=git-upload-pack": 404,
		"//o/r/info/refs?service=git-upload-pack":              404,
		"/o/r%00/info/refs?service=git-upload-pack":            404,
	} {
		if got := get(path); got != want {
			t.Errorf("GET %s = %d, want %d", path, got, want)
		}
	}
	for _, status := range []int{401, 403, 404} {
		p.allowing(func(*http.Request, string, string) ([]string, int) { return nil, status })
		if got := get("/o/r/info/refs?service=git-upload-pack"); got != status {
			t.Errorf("refused with %d, answered %d", status, got)
		}
	}
}

func TestHandlerReadsGzip(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := p.commit("main", "", "f", "1")
	post := func(body []byte, encoding string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/o/r.git/git-upload-pack", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		req.Header.Set("Git-Protocol", "version=2")
		req.Header.Set("Content-Encoding", encoding)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		_, _ = b.ReadFrom(resp.Body)
		return resp.StatusCode, b.String()
	}
	const ask = "0014command=ls-refs\n00010000"
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write([]byte(ask))
	_ = w.Close()
	if code, text := post(z.Bytes(), "gzip"); code != 200 || !strings.Contains(text, c+" refs/heads/main") {
		t.Errorf("%d %q", code, text)
	}
	if code, _ := post([]byte(ask), "gzip"); code != http.StatusBadRequest {
		t.Errorf("a body that is not gzip: %d", code)
	}
}
