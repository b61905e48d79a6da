package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Pull asks for a pull request.
func (f *Forge) Pull(ctx context.Context, id prow.IssueID) (*prow.Pull, error) {
	var w wirePull
	if err := f.get(ctx, at(id.Repo, "pulls", id.Number), &w); err != nil {
		return nil, err
	}
	return w.pull(id.Repo), nil
}

// Files lists the changed files; GitHub tells at most 3,000.
func (f *Forge) Files(ctx context.Context, id prow.IssueID) ([]prow.File, error) {
	type file struct {
		Filename         string `json:"filename"`
		PreviousFilename string `json:"previous_filename"`
		Status           string `json:"status"`
		Additions        int    `json:"additions"`
		Deletions        int    `json:"deletions"`
		Patch            string `json:"patch"`
	}
	return collect(ctx, f, at(id.Repo, "pulls", id.Number, "files"), func(w *file) prow.File {
		return prow.File{
			Name: w.Filename, OldName: w.PreviousFilename, Status: w.Status,
			Additions: w.Additions, Deletions: w.Deletions, Patch: w.Patch,
		}
	})
}

// Commits lists the commits; GitHub tells at most 250.
func (f *Forge) Commits(ctx context.Context, id prow.IssueID) ([]prow.Commit, error) {
	type commit struct {
		SHA    string    `json:"sha"`
		Author *wireUser `json:"author"`
		Commit struct {
			Message string `json:"message"`
			Tree    struct {
				SHA string `json:"sha"`
			} `json:"tree"`
		} `json:"commit"`
		Parents []struct{} `json:"parents"`
	}
	return collect(ctx, f, at(id.Repo, "pulls", id.Number, "commits"), func(w *commit) prow.Commit {
		return prow.Commit{
			SHA: w.SHA, Tree: w.Commit.Tree.SHA, Message: w.Commit.Message, Author: w.Author.login(), Parents: len(w.Parents),
		}
	})
}

// Reviews lists the reviews.
func (f *Forge) Reviews(ctx context.Context, id prow.IssueID) ([]prow.Review, error) {
	return collect(ctx, f, at(id.Repo, "pulls", id.Number, "reviews"), (*wireReview).review)
}

// Merge merges id at m.SHA.
func (f *Forge) Merge(ctx context.Context, id prow.IssueID, m prow.MergeHow) error {
	body := map[string]string{"sha": m.SHA, "merge_method": string(m.Method)}
	if m.Title != "" {
		body["commit_title"] = m.Title
	}
	if m.Body != "" {
		body["commit_message"] = m.Body
	}
	merged := func() (bool, error) {
		p, err := f.Pull(ctx, id)
		return err == nil && p.Merged && p.HeadSHA == m.SHA, err
	}
	err := f.surely(ctx, merged, func(ctx context.Context) error {
		_, err := f.do(ctx, http.MethodPut, at(id.Repo, "pulls", id.Number, "merge"), body, nil)
		return err
	})
	why := refused(err)
	if why == nil {
		return err
	}
	// A merge whose answer was lost, or that another did, is refused too.
	if done, lookErr := merged(); lookErr == nil && done {
		return nil
	}
	return fmt.Errorf("%w: %w", why, err)
}

// refused says which of the port's reasons GitHub's answer to a merge is.
func refused(err error) error {
	switch status(err) {
	case http.StatusConflict:
		return prow.ErrHeadMoved
	case http.StatusMethodNotAllowed:
	default:
		return nil
	}
	switch {
	case says(err, "base branch was modified"):
		return prow.ErrBaseMoved
	case says(err, "not authorized to push to this branch"):
		return prow.ErrPushForbidden
	case says(err, "not allowed on this repository"):
		return prow.ErrMergeForbidden
	}
	return prow.ErrNotMergeable
}

// OpenPull opens a pull request, or finds the open one of the same branches.
func (f *Forge) OpenPull(ctx context.Context, p prow.NewPull) (prow.IssueID, error) {
	var made wirePull
	find := func() (bool, error) {
		head := p.Head
		if !strings.Contains(head, ":") {
			head = p.Repo.Owner + ":" + head
		}
		open, err := listOf[wirePull](ctx, f, at(p.Repo, "pulls")+
			"?state=open&head="+url.QueryEscape(head)+"&base="+url.QueryEscape(p.Base))
		if err != nil || len(open) == 0 {
			return false, err
		}
		made = open[0]
		return true, nil
	}
	body := map[string]string{"title": p.Title, "body": p.Body, "head": p.Head, "base": p.Base}
	err := f.surely(ctx, find, func(ctx context.Context) error {
		_, err := f.do(ctx, http.MethodPost, at(p.Repo, "pulls"), body, &made)
		return err
	})
	if status(err) == http.StatusUnprocessableEntity && says(err, "already exists") {
		if found, lookErr := find(); lookErr == nil && found {
			err = nil
		}
	}
	if err != nil {
		return prow.IssueID{}, err
	}
	return prow.IssueID{Repo: p.Repo, Number: made.Number}, nil
}
