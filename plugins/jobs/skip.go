package jobs

import (
	"context"
	"fmt"
	"slices"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/trigger"
)

// Skip makes the results of optional jobs green.
func Skip() plugin.Plugin {
	return plugin.Plugin{
		Name: "skip",
		Doc:  "Takes failures out of sight that no merge waits for.",
		Commands: []plugin.Command{{
			Name: "skip", Where: plugin.Pulls, Run: skip,
			Usage: "/skip", Who: "Anyone",
			Doc:      "Turns the results of jobs that no merge needs green, where they failed or still wait.",
			Examples: []string{"/skip"},
		}},
	}
}

func skip(ctx context.Context, c *plugin.Call, e prow.CommentEvent, _ []plugin.Line) error {
	x, err := look(ctx, c)
	if err != nil || x.State != "open" {
		return err
	}
	checks, err := c.Forge.Checks(ctx, c.At.Repo, x.HeadSHA)
	if err != nil {
		return fmt.Errorf("results of %s: %w", c.At, err)
	}
	if !slices.ContainsFunc(checks, func(k prow.Check) bool { return k.State != prow.CheckSuccess }) {
		return nil
	}
	if err := x.load(ctx, c); err != nil {
		return err
	}
	asked, err := trigger.Commanded(x.jobs.Presubmits, plugin.Read(e.Body).Visible, trigger.Change{
		Branch:   x.Base,
		Files:    func() ([]string, error) { return x.files(ctx, c) },
		OKToTest: !x.trigger.IgnoreOKToTest,
	}, func() ([]prow.Check, error) { return checks, nil })
	if err != nil {
		return err
	}
	for _, k := range skippable(x.jobs.Presubmits, x.Base, checks, asked.Wants) {
		k.State, k.Text = prow.CheckSuccess, "Skipped by "+e.By+"."
		if err := c.Forge.SetCheck(ctx, c.At.Repo, x.HeadSHA, k); err != nil {
			return fmt.Errorf("status %s of %s: %w", k.Name, c.At, err)
		}
	}
	return nil
}

// skippable returns the statuses that are not green, of jobs that are not
// required and not about to start.
func skippable(jobs []config.Presubmit, branch string, checks []prow.Check, wants []trigger.Want) []prow.Check {
	var out []prow.Check
	for _, k := range checks {
		if k.IsRun || k.State == prow.CheckSuccess {
			continue
		}
		starts := slices.ContainsFunc(wants, func(w trigger.Want) bool { return w.Presubmit.Context == k.Name })
		known, required := false, false
		for i := range jobs {
			if p := &jobs[i]; p.Context == k.Name && p.ShouldRun(branch) {
				known, required = true, required || p.Required()
			}
		}
		if known && !required && !starts {
			out = append(out, k)
		}
	}
	return out
}
