package plank

import (
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
)

func TestMetricsCountTransitions(t *testing.T) {
	t.Parallel()
	m := NewMetrics()
	var none *Metrics
	none.see(prowtest.Job("a"))
	none.forget("a")
	j := prowtest.Job("a", func(j *prow.Job) { j.Labels[prow.LabelRetest] = "true" })
	for range 3 {
		m.see(j)
	}
	for _, s := range []prow.State{prow.Pending, prow.Success} {
		if err := j.Advance(s, prowtest.Epoch, ""); err != nil {
			t.Fatal(err)
		}
		m.see(j)
	}
	m.see(prowtest.Job("b", func(j *prow.Job) { // it ended before this process began
		j.Status.State, j.Status.CompletionTime = prow.Failure, j.Status.StartTime.DeepCopy()
	}))
	m.forget("gone")
	m.forget("a")
	want := map[string]float64{
		"prowjob_state_transitions triggered": 1, "prowjob_state_transitions pending": 1, "prowjob_state_transitions success": 1,
		"prowjobs triggered": 0, "prowjobs pending": 0, "prowjobs success": 0, "prowjobs failure": 1,
	}
	if got := gathered(t, m); !maps.Equal(got, want) {
		t.Errorf("gathered %v, want %v", got, want)
	}
}

// gathered returns the values of m by metric and state.
func gathered(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(m)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, x := range f.GetMetric() {
			for _, l := range x.GetLabel() {
				if l.GetName() == "state" {
					out[f.GetName()+" "+l.GetValue()] = x.GetCounter().GetValue() + x.GetGauge().GetValue()
				}
				if l.GetName() == "retest" && l.GetValue() == "" || len(x.GetLabel()) != 9 {
					t.Errorf("labels %v", x.GetLabel())
				}
			}
		}
	}
	return out
}
