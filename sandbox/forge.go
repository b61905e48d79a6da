package sandbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// Options say where a sandbox lives.
type Options struct {
	Dir string // state and repositories; made if absent
	URL string // own address, as others reach it: http://127.0.0.1:8081
	Log *slog.Logger
	Now prow.Clock
	// Faults are what goes wrong on purpose, as ParseFault reads them.
	Faults []Fault
	// Seed of the faults' dice; the same seed and requests give the same faults.
	Seed uint64
	// Retry keeps trying a webhook whose receiver is down, in order. GitHub
	// does not; on one machine the receiver starts and stops a lot.
	Retry bool
	// RateLimit is how many requests a user has per hour; 0 is a million.
	RateLimit int
}

// Forge is the sandbox. It is an http.Handler; all its methods may be called
// concurrently.
type Forge struct {
	o    Options
	db   *sql.DB
	put  *sql.Stmt
	dbmu sync.Mutex   // SQLite has one writer; waiting here is quicker than there
	mu   sync.RWMutex // guards st and what it points to
	st   *state
	git  *gits
	post *post
	dice *dice
	rate *rates

	shown sync.Map // repo id → its public JSON
	news  news
	api   http.Handler
	pages http.Handler
}

// Open opens the sandbox in o.Dir, making it if need be, and begins to deliver the
// webhooks it owes. ctx bounds the opening only; Close ends it.
func Open(ctx context.Context, o Options) (*Forge, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RateLimit == 0 {
		o.RateLimit = 1_000_000
	}
	o.URL = strings.TrimRight(o.URL, "/")
	if err := os.MkdirAll(filepath.Join(o.Dir, "git"), 0o750); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	db, err := openDB(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	f := &Forge{o: o, db: db, st: newState(), dice: newDice(o.Faults, o.Seed), rate: newRates(o.RateLimit, o.Now)}
	f.git = newGits(filepath.Join(o.Dir, "git"))
	f.post = newPost(ctx, f)
	if err := f.start(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return f, nil
}

func (f *Forge) start(ctx context.Context) (err error) {
	if f.put, err = f.db.PrepareContext(ctx, `INSERT INTO doc (kind, id, body) VALUES (?,?,?) ON CONFLICT (id) DO UPDATE SET body = excluded.body`); err != nil {
		return err
	}
	if err := load(ctx, f.db, f.st); err != nil {
		return err
	}
	f.api, f.pages = f.routes(), f.sites()
	if err := f.catchUp(ctx); err != nil {
		return err
	}
	return f.post.start(ctx)
}

// Close ends deliveries and closes the store.
func (f *Forge) Close() error {
	f.post.stop()
	return errors.Join(f.put.Close(), f.db.Close())
}

// URL is the address given in Options.
func (f *Forge) URL() string { return f.o.URL }

// API is the address of the REST interface.
func (f *Forge) API() string { return f.o.URL + "/api/v3" }

// apiRoots are the first words of REST paths; no account may be called so.
const apiRoots = " api graphql repos user users orgs installation search rate_limit meta repositories issues organizations teams notifications app versions zen emojis "

// ServeHTTP tells API, git and pages apart.
func (f *Forge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest := strings.TrimPrefix(r.URL.Path, "/api/v3")
	first, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	isAPI := rest != r.URL.Path || r.Host == "api.github.com" || (first != "" && strings.Contains(apiRoots, " "+first+" "))
	if w = f.dice.spoil(w, r, rest); w == nil {
		return
	}
	switch {
	case isAPI:
		ctx := r.Context()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			// Who hangs up does not take back what was asked for: half a merge
			// would be worse.
			ctx = context.WithoutCancel(ctx)
		}
		r2 := r.Clone(ctx)
		r2.URL.Path = rest
		r2.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, "/api/v3")
		if rest == "/api/graphql" {
			r2.URL.Path = "/graphql"
		}
		f.api.ServeHTTP(w, r2)
	case isGit(r):
		f.serveGit(w, r)
	default:
		f.pages.ServeHTTP(w, r)
	}
}

// Serve serves the sandbox on a listener, be it TCP or a unix socket, until ctx is
// done.
func (f *Forge) Serve(ctx context.Context, l net.Listener) error {
	s := &http.Server{Handler: f, ReadHeaderTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
