package crier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// commentKey names the one comment of failures.
const commentKey = prow.TestReport

// wantsComment reports whether j's end may have to be told in the comment.
func wantsComment(j *prow.Job, cfg *config.Config) bool {
	return j.Complete() && j.Spec.Type == prow.Presubmit && wantsStatus(j, &cfg.GitHubReporter) && len(j.Spec.Refs.Pulls) == 1
}

// pullOf names the pull request of a job that wants a comment.
func pullOf(j *prow.Job) prow.IssueID {
	return prow.IssueID{Repo: j.Spec.Refs.RepoID(), Number: j.Spec.Refs.Pulls[0].Number}
}

// memo is what Memory keeps of a comment, so that it need not be read again.
type memo struct {
	Rows []row `json:"rows"`
	// Open: the comment is being written. Whoever ends now has to come back.
	Open bool `json:"open,omitempty"`
}

// memoName is where Memory keeps the memo of a pull request.
func memoName(id prow.IssueID) string { return prow.CommentsPrefix + id.String() }

// quiet reports whether j's end changes nothing in the comment for sure: it did
// not fail, and no failure is told or about to be.
func (w *Worker) quiet(ctx context.Context, j *prow.Job, cfg *config.Config) (bool, error) {
	repo := j.Spec.Refs.RepoID()
	if j.Status.State == prow.Failure || config.Listed(cfg.GitHubReporter.SummaryCommentRepos, repo) {
		return false, nil
	}
	m, err := w.recall(ctx, pullOf(j))
	return m != nil && !m.Open && len(m.Rows) == 0, err
}

// recall loads the memo; nil if there is none.
func (w *Worker) recall(ctx context.Context, id prow.IssueID) (*memo, error) {
	b, err := w.Memory.Load(ctx, memoName(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := new(memo)
	return m, json.Unmarshal(b, m)
}

func (w *Worker) remember(ctx context.Context, id prow.IssueID, m memo) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return w.Memory.Save(ctx, memoName(id), b)
}

// Comment brings the comment of a pull request, named as "owner/repo#5", up to
// date.
func (w *Worker) Comment(ctx context.Context, name string) (again time.Duration, err error) {
	id, err := prow.ParseIssueID(name)
	if err != nil {
		return 0, prow.Final(err)
	}
	cfg := w.Config()
	m, err := w.recall(ctx, id)
	if err != nil {
		return 0, err
	}
	// A memo that is still open may be of a process that wrote the comment and
	// ended before it could note what it wrote.
	if m == nil || m.Open {
		if m, err = w.read(ctx, id); err != nil {
			return 0, w.giveUp(ctx, id, cfg, err)
		}
	}
	// First the mark, then the list: a job that ends after the list sees it.
	if err := w.remember(ctx, id, memo{Rows: m.Rows, Open: true}); err != nil {
		return 0, err
	}
	jobs, err := w.Jobs.List(ctx, prow.JobFilter{Repo: id.Repo, Pull: id.Number, Types: []prow.Type{prow.Presubmit}})
	if err != nil {
		return 0, err
	}
	due := dueJobs(jobs, cfg)
	if again := w.gather(due); again > 0 {
		return again, nil
	}
	rows, err := w.tell(ctx, id, cfg, m.Rows, jobs, due)
	switch {
	case errors.Is(err, errLater):
		return 0, nil
	case err != nil:
		return 0, w.giveUp(ctx, id, cfg, err)
	}
	return 0, errors.Join(w.remember(ctx, id, memo{Rows: rows}), w.tellDone(ctx, due))
}

// dueJobs picks the jobs whose end the comment does not know yet.
func dueJobs(jobs []*prow.Job, cfg *config.Config) []*prow.Job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j *prow.Job) bool {
		return !wantsComment(j, cfg) || reported(j, commentReporter)
	})
}

// gather returns how long to wait for more failures.
func (w *Worker) gather(due []*prow.Job) time.Duration {
	window := w.Window
	if window == 0 {
		window = defaultWindow
	}
	var first time.Time
	for _, j := range due {
		if at := j.Status.CompletionTime.Time; j.Status.State == prow.Failure && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		return 0
	}
	return first.Add(window).Sub(w.Now())
}

// errLater says that a summary has to wait for the jobs that still run; the last
// of them rings.
var errLater = errors.New("jobs still run")

// tell writes, edits or deletes the comment and returns its rows.
func (w *Worker) tell(ctx context.Context, id prow.IssueID, cfg *config.Config, old []row, jobs, due []*prow.Job) ([]row, error) {
	if len(due) == 0 || config.Listed(cfg.GitHubReporter.NoCommentRepos, id.Repo) {
		return old, nil
	}
	summary := config.Listed(cfg.GitHubReporter.SummaryCommentRepos, id.Repo)
	current := newest(due, jobs)
	if summary {
		if slices.ContainsFunc(jobs, func(j *prow.Job) bool { return !j.Complete() }) {
			return nil, errLater
		}
		current = newest(slices.DeleteFunc(slices.Clone(jobs), func(j *prow.Job) bool { return !wantsComment(j, cfg) }), nil)
	}
	rows := merge(old, current)
	author := due[0].Spec.Refs.Pulls[0].Author
	if len(rows) > 0 {
		p, err := w.Forge.Pull(ctx, id)
		if err != nil {
			return nil, err
		}
		rows = slices.DeleteFunc(rows, func(r row) bool { return r.SHA != p.HeadSHA })
		author = p.Author
	}
	anyAborted := slices.ContainsFunc(current, func(j *prow.Job) bool { return j.Status.State == prow.Aborted })
	switch {
	case len(rows) > 0 || summary && !anyAborted && len(current) > 0:
		return rows, w.Forge.Comment(ctx, id, commentKey, commentBody(author, rows, w.paragraph(cfg, id.Repo, current)))
	case len(old) > 0:
		return rows, w.Forge.Uncomment(ctx, id, commentKey)
	}
	return rows, nil
}

// newest returns the newest of each context, leaving out those that a newer job
// of all has superseded. Both lists are newest first.
func newest(jobs, all []*prow.Job) []*prow.Job {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(jobs), func(j *prow.Job) bool {
		for _, other := range all {
			if other.Name == j.Name {
				break
			}
			if other.Spec.Context == j.Spec.Context && other.Spec.Report {
				return true
			}
		}
		twice := seen[j.Spec.Context]
		seen[j.Spec.Context] = true
		return twice
	})
}

// read finds the rows of a comment that an earlier installation left.
func (w *Worker) read(ctx context.Context, id prow.IssueID) (*memo, error) {
	self, err := w.Forge.Self(ctx)
	if err != nil {
		return nil, err
	}
	comments, err := w.Forge.Comments(ctx, id)
	if err != nil {
		return nil, err
	}
	m := new(memo)
	for _, c := range comments {
		if sameLogin(c.Author, self) {
			m.Rows = append(m.Rows, parseRows(c.Body)...)
		}
	}
	return m, nil
}

// giveUp passes an error on, unless trying again is pointless for all that is
// due: then the statuses have to do.
func (w *Worker) giveUp(ctx context.Context, id prow.IssueID, cfg *config.Config, cause error) error {
	key := "comment " + id.String()
	gone := errors.Is(cause, fs.ErrNotExist)
	hopeless := gone || prow.IsFinal(cause) || errors.Is(cause, prow.ErrForbidden)
	if !hopeless {
		return cause
	}
	if !gone && w.tries.count(key) < maxTries {
		return fmt.Errorf("comment on %s: %s", id, cause) // not %w: the loop is to try again
	}
	w.tries.forget(key)
	jobs, err := w.Jobs.List(ctx, prow.JobFilter{Repo: id.Repo, Pull: id.Number, Types: []prow.Type{prow.Presubmit}})
	if err != nil {
		return err
	}
	due := dueJobs(jobs, cfg)
	w.Log.Error("comment given up", "pull", id.String(), "err", cause)
	if len(due) > 0 {
		err = w.note(ctx, due[0], fmt.Sprintf("The comment of failures could not be written: %s.", cause))
	}
	return errors.Join(err, w.tellDone(ctx, due))
}

// tellDone notes in each job that the comment knows its end.
func (w *Worker) tellDone(ctx context.Context, due []*prow.Job) error {
	var errs []error
	for _, j := range due {
		errs = append(errs, w.record(ctx, j, map[string]bool{commentReporter: true}))
	}
	return errors.Join(errs...)
}
