package jobs

import (
	"context"
	"fmt"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

func triggerOnPull(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	switch e.Action {
	case "opened":
		return opened(ctx, c, e)
	case "reopened":
		return again(ctx, c, e, fmt.Sprintf("%s reopened #%d", e.By, c.At.Number))
	case "ready_for_review":
		return again(ctx, c, e, fmt.Sprintf("%s marked #%d as ready for review", e.By, c.At.Number))
	case "edited":
		if e.OldBase == "" {
			return nil
		}
		return again(ctx, c, e, fmt.Sprintf("%s moved #%d from %s to %s", e.By, c.At.Number, e.OldBase, e.Pull.Base))
	case "synchronize":
		return synchronized(ctx, c, e)
	case "labeled":
		return labelled(ctx, c, e)
	case "closed":
		return closed(ctx, c, e)
	case "converted_to_draft":
		return drafted(ctx, c, e)
	}
	return nil
}

func opened(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	x, err := look(ctx, c)
	if err != nil {
		return err
	}
	ok, _, err := plugin.Trusted(ctx, c, x.Author)
	switch {
	case err != nil:
		return err
	case !ok:
		return x.welcome(ctx, c)
	case x.Draft:
		return c.Note(ctx, noteDraft, fmt.Sprintf("@%s: jobs start when you mark this draft as ready for review. To start them now, comment `/test all`.", x.Author))
	case x.State != "open" || x.HeadSHA != e.Pull.HeadSHA:
		return nil // closed since, or pushed to since: there is an event of its own
	}
	return x.startAll(ctx, c, fmt.Sprintf("%s opened #%d", e.By, c.At.Number))
}

// again starts everything for a change that may be tested.
func again(ctx context.Context, c *plugin.Call, e prow.PullEvent, why string) error {
	x, err := look(ctx, c)
	if err != nil {
		return err
	}
	if x.State != "open" {
		return nil
	}
	ok, err := x.trusted(ctx, c)
	if err != nil || !ok {
		return err
	}
	if x.HasLabel(prow.NeedsOKToTest) {
		if err := c.Forge.RemoveLabel(ctx, c.At, prow.NeedsOKToTest); err != nil {
			return fmt.Errorf("label %s of %s: %w", prow.NeedsOKToTest, c.At, err)
		}
	}
	if !x.Draft {
		if err := x.clean(ctx, c); err != nil {
			return err
		}
	}
	return x.startAll(ctx, c, why)
}

// clean takes back what was said about an earlier state of the change.
func (x *change) clean(ctx context.Context, c *plugin.Call) error {
	if err := x.load(ctx, c); err != nil {
		return err
	}
	keys := []string{noteDraft}
	if x.Mergeable != prow.MergeableNo {
		keys = append(keys, noteRebase)
	}
	if x.jobs.Broken == nil {
		keys = append(keys, noteBroken)
	}
	return tidy(ctx, c, keys...)
}

func synchronized(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	x, err := look(ctx, c)
	if err != nil {
		return err
	}
	if err := abort(ctx, c, x.HeadSHA, fmt.Sprintf("Aborted: %s was pushed to #%d.", short(x.HeadSHA), c.At.Number)); err != nil {
		return err
	}
	if x.HeadSHA != e.Pull.HeadSHA {
		return nil // pushed to again: there is an event of its own
	}
	if x.trigger.BindOKToTest && x.HasLabel(prow.OKToTest) {
		ok, _, err := plugin.Trusted(ctx, c, x.Author)
		if err != nil {
			return err
		}
		if !ok {
			return ask(ctx, c)
		}
	}
	return again(ctx, c, e, fmt.Sprintf("%s pushed commit %s to #%d", e.By, short(x.HeadSHA), c.At.Number))
}

// ask makes the change wait for /ok-to-test.
func ask(ctx context.Context, c *plugin.Call) error {
	if err := c.Forge.AddLabel(ctx, c.At, prow.NeedsOKToTest); err != nil {
		return fmt.Errorf("label %s of %s: %w", prow.NeedsOKToTest, c.At, err)
	}
	if err := c.Forge.RemoveLabel(ctx, c.At, prow.OKToTest); err != nil {
		return fmt.Errorf("label %s of %s: %w", prow.OKToTest, c.At, err)
	}
	return nil
}

func labelled(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	if e.Label != prow.LGTM && e.Label != prow.OKToTest {
		return nil
	}
	self, err := c.IsSelf(ctx, e.By)
	if err != nil || e.Label == prow.OKToTest && self {
		return err
	}
	x, err := look(ctx, c)
	if err != nil {
		return err
	}
	if x.State != "open" {
		return nil
	}
	why := fmt.Sprintf("%s added the label %s to #%d", e.By, e.Label, c.At.Number)
	if e.Label == prow.OKToTest {
		return x.startAll(ctx, c, why)
	}
	if ok, err := x.trusted(ctx, c); err != nil || ok {
		return err
	}
	return x.startAll(ctx, c, why)
}

func closed(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	x, err := look(ctx, c)
	if err != nil {
		return err
	}
	if x.State == "open" {
		return nil // reopened since
	}
	what := "closed"
	if x.Merged {
		what = "merged"
	}
	return abort(ctx, c, "", fmt.Sprintf("Aborted: #%d was %s.", c.At.Number, what))
}

func drafted(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	x, err := look(ctx, c)
	if err != nil {
		return err
	}
	if !x.Draft {
		return nil // made ready since
	}
	return abort(ctx, c, "", fmt.Sprintf("Aborted: %s made #%d a draft.", e.By, c.At.Number))
}

func short(sha string) string { return sha[:min(len(sha), 8)] }
