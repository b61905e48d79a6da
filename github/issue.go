package github

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"

	prow "github.com/prow-ci/prow"
)

// Issue asks for an issue, or the part of a pull request that is like one.
func (f *Forge) Issue(ctx context.Context, id prow.IssueID) (*prow.Issue, error) {
	var w wireIssue
	if err := f.get(ctx, at(id.Repo, "issues", id.Number), &w); err != nil {
		return nil, err
	}
	issue := w.issue(id.Repo)
	return &issue, nil
}

// LabelChanges lists who added and removed which label when.
func (f *Forge) LabelChanges(ctx context.Context, id prow.IssueID) ([]prow.LabelChange, error) {
	type event struct {
		Event     string    `json:"event"`
		Actor     *wireUser `json:"actor"`
		Label     wireLabel `json:"label"`
		CreatedAt moment    `json:"created_at"`
	}
	events, err := listOf[event](ctx, f, at(id.Repo, "issues", id.Number, "events"))
	out := []prow.LabelChange{}
	for _, e := range events {
		if e.Event == "labeled" || e.Event == "unlabeled" {
			out = append(out, prow.LabelChange{
				Label: e.Label.Name, Added: e.Event == "labeled", By: e.Actor.login(), At: e.CreatedAt.Time,
			})
		}
	}
	return out, err
}

// AddLabel adds labels; GitHub leaves alone those that are there.
func (f *Forge) AddLabel(ctx context.Context, id prow.IssueID, labels ...string) error {
	if len(labels) == 0 {
		return nil
	}
	body := map[string][]string{"labels": labels}
	_, err := f.do(ctx, http.MethodPost, at(id.Repo, "issues", id.Number, "labels"), body, nil)
	return err
}

// RemoveLabel removes a label, if it is there.
func (f *Forge) RemoveLabel(ctx context.Context, id prow.IssueID, label string) error {
	_, err := f.do(ctx, http.MethodDelete, at(id.Repo, "issues", id.Number, "labels", label), nil, nil)
	return gone(err)
}

// Edit changes what e names. A milestone that does not exist is fs.ErrNotExist.
func (f *Forge) Edit(ctx context.Context, id prow.IssueID, e prow.Edit) error {
	body := map[string]any{}
	set := func(key string, v *string) {
		if v != nil {
			body[key] = *v
		}
	}
	set("title", e.Title)
	set("body", e.Body)
	set("state", e.State)
	if e.Milestone != nil {
		number, err := f.milestone(ctx, id.Repo, *e.Milestone)
		if err != nil {
			return err
		}
		body["milestone"] = number
	}
	if len(body) == 0 {
		return nil
	}
	_, err := f.do(ctx, http.MethodPatch, at(id.Repo, "issues", id.Number), body, nil)
	return err
}

// milestone returns the number of the milestone with that title, nil for none.
func (f *Forge) milestone(ctx context.Context, r prow.Repo, title string) (any, error) {
	if title == "" {
		return nil, nil
	}
	all, err := listOf[wireTitled](ctx, f, at(r, "milestones")+"?state=all")
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if m.Title == title {
			return m.Number, nil
		}
	}
	return nil, fmt.Errorf("milestone %q of %s: %w", title, r, fs.ErrNotExist)
}

// React adds a reaction to a comment on an issue, or else on a diff.
func (f *Forge) React(ctx context.Context, r prow.Repo, comment int64, reaction string) error {
	body := map[string]string{"content": reaction}
	_, err := f.do(ctx, http.MethodPost, at(r, "issues", "comments", comment, "reactions"), body, nil)
	if status(err) == http.StatusNotFound {
		_, err = f.do(ctx, http.MethodPost, at(r, "pulls", "comments", comment, "reactions"), body, nil)
	}
	return err
}
