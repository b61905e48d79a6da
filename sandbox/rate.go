package sandbox

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// rates count requests per user and hour.
type rates struct {
	limit int
	now   prow.Clock
	mu    sync.Mutex
	used  map[int64]*budget
}

type budget struct {
	used  int
	reset time.Time
}

func newRates(limit int, now prow.Clock) *rates {
	return &rates{limit: limit, now: now, used: map[int64]*budget{}}
}

// spend takes n requests from the user's budget and says how it stands.
func (r *rates) spend(user int64, n int) (left int, reset time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, now := r.used[user], r.now()
	if b == nil || !now.Before(b.reset) {
		b = &budget{reset: now.Add(time.Hour)}
		r.used[user] = b
	}
	b.used += n
	return r.limit - b.used, b.reset
}

// header tells the budget; it reports whether it is overdrawn.
func (r *rates) header(h http.Header, user int64, resource string, n int) (over bool) {
	left, reset := r.spend(user, n)
	h.Set("X-RateLimit-Limit", strconv.Itoa(r.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(left, 0)))
	h.Set("X-RateLimit-Used", strconv.Itoa(min(r.limit-left, r.limit)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", resource)
	return left < 0
}

func getRateLimit(c *call) (any, error) {
	left, reset := c.rate.spend(c.payer(), 0)
	b := obj{"limit": c.rate.limit, "remaining": max(left, 0), "used": min(c.rate.limit-left, c.rate.limit), "reset": reset.Unix()}
	return obj{"resources": obj{"core": b, "search": b, "graphql": b, "integration_manifest": b, "code_search": b}, "rate": b}, nil
}
