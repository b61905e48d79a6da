package github

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// Budget is how many requests GitHub still grants.
type Budget struct {
	// Owner is whose installation's it is, in lower case, where an App asks; the
	// App's own is "(app)", and that of a token "".
	Owner     string
	Resource  string // core, graphql, search, …
	Limit     int
	Remaining int
	Reset     time.Time // when Remaining is Limit again
}

// budget reads the rate limits off the answers that pass.
type budget struct {
	next http.RoundTripper
	now  prow.Clock

	mu   sync.Mutex
	of   map[limitOf]Budget
	hold map[speaker]time.Time // a secondary limit: nothing is sent before
}

// limitOf names a limit: each installation of an App has its own.
type limitOf struct {
	speaker
	resource string
}

// Budget returns what is left, by resource, as the newest answers said.
func (f *Forge) Budget() []Budget {
	f.budget.mu.Lock()
	defer f.budget.mu.Unlock()
	out := make([]Budget, 0, len(f.budget.of))
	for _, b := range f.budget.of {
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b Budget) int {
		return cmp.Or(strings.Compare(a.Owner, b.Owner), strings.Compare(a.Resource, b.Resource))
	})
	return out
}

func (b *budget) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err == nil {
		b.note(req, resp.Header)
	}
	return resp, err
}

func (b *budget) note(req *http.Request, h http.Header) {
	limit, err := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	if err != nil {
		return
	}
	remaining, _ := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	reset, _ := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	name := h.Get("X-RateLimit-Resource")
	if name == "" {
		name = resource(req)
	}
	who := by(req.Context())
	owner := who.owner
	if who.app {
		owner = "(app)"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of[limitOf{who, name}] = Budget{Owner: owner, Resource: name, Limit: limit, Remaining: remaining, Reset: time.Unix(reset, 0)}
}

// until returns the time before which it is no use to send req: the hour's
// requests are spent, or GitHub asked all who speak as it does to wait. Zero means
// now.
func (b *budget) until(req *http.Request) time.Time {
	who := by(req.Context())
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.hold[who]
	if l, ok := b.of[limitOf{who, resource(req)}]; ok && l.Limit > 0 && l.Remaining == 0 && l.Reset.After(at) {
		at = l.Reset.Add(time.Second)
	}
	if at.After(b.now()) {
		return at
	}
	return time.Time{}
}

func (b *budget) wait(req *http.Request, until time.Time) {
	who := by(req.Context())
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.hold[who]) {
		b.hold[who] = until
	}
}

// reset returns when the limit of who is full again; zero if that is not known.
func (b *budget) reset(who speaker, resource string) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of[limitOf{who, resource}].Reset
}

// resource names the limit that a request counts for.
func resource(req *http.Request) string {
	switch {
	case strings.HasSuffix(req.URL.Path, "/graphql"):
		return "graphql"
	case strings.Contains(req.URL.Path, "/search/"):
		return "search"
	}
	return "core"
}
