package config

import (
	"context"
	"errors"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle    = 10 * time.Millisecond  // after the last event, before looking
	writing   = 100 * time.Millisecond // how long somebody may take to write a file
	pollOften = time.Second            // where the kernel tells nothing
	pollNet   = 5 * time.Second        // beside its events, in case some get lost
)

// watcher tells that something below the configured paths may have changed: by
// the kernel's events, and by looking at times and sizes now and then.
type watcher struct {
	paths []string // roots
	log   *slog.Logger
	fs    *fsnotify.Watcher // nil: only polling
	seen  uint64
}

func newWatcher(p Paths, log *slog.Logger) *watcher {
	w := &watcher{log: log}
	for _, name := range append([]string{p.Config, p.JobConfig, p.PluginConfig}, append(p.Supplemental, p.SupplementalPlugins...)...) {
		if name != "" {
			w.paths = append(w.paths, name)
		}
	}
	var err error
	if w.fs, err = fsnotify.NewWatcher(); err != nil {
		log.Warn("no file events, polling instead", "err", err)
		w.fs = nil
	}
	w.seen = w.look()
	return w
}

func (w *watcher) close() {
	if w.fs != nil {
		_ = w.fs.Close() // nothing is lost with it
	}
}

// look returns a digest of names, times and sizes, and has the kernel watch the
// directories there are.
func (w *watcher) look() uint64 {
	h := fnv.New64a()
	for _, root := range w.paths {
		w.add(filepath.Dir(root))
		real, err := filepath.EvalSymlinks(root)
		if err != nil {
			real = root
		}
		_, _ = h.Write([]byte(real))
		_ = filepath.WalkDir(real, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				_, _ = h.Write([]byte(name + err.Error()))
				return nil
			}
			if d.IsDir() {
				w.add(name)
			}
			info, err := os.Stat(name) // through links: a ConfigMap swaps them
			if err != nil {
				return nil
			}
			text := name + "\x00" + info.ModTime().Format(time.RFC3339Nano) + "\x00" + info.Mode().String()
			if !d.IsDir() {
				text += "\x00" + string(binarySize(info.Size()))
			}
			_, _ = h.Write([]byte(text))
			return nil
		})
	}
	return h.Sum64()
}

func binarySize(n int64) []byte {
	return []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(n >> 32)}
}

// add has the kernel watch dir. Where it can watch no more, polling has to do.
func (w *watcher) add(dir string) {
	if w.fs == nil {
		return
	}
	err := w.fs.Add(dir)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENOMEM) {
		w.log.Warn("too many directories to watch, polling instead", "dir", dir, "err", err)
		w.close()
		w.fs = nil
	}
}

// next waits until something may have changed; false when ctx is done.
func (w *watcher) next(ctx context.Context) bool {
	for {
		if !w.wait(ctx) {
			return false
		}
		if now := w.look(); now != w.seen {
			w.seen = now
			return true
		}
	}
}

// again waits a moment and reports whether something changed once more: what
// was seen may have been half written.
func (w *watcher) again(ctx context.Context) bool {
	select {
	case <-ctx.Done():
	case <-time.After(writing):
	}
	now := w.look()
	changed := now != w.seen
	w.seen = now
	return changed
}

// wait returns at an event, once things have settled, or when it is time to look.
func (w *watcher) wait(ctx context.Context) bool {
	period := pollOften
	var events chan fsnotify.Event
	var lost chan error
	if w.fs != nil {
		period, events, lost = pollNet, w.fs.Events, w.fs.Errors
	}
	timer := time.NewTimer(period)
	defer timer.Stop()
	var first time.Time // of a row of events
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-lost: // an overflow: looking makes up for it
			return true
		case _, ok := <-events:
			if !ok {
				events = nil
			}
			if first.IsZero() {
				first = time.Now()
			}
			if time.Since(first) < 20*settle {
				timer.Reset(settle)
			}
		}
	}
}
