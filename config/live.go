package config

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Live is the configuration as it is now. When its files change it loads them
// again; what does not load leaves the last good one in use.
type Live struct {
	load    *loader
	log     *slog.Logger
	check   func(*Config) error
	current atomic.Pointer[Config]
	stale   atomic.Pointer[Stale]
	counts  *counts

	mu      sync.Mutex
	changed chan struct{} // closed when current changes
}

// Stale says that the files changed, but what they say now cannot be used.
type Stale struct {
	Since    time.Time `json:"since"`
	Problems Problems  `json:"problems"`
}

// Open loads the configuration and keeps it up to date until ctx is done. check
// may refuse a configuration that loads, for reasons that only its caller
// knows; nil refuses none. The error is that of the first load.
func Open(ctx context.Context, paths Paths, log *slog.Logger, check func(*Config) error) (*Live, error) {
	l := &Live{load: newLoader(paths), log: log, check: check, changed: make(chan struct{})}
	l.counts = newCounts(l)
	w := newWatcher(l.load.paths, log)
	cfg, err := l.read(ctx)
	if err != nil {
		w.close()
		return nil, err
	}
	l.current.Store(cfg)
	go l.follow(ctx, w)
	return l, nil
}

// Current returns the newest configuration that is good.
func (l *Live) Current() *Config { return l.current.Load() }

// Stale returns why Current is not what the files say; nil if it is.
func (l *Live) Stale() *Stale { return l.stale.Load() }

// Watch yields the current configuration and then each that follows, until ctx is
// done. Who is slow gets the newest and misses those between.
func (l *Live) Watch(ctx context.Context) iter.Seq[*Config] {
	return func(yield func(*Config) bool) {
		var last *Config
		for {
			l.mu.Lock()
			changed := l.changed
			l.mu.Unlock()
			if c := l.Current(); c != last {
				if last = c; !yield(c) {
					return
				}
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (l *Live) read(ctx context.Context) (*Config, error) {
	cfg, err := l.load.load(ctx)
	if err == nil && l.check != nil {
		err = l.check(cfg)
	}
	return cfg, err
}

// follow loads again whenever w sees a change.
func (l *Live) follow(ctx context.Context, w *watcher) {
	defer w.close()
	for w.next(ctx) {
		start := time.Now()
		cfg, err := l.read(ctx)
		for range patience {
			if err == nil && !w.unfinished() {
				break
			}
			if w.again(ctx) {
				start = time.Now()
				cfg, err = l.read(ctx)
			} else if !w.tree.emptied {
				break
			}
		}
		if ctx.Err() == nil {
			l.take(cfg, err, time.Since(start))
		}
	}
}

// take puts what was loaded in use, or notes why it cannot be.
func (l *Live) take(cfg *Config, err error, took time.Duration) {
	if err != nil {
		l.counts.load("bad", took)
		l.spoil(err)
		return
	}
	same := cfg.digest == l.Current().digest // written again
	if same {
		l.counts.load("same", took)
	} else {
		l.counts.load("ok", took)
	}
	if l.stale.Swap(nil) != nil {
		l.log.Info("configuration can be used again")
	}
	if same {
		return
	}
	l.log.Info("configuration loaded", "version", cfg.Version, "warnings", len(cfg.Warnings))
	l.current.Store(cfg)
	l.mu.Lock()
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
}

// spoil notes that the files do not make a configuration.
func (l *Live) spoil(err error) {
	var p Problems
	if !errors.As(err, &p) {
		p = Problems{{Kind: KindInvalid, Text: err.Error()}}
	}
	s := &Stale{Since: time.Now(), Problems: p}
	old := l.stale.Load()
	if old != nil {
		s.Since = old.Since
	}
	if old == nil || old.Problems.Error() != p.Error() {
		l.log.Error("configuration cannot be used, the last good one stays", "problems", len(p), "first", p[0].String())
	}
	l.stale.Store(s)
}
