package config

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle  = 4 * time.Millisecond   // after the last event, before looking
	writing = 100 * time.Millisecond // how long somebody may take to write a file
	poll    = time.Second            // between looks without events: where the kernel tells nothing, or some get lost
	recent  = 50 * time.Millisecond  // the age from which on a time of change can be trusted
	emptied = time.Second            // how long an empty file may be one that somebody is about to fill

	patience = 2 * int(emptied/writing) // looks at files that do not come to rest
)

// watcher tells that something below the configured paths may have changed: by
// the kernel's events, and by looking at times and sizes every second.
type watcher struct {
	paths []string // roots
	log   *slog.Logger
	fs    *fsnotify.Watcher // nil: only polling

	tree    *fileTree
	seen    uint64
	settled bool // what was seen had not just been written
}

func newWatcher(p Paths, log *slog.Logger) *watcher {
	w := &watcher{log: log, tree: newFileTree(p.SupplementalSuffix, p.SupplementalPluginSuffix)}
	roots := []string{p.Config, p.JobConfig, p.PluginConfig}
	if p.Config != "" {
		roots = append(roots, filepath.Join(filepath.Dir(p.Config), versionFile))
	}
	for _, name := range slices.Concat(roots, p.Supplemental, p.SupplementalPlugins) {
		if name != "" {
			w.paths = append(w.paths, name)
		}
	}
	var err error
	if w.fs, err = fsnotify.NewWatcher(); err != nil {
		log.Warn("no file events, polling instead", "err", err)
		w.fs = nil
	}
	w.changed()
	return w
}

func (w *watcher) close() {
	if w.fs != nil {
		_ = w.fs.Close() // nothing is lost with it
	}
}

// changed looks whether anything is different from the last time, and has the
// kernel watch the directories there are.
func (w *watcher) changed() bool {
	sum, settled := w.tree.look(w.paths)
	// What has just been written may be written again within a tick of the clock
	// that files' times are taken from: it is taken for changed once more when it
	// is older.
	changed := sum != w.seen || settled && !w.settled
	w.seen, w.settled = sum, settled
	if !changed {
		return false
	}
	for _, root := range w.paths {
		w.add(filepath.Dir(root))
	}
	for _, dir := range w.tree.fresh {
		w.add(dir)
	}
	w.tree.fresh = nil
	return true
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

// concerns reports whether the event may be about configuration: others may
// write to other files beside it all the time.
func (w *watcher) concerns(e fsnotify.Event) bool {
	name := filepath.Base(e.Name)
	return e.Op&^(fsnotify.Write|fsnotify.Chmod) != 0 || w.tree.matters(name) ||
		slices.ContainsFunc(w.paths, func(root string) bool { return filepath.Base(root) == name })
}

// next waits until something may have changed; false when ctx is done.
func (w *watcher) next(ctx context.Context) bool {
	for w.wait(ctx) {
		if w.changed() {
			return true
		}
	}
	return false
}

// unfinished reports whether something changed since the last look, or somebody
// seems to be in the middle of writing: most programs that write a file empty it
// first, and an empty file would be a good configuration.
func (w *watcher) unfinished() bool {
	sum, _ := w.tree.look(w.paths)
	return sum != w.seen || w.tree.emptied
}

// again waits a moment and reports whether something changed once more: what
// was seen may have been half written.
func (w *watcher) again(ctx context.Context) bool {
	select {
	case <-ctx.Done():
	case <-time.After(writing):
	}
	return w.changed()
}

// wait returns at an event, once things have settled, or when it is time to look.
func (w *watcher) wait(ctx context.Context) bool {
	var events chan fsnotify.Event
	var lost chan error
	if w.fs != nil {
		events, lost = w.fs.Events, w.fs.Errors
	}
	timer := time.NewTimer(poll)
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
		case e, ok := <-events:
			if !ok {
				events = nil
			} else if !w.concerns(e) {
				continue
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
