package config

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// maxAttempts bounds retry.attempts.
const maxAttempts = 10

// clock reads when a periodic runs.
func (f *finisher) clock(at spot, j *Periodic) {
	given := 0
	for _, s := range []string{j.Interval, j.MinimumInterval, j.Cron} {
		if s != "" {
			given++
		}
	}
	switch {
	case given == 0:
		at.hinted("says not when it runs", "give one of interval, minimum_interval and cron")
	case given > 1:
		at.hinted("has more than one of interval, minimum_interval and cron", "keep one of them")
	}
	j.interval = duration(at.at("interval"), j.Interval)
	j.minimumInterval = duration(at.at("minimum_interval"), j.MinimumInterval)
	if j.Cron != "" {
		var err error
		if j.schedule, err = ParseCron(j.Cron); err != nil {
			at.at("cron").wrong(err.Error())
		}
	}
	if j.Retry != nil {
		r := *j.Retry
		r.interval = duration(at.at("retry", "interval"), r.Interval)
		switch {
		case r.Interval == "":
			at.at("retry").hinted("has no interval", "say how long to wait between attempts, for example interval: 10m")
		case r.Attempts < 0 || r.Attempts > maxAttempts:
			at.at("retry", "attempts").wrong(fmt.Sprintf("is %d; want 0 to %d", r.Attempts, maxAttempts))
		}
		j.Retry = &r
	}
}

func duration(at spot, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		at.hinted(fmt.Sprintf("%q is not a duration", text), "write for example 30m or 2h30m")
	}
	return d
}

// ParseCron reads a cron expression: five fields, six with seconds first, or a
// descriptor such as @daily. Times are UTC unless it begins with CRON_TZ=.
func ParseCron(text string) (cron.Schedule, error) {
	for _, prefix := range []string{"TZ=", "CRON_TZ="} {
		zone, ok := strings.CutPrefix(text, prefix)
		if !ok {
			continue
		}
		zone, rest, ok := strings.Cut(zone, " ") // the parser counts on a blank
		if _, err := time.LoadLocation(zone); !ok || strings.TrimSpace(rest) == "" || err != nil {
			return nil, fmt.Errorf("%q: want a time zone, a blank and a schedule, for example CRON_TZ=Europe/Berlin 0 6 * * *", text)
		}
	}
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	s, err := parser.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a schedule: %w", text, cmp.Or(errors.Unwrap(err), err))
	}
	return s, nil
}

// Next returns when p's cron expression is due after t; zero if p has none, or
// never again.
func (p *Periodic) Next(t time.Time) time.Time {
	if p.schedule == nil {
		return time.Time{}
	}
	return p.schedule.Next(t.UTC())
}

// Steady reports whether p's schedule is an @every, which runs at once when first seen.
func (p *Periodic) Steady() bool {
	_, ok := p.schedule.(cron.ConstantDelaySchedule)
	return ok
}
