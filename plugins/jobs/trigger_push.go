package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/trigger"
)

// triggerOnPush starts the jobs that test a branch or tag.
func triggerOnPush(ctx context.Context, c *plugin.Call, e prow.PushEvent) error {
	if e.Deleted || isZero(e.After) {
		return nil
	}
	jobs := c.InRepo.Jobs(ctx, c.Config, c.At.Repo, e.Branch, e.After)
	if err := passing(jobs.Broken); err != nil {
		return err
	}
	if jobs.Broken != nil {
		c.Did("could not use the repository's own jobs: %v", jobs.Broken)
	}
	if len(jobs.Postsubmits) == 0 {
		return nil
	}
	files, err := pushed(ctx, c, e)
	if err != nil {
		return err
	}
	refs := trigger.PushRefs(&e)
	wants, _ := trigger.Pushed(jobs.Postsubmits, e.Branch, files)
	var errs []error
	for i := range wants {
		p := &wants[i].Postsubmit
		id := trigger.JobID(e.ID, p.Name, &refs)
		j := trigger.PostsubmitJob(c.Config, p, refs, id, c.Now(), trigger.Extra{
			Labels: map[string]string{prow.LabelEventGUID: e.ID},
			Why:    fmt.Sprintf("%s pushed %s to %s; %s", e.By, short(e.After), e.Branch, wants[i].Why),
		})
		if err := c.Jobs.Create(ctx, j); err != nil {
			errs = append(errs, fmt.Errorf("start %s: %w", p.Name, err))
			continue
		}
		c.Did("started %s", p.Name)
	}
	return errors.Join(errs...)
}

// pushed returns the files that a push changed. What the webhook does not tell,
// git does.
func pushed(ctx context.Context, c *plugin.Call, e prow.PushEvent) ([]string, error) {
	if !e.Truncated && !e.Forced || e.Created || isZero(e.Before) {
		return e.Files, nil
	}
	repo := c.Git.Repo(c.At.Repo)
	err := repo.Ensure(ctx, []string{e.Ref}, e.Before, e.After)
	if errors.Is(err, fs.ErrNotExist) {
		return e.Files, nil // what a forced push left behind may be gone for good
	}
	if err != nil {
		return nil, fmt.Errorf("commits of %s in %s: %w", e.Branch, c.At.Repo, err)
	}
	files, err := repo.Changed(ctx, e.Before, e.After)
	if err != nil {
		return nil, fmt.Errorf("changes of %s in %s: %w", e.Branch, c.At.Repo, err)
	}
	return prow.ChangedNames(files), nil
}

func isZero(sha string) bool { return strings.Trim(sha, "0") == "" }
