package horologium

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/loop"
	"github.com/prow-ci/prow/trigger"
)

// Worker starts periodics. One at a time may run on one store.
type Worker struct {
	Jobs   prow.Jobs
	Memory prow.Memory
	Config func() *config.Config
	// Changes yields each new configuration. Nil: Config is looked at every
	// tick_interval.
	Changes func(context.Context) iter.Seq[*config.Config]
	Log     *slog.Logger
	Now     prow.Clock

	mu      sync.Mutex
	running map[string]string // name of the periodic, by the ID of a run that is not complete
}

const (
	defaultTick = time.Minute
	// longestSleep bounds how wrong the clock may be after the machine slept.
	longestSleep = time.Hour
	workers      = 4
)

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	return loop.Loop{Name: "horologium", Watch: loop.Merge(w.changes, w.ends), Do: w.Tick, Workers: workers, Log: w.Log, Now: w.Now}.Run(ctx)
}

// changes yields the names of all periodics, at once and whenever the
// configuration is another.
func (w *Worker) changes(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for cfg := range w.configs(ctx) {
			for _, p := range cfg.Periodics {
				if !yield(p.Name) {
					return
				}
			}
		}
	}
}

func (w *Worker) configs(ctx context.Context) iter.Seq[*config.Config] {
	if w.Changes != nil {
		return func(yield func(*config.Config) bool) {
			if !yield(w.Config()) {
				return
			}
			w.Changes(ctx)(yield)
		}
	}
	return func(yield func(*config.Config) bool) {
		var last *config.Config
		for ctx.Err() == nil {
			if cfg := w.Config(); cfg != last {
				last = cfg
				if !yield(cfg) {
					return
				}
			}
			pause := defaultTick
			if t := last.Horologium.TickInterval; t != nil && t.Duration > 0 {
				pause = t.Duration
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	}
}

// ends yields the name of a periodic when its run may have ended.
func (w *Worker) ends(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for id := range w.Jobs.Watch(ctx) {
			w.mu.Lock()
			name, ok := w.running[id]
			w.mu.Unlock()
			if ok && !yield(name) {
				return
			}
		}
	}
}

// expect notes that the run id of a periodic is under way, or over.
func (w *Worker) expect(name string, j *prow.Job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == nil {
		w.running = map[string]string{}
	}
	if j.Complete() {
		delete(w.running, j.Name)
	} else {
		w.running[j.Name] = name
	}
}

// Tick starts the periodic of that name if it is due, and says when to look
// again.
func (w *Worker) Tick(ctx context.Context, name string) (again time.Duration, err error) {
	cfg := w.Config()
	p := cfg.Periodic(name)
	if p == nil {
		return 0, nil // it is no longer configured
	}
	h, err := w.past(ctx, name)
	if err != nil {
		return 0, err
	}
	if h.last != nil {
		w.expect(name, h.last)
		if !h.last.Complete() {
			// It may have ended before anybody expected it to.
			if h.last, err = w.Jobs.Get(ctx, h.last.Name); err != nil {
				return 0, err
			}
			w.expect(name, h.last)
		}
	}
	now := w.Now()
	if unheard := h.tick.IsZero() && h.last == nil || h.cron != nil && *h.cron != p.Cron; p.Cron != "" && unheard && !p.Steady() {
		// From now on ticks of this schedule are owed.
		h.tick = now
		if err := w.save(ctx, p, now); err != nil {
			return 0, err
		}
	}
	m := decide(p, h, now)
	if m.start {
		return time.Millisecond, w.start(ctx, cfg, p, h, m) // then see when the next is due
	}
	if m.next.IsZero() {
		return 0, nil
	}
	return min(max(m.next.Sub(now), time.Millisecond), longestSleep), nil
}

// start makes the job. Its ID is made of its cause, so that making it again
// makes no other.
func (w *Worker) start(ctx context.Context, cfg *config.Config, p *config.Periodic, h past, m move) error {
	cause := "horologium " + m.tick.UTC().Format(time.RFC3339Nano)
	extra := trigger.Extra{Annotations: map[string]string{prow.AnnotationTick: m.tick.UTC().Format(time.RFC3339Nano)}, Why: m.why}
	if m.attempt > 0 {
		cause = fmt.Sprintf("horologium attempt %d after %s", m.attempt, h.last.Name)
		extra.Labels = map[string]string{prow.LabelReRun: strconv.Itoa(m.attempt)}
	}
	j := trigger.PeriodicJob(cfg, p, trigger.JobID(cause, p.Name, nil), w.Now(), extra)
	if err := w.Jobs.Create(ctx, j); err != nil {
		return err
	}
	w.expect(p.Name, j)
	w.Log.Info("periodic started", "job", j.Name, "name", p.Name, "why", m.why)
	return w.save(ctx, p, m.tick)
}

// past finds out what is known of a periodic.
func (w *Worker) past(ctx context.Context, name string) (past, error) {
	var h past
	jobs, err := w.Jobs.List(ctx, prow.JobFilter{Types: []prow.Type{prow.Periodic}, Job: name, Limit: 20})
	if err != nil {
		return h, err
	}
	if len(jobs) > 0 {
		h.last = slices.MaxFunc(jobs, func(a, b *prow.Job) int {
			return a.Status.StartTime.Compare(b.Status.StartTime.Time)
		})
	}
	for _, j := range jobs {
		h.handled(j.Annotations[prow.AnnotationTick], w.Now())
	}
	b, err := w.Memory.Load(ctx, memoryName(name))
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, err
	}
	tick, cron, ok := strings.Cut(string(b), "\n")
	if ok {
		h.cron = &cron
	}
	h.handled(tick, w.Now())
	return h, nil
}

// handled notes a tick. Anyone may write an annotation: what is no time, or lies
// ahead, is none.
func (h *past) handled(text string, now time.Time) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.After(h.tick) && !t.After(now) {
		h.tick = t
	}
}

func (w *Worker) save(ctx context.Context, p *config.Periodic, tick time.Time) error {
	return w.Memory.Save(ctx, memoryName(p.Name), []byte(tick.UTC().Format(time.RFC3339Nano)+"\n"+p.Cron))
}

// memoryName is where Memory keeps the newest handled tick of a periodic and, on
// a second line, its schedule.
func memoryName(name string) string { return "horologium/tick/" + name }
