package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/trigger"
)

func triggerOnComment(ctx context.Context, c *plugin.Call, e prow.CommentEvent) error {
	if e.Action != prow.Created || !e.Issue.IsPull || e.Issue.State != "open" {
		return nil
	}
	text := plugin.Read(e.Body)
	said := trigger.Read(text.Visible)
	if !commands(said) && !mayTrigger(c, text) {
		return nil
	}
	if self, err := c.IsSelf(ctx, e.By); err != nil || self {
		return err
	}
	x, err := look(ctx, c)
	if err != nil || x.State != "open" {
		return err
	}
	if err := x.load(ctx, c); err != nil {
		return err
	}
	return x.obey(ctx, c, e, text)
}

// commands reports whether a text says one of the commands that all repositories
// know.
func commands(s trigger.Said) bool {
	return s.TestAll || s.Retest || s.TestManualRequired || s.OKToTest || s.OKToTestCancel || s.List || s.Test ||
		slices.ContainsFunc(plugin.Lines(s.Text), func(l plugin.Line) bool { return l.Name == "retest" })
}

// mayTrigger reports whether a text could be the trigger of a job. The central
// jobs are at hand. Those of the repository's own files cost a look into git, so
// they are asked only about texts with a command that no other plugin knows.
func mayTrigger(c *plugin.Call, text plugin.Text) bool {
	for _, p := range c.Config.PresubmitsStatic[c.At.Repo.String()] {
		if p.TriggeredBy(text.Visible) {
			return true
		}
	}
	return slices.ContainsFunc(text.Lines, func(l plugin.Line) bool { return !knownElsewhere(c.Plugins, l) })
}

func knownElsewhere(plugins []plugin.Plugin, l plugin.Line) bool {
	for _, p := range plugins {
		if p.Name == "trigger" {
			continue
		}
		for i := range p.Commands {
			if len(p.Commands[i].Among([]plugin.Line{l})) > 0 {
				return true
			}
		}
	}
	return false
}

// obey does what a comment asks for, if whoever wrote it may ask.
func (x *change) obey(ctx context.Context, c *plugin.Call, e prow.CommentEvent, text plugin.Text) error {
	asked, err := trigger.Commanded(x.jobs.Presubmits, text.Visible, trigger.Change{
		Branch:   x.Base,
		Files:    func() ([]string, error) { return x.files(ctx, c) },
		OKToTest: !x.trigger.IgnoreOKToTest,
	}, func() ([]prow.Check, error) { return c.Forge.Checks(ctx, c.At.Repo, x.HeadSHA) })
	if err != nil || !asked.Relevant() {
		return err
	}
	if asked.OKToTestCancel && !x.trigger.IgnoreOKToTest {
		person, _, err := plugin.Trusted(ctx, c, e.By)
		if err != nil {
			return err
		}
		if !person {
			return prow.Refuse("somebody trusted has to take `/ok-to-test` back. Ask a member of %s.", c.At.Repo.Owner)
		}
		return ask(ctx, c)
	}
	ok, err := x.mayAsk(ctx, c, e.By)
	if err != nil {
		return err
	}
	switch {
	case !ok && x.trigger.IgnoreOKToTest:
		return prow.Refuse("the jobs of this pull request start when somebody trusted comments `/test all`. Ask a member of %s.", c.At.Repo.Owner)
	case !ok:
		return prow.Refuse("somebody trusted has to look at this change first, and comment `/ok-to-test`. Ask a member of %s.", c.At.Repo.Owner)
	}
	return x.honour(ctx, c, e, asked, text)
}

// mayAsk reports whether login may ask for tests: anybody on a change that may be
// tested, and trusted people.
func (x *change) mayAsk(ctx context.Context, c *plugin.Call, login string) (bool, error) {
	if x.HasLabel(prow.OKToTest) {
		return true, nil
	}
	if ok, _, err := plugin.Trusted(ctx, c, login); err != nil || ok {
		return ok, err
	}
	return x.trusted(ctx, c)
}

// honour does what somebody may ask for.
func (x *change) honour(ctx context.Context, c *plugin.Call, e prow.CommentEvent, asked trigger.Asked, text plugin.Text) error {
	okToTest := asked.OKToTest && !x.trigger.IgnoreOKToTest
	if okToTest {
		if err := x.allow(ctx, c); err != nil {
			return err
		}
	}
	if asked.Test || asked.Retest || asked.Help != "" {
		if err := c.Prune(ctx, isOldHelp(e.ID)); err != nil {
			return err
		}
	}
	if asked.Help != "" {
		if err := c.Reply(ctx, helpText(x.jobs.Presubmits, c.At.Repo, x.Base, asked.Help, e.ID)); err != nil {
			return err
		}
	}
	if err := x.report(ctx, c); err != nil {
		return err
	}
	if err := x.start(ctx, c, asked.Wants, asked.Retested, func(w trigger.Want) string {
		return fmt.Sprintf("%s wrote %s; %s", e.By, lineFor(w.Presubmit, text), w.Why)
	}); err != nil {
		return err
	}
	failed := asked.RetestAll || asked.TestAll
	if x.trigger.TriggerGitHubWorkflows && (okToTest || failed) {
		return rerunWorkflows(ctx, c, x.HeadSHA, okToTest, failed)
	}
	return nil
}

// lineFor returns the line of a comment that asked for a job.
func lineFor(p config.Presubmit, text plugin.Text) string {
	var said string
	for line := range strings.Lines(text.Visible) {
		if p.TriggeredBy(line) {
			return clip(line)
		}
		s := trigger.Read(line)
		if said == "" && (s.TestAll || s.Retest || s.TestManualRequired || s.OKToTest) {
			said = clip(line)
		}
	}
	if said == "" { // a trigger of several lines
		said = "a comment"
	}
	return said
}

// clip makes a line fit into a sentence, on whatever screen.
func clip(line string) string {
	line = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, line))
	if r := []rune(line); len(r) > 100 {
		line = string(r[:100]) + "…"
	}
	return line
}

// allow marks the pull request as fit to be tested.
func (x *change) allow(ctx context.Context, c *plugin.Call) error {
	if !x.HasLabel(prow.OKToTest) {
		if err := c.Forge.AddLabel(ctx, c.At, prow.OKToTest); err != nil {
			return fmt.Errorf("label %s of %s: %w", prow.OKToTest, c.At, err)
		}
	}
	if x.HasLabel(prow.NeedsOKToTest) {
		if err := c.Forge.RemoveLabel(ctx, c.At, prow.NeedsOKToTest); err != nil {
			return fmt.Errorf("label %s of %s: %w", prow.NeedsOKToTest, c.At, err)
		}
	}
	return nil
}

// rerunWorkflows lets the forge's own runs for a head go on: those that wait for
// approval, and those that failed. Those that the forge does not let go on are told.
func rerunWorkflows(ctx context.Context, c *plugin.Call, sha string, waiting, failed bool) error {
	runs, err := c.Forge.WorkflowRuns(ctx, c.At.Repo, sha)
	if err != nil {
		return fmt.Errorf("workflow runs of %s: %w", sha, err)
	}
	var errs []error
	var refused []string
	for _, r := range goOn(runs, waiting, failed) {
		switch err := c.Forge.RerunWorkflow(ctx, c.At.Repo, r); {
		case errors.Is(err, prow.ErrForbidden):
			c.Did("could not let workflow %s go on: %v", r.Name, err)
			refused = append(refused, "`"+r.Name+"`")
		case err != nil:
			errs = append(errs, fmt.Errorf("workflow %s: %w", r.Name, err))
		}
	}
	if err := errors.Join(errs...); err != nil || len(refused) == 0 {
		return err
	}
	return prow.Refuse("GitHub does not let me run these workflows: %s. Look at them there: one that is older than a month cannot run again, "+
		"and I need the permission to write Actions.", strings.Join(refused, ", "))
}

// ofPulls are the events whose workflows test a pull request.
var ofPulls = []string{"pull_request", "pull_request_target", "workflow_call"}

// goOn returns the runs that wait for approval, and those of pull requests that
// failed.
func goOn(runs []prow.WorkflowRun, waiting, failed bool) []prow.WorkflowRun {
	var out []prow.WorkflowRun
	for _, r := range runs {
		waits := r.Status == "action_required" || r.Conclusion == "action_required"
		fell := r.Status == "completed" && !waits && slices.Contains(ofPulls, r.Event) && !slices.Contains([]string{"success", "skipped", "neutral"}, r.Conclusion)
		if waits && waiting || fell && failed {
			out = append(out, r)
		}
	}
	return out
}
