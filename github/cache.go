package github

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// cache remembers answers that have an ETag and asks GitHub each time whether
// they still hold: an answer of 304 does not count against the rate limit. Equal
// questions under way at one time are asked once. It is bounded; what was not
// asked for longest goes first.
type cache struct {
	next http.RoundTripper
	max  int64

	mu     sync.Mutex
	size   int64
	byKey  map[string]*list.Element // of *answer
	order  *list.List               // newest in front
	flying map[string]*flight

	hits, misses, shared int64
}

// answer is one remembered answer.
type answer struct {
	key    string
	status int
	header http.Header
	body   []byte
}

// flight is a question under way that others wait for.
type flight struct {
	done   chan struct{}
	answer *answer
	err    error
}

func newCache(next http.RoundTripper, max int64) *cache {
	return &cache{next: next, max: max, byKey: map[string]*list.Element{}, order: list.New(), flying: map[string]*flight{}}
}

// CacheStats are counts since the start.
type CacheStats struct {
	Hits   int64 // confirmed by 304
	Misses int64
	Shared int64 // answered by another's question
	Bytes  int64
}

// Cache returns how the memory of answers does.
func (f *Forge) Cache() CacheStats {
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	return CacheStats{f.cache.hits, f.cache.misses, f.cache.shared, f.cache.size}
}

// keyOf names a question: the same person asks the same thing in the same way. An
// installation of an App stays the same while its tokens change.
func keyOf(req *http.Request) string {
	name := req.Header.Get("Authorization")
	if s := by(req.Context()); s != (speaker{}) {
		name = fmt.Sprint("app ", s.app, " ", s.owner)
	}
	who := sha256.Sum256([]byte(name))
	return strings.Join([]string{req.Method, req.URL.String(), req.Header.Get("Accept"), fmt.Sprintf("%x", who[:8])}, " ")
}

func (c *cache) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet {
		resp, err := c.next.RoundTrip(req)
		if !strings.HasSuffix(req.URL.Path, "/graphql") {
			c.written()
		}
		return resp, err
	}
	key := keyOf(req)
	for {
		c.mu.Lock()
		f, busy := c.flying[key]
		if !busy {
			f = &flight{done: make(chan struct{})}
			c.flying[key] = f
			c.mu.Unlock()
			f.answer, f.err = c.ask(key, req)
			c.mu.Lock()
			if c.flying[key] == f {
				delete(c.flying, key)
			}
			c.mu.Unlock()
			close(f.done)
			return f.answer.response(req, f.err)
		}
		c.mu.Unlock()
		select {
		case <-req.Context().Done():
			return nil, req.Context().Err()
		case <-f.done:
		}
		if f.err == nil {
			c.count(&c.shared)
			return f.answer.response(req, nil)
		}
		// The one who asked may have gone away; ask oneself.
	}
}

// written lets nobody join a question that was put before a write was done: who
// writes and then reads sees what was written.
func (c *cache) written() {
	c.mu.Lock()
	clear(c.flying)
	c.mu.Unlock()
}

func (c *cache) count(n *int64) {
	c.mu.Lock()
	*n++
	c.mu.Unlock()
}

// ask puts the question to GitHub, as "has it changed" if the answer is known.
func (c *cache) ask(key string, req *http.Request) (*answer, error) {
	known := c.get(key)
	out := req
	if known != nil {
		out = req.Clone(req.Context())
		out.Header.Set("If-None-Match", known.header.Get("ETag"))
	}
	resp, err := c.next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if known != nil && resp.StatusCode == http.StatusNotModified {
		c.count(&c.hits)
		return known, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("the answer was cut off after %d bytes: %w", len(body), err)
	}
	c.count(&c.misses)
	a := &answer{key: key, status: resp.StatusCode, header: resp.Header, body: body}
	if resp.StatusCode == http.StatusOK && resp.Header.Get("ETag") != "" {
		c.put(a)
	}
	return a, nil
}

func (c *cache) get(key string) *answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*answer)
}

func (c *cache) put(a *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.byKey[a.key]; ok {
		c.remove(old)
	}
	if a.bytes() > c.max/4 {
		return // one answer shall not push out all others
	}
	c.byKey[a.key] = c.order.PushFront(a)
	c.size += a.bytes()
	for c.size > c.max {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(e *list.Element) {
	a := c.order.Remove(e).(*answer)
	delete(c.byKey, a.key)
	c.size -= a.bytes()
}

func (a *answer) bytes() int64 { return int64(len(a.body) + len(a.key) + 1024) }

// response makes a response of its own for each who asked.
func (a *answer) response(req *http.Request, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: req,
	}, nil
}
