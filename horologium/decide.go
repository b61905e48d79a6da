package horologium

import (
	"fmt"
	"strconv"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// maxAttempts bounds retries whatever is configured.
const maxAttempts = 10

// past is what is known of a periodic: its newest run, or nil, and the newest
// tick that was handled. A zero tick means that none ever was.
type past struct {
	last *prow.Job
	tick time.Time
	cron *string // the schedule when that was noted; nil: not known
}

// move is what to do about a periodic, and why.
type move struct {
	start   bool
	tick    time.Time // that the new run answers
	attempt int       // of a retry, from 1
	why     string
	next    time.Time // look again then; zero: when the run ends, or never
}

// decide says whether p is to be run now.
func decide(p *config.Periodic, h past, now time.Time) move {
	m := ordinary(p, h, now)
	if m.start {
		return m
	}
	r := retry(p, h, now)
	if r.start {
		return r
	}
	m.next = sooner(m.next, r.next)
	return m
}

// ordinary decides by the schedule.
func ordinary(p *config.Periodic, h past, now time.Time) move {
	if p.Cron != "" {
		return byCron(p, h, now)
	}
	if h.last == nil {
		return move{start: true, tick: now, why: "It has never run before."}
	}
	if !h.last.Complete() {
		return move{}
	}
	at, rule := h.last.Status.CompletionTime.Add(p.Pause()), "minimum_interval "+p.MinimumInterval
	if p.Every() > 0 {
		at, rule = h.last.Status.StartTime.Add(p.Every()), "interval "+p.Interval
	}
	if now.Before(at) {
		return move{next: at}
	}
	return move{start: true, tick: at, why: fmt.Sprintf("It was due at %s (%s).", clock(at), rule)}
}

func byCron(p *config.Periodic, h past, now time.Time) move {
	from := h.tick
	if from.IsZero() {
		if p.Steady() && h.last == nil {
			return move{start: true, tick: now, why: fmt.Sprintf("It was seen for the first time (%s).", p.Cron)}
		}
		from = now // what was due before anybody knew of it is not owed
		if h.last != nil {
			from = h.last.Status.StartTime.Time
		}
	}
	tick := lastTick(p.Next, from, now)
	switch {
	case tick.IsZero():
		return move{next: p.Next(from)}
	case h.last != nil && !h.last.Complete():
		return move{} // it is still owed when that run ends
	}
	return move{start: true, tick: tick, why: fmt.Sprintf("It was due at %s (%s).", clock(tick), p.Cron)}
}

// lastTick returns the newest tick after from and not after now, or zero. It
// looks at the last minute first, and further back only if nothing was due
// there, so a long pause and a dense schedule do not make it count for hours.
func lastTick(next func(time.Time) time.Time, from, now time.Time) time.Time {
	for _, back := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour, 31 * 24 * time.Hour, now.Sub(from)} {
		start := now.Add(-back)
		if start.Before(from) {
			start = from
		}
		var last time.Time
		for t := next(start); !t.IsZero() && !t.After(now); t = next(t) {
			last = t
		}
		if !last.IsZero() || start.Equal(from) {
			return last
		}
	}
	return time.Time{}
}

// retry decides whether a failed run is to be tried again.
func retry(p *config.Periodic, h past, now time.Time) move {
	if p.Retry == nil || h.last == nil {
		return move{}
	}
	done := 0
	if text, ok := h.last.Labels[prow.LabelReRun]; ok {
		n, err := strconv.Atoi(text)
		if err != nil {
			return move{}
		}
		done = n
	}
	allowed := min(p.Retry.Attempts, maxAttempts)
	if done+1 > allowed || !p.Retry.RunAll && (!h.last.Complete() || h.last.Status.State == prow.Success) {
		return move{}
	}
	at := h.last.Status.StartTime.Add(p.Retry.Pause())
	if now.Before(at) {
		return move{next: at}
	}
	tick := h.tick
	if tick.IsZero() {
		tick = h.last.Status.StartTime.Time
	}
	return move{start: true, tick: tick, attempt: done + 1, why: fmt.Sprintf("Attempt %d of %d after a run that ended in %s.", done+1, allowed, ending(h.last))}
}

func ending(j *prow.Job) string {
	if !j.Complete() {
		return "nothing yet"
	}
	return string(j.Status.State)
}

// sooner returns the earlier of two times; a zero one is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
