//go:build kubernetes && linux

package kube_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// wire counts what goes to the API server, and lets a test spoil it.
type wire struct {
	mu    sync.Mutex
	count map[string]int // "METHOD", watches apart
	bytes map[string]int // of bodies sent
	// spoil may answer instead of the server; lose makes an answer be lost after
	// the request was carried out.
	spoil func(*http.Request) *http.Response
	lose  func(*http.Request) bool
}

func (h *house) wired(c *rest.Config) (*rest.Config, *wire) {
	w := &wire{count: map[string]int{}, bytes: map[string]int{}}
	c.WrapTransport = func(next http.RoundTripper) http.RoundTripper { return end{w, next} }
	return c, w
}

// end is the end of a wire that one client has.
type end struct {
	*wire
	next http.RoundTripper
}

func (w end) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := r.Method
	if r.URL.Query().Has("watch") {
		kind = "WATCH"
	}
	w.mu.Lock()
	w.count[kind]++
	w.bytes[kind] += int(max(r.ContentLength, 0))
	spoil, lose := w.spoil, w.lose
	w.mu.Unlock()
	if spoil != nil {
		if res := spoil(r); res != nil {
			return res, nil
		}
	}
	res, err := w.next.RoundTrip(r)
	if err == nil && lose != nil && lose(r) {
		res.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return res, err
}

func (w *wire) set(spoil func(*http.Request) *http.Response, lose func(*http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spoil, w.lose = spoil, lose
}

func (w *wire) counted(t testing.TB) map[string]int {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.count
	w.count = map[string]int{}
	return out
}

// times lets f be true so many times.
func times[A any](n int, f func(A) bool) func(A) bool {
	var mu sync.Mutex
	return func(a A) bool {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 || !f(a) {
			return false
		}
		n--
		return true
	}
}

func answered(r *http.Request, code int, header ...string) *http.Response {
	res := &http.Response{StatusCode: code, Status: http.StatusText(code), Header: http.Header{}, Body: io.NopCloser(strings.NewReader("spoiled")), Request: r}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		res.Header.Set(name, value)
	}
	return res
}
