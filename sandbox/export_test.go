package sandbox

import (
	"context"

	prow "github.com/prow-ci/prow"
)

// MergeCutOff does what Merge does until the base branch has moved, and stops, like
// a process that is killed there.
func (f *Forge) MergeCutOff(ctx context.Context, id prow.IssueID, by string, method prow.MergeMethod) (string, error) {
	r, a, err := f.scene(id.Repo, by)
	if err != nil {
		return "", err
	}
	i := f.st.numbers[numberID{r.ID, id.Number}]
	e := f.ends(i)
	x, err := f.git.look(ctx, e.repo, e.base, e.head)
	if err != nil {
		return "", err
	}
	sha, err := f.mergeCommit(ctx, e, x, a, mergeInput{Method: string(method)})
	if err == nil {
		err = f.announce(ctx, i, &merging{sha, a.ID})
	}
	if err == nil {
		err = f.git.move(ctx, e.repo, heads+e.baseRef, sha, e.base)
	}
	return sha, err
}
