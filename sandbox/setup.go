package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"

	prow "github.com/prow-ci/prow"
)

// What follows sets a scene from Go: `prow try` and tests call it. Everything has
// the same effects, webhooks too, as if it had come over the wire. Things are named
// by login and by prow.Repo; calls that make what is there already leave it alone.

func absent(what string) error { return fmt.Errorf("sandbox: %s: %w", what, os.ErrNotExist) }

// RepoOptions are the settings of a new repository.
type RepoOptions struct {
	DefaultBranch string // "" is main
	Private       bool
	Description   string
	By            string // who makes the first commit; "" is the owner
}

// CreateRepo makes a repository whose first commit has files; without files it is
// empty. One that exists is left as it is. A file whose text begins with #! is
// executable.
func (f *Forge) CreateRepo(ctx context.Context, at prow.Repo, files map[string]string, o RepoOptions) error {
	if o.DefaultBranch == "" {
		o.DefaultBranch = "main"
	}
	owner, by := f.find(at.Owner), f.find(o.By)
	if owner == nil {
		return absent("account " + at.Owner)
	}
	if f.findRepo(at) != nil {
		return nil
	}
	if by == nil {
		by = owner
	}
	r, err := f.makeRepo(ctx, owner, at.Name, o.DefaultBranch, func(r *repo) { r.Private, r.Description = o.Private, o.Description })
	if err != nil {
		return plain(err)
	}
	if len(files) == 0 {
		return nil
	}
	_, err = f.commitFiles(ctx, r.ID, by, fileChange{branch: o.DefaultBranch, message: "Initial commit", files: files})
	return plain(err)
}

// ImportRepo makes a repository out of the branches and tags of one on disk.
func (f *Forge) ImportRepo(ctx context.Context, at prow.Repo, path, defaultBranch string) error {
	owner := f.find(at.Owner)
	if owner == nil {
		return absent("account " + at.Owner)
	}
	if f.findRepo(at) != nil {
		return nil
	}
	r, err := f.makeRepo(ctx, owner, at.Name, defaultBranch, nil)
	if err != nil {
		return plain(err)
	}
	if _, err := f.git.run(ctx, r.ID, "fetch", "-q", "--no-write-fetch-head", path, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"); err != nil {
		return err
	}
	defer f.git.lock(r.ID)()
	return f.settle(ctx, r.ID, owner)
}

func (f *Forge) find(login string) *account {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.st.logins[lower(login)]
}

func (f *Forge) findRepo(at prow.Repo) *repo {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.st.names[lower(at.String())]
}

// plain turns an answer of the API into an error for a Go caller.
func plain(err error) error {
	var no *fail
	if errors.As(err, &no) {
		if len(no.errors) > 0 {
			return fmt.Errorf("sandbox: %s: %v", no.message, no.errors)
		}
		return fmt.Errorf("sandbox: %s (%d)", no.message, no.code)
	}
	return err
}

// scene finds a repository and who acts in it.
func (f *Forge) scene(at prow.Repo, by string) (*repo, *account, error) {
	r, a := f.findRepo(at), f.find(by)
	if r == nil {
		return nil, nil, absent("repository " + at.String())
	}
	if a == nil {
		return nil, nil, absent("user " + by)
	}
	return r, a, nil
}

// Commit puts a commit of files on a branch, made from the default branch if it is
// new, and returns its id. Files named in remove go.
func (f *Forge) Commit(ctx context.Context, at prow.Repo, branch, by, message string, files map[string]string, remove ...string) (string, error) {
	r, a, err := f.scene(at, by)
	if err != nil {
		return "", err
	}
	sha, err := f.commitFiles(ctx, r.ID, a, fileChange{branch: branch, message: message, files: files, removed: remove})
	return sha, plain(err)
}

// Fork copies a repository to an account; an existing fork is answered.
func (f *Forge) Fork(ctx context.Context, at prow.Repo, owner string) (prow.Repo, error) {
	r, a, err := f.scene(at, owner)
	if err != nil {
		return prow.Repo{}, err
	}
	fork, err := f.forkRepo(ctx, r, a, a, "")
	if err != nil {
		return prow.Repo{}, plain(err)
	}
	return prow.Repo{Owner: a.Login, Name: f.snapshot(fork).Name}, nil
}

// OpenPull opens a pull request; p.Head is "branch" or "owner:branch".
func (f *Forge) OpenPull(ctx context.Context, by string, p prow.NewPull) (prow.IssueID, error) {
	r, a, err := f.scene(p.Repo, by)
	if err != nil {
		return prow.IssueID{}, err
	}
	i, err := f.openPull(ctx, r, a, newPull{head: p.Head, base: p.Base, title: p.Title, body: p.Body, maintainer: true})
	if err != nil {
		return prow.IssueID{}, plain(err)
	}
	return prow.IssueID{Repo: p.Repo, Number: i.Number}, nil
}

// on runs change on an issue or pull request.
func (f *Forge) on(ctx context.Context, id prow.IssueID, by string, change func(t *tx, i *issue, a *account) error) error {
	r, a, err := f.scene(id.Repo, by)
	if err != nil {
		return err
	}
	return plain(f.write(ctx, func(t *tx) error {
		i := t.st.numbers[numberID{r.ID, id.Number}]
		if i == nil {
			return absent(id.String())
		}
		return change(t, i, a)
	}))
}

// OpenIssue opens an issue.
func (f *Forge) OpenIssue(ctx context.Context, at prow.Repo, by, title, body string) (prow.IssueID, error) {
	r, a, err := f.scene(at, by)
	if err != nil {
		return prow.IssueID{}, err
	}
	id := prow.IssueID{Repo: at}
	err = f.write(ctx, func(t *tx) error {
		i := t.openIssue(r, a, title, body, nil)
		t.onIssue(i, a, "opened", nil)
		id.Number = i.Number
		return nil
	})
	return id, plain(err)
}

// Comment says something on an issue or pull request.
func (f *Forge) Comment(ctx context.Context, id prow.IssueID, by, body string) error {
	return f.on(ctx, id, by, func(t *tx, i *issue, a *account) error {
		if err := checkBody("IssueComment", body); err != nil {
			return err
		}
		t.say(i, a, body)
		return nil
	})
}

// Review submits a review; event is APPROVE, REQUEST_CHANGES or COMMENT.
func (f *Forge) Review(ctx context.Context, id prow.IssueID, by, event, body string) error {
	return f.on(ctx, id, by, func(t *tx, i *issue, a *account) error {
		if i.Pull == nil {
			return absent("pull request " + id.String())
		}
		if err := t.checkReview(i, a, reviewInput{Event: event, Body: body}); err != nil {
			return err
		}
		v := &review{ID: t.id(), Issue: i.ID, Author: a.ID, State: reviewStates[event], Body: body, SHA: i.Pull.HeadSHA}
		t.create(v)
		t.opinion(i, v, a)
		return nil
	})
}

// Label adds labels, making them where they are new.
func (f *Forge) Label(ctx context.Context, id prow.IssueID, by string, labels ...string) error {
	return f.on(ctx, id, by, func(t *tx, i *issue, a *account) error {
		for _, l := range labels {
			t.addLabel(i, a, t.needLabel(t.st.repos[i.Repo], l))
		}
		return nil
	})
}

// AddLabels makes labels known in a repository.
func (f *Forge) AddLabels(ctx context.Context, at prow.Repo, names ...string) error {
	return f.inRepo(ctx, at, func(t *tx, r *repo) error {
		for _, n := range names {
			t.needLabel(r, n)
		}
		return nil
	})
}

// AddMilestone makes an open milestone.
func (f *Forge) AddMilestone(ctx context.Context, at prow.Repo, title string) error {
	return f.inRepo(ctx, at, func(t *tx, r *repo) error {
		m := t.newMilestone(r, t.account(r.Owner))
		m.Title, m.Updated = title, t.o.Now()
		t.addMilestone(r, m)
		return nil
	})
}

func (f *Forge) inRepo(ctx context.Context, at prow.Repo, change func(t *tx, r *repo) error) error {
	r := f.findRepo(at)
	if r == nil {
		return absent("repository " + at.String())
	}
	return plain(f.write(ctx, func(t *tx) error { return change(t, r) }))
}

// AddCollaborator gives a user a permission: read, triage, write, maintain, admin.
func (f *Forge) AddCollaborator(ctx context.Context, at prow.Repo, login string, p prow.Permission) error {
	l, ok := parseLevel(string(p))
	if !ok {
		return fmt.Errorf("sandbox: permission %q: want read, triage, write, maintain or admin", p)
	}
	return f.inRepo(ctx, at, func(t *tx, r *repo) error {
		a := t.st.logins[lower(login)]
		if a == nil {
			return absent("user " + login)
		}
		r.Collaborators[a.ID] = l.String()
		t.save(r)
		return nil
	})
}

// Protect makes contexts required on a branch; none of them lifts the protection.
func (f *Forge) Protect(ctx context.Context, at prow.Repo, branch string, contexts ...string) error {
	return f.inRepo(ctx, at, func(t *tx, r *repo) error {
		if len(contexts) == 0 {
			t.protect(r, branch, nil)
			return nil
		}
		t.protect(r, branch, &protection{HasChecks: true, Contexts: contexts, Admins: true})
		return nil
	})
}

// Methods says which ways of merging a repository permits.
func (f *Forge) Methods(ctx context.Context, at prow.Repo, allowed ...prow.MergeMethod) error {
	return f.inRepo(ctx, at, func(t *tx, r *repo) error {
		r.NoMerge = !slices.Contains(allowed, prow.MergeCommit)
		r.NoSquash = !slices.Contains(allowed, prow.MergeSquash)
		r.NoRebase = !slices.Contains(allowed, prow.MergeRebase)
		t.save(r)
		return nil
	})
}

// SetStatus sets a commit status.
func (f *Forge) SetStatus(ctx context.Context, at prow.Repo, by, sha string, c prow.Check) error {
	r, a, err := f.scene(at, by)
	if err != nil {
		return err
	}
	one, err := f.knownCommit(ctx, r.ID, sha)
	if err != nil {
		return plain(err)
	}
	return f.write(ctx, func(t *tx) error {
		t.setStatus(r, a, status{SHA: sha, State: string(c.State), Context: c.Name, Text: c.Text, TargetURL: c.URL}, one)
		return nil
	})
}

// SetHook sends every event of every repository to url, signed with secret. There
// is one such hook per address; setting it again replaces the secret.
func (f *Forge) SetHook(ctx context.Context, url, secret string) error {
	return f.write(ctx, func(t *tx) error {
		for _, h := range t.st.hooks {
			if h.Repo == 0 && h.Org == 0 && h.URL == url {
				h.Secret = secret
				t.save(h)
				return nil
			}
		}
		now := t.o.Now()
		t.create(&hook{ID: t.id(), URL: url, Secret: secret, Events: []string{"*"}, Active: true, Created: now, Updated: now})
		return nil
	})
}

// KeepHooks takes back what SetHook set for other addresses than these.
func (f *Forge) KeepHooks(ctx context.Context, urls ...string) error {
	return f.write(ctx, func(t *tx) error {
		for _, h := range t.st.hooks {
			if h.Repo == 0 && h.Org == 0 && !slices.Contains(urls, h.URL) {
				t.remove(h)
			}
		}
		return nil
	})
}

// Merge merges a pull request; an empty method is a merge commit.
func (f *Forge) Merge(ctx context.Context, id prow.IssueID, by string, method prow.MergeMethod) (sha string, err error) {
	r, a, err := f.scene(id.Repo, by)
	if err != nil {
		return "", err
	}
	var i *issue
	_ = f.read(func() error { i = f.st.numbers[numberID{r.ID, id.Number}]; return nil })
	if i == nil || i.Pull == nil {
		return "", absent("pull request " + id.String())
	}
	sha, err = f.merge(ctx, i, a, mergeInput{Method: string(method)})
	return sha, plain(err)
}

// Head returns the commit of a branch.
func (f *Forge) Head(at prow.Repo, branch string) (string, error) {
	r := f.findRepo(at)
	if r == nil {
		return "", absent("repository " + at.String())
	}
	if sha := f.snapshot(r).Refs[heads+branch]; sha != "" {
		return sha, nil
	}
	return "", absent("branch " + branch + " of " + at.String())
}

// CloneURL is where git finds a repository.
func (f *Forge) CloneURL(at prow.Repo) string { return f.o.URL + "/" + at.String() + ".git" }

// Idle reports whether every webhook owed has been delivered.
func (f *Forge) Idle(ctx context.Context) (bool, error) {
	var n int
	err := f.db.QueryRowContext(ctx, `SELECT count(*) FROM delivery WHERE done = 0`).Scan(&n)
	return n == 0, err
}

var _ http.Handler = (*Forge)(nil)

// Statuses counts the statuses of a context that a commit was ever given.
func (f *Forge) Statuses(at prow.Repo, sha, context string) int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	n := 0
	if r := f.st.names[lower(at.String())]; r != nil {
		for _, s := range f.st.statuses[commitID{r.ID, sha}] {
			if s.Context == context {
				n++
			}
		}
	}
	return n
}

// Search returns what a user finds with GitHub's search language.
func (f *Forge) Search(q, by string) []prow.IssueID {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []prow.IssueID
	for _, i := range f.search(q, f.st.logins[lower(by)]) {
		r := f.st.repos[i.Repo]
		out = append(out, prow.IssueID{Repo: prow.Repo{Owner: f.account(r.Owner).Login, Name: r.Name}, Number: i.Number})
	}
	return out
}
