package jobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/trigger"
)

// startAll starts every job that runs automatically for the change, unless it is
// a draft or conflicts with its base.
func (x *change) startAll(ctx context.Context, c *plugin.Call, why string) error {
	if x.Draft {
		return nil
	}
	if err := x.load(ctx, c); err != nil {
		return err
	}
	wants, _, err := trigger.Automatic(x.jobs.Presubmits, trigger.Change{
		Branch: x.Base,
		Files:  func() ([]string, error) { return x.files(ctx, c) },
	})
	if err != nil {
		return err
	}
	if err := x.report(ctx, c); err != nil {
		return err
	}
	return x.start(ctx, c, wants, false, func(w trigger.Want) string { return why + "; " + w.Why })
}

// report tells the people of the pull request why its own jobs were not used.
func (x *change) report(ctx context.Context, c *plugin.Call) error {
	if passing(x.jobs.Broken) != nil || x.jobs.Broken == nil {
		return nil // a conflict is told by start
	}
	c.Did("could not use the repository's own jobs: %v", x.jobs.Broken)
	return c.Note(ctx, noteBroken, fmt.Sprintf("The jobs in `.prow.yaml` or `.prow/` cannot be read as they stand in this pull request:\n\n%s\n\n"+
		"Push a correction and they run. Until then, only the jobs of the central configuration do.", fence(x.jobs.Broken.Error())))
}

// start makes the wanted jobs. What cannot be merged is not tested, and its
// author told why.
func (x *change) start(ctx context.Context, c *plugin.Call, wants []trigger.Want, retest bool, why func(trigger.Want) string) error {
	if len(wants) == 0 {
		return nil
	}
	if x.Mergeable == prow.MergeableNo {
		c.Did("started nothing: it conflicts with %s", x.Base)
		why := fmt.Sprintf("No job was started, because this pull request conflicts with `%s`. Rebase it and push: then they start.", x.Base)
		if _, asked := c.Event.(prow.CommentEvent); asked {
			return c.Reply(ctx, why)
		}
		return c.Note(ctx, noteRebase, why)
	}
	refs := trigger.PullRefs(x.Pull, x.base)
	cause := refs
	cause.BaseSHA, cause.BaseLink = "", "" // the base may move between two tries
	var errs []error
	for i := range wants {
		p := &wants[i].Presubmit
		labels := map[string]string{
			prow.LabelEventGUID: c.Event.Delivery(),
			prow.LabelOptional:  strconv.FormatBool(p.Optional),
		}
		if retest {
			labels[prow.LabelRetest] = "true"
		}
		id := trigger.JobID(c.Event.Delivery(), p.Name, &cause)
		j := trigger.PresubmitJob(c.Config, p, refs, id, c.Now(), trigger.Extra{Labels: labels, Why: why(wants[i])})
		if err := c.Jobs.Create(ctx, j); err != nil {
			errs = append(errs, fmt.Errorf("start %s: %w", p.Name, err))
			continue
		}
		c.Did("started %s", p.Name)
	}
	return errors.Join(errs...)
}

// abort ends the unfinished jobs of the pull request, except those of the commit
// keep.
func abort(ctx context.Context, c *plugin.Call, keep, why string) error {
	unfinished := false
	jobs, err := c.Jobs.List(ctx, prow.JobFilter{Types: []prow.Type{prow.Presubmit}, Repo: c.At.Repo, Pull: c.At.Number, Complete: &unfinished})
	if err != nil {
		return fmt.Errorf("jobs of %s: %w", c.At, err)
	}
	var errs []error
	for _, j := range jobs {
		if p := j.Pull(); keep != "" && p != nil && p.SHA == keep {
			continue
		}
		ended := false
		_, err := c.Jobs.Update(ctx, j.ID(), func(j *prow.Job) error {
			if j.Status.State.Final() {
				return prow.ErrUnchanged
			}
			ended = true
			return j.Advance(prow.Aborted, c.Now(), why)
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("end %s: %w", j.Spec.Job, err))
		} else if ended {
			c.Did("ended %s", j.Spec.Job)
		}
	}
	return errors.Join(errs...)
}
