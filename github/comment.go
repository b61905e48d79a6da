package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	prow "github.com/prow-ci/prow"
)

// Comments lists the comments on an issue.
func (f *Forge) Comments(ctx context.Context, id prow.IssueID) ([]prow.Comment, error) {
	return collect(ctx, f, at(id.Repo, "issues", id.Number, "comments"), (*wireComment).comment)
}

// ReviewComments lists the comments on lines of a diff.
func (f *Forge) ReviewComments(ctx context.Context, id prow.IssueID) ([]prow.Comment, error) {
	return collect(ctx, f, at(id.Repo, "pulls", id.Number, "comments"), (*wireComment).comment)
}

// marker is the key as it travels in a comment.
func marker(key string) string { return "<!-- " + key + " -->" }

// Comment keeps one comment of key on id. GitHub's answer to a new comment may be
// lost on the way; so one is only sent again after a look at what is there.
func (f *Forge) Comment(ctx context.Context, id prow.IssueID, key, body string) error {
	if !strings.Contains(body, marker(key)) {
		body = strings.TrimRight(body, "\n") + "\n\n" + marker(key)
	}
	defer f.comments.lock(id.String() + " " + key)()
	for try := 1; ; try++ {
		err := f.comment(ctx, id, key, body)
		if !errors.Is(err, errUnsure) || try == f.retry.tries {
			return err
		}
		if err := sleep(ctx, f.retry.backoff(try)); err != nil {
			return err
		}
	}
}

func (f *Forge) comment(ctx context.Context, id prow.IssueID, key, body string) error {
	own, err := f.own(ctx, id, key)
	if err != nil {
		return err
	}
	content := map[string]string{"body": body}
	if len(own) == 0 {
		_, err := f.do(once(ctx), http.MethodPost, at(id.Repo, "issues", id.Number, "comments"), content, nil)
		return err
	}
	for _, c := range own[1:] {
		if err := f.DeleteComment(ctx, id.Repo, c.ID); err != nil {
			return err
		}
	}
	// GitHub may keep other ends of lines than were sent.
	if plain(own[0].Body) == plain(body) {
		return nil
	}
	_, err = f.do(ctx, http.MethodPatch, at(id.Repo, "issues", "comments", own[0].ID), content, nil)
	return err
}

func plain(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }

// own lists our comments of key, oldest first.
func (f *Forge) own(ctx context.Context, id prow.IssueID, key string) ([]prow.Comment, error) {
	mine, err := f.mine(ctx)
	if err != nil {
		return nil, err
	}
	all, err := f.Comments(ctx, id)
	var out []prow.Comment
	for _, c := range all {
		if strings.Contains(c.Body, marker(key)) && mine(c.Author) {
			out = append(out, c)
		}
	}
	return out, err
}

// Uncomment deletes our comments of key.
func (f *Forge) Uncomment(ctx context.Context, id prow.IssueID, key string) error {
	own, err := f.own(ctx, id, key)
	if err != nil {
		return gone(err)
	}
	for _, c := range own {
		if err := f.DeleteComment(ctx, id.Repo, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// DeleteComment deletes a comment on an issue, if it is there.
func (f *Forge) DeleteComment(ctx context.Context, r prow.Repo, comment int64) error {
	_, err := f.do(ctx, http.MethodDelete, at(r, "issues", "comments", comment), nil, nil)
	return gone(err)
}

// surely makes a thing that has no key of its own: when nobody knows whether it
// was made, there looks for it before it is made again.
func (f *Forge) surely(ctx context.Context, there func() (bool, error), create func(context.Context) error) error {
	for try := 1; ; try++ {
		err := create(once(ctx))
		if !errors.Is(err, errUnsure) {
			return err
		}
		if try == f.retry.tries {
			return fmt.Errorf("%d tries: %w", try, err)
		}
		if err := sleep(ctx, f.retry.backoff(try)); err != nil {
			return err
		}
		if found, err := there(); err != nil || found {
			return err
		}
	}
}

// locks is a lock for each name: two who say the same thing at one time would
// both find that nobody has said it.
type locks struct {
	mu sync.Mutex
	of map[string]*lock
}

type lock struct {
	sync.Mutex
	users int
}

// lock waits for the lock of name and returns what gives it back.
func (l *locks) lock(name string) (unlock func()) {
	l.mu.Lock()
	own := l.of[name]
	if own == nil {
		own = &lock{}
		l.of[name] = own
	}
	own.users++
	l.mu.Unlock()
	own.Lock()
	return func() {
		own.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(l.of, name)
		}
	}
}
