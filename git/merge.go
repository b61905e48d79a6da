package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// Pick is one change to put on a base.
type Pick struct {
	SHA    string
	Method prow.MergeMethod // "" is a merge commit
}

// ConflictError says that a pick does not merge with what came before it.
type ConflictError struct {
	Index int      // of the pick
	Files []string // none where the two share no history
}

func (e *ConflictError) Error() string {
	if len(e.Files) == 0 {
		return "conflict: the two have no commit in common"
	}
	return fmt.Sprintf("conflict in %q", e.Files)
}

// Merge puts picks on base, in order, in the object store alone, and returns
// the resulting commit; the same input gives the same id. A pick that is
// contained already changes nothing. The error is *ConflictError where a pick
// does not merge.
func (r *Repo) Merge(ctx context.Context, base string, picks ...Pick) (string, error) {
	all := []string{base}
	for _, p := range picks {
		all = append(all, p.SHA)
	}
	m, err := r.have(ctx, all...)
	if err != nil {
		return "", err
	}
	info, err := m.commit(ctx, base)
	if err != nil {
		return "", err
	}
	head := base
	for i, p := range picks {
		g := merger{m: m, at: info.committed.Add(time.Duration(i+1) * time.Second)}
		if head, err = g.pick(ctx, head, p); err != nil {
			if c := (*ConflictError)(nil); errors.As(err, &c) {
				c.Index = i
			}
			return "", err
		}
	}
	return head, nil
}

// merger puts one pick on a commit, at one moment.
type merger struct {
	m  *mirror
	at time.Time
}

func (g merger) pick(ctx context.Context, head string, p Pick) (string, error) {
	if in, err := g.m.contains(ctx, head, p.SHA); err != nil || in {
		return head, err
	}
	switch p.Method {
	case prow.MergeRebase:
		return g.rebase(ctx, head, p.SHA)
	case prow.MergeCommit, prow.MergeSquash, "":
	default:
		return "", fmt.Errorf("git: merge method %q: want merge, squash or rebase", p.Method)
	}
	tree, err := g.tree(ctx, head, p.SHA)
	if err != nil {
		return "", err
	}
	if p.Method == prow.MergeSquash {
		return g.write(ctx, tree, us, "Squash "+p.SHA+"\n", head)
	}
	return g.write(ctx, tree, us, "Merge "+p.SHA+"\n", head, p.SHA)
}

// rebase replays, one by one, the commits that head does not have.
func (g merger) rebase(ctx context.Context, head, sha string) (string, error) {
	out, err := g.m.git(ctx, "rev-list", "--reverse", "--topo-order", "--no-merges", "--end-of-options", head+".."+sha, "--")
	if err != nil {
		return "", err
	}
	for _, c := range strings.Fields(string(out)) {
		if head, err = g.replay(ctx, head, c); err != nil {
			return "", err
		}
	}
	return head, nil
}

func (g merger) replay(ctx context.Context, head, sha string) (string, error) {
	c, err := g.m.commit(ctx, sha)
	if err != nil {
		return "", err
	}
	onto, err := g.m.root(ctx, head)
	if err != nil {
		return "", err
	}
	// merge-tree takes the merge base from history alone: so the files of head
	// are given c's parent as their only history.
	stand, err := g.write(ctx, onto, us, "stand-in\n", c.parents...)
	if err != nil {
		return "", err
	}
	tree, err := g.tree(ctx, stand, sha)
	if err != nil || tree == onto {
		return head, err // what it brings is there already
	}
	return g.write(ctx, tree, c.author, c.message, head)
}

// tree merges two commits and returns the resulting tree.
func (g merger) tree(ctx context.Context, ours, theirs string) (string, error) {
	out, err := g.m.git(ctx, "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs)
	var e *Error
	if errors.As(err, &e) && (e.Code == 1 || strings.Contains(e.Stderr, "unrelated histories")) {
		return "", parseConflict(out)
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimRight(string(out), "\x00\n")
	if !isID(id) {
		return "", fmt.Errorf("git merge-tree: answer %.80q, want the id of a tree", out)
	}
	return id, nil
}

// parseConflict reads the tree and the files that merge-tree lists.
func parseConflict(out []byte) *ConflictError {
	c := &ConflictError{}
	seen := map[string]bool{}
	_, files, _ := bytes.Cut(out, []byte{0})
	for name := range strings.SplitSeq(string(files), "\x00") {
		if name == "" {
			break // an empty one ends the list
		}
		if !seen[name] {
			seen[name] = true
			c.Files = append(c.Files, name)
		}
	}
	return c
}

// us is who merges made here are by.
const us = "prow <prow@localhost>"

// write stores a commit. author is "name <mail>", and may go on with a time.
func (g merger) write(ctx context.Context, tree, author, message string, parents ...string) (string, error) {
	when := strconv.FormatInt(g.at.Unix(), 10) + " +0000"
	if strings.HasSuffix(author, ">") {
		author += " " + when
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\n", tree)
	for _, p := range parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s %s\n\n%s", author, us, when, message)
	out, err := run(ctx, call{dir: g.m.dir, args: []string{"hash-object", "-t", "commit", "-w", "--stdin"}, stdin: &b})
	return strings.TrimSpace(string(out)), err
}

// commit is what a commit says of itself.
type commit struct {
	parents   []string
	author    string // whole line, with its time
	committed time.Time
	message   string
}

func (m *mirror) commit(ctx context.Context, sha string) (commit, error) {
	o, err := m.readers.ask(ctx, "contents", sha)
	if err != nil {
		return commit{}, err
	}
	return parseCommit(o.data)
}

func parseCommit(b []byte) (commit, error) {
	head, message, _ := strings.Cut(string(b), "\n\n")
	c := commit{message: message}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "parent":
			c.parents = append(c.parents, value)
		case "author":
			c.author = value
		case "committer":
			_, after, _ := strings.Cut(value, "> ")
			seconds, _, _ := strings.Cut(after, " ")
			n, err := strconv.ParseInt(seconds, 10, 64)
			if err != nil {
				return c, fmt.Errorf("git: committer %q, want a time", value)
			}
			c.committed = time.Unix(n, 0).UTC()
		}
	}
	if c.author == "" {
		return c, errors.New("git: a commit without an author")
	}
	return c, nil
}

// Contains reports whether ancestor is an ancestor of, or equal to, commit.
func (r *Repo) Contains(ctx context.Context, commit, ancestor string) (bool, error) {
	m, err := r.have(ctx, commit, ancestor)
	if err != nil {
		return false, err
	}
	return m.contains(ctx, commit, ancestor)
}

func (m *mirror) contains(ctx context.Context, commit, ancestor string) (bool, error) {
	if commit == ancestor {
		return true, nil
	}
	_, err := m.git(ctx, "merge-base", "--is-ancestor", ancestor, commit)
	var e *Error
	if errors.As(err, &e) && e.Code == 1 {
		return false, nil
	}
	return err == nil, err
}
