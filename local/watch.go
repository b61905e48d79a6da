package local

import (
	"context"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Watch yields the ID of each run that may have changed.
func (r *Runner) Watch(ctx context.Context) iter.Seq[string] {
	return r.notes.Watch(ctx, func(context.Context) ([]string, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Collect(maps.Keys(r.runs)), nil
	})
}

// noticing is how often we look what the runs do; their end is told at once.
const noticing = 250 * time.Millisecond

// notice tells of runs that do something else now.
func (r *Runner) notice() {
	tick := time.NewTicker(noticing)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			return
		}
		if !r.notes.Watched() {
			continue
		}
		r.mu.Lock()
		var live []*run
		for _, x := range r.runs {
			if x.ended == nil {
				live = append(live, x)
			}
		}
		r.mu.Unlock()
		for _, x := range live {
			if i, err := os.Stat(filepath.Join(x.folder, stateFile)); err == nil && !i.ModTime().Equal(x.state) {
				x.state = i.ModTime()
				r.notes.Tell(x.id)
			}
		}
	}
}
