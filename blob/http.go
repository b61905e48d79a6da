package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	prow "github.com/prow-ci/prow"
)

const (
	tries       = 5
	firstPause  = 200 * time.Millisecond
	longestWait = 30 * time.Second // asked for by the store
	answerLimit = time.Minute      // until an answer begins
)

// newClient is a client for stores. It does not decompress: what is stored
// compressed is said so in its attributes, and offsets are those of the store.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: answerLimit,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   16,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
	}}
}

// call is a request that can be made again.
type call struct {
	method string
	url    string
	header http.Header
	body   []byte
	// once is set where doing it twice is not doing it once.
	once bool
	// also are statuses beside 2xx that are answers.
	also []int
}

// caller makes calls of one store.
type caller struct {
	world
	// login adds what the store wants to know of us.
	login func(ctx context.Context, r *http.Request, body []byte) error
	// explain reads the store's own words from the body of an error.
	explain func(body []byte) (code, message string)
}

// do makes a call, again after a pause where that may help. The body of the answer
// is the caller's to close.
func (c *caller) do(ctx context.Context, x call) (*http.Response, error) {
	for i := 1; ; i++ {
		res, err := c.try(ctx, x)
		if err == nil || ctx.Err() != nil || i == tries || x.once || !passes(err) {
			return res, err
		}
		if !sleep(ctx, pause(i, err)) {
			return nil, err
		}
	}
}

// read makes a call and reads its small answer.
func (c *caller) read(ctx context.Context, x call) ([]byte, http.Header, error) {
	return readAll(ctx, func() (*http.Response, error) { return c.do(ctx, x) })
}

// readAll reads an answer, and asks for it again if it breaks off.
func readAll(ctx context.Context, do func() (*http.Response, error)) ([]byte, http.Header, error) {
	for i := 1; ; i++ {
		res, err := do()
		if err != nil {
			return nil, nil, err
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close() // it was read
		if err == nil || i == tries || ctx.Err() != nil {
			return b, res.Header, err
		}
	}
}

func (c *caller) try(ctx context.Context, x call) (*http.Response, error) {
	var body io.Reader
	if x.body != nil {
		body = bytes.NewReader(x.body)
	}
	req, err := http.NewRequestWithContext(ctx, x.method, x.url, body)
	if err != nil {
		return nil, prow.Final(err)
	}
	for k, v := range x.header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "prow")
	if err := c.login(ctx, req, x.body); err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	res, err := c.client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	for _, s := range x.also {
		if res.StatusCode == s {
			return res, nil
		}
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // the status says enough
	e := &statusError{status: res.StatusCode, header: res.Header}
	e.code, e.message = c.explain(b)
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		e.after = time.Duration(s) * time.Second
	}
	if e.status/100 == 4 && e.Unwrap() == nil && !passes(e) {
		return nil, prow.Final(e) // we ask for what cannot be
	}
	return nil, e
}

// statusError is an answer that is not one.
type statusError struct {
	status        int
	code, message string
	after         time.Duration
	header        http.Header
}

func (e *statusError) Error() string {
	s := strconv.Itoa(e.status) + " " + http.StatusText(e.status)
	if e.code != "" {
		s += " (" + e.code + ")"
	}
	if e.message != "" {
		s += ": " + e.message
	}
	return s
}

func (e *statusError) Unwrap() error {
	switch e.status {
	case http.StatusNotFound:
		return fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return prow.ErrForbidden
	}
	return nil
}

// passes reports whether trying again may help.
func passes(err error) bool {
	var s *statusError
	if errors.As(err, &s) {
		return s.status >= 500 && s.status != http.StatusNotImplemented || s.status == http.StatusTooManyRequests || s.status == http.StatusRequestTimeout
	}
	return !prow.IsFinal(err) && !errors.Is(err, fs.ErrNotExist)
}

func pause(i int, err error) time.Duration {
	var s *statusError
	if errors.As(err, &s) && s.after > 0 {
		return min(s.after, longestWait)
	}
	d := firstPause << (i - 1)
	return d/2 + rand.N(d)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
