package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// retry tries again what may be tried again, and waits when GitHub says so.
type retry struct {
	next    http.RoundTripper
	now     prow.Clock
	log     *slog.Logger
	tries   int
	pause   time.Duration // before the second try; doubled from try to try
	longest time.Duration // pause
	timeout time.Duration // of one try
	maxWait time.Duration
	until   func(*http.Request) time.Time
	hold    func(req *http.Request, until time.Time) // for all who speak as req does
}

// longestHold is longer than GitHub ever asks anybody to wait.
const longestHold = 61 * time.Minute

// onceKey marks a request whose effect would be there twice if it were sent
// twice: it is not sent again when nobody knows whether it arrived.
type onceKey struct{}

func once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

// errUnsure is in the error of a request sent with once when it may or may not
// have had its effect.
var errUnsure = errors.New("it may have been done or not")

func (r *retry) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	for try := 1; ; try++ {
		if err := r.ready(req); err != nil {
			return nil, err
		}
		resp, err := r.attempt(req)
		last := try >= r.tries
		switch {
		case ctx.Err() != nil:
			drop(resp)
			return nil, ctx.Err()
		case err != nil || resp.StatusCode >= 500:
			if ctx.Value(onceKey{}) != nil {
				return nil, unsure(resp, err)
			}
			if last {
				return resp, err
			}
			r.log.DebugContext(ctx, "github asked again", "method", req.Method, "path", req.URL.Path, "try", try)
			drop(resp)
			if err := sleep(ctx, r.backoff(try)); err != nil {
				return nil, err
			}
		default:
			wait, limited := r.limit(resp)
			if !limited {
				return resp, nil
			}
			drop(resp)
			at := r.now().Add(min(wait, longestHold))
			if resp.Header.Get("X-RateLimit-Remaining") != "0" {
				r.hold(req, at) // it is about how we ask, not about this resource's hour
			}
			if err := r.sleepUntil(ctx, at, last); err != nil {
				return nil, err
			}
		}
	}
}

// ready waits until the budget permits req.
func (r *retry) ready(req *http.Request) error {
	if at := r.until(req); !at.IsZero() {
		return r.sleepUntil(req.Context(), at, false)
	}
	return nil
}

// sleepUntil sleeps, or answers with RetryAfter if that would be too long.
func (r *retry) sleepUntil(ctx context.Context, at time.Time, never bool) error {
	wait := at.Sub(r.now())
	if wait > r.maxWait || never {
		return &prow.RetryAfter{At: at, Err: fmt.Errorf("GitHub's rate limit is used up until %s", at.UTC().Format(time.RFC3339))}
	}
	return sleep(ctx, wait)
}

// attempt sends req once. The time limit ends with the answer's body.
func (r *retry) attempt(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), r.timeout)
	out := req.Clone(ctx)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			cancel()
			return nil, err
		}
		out.Body = body
	}
	resp, err := r.next.RoundTrip(out)
	if err != nil {
		cancel()
		if ctx.Err() != nil && req.Context().Err() == nil {
			return nil, fmt.Errorf("no answer within %s", r.timeout)
		}
		return nil, err
	}
	if req.Method == http.MethodGet { // the memory of answers has read it
		cancel()
		return resp, nil
	}
	return whole(resp, cancel)
}

// whole reads the answer to its end, so that one that is cut off or stalls
// counts as a failed try, and not as half a list.
func whole(resp *http.Response, cancel context.CancelFunc) (*http.Response, error) {
	defer cancel()
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("the answer was cut off after %d bytes: %w", len(b), err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp, nil
}

// limit reports whether resp says "later", and when. A 403 without a limit in
// its headers or words is a plain refusal.
func (r *retry) limit(resp *http.Response) (time.Duration, bool) {
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	if after := resp.Header.Get("Retry-After"); after != "" {
		if s, err := strconv.Atoi(after); err == nil {
			return time.Duration(s)*time.Second + time.Second, true
		}
		if t, err := http.ParseTime(after); err == nil {
			return max(0, t.Sub(r.now())) + time.Second, true
		}
	}
	if resp.Header.Get("X-RateLimit-Remaining") == "0" {
		reset, _ := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64)
		return max(0, time.Unix(reset, 0).Sub(r.now())) + time.Second, true
	}
	// A secondary limit without a time: GitHub asks for at least a minute.
	if resp.StatusCode == http.StatusTooManyRequests || secondary(resp) {
		return time.Minute, true
	}
	return 0, false
}

func secondary(resp *http.Response) bool {
	return contains(resp, "secondary rate limit") || contains(resp, "abuse detection")
}

// contains reports whether the answer's text holds words, given in lower case. The
// answer can still be read.
func contains(resp *http.Response, words string) bool {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return err == nil && strings.Contains(strings.ToLower(string(b)), words)
}

func (r *retry) backoff(try int) time.Duration {
	d := min(r.pause<<(try-1), r.longest)
	return d/2 + rand.N(d/2+1)
}

func unsure(resp *http.Response, err error) error {
	if err == nil {
		err = fmt.Errorf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	drop(resp)
	return fmt.Errorf("%w; %w", err, errUnsure)
}

func drop(resp *http.Response) {
	if resp != nil {
		resp.Body.Close()
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
