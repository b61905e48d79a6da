package jobs

import (
	"fmt"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

func presubmit(name, context string, optional bool) config.Presubmit {
	p := config.Presubmit{JobBase: config.JobBase{Name: name}, Optional: optional}
	p.Context = context
	return p
}

func TestReadOrders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, want string }{
		{"/override a b", "{cancel:false cancelNames:[] sticky:[] plain:[a b] empty:}"},
		{"/override \"test / unit\" a\n/override b", "{cancel:false cancelNames:[] sticky:[] plain:[test / unit a b] empty:}"},
		{"/override-sticky a\n/Override b\n/override-cancel c", "{cancel:true cancelNames:[c] sticky:[a] plain:[b] empty:}"},
		{"/override-cancel c\n/override-cancel", "{cancel:true cancelNames:[] sticky:[] plain:[] empty:}"},
		{"/override", "{cancel:false cancelNames:[] sticky:[] plain:[] empty:override}"},
		{"/override a\n/override-sticky", "{cancel:false cancelNames:[] sticky:[] plain:[a] empty:override-sticky}"},
	} {
		cmd := Override().Commands[0]
		if got := fmt.Sprintf("%+v", readOrders(cmd.Among(plugin.Lines(tt.body)))); got != tt.want {
			t.Errorf("%q:\n%s, want\n%s", tt.body, got, tt.want)
		}
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	x := &change{
		Pull: &prow.Pull{Base: "main"},
		jobs: &config.RepoJobs{Presubmits: []config.Presubmit{presubmit("pull-unit", "ci/unit", false)}},
	}
	r := sortResults(x, "u", []prow.Check{
		{Name: "ci/unit", State: prow.CheckFailure},
		{Name: "ci/lint", State: prow.CheckSuccess},
		{Name: "ci/slow", State: prow.CheckPending},
		{Name: "build", State: prow.CheckFailure, IsRun: true},
		{Name: "docs", State: prow.CheckPending, IsRun: true},
		{Name: "done", State: prow.CheckSuccess, Text: "Overridden by bob", URL: "u"},
	}, []string{"ci/unit", "cla"})
	if got := fmt.Sprint(r.known()); got != "[build ci/slow ci/unit cla pull-unit]" {
		t.Errorf("known: %s", got)
	}
	if got := fmt.Sprint(r.unknown([]string{"pull-unit", "cla", "docs", "ci/lint", "done"})); got != "[docs ci/lint]" {
		t.Errorf("unknown: %s", got)
	}
}

func TestSkippable(t *testing.T) {
	t.Parallel()
	jobs := []config.Presubmit{presubmit("a", "a", true), presubmit("b", "b", false), presubmit("c", "c", true), presubmit("d", "d", true), presubmit("e", "e", true), presubmit("f", "e", false)}
	var checks []prow.Check
	for _, name := range []string{"a", "b", "c", "e", "other"} {
		checks = append(checks, prow.Check{Name: name, State: prow.CheckFailure})
	}
	checks[2].State = prow.CheckSuccess
	got := skippable(jobs, "main", checks, nil)
	if len(got) != 1 || got[0].Name != "a" {
		t.Errorf("skippable: %+v", got)
	}
}

func TestGoOn(t *testing.T) {
	t.Parallel()
	runs := []prow.WorkflowRun{
		{ID: 1, Event: "pull_request", Status: "completed", Conclusion: "failure"}, {ID: 2, Event: "pull_request", Status: "completed", Conclusion: "success"},
		{ID: 3, Status: "completed", Conclusion: "action_required"}, {ID: 4, Status: "in_progress"}, {ID: 5, Event: "pull_request_target", Status: "completed", Conclusion: "cancelled"},
		{ID: 6, Event: "workflow_call", Status: "completed", Conclusion: "skipped"}, {ID: 7, Status: "action_required"}, {ID: 8, Event: "push", Status: "completed", Conclusion: "failure"},
	}
	for _, tt := range []struct {
		waiting, failed bool
		want            string
	}{{true, false, "[3 7]"}, {false, true, "[1 5]"}, {true, true, "[1 3 5 7]"}, {false, false, "[]"}} {
		ids := []int64{}
		for _, r := range goOn(runs, tt.waiting, tt.failed) {
			ids = append(ids, r.ID)
		}
		if got := fmt.Sprint(ids); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}
