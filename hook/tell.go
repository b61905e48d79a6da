package hook

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

// telling is the forge as a plugin sees it: each write that succeeds is noted
// with the call, in words.
type telling struct {
	prow.Forge
	call   *plugin.Call
	acted  atomic.Bool
	labels seenLabels
}

// tell makes the forge of c tell.
func tell(forge prow.Forge, c *plugin.Call) *telling {
	t := &telling{Forge: forge, call: c}
	if list, known := labelsIn(c.Event); known {
		t.labels.saw(list)
	}
	return t
}

// told notes a write; id is where it was made.
func (t *telling) told(err error, id prow.IssueID, format string, args ...any) error {
	t.acted.Store(true)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(format, args...)
	if id != t.call.At {
		text += " (" + id.String() + ")"
	}
	t.call.Did("%s", text)
	return nil
}

// toldIf is told for a write that may have changed nothing.
func (t *telling) toldIf(changed bool, err error, id prow.IssueID, format string, args ...any) error {
	if changed {
		return t.told(err, id, format, args...)
	}
	t.acted.Store(true)
	return err
}

func (t *telling) Comment(ctx context.Context, id prow.IssueID, key, body string) error {
	return t.told(t.Forge.Comment(ctx, id, key, body), id, "commented")
}

func (t *telling) Uncomment(ctx context.Context, id prow.IssueID, key string) error {
	return t.told(t.Forge.Uncomment(ctx, id, key), id, "took its comment back")
}

func (t *telling) DeleteComment(ctx context.Context, r prow.Repo, comment int64) error {
	return t.told(t.Forge.DeleteComment(ctx, r, comment), t.here(r), "deleted comment %d", comment)
}

func (t *telling) React(ctx context.Context, r prow.Repo, comment int64, reaction string) error {
	return t.told(t.Forge.React(ctx, r, comment, reaction), t.here(r), "reacted with %s", reaction)
}

func (t *telling) Assign(ctx context.Context, id prow.IssueID, logins ...string) error {
	return t.told(t.Forge.Assign(ctx, id, logins...), id, "assigned %s", strings.Join(logins, ", "))
}

func (t *telling) Unassign(ctx context.Context, id prow.IssueID, logins ...string) error {
	return t.told(t.Forge.Unassign(ctx, id, logins...), id, "unassigned %s", strings.Join(logins, ", "))
}

func (t *telling) AskReview(ctx context.Context, id prow.IssueID, reviewers ...string) error {
	return t.told(t.Forge.AskReview(ctx, id, reviewers...), id, "asked %s for a review", strings.Join(reviewers, ", "))
}

func (t *telling) UnaskReview(ctx context.Context, id prow.IssueID, reviewers ...string) error {
	return t.told(t.Forge.UnaskReview(ctx, id, reviewers...), id, "no longer asks %s for a review", strings.Join(reviewers, ", "))
}

func (t *telling) Edit(ctx context.Context, id prow.IssueID, e prow.Edit) error {
	var what []string
	add := func(v *string, text string) {
		if v != nil {
			what = append(what, text)
		}
	}
	add(e.Title, "changed the title")
	add(e.Body, "changed the description")
	if e.State != nil {
		add(e.State, map[string]string{"open": "reopened it", "closed": "closed it"}[*e.State])
	}
	if e.Milestone != nil {
		if *e.Milestone == "" {
			add(e.Milestone, "removed the milestone")
		} else {
			add(e.Milestone, "set milestone "+*e.Milestone)
		}
	}
	return t.told(t.Forge.Edit(ctx, id, e), id, "%s", strings.Join(what, ", "))
}

func (t *telling) SetCheck(ctx context.Context, r prow.Repo, sha string, c prow.Check) error {
	return t.told(t.Forge.SetCheck(ctx, r, sha, c), t.here(r), "set check %s to %s on %s", c.Name, c.State, short(sha))
}

func (t *telling) Merge(ctx context.Context, id prow.IssueID, m prow.MergeHow) error {
	return t.told(t.Forge.Merge(ctx, id, m), id, "merged it at %s", short(m.SHA))
}

func (t *telling) OpenPull(ctx context.Context, p prow.NewPull) (prow.IssueID, error) {
	id, err := t.Forge.OpenPull(ctx, p)
	return id, t.told(err, t.here(p.Repo), "opened pull request %s", id)
}

func (t *telling) DeleteBranch(ctx context.Context, r prow.Repo, name string) error {
	return t.told(t.Forge.DeleteBranch(ctx, r, name), t.here(r), "deleted branch %s", name)
}

func (t *telling) RerunWorkflow(ctx context.Context, r prow.Repo, run prow.WorkflowRun) error {
	return t.told(t.Forge.RerunWorkflow(ctx, r, run), t.here(r), "ran workflow %s again", run.Name)
}

// here is where the call is, if r is its repository.
func (t *telling) here(r prow.Repo) prow.IssueID {
	if t.call.At.Repo == r {
		return t.call.At
	}
	return prow.IssueID{Repo: r}
}

func short(sha string) string { return sha[:min(len(sha), 8)] }
