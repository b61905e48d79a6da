package tide

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// tell writes the status of every pull request that has another one, and
// returns what went wrong in the look.
func (w *Worker) tell(ctx context.Context, l *look) error {
	each(l.said, func(v prow.Verdict) {
		s := l.all.of(v.Pull.Number)
		e, ok := w.state().view.get(s.Facts.Pull.ID)
		if !ok || e.unsure || l.unread[s.Facts.Pull.ID] || e.pull.HeadSHA != s.Ref.SHA {
			return // merged meanwhile, or about to be looked at again
		}
		c := prow.Check{Name: ownContext, State: v.State, Text: Cut(v.Text), URL: targetURL(l.cfg, s.Facts.Pull)}
		if slices.ContainsFunc(e.checks, func(old prow.Check) bool { return old.Name == c.Name && old.State == c.State && old.Text == c.Text }) {
			return
		}
		if err := w.write(ctx, s.Facts.Pull.ID, s.Ref.SHA, c); err != nil && !errors.Is(err, fs.ErrNotExist) { // a commit that is gone needs no status
			l.failed(fmt.Errorf("status of #%d: %w", s.Ref.Number, err))
		}
	})
	return errors.Join(l.errs...)
}

// write writes a check, and remembers it first: the event that tells of it may
// be here before the answer is.
func (w *Worker) write(ctx context.Context, id prow.IssueID, sha string, c prow.Check) error {
	v := w.state().view
	v.update(id, func(e *seen) {
		checks := slices.DeleteFunc(slices.Clone(e.checks), func(old prow.Check) bool { return old.Name == c.Name })
		e.checks = append(checks, c)
	})
	err := w.Forge.SetCheck(ctx, id.Repo, sha, c)
	if err != nil {
		v.update(id, func(e *seen) { e.unsure = true })
	}
	return err
}

// targetURL is where the status links to: a configured page, or the dashboard
// with a query that finds the pull request.
func targetURL(cfg *config.Config, p *prow.Pull) string {
	if u := cfg.Tide.TargetURLFor(p.ID.Repo); u != "" {
		return u
	}
	base := cfg.Tide.PRStatusURLFor(p.ID.Repo)
	u, err := url.Parse(base)
	if base == "" || err != nil {
		return ""
	}
	author := p.Author
	if p.AuthorIsBot {
		author = "app/" + author
	}
	q := u.Query()
	q.Set("query", fmt.Sprintf("is:pr repo:%s author:%s head:%s", p.ID.Repo, author, p.HeadRef))
	u.RawQuery = q.Encode()
	return u.String()
}
