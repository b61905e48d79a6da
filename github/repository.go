package github

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Repository asks for r.
func (f *Forge) Repository(ctx context.Context, r prow.Repo) (*prow.Repository, error) {
	var w wireRepo
	if err := f.get(ctx, at(r), &w); err != nil {
		return nil, err
	}
	return w.repository(), nil
}

// Repositories lists those of an organisation, or of a user.
func (f *Forge) Repositories(ctx context.Context, owner string) ([]prow.Repository, error) {
	turn := func(w *wireRepo) prow.Repository { return *w.repository() }
	repos, err := collect(ctx, f, path("orgs", owner, "repos"), turn)
	if errors.Is(err, fs.ErrNotExist) {
		return collect(ctx, f, path("users", owner, "repos"), turn)
	}
	return repos, err
}

// Branch asks for a branch, and what its protection and rulesets require.
func (f *Forge) Branch(ctx context.Context, r prow.Repo, name string) (*prow.Branch, error) {
	var w struct {
		Name   string `json:"name"`
		Commit struct {
			SHA string `json:"sha"`
		} `json:"commit"`
		Protected  bool `json:"protected"`
		Protection struct {
			Required struct {
				Contexts []string `json:"contexts"`
			} `json:"required_status_checks"`
		} `json:"protection"`
	}
	if err := f.get(ctx, at(r, "branches", name), &w); err != nil {
		return nil, err
	}
	b := &prow.Branch{Name: w.Name, SHA: w.Commit.SHA, Protected: w.Protected, Required: w.Protection.Required.Contexts}
	rules, err := f.rules(ctx, r, name)
	// No rulesets there, or none that we may see: protection alone counts.
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, prow.ErrForbidden) {
		return nil, err
	}
	for _, c := range rules {
		if !slices.Contains(b.Required, c) {
			b.Required = append(b.Required, c)
		}
	}
	return b, nil
}

// rules lists the contexts that rulesets require of a branch.
func (f *Forge) rules(ctx context.Context, r prow.Repo, branch string) ([]string, error) {
	type rule struct {
		Type       string `json:"type"`
		Parameters struct {
			Checks []struct {
				Context string `json:"context"`
			} `json:"required_status_checks"`
		} `json:"parameters"`
	}
	rules, err := listOf[rule](ctx, f, at(r, "rules", "branches", branch))
	var out []string
	for _, rule := range rules {
		if rule.Type != "required_status_checks" {
			continue
		}
		for _, c := range rule.Parameters.Checks {
			out = append(out, c.Context)
		}
	}
	return out, err
}

// Labels lists the labels that r knows.
func (f *Forge) Labels(ctx context.Context, r prow.Repo) ([]string, error) {
	return collect(ctx, f, at(r, "labels"), func(w *wireLabel) string { return w.Name })
}

// Milestones lists the titles of r's open milestones.
func (f *Forge) Milestones(ctx context.Context, r prow.Repo) ([]string, error) {
	return collect(ctx, f, at(r, "milestones")+"?state=open", func(w *wireTitled) string { return w.Title })
}

// DeleteBranch deletes a branch, if it is there.
func (f *Forge) DeleteBranch(ctx context.Context, r prow.Repo, name string) error {
	parts := []string{at(r, "git", "refs", "heads")}
	for p := range strings.SplitSeq(name, "/") {
		parts = append(parts, url.PathEscape(p))
	}
	_, err := f.do(ctx, http.MethodDelete, strings.Join(parts, "/"), nil, nil)
	if says(err, "reference does not exist") {
		return nil
	}
	return gone(err)
}

// WorkflowRuns lists the runs of GitHub Actions for a commit.
func (f *Forge) WorkflowRuns(ctx context.Context, r prow.Repo, sha string) ([]prow.WorkflowRun, error) {
	type page struct {
		Runs []struct {
			ID         int64  `json:"id"`
			Name       string `json:"name"`
			Event      string `json:"event"`
			Status     string `json:"status"`
			Conclusion string `json:"conclusion"`
		} `json:"workflow_runs"`
	}
	var out []prow.WorkflowRun
	err := pages(ctx, f, at(r, "actions", "runs")+"?head_sha="+url.QueryEscape(sha), func(p page) {
		for _, w := range p.Runs {
			out = append(out, prow.WorkflowRun(w))
		}
	})
	slices.Reverse(out) // GitHub lists the newest first
	return out, err
}

// RerunWorkflow runs the failed jobs of a finished run again, or approves one
// that waits for it. One that runs already is left alone, so that this may be sent
// again where nobody knows whether it arrived.
func (f *Forge) RerunWorkflow(ctx context.Context, r prow.Repo, run prow.WorkflowRun) error {
	verb := "rerun-failed-jobs"
	if run.Status == "action_required" || run.Conclusion == "action_required" {
		verb = "approve"
	}
	_, err := f.do(ctx, http.MethodPost, at(r, "actions", "runs", run.ID, verb), nil, nil)
	if says(err, "already running") || says(err, "already been approved") {
		return nil
	}
	return err
}
