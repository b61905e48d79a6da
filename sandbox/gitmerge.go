package sandbox

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// facts are what git says of a base and a head. They never change.
type facts struct {
	mergeBase  string
	mergeable  bool
	rebaseable bool
	tree       string // of the merge, if mergeable
	behind     bool   // the head lacks commits of the base
	stat       diffstat
}

// diffstat counts what a head adds to its merge base.
type diffstat struct{ commits, additions, deletions, files int }

// look finds the facts of base and head. Both are commits of repo.
func (g *gits) look(ctx context.Context, repo int64, base, head string) (*facts, error) {
	key := [2]string{base, head}
	if f, ok := g.facts.get(key); ok {
		return f, nil
	}
	f := &facts{}
	var err error
	if f.mergeBase, err = g.line(ctx, repo, "merge-base", base, head); err != nil && exitCode(err) != 1 {
		return nil, err
	}
	if f.tree, err = g.mergeTree(ctx, repo, base, head); err != nil && !errors.Is(err, errConflict) {
		return nil, err
	}
	f.mergeable = err == nil && f.mergeBase != ""
	f.behind = f.mergeBase != base
	stat, err := g.stat(ctx, repo, f.mergeBase, head)
	if err != nil {
		return nil, err
	}
	f.stat = *stat
	f.rebaseable = f.mergeable
	if f.mergeable && f.behind && f.stat.commits > 1 {
		_, err := g.rebase(ctx, repo, base, head, person{"GitHub", "noreply@github.com", time.Unix(0, 0)})
		f.rebaseable = err == nil
	}
	g.facts.put(key, f)
	return f, nil
}

func (g *gits) stat(ctx context.Context, repo int64, mergeBase, head string) (*diffstat, error) {
	if mergeBase == "" {
		return &diffstat{}, nil
	}
	key := [2]string{mergeBase, head}
	if s, ok := g.stats.get(key); ok {
		return s, nil
	}
	count, err := g.line(ctx, repo, "rev-list", "--count", mergeBase+".."+head)
	if err != nil {
		return nil, err
	}
	s := &diffstat{}
	if s.commits, err = strconv.Atoi(count); err != nil {
		return nil, err
	}
	short, err := g.line(ctx, repo, "diff", "--shortstat", mergeBase, head)
	if err != nil {
		return nil, err
	}
	for part := range strings.SplitSeq(short, ",") {
		w := strings.Fields(part)
		if len(w) < 2 {
			continue
		}
		n, _ := strconv.Atoi(w[0])
		switch w[1][0] {
		case 'f':
			s.files = n
		case 'i':
			s.additions = n
		case 'd':
			s.deletions = n
		}
	}
	g.stats.put(key, s)
	return s, nil
}

var errConflict = errors.New("conflict")

// mergeTree merges two commits in the object store alone.
func (g *gits) mergeTree(ctx context.Context, repo int64, ours, theirs string) (string, error) {
	out, err := g.run(ctx, repo, "merge-tree", "--write-tree", "--no-messages", ours, theirs)
	if exitCode(err) == 1 || exitCode(err) == 128 && strings.Contains(err.Error(), "unrelated histories") {
		return "", errConflict
	}
	tree, _, _ := strings.Cut(out, "\n")
	return tree, err
}

// isAncestor reports whether commit contains old.
func (g *gits) isAncestor(ctx context.Context, repo int64, old, commit string) (bool, error) {
	_, err := g.run(ctx, repo, "merge-base", "--is-ancestor", old, commit)
	if exitCode(err) == 1 {
		return false, nil
	}
	return err == nil, err
}

// rebase puts the commits of base..head on base again, one by one; merges among
// them are left out, as GitHub does.
func (g *gits) rebase(ctx context.Context, repo int64, base, head string, committer person) (string, error) {
	out, err := g.run(ctx, repo, "log", "--reverse", "--no-merges", "--topo-order", "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%B%x01", base+".."+head)
	if err != nil {
		return "", err
	}
	on, onTree, err := g.withTree(ctx, repo, base)
	if err != nil {
		return "", err
	}
	for rec := range strings.SplitSeq(out, "\x01") {
		f := strings.SplitN(strings.TrimLeft(rec, "\n"), "\x00", 7)
		if len(f) < 7 {
			continue
		}
		tree, err := g.pick(ctx, repo, on, onTree, f[0], f[1], f[2])
		if err != nil {
			return "", err
		}
		at, _ := strconv.ParseInt(f[5], 10, 64)
		if on, err = g.commitTree(ctx, repo, person{f[3], f[4], time.Unix(at, 0)}, committer, f[6], tree, on); err != nil {
			return "", err
		}
		onTree = tree
	}
	return on, nil
}

func (g *gits) withTree(ctx context.Context, repo int64, commit string) (sha, tree string, err error) {
	tree, err = g.line(ctx, repo, "rev-parse", commit+"^{tree}")
	return commit, tree, err
}

// pick computes the tree of applying one commit on another. git before 2.40
// cannot be told the merge base, so two throw-away commits give it one.
func (g *gits) pick(ctx context.Context, repo int64, on, onTree, commit, tree, parent string) (string, error) {
	if parent == on {
		return tree, nil
	}
	if parent == "" {
		return "", errConflict
	}
	_, parentTree, err := g.withTree(ctx, repo, parent)
	if err != nil {
		return "", err
	}
	if parentTree == onTree {
		return tree, nil
	}
	nobody := person{"pick", "pick", time.Unix(0, 0)}
	root, err := g.commitTree(ctx, repo, nobody, nobody, "base", parentTree)
	if err != nil {
		return "", err
	}
	ours, err := g.commitTree(ctx, repo, nobody, nobody, "ours", onTree, root)
	if err != nil {
		return "", err
	}
	theirs, err := g.commitTree(ctx, repo, nobody, nobody, "theirs", tree, root)
	if err != nil {
		return "", err
	}
	return g.mergeTree(ctx, repo, ours, theirs)
}
