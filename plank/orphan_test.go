package plank_test

import (
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// In a cluster that sinker leaves alone, a run without a job is another Prow's.
func TestRunsOfAnotherProwAreLeftAlone(t *testing.T) {
	t.Parallel()
	h := build(t)
	if err := h.runner.Start(t.Context(), h.unsaved("theirs")); err != nil {
		t.Fatal(err)
	}
	h.far, h.cfg.Sinker.ExcludeClusters = "far", []string{"far"}
	h.start()
	h.job("ours", "true") // is started after it was looked at everything
	h.complete("ours")
	h.stop()
	if run, err := h.runner.Look(t.Context(), "theirs"); err != nil || run.Phase == prow.Ended {
		t.Errorf("it is %+v, %v", run, err)
	}
	h.cfg.Sinker = config.Sinker{}
	h.start()
	h.noRun("theirs")
}
