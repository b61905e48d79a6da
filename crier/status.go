package crier

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// labelGerrit marks jobs that are reported to Gerrit instead.
const labelGerrit = "prow.k8s.io/gerrit-report-label"

// wantsStatus reports whether j has a status on the forge.
func wantsStatus(j *prow.Job, r *config.GitHubReporter) bool {
	_, gerrit := j.Labels[labelGerrit]
	types := r.JobTypesToReport
	if len(types) == 0 {
		types = []prow.Type{prow.Presubmit, prow.Postsubmit}
	}
	return j.Spec.Report && !gerrit && slices.Contains(types, j.Spec.Type) && head(j) != "" && len(j.Spec.Refs.Pulls) < 2 && j.Status.State != ""
}

// head is the commit that j's status belongs to, or "".
func head(j *prow.Job) string {
	if p := j.Pull(); p != nil {
		return p.SHA
	}
	if j.Spec.Refs != nil {
		return j.Spec.Refs.BaseSHA
	}
	return ""
}

// check is j as people see it in the list of checks.
func check(j *prow.Job) prow.Check {
	return prow.Check{
		Name: j.Spec.Context, State: prow.CheckFor(j.Status.State), URL: j.Status.URL,
		Text: prow.WithBase(j.Status.Description, j.Spec.Refs.BaseSHA),
	}
}

// status sets the check of j, unless a newer job speaks for the context. One at
// a time for each context, so that what is newer is also told later.
func (w *Worker) status(ctx context.Context, j *prow.Job) error {
	repo, sha := j.Spec.Refs.RepoID(), head(j)
	defer w.contexts.hold(repo.String() + " " + sha + " " + j.Spec.Context)()
	if newer, err := w.superseded(ctx, j); err != nil || newer {
		return err
	}
	err := w.Forge.SetCheck(ctx, repo, sha, check(j))
	if pointless(err) {
		w.Log.Info("status not wanted", "job", j.Name, "repo", repo.String(), "sha", sha, "err", err)
		return nil
	}
	return err
}

// pointless says that the forge has no place for a status: the commit is gone,
// or has too many already. That is nobody's to mend.
func pointless(err error) bool {
	if err == nil {
		return false
	}
	for _, text := range []string{
		"This SHA and context has reached the maximum number of statuses",
		`"message":"Not Found"`,
		`"message":"No commit found for SHA:`,
		"No commit found for SHA",
	} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return errors.Is(err, fs.ErrNotExist)
}

// superseded reports whether a newer job speaks for j's context on its commit.
func (w *Worker) superseded(ctx context.Context, j *prow.Job) (bool, error) {
	f := prow.JobFilter{Repo: j.Spec.Refs.RepoID(), Types: []prow.Type{j.Spec.Type}, SHA: head(j), Since: j.CreationTimestamp.Time}
	if j.Pull() == nil {
		f.SHA, f.BaseSHA = "", head(j)
	}
	jobs, err := w.Jobs.List(ctx, f)
	if err != nil {
		return false, err
	}
	for _, other := range jobs { // newest first
		if other.Name == j.Name {
			return false, nil
		}
		if other.Spec.Report && other.Spec.Context == j.Spec.Context {
			return true, nil
		}
	}
	return false, nil
}
