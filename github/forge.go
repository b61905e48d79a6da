package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v89/github"
	prow "github.com/prow-ci/prow"
)

// Options say where GitHub is and who asks.
type Options struct {
	BaseURL    string // of the REST interface; "" is https://api.github.com/
	UploadURL  string // where files of releases go; no method of the port needs it
	GraphQLURL string // "" is where GitHub has it for that BaseURL
	// Token returns the token, again for every request: it may change. Nil asks
	// without.
	Token func(ctx context.Context) (string, error)
	// App asks as a GitHub App instead of by Token: each request with the token of
	// the App's installation at the owner whom it is about.
	App       *App
	Client    *http.Client // its Transport is used; nil is one that keeps connections alive
	UserAgent string
	Log       *slog.Logger
	Now       prow.Clock

	// Timeout limits one try of a request; 0 is 30 seconds.
	Timeout time.Duration
	// MaxWait is how long a call sleeps when GitHub says "later"; a longer wait
	// is answered with *prow.RetryAfter. 0 is one minute.
	MaxWait time.Duration
	// CacheBytes limits the memory of answers; 0 is 16 MiB.
	CacheBytes int64
}

// Forge is prow.Forge on GitHub. All its methods may be called concurrently.
type Forge struct {
	client  *gh.Client
	http    *http.Client
	graphql string
	budget  *budget
	cache   *cache
	retry   *retry
	checks  *recent
	now     prow.Clock
	log     *slog.Logger
	search  searchLimits
	token   func(ctx context.Context) (string, error)
	app     *installations // nil with a token

	comments locks

	mu   sync.Mutex
	self string
}

var _ prow.Forge = (*Forge)(nil)

// New returns a Forge; it asks GitHub nothing yet.
func New(o Options) (*Forge, error) {
	base := strings.TrimSuffix(cmp.Or(o.BaseURL, "https://api.github.com"), "/") + "/"
	f := &Forge{
		graphql: cmp.Or(o.GraphQLURL, strings.TrimSuffix(base, "v3/")+"graphql"), // an enterprise's are api/v3 and api/graphql
		now:     o.Now, checks: newRecent(4096), search: searchLimits{page: pageSize, most: maxResults},
	}
	f.comments.of = map[string]*lock{}
	if f.now == nil {
		f.now = time.Now
	}
	f.log, f.token = o.Log, o.Token
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	transport := http.RoundTripper(keepAlive())
	if o.Client != nil && o.Client.Transport != nil {
		transport = o.Client.Transport
	}
	f.budget = &budget{next: transport, now: f.now, of: map[limitOf]Budget{}, hold: map[speaker]time.Time{}}
	f.cache = newCache(f.budget, cmp.Or(o.CacheBytes, 16<<20))
	f.retry = &retry{
		next: f.cache, now: f.now, log: f.log, tries: 6, pause: 250 * time.Millisecond, longest: 8 * time.Second,
		timeout: cmp.Or(o.Timeout, 30*time.Second), maxWait: cmp.Or(o.MaxWait, time.Minute), until: f.budget.until, hold: f.budget.wait,
	}
	hosts, err := hostsOf(base, f.graphql)
	if err != nil {
		return nil, err
	}
	a := &auth{next: f.retry, token: o.Token, agent: cmp.Or(o.UserAgent, "prow"), hosts: hosts}
	if o.App != nil {
		at, err := url.Parse(base)
		if err != nil {
			return nil, fmt.Errorf("github address %q: %w", base, err)
		}
		f.app = &installations{forge: f, sign: o.App.signer(f.now), id: o.App.ID, of: map[string]*installation{}}
		a.base, a.app = at.EscapedPath(), f.app
	}
	f.http = &http.Client{Transport: a}
	f.client, err = gh.NewClient(gh.WithHTTPClient(f.http), gh.WithURLs(&base, &base), gh.WithDisableRateLimitCheck())
	if err != nil {
		return nil, fmt.Errorf("github address %q: %w", o.BaseURL, err)
	}
	return f, nil
}

// keepAlive is the default transport with enough idle connections to one host
// that parallel calls need no new ones.
func keepAlive() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	return t
}

// Self returns the login that writes are made by, without "[bot]"; an App's is its
// slug. It is asked for once.
func (f *Forge) Self(ctx context.Context) (string, error) {
	f.mu.Lock()
	login := f.self
	f.mu.Unlock()
	if login != "" {
		return login, nil
	}
	login, err := f.askSelf(ctx)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.self = trimBot(login)
	return f.self, nil
}

func (f *Forge) askSelf(ctx context.Context) (string, error) {
	if f.app != nil {
		app, err := f.about(ctx)
		if err != nil {
			return "", f.app.wrong(err)
		}
		return app.Slug, nil
	}
	var u wireUser
	if err := f.get(ctx, "user", &u); err != nil {
		return "", err
	}
	if u.Login == "" {
		return "", errors.New("github: the answer to GET user names no login")
	}
	return u.Login, nil
}

func trimBot(login string) string { return strings.TrimSuffix(login, "[bot]") }

func (f *Forge) mine(ctx context.Context) (func(login string) bool, error) {
	self, err := f.Self(ctx)
	if err != nil {
		return nil, err
	}
	if f.app != nil {
		// A person may be called as the App is.
		return func(login string) bool { return strings.EqualFold(login, self+"[bot]") }, nil
	}
	return func(login string) bool { return strings.EqualFold(trimBot(login), self) }, nil
}
