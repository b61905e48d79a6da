package horologium

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// noon is when the tables look.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// periodics loads a configuration with one periodic a name.
func periodics(t *testing.T, of map[string]string) *config.Config {
	t.Helper()
	text := "periodics:\n"
	for name, lines := range of {
		text += fmt.Sprintf("- name: %s\n  spec: {containers: [{image: busybox}]}\n  %s\n", name, lines)
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Paths{Config: file})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// ran makes the newest run: started so long before noon, and ended, if end is
// not negative.
func ran(start, end time.Duration, state prow.State, attempt string) *prow.Job {
	j := &prow.Job{Status: prow.Status{StartTime: metav1.NewTime(noon.Add(-start)), State: state}}
	if end >= 0 {
		at := metav1.NewTime(noon.Add(-end))
		j.Status.CompletionTime = &at
	}
	if attempt != "" {
		j.Labels = map[string]string{prow.LabelReRun: attempt}
	}
	return j
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const m, h = time.Minute, time.Hour
	never := time.Time{}
	for _, c := range []struct {
		name, lines string
		last        *prow.Job
		tick        time.Time // handled
		start       bool
		answers     time.Time // tick of the new run
		attempt     int
		next        time.Time
	}{
		{"interval, never ran", "interval: 1h", nil, never, true, noon, 0, never},
		{"interval over", "interval: 1h", ran(61*m, 50*m, prow.Success, ""), never, true, noon.Add(-m), 0, never},
		{"interval over to the second", "interval: 1h", ran(h, 50*m, prow.Success, ""), never, true, noon, 0, never},
		{"interval not over", "interval: 1h", ran(59*m, 50*m, prow.Success, ""), never, false, never, 0, noon.Add(m)},
		{"interval over, still running", "interval: 1h", ran(61*m, -1, prow.Pending, ""), never, false, never, 0, never},
		{"aborted but not yet ended", "interval: 1h", ran(61*m, -1, prow.Aborted, ""), never, false, never, 0, never},
		{"minimum interval since the end", "minimum_interval: 1h", ran(3*h, 61*m, prow.Failure, ""), never, true, noon.Add(-m), 0, never},
		{"minimum interval not over", "minimum_interval: 1h", ran(3*h, 59*m, prow.Success, ""), never, false, never, 0, noon.Add(m)},
		{"minimum interval, never ran", "minimum_interval: 1h", nil, never, true, noon, 0, never},

		{"cron due", "cron: '0 * * * *'", ran(h, 50*m, prow.Success, ""), noon.Add(-h), true, noon, 0, never},
		{"cron not due", "cron: '30 * * * *'", ran(30*m, 20*m, prow.Success, ""), noon.Add(-30 * m), false, never, 0, noon.Add(30 * m)},
		{"cron due while it runs", "cron: '0 * * * *'", ran(h, -1, prow.Pending, ""), noon.Add(-h), false, never, 0, never},
		{"cron was due while it ran", "cron: '*/20 * * * *'", ran(h, 5*m, prow.Success, ""), noon.Add(-h), true, noon, 0, never},
		{"cron after a week away: one run, for the newest tick", "cron: '0 3 * * *'", ran(8*24*h, 8*24*h, prow.Success, ""), noon.Add(-8 * 24 * h), true, noon.Add(-9 * h), 0, never},
		{"cron each second, a year away", "cron: '* * * * * *'", ran(365*24*h, 365*24*h, prow.Success, ""), noon.Add(-365 * 24 * h), true, noon, 0, never},
		{"cron, runs but no tick known", "cron: '0 * * * *'", ran(30*m, 20*m, prow.Success, ""), never, true, noon, 0, never},
		{"cron never", "cron: '0 0 30 2 *'", nil, noon.Add(-h), false, never, 0, never},
		{"cron in a zone", "cron: 'CRON_TZ=Europe/Berlin 0 13 * * *'", nil, noon.Add(-h), true, noon, 0, never},
		{"every, first seen", "cron: '@every 1h'", nil, never, true, noon, 0, never},
		{"every, after its time", "cron: '@every 1h'", ran(h, 30*m, prow.Success, ""), noon.Add(-h), true, noon, 0, never},
		{"every, before its time", "cron: '@every 1h'", ran(50*m, 30*m, prow.Success, ""), noon.Add(-50 * m), false, never, 0, noon.Add(10 * m)},

		{"retry of a failure", "interval: 1h\n  retry: {attempts: 2, interval: 5m}", ran(6*m, 5*m, prow.Failure, ""), noon.Add(-7 * m), true, noon.Add(-7 * m), 1, never},
		{"second retry", "interval: 1h\n  retry: {attempts: 2, interval: 5m}", ran(6*m, 5*m, prow.Error, "1"), never, true, noon.Add(-6 * m), 2, never},
		{"no third retry", "interval: 1h\n  retry: {attempts: 2, interval: 5m}", ran(6*m, 5*m, prow.Failure, "2"), never, false, never, 0, noon.Add(54 * m)},
		{"retry pauses", "interval: 1h\n  retry: {attempts: 2, interval: 5m}", ran(4*m, 3*m, prow.Failure, ""), never, false, never, 0, noon.Add(m)},
		{"no retry of a success", "interval: 1h\n  retry: {attempts: 2, interval: 5m}", ran(6*m, 5*m, prow.Success, ""), never, false, never, 0, noon.Add(54 * m)},
		{"run_all retries a success", "interval: 1h\n  retry: {attempts: 2, interval: 5m, run_all: true}", ran(6*m, 5*m, prow.Success, ""), never, true, noon.Add(-6 * m), 1, never},
		{"run_all does not wait for the end", "interval: 1h\n  retry: {attempts: 2, interval: 5m, run_all: true}", ran(6*m, -1, prow.Pending, ""), never, true, noon.Add(-6 * m), 1, never},
		{"no retry while it runs", "interval: 1h\n  retry: {attempts: 2, interval: 5m}", ran(6*m, -1, prow.Pending, ""), never, false, never, 0, never},
		{"an attempt that is no number", "interval: 1h\n  retry: {attempts: 2, interval: 5m}", ran(6*m, 5*m, prow.Failure, "many"), never, false, never, 0, noon.Add(54 * m)},
		{"retry of a cron job between ticks", "cron: '30 * * * *'\n  retry: {attempts: 1, interval: 5m}", ran(30*m, 20*m, prow.Failure, ""), noon.Add(-30 * m), true, noon.Add(-30 * m), 1, never},
		{"the schedule goes before a retry", "interval: 5m\n  retry: {attempts: 1, interval: 5m}", ran(6*m, 5*m, prow.Failure, ""), never, true, noon.Add(-m), 0, never},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := periodics(t, map[string]string{"p": c.lines}).Periodic("p")
			got := decide(p, past{last: c.last, tick: c.tick}, noon)
			if got.start != c.start || !got.tick.Equal(c.answers) || got.attempt != c.attempt || !got.next.Equal(c.next) {
				t.Errorf("decide = %+v, want start %v, tick %v, attempt %d, next %v", got, c.start, c.answers, c.attempt, c.next)
			}
			if got.start == (got.why == "") {
				t.Errorf("start %v with the reason %q", got.start, got.why)
			}
		})
	}
}
