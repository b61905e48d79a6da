package server

import (
	"context"
	"log/slog"

	prow "github.com/prow-ci/prow"
)

// dryRun reads like the forge it wraps, and writes into the log alone.
type dryRun struct {
	prow.ForgeReader
	log *slog.Logger
}

func (d dryRun) would(ctx context.Context, what string, args ...any) error {
	d.log.InfoContext(ctx, "dry run: not written to the forge", append([]any{"what", what}, args...)...)
	return nil
}

func (d dryRun) Comment(ctx context.Context, id prow.IssueID, key, body string) error {
	return d.would(ctx, "comment", "at", id, "key", key, "body", body)
}
func (d dryRun) Uncomment(ctx context.Context, id prow.IssueID, key string) error {
	return d.would(ctx, "uncomment", "at", id, "key", key)
}
func (d dryRun) DeleteComment(ctx context.Context, r prow.Repo, comment int64) error {
	return d.would(ctx, "delete comment", "repo", r, "comment", comment)
}
func (d dryRun) React(ctx context.Context, r prow.Repo, comment int64, reaction string) error {
	return d.would(ctx, "react", "repo", r, "comment", comment, "reaction", reaction)
}
func (d dryRun) AddLabel(ctx context.Context, id prow.IssueID, labels ...string) error {
	return d.would(ctx, "add label", "at", id, "labels", labels)
}
func (d dryRun) RemoveLabel(ctx context.Context, id prow.IssueID, label string) error {
	return d.would(ctx, "remove label", "at", id, "label", label)
}
func (d dryRun) Assign(ctx context.Context, id prow.IssueID, logins ...string) error {
	return d.would(ctx, "assign", "at", id, "logins", logins)
}
func (d dryRun) Unassign(ctx context.Context, id prow.IssueID, logins ...string) error {
	return d.would(ctx, "unassign", "at", id, "logins", logins)
}
func (d dryRun) AskReview(ctx context.Context, id prow.IssueID, reviewers ...string) error {
	return d.would(ctx, "ask for review", "at", id, "reviewers", reviewers)
}
func (d dryRun) UnaskReview(ctx context.Context, id prow.IssueID, reviewers ...string) error {
	return d.would(ctx, "withdraw request for review", "at", id, "reviewers", reviewers)
}
func (d dryRun) Edit(ctx context.Context, id prow.IssueID, e prow.Edit) error {
	return d.would(ctx, "edit", "at", id)
}
func (d dryRun) SetCheck(ctx context.Context, r prow.Repo, sha string, c prow.Check) error {
	return d.would(ctx, "set check", "repo", r, "sha", sha, "check", c.Name, "state", c.State, "text", c.Plain())
}
func (d dryRun) Merge(ctx context.Context, id prow.IssueID, m prow.MergeHow) error {
	return d.would(ctx, "merge", "at", id, "method", m.Method, "sha", m.SHA)
}
func (d dryRun) OpenPull(ctx context.Context, p prow.NewPull) (prow.IssueID, error) {
	return prow.IssueID{Repo: p.Repo}, d.would(ctx, "open pull request", "repo", p.Repo, "head", p.Head)
}
func (d dryRun) DeleteBranch(ctx context.Context, r prow.Repo, name string) error {
	return d.would(ctx, "delete branch", "repo", r, "branch", name)
}
func (d dryRun) RerunWorkflow(ctx context.Context, r prow.Repo, run prow.WorkflowRun) error {
	return d.would(ctx, "rerun workflow", "repo", r, "workflow", run.Name)
}

var _ prow.Forge = dryRun{}
