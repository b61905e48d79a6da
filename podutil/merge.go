package podutil

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// merge puts the i-th pull on what is checked out, at a time that depends on the
// base alone, so that the same refs give the same commit.
func (k *clone) merge(ctx context.Context, i int) error {
	p := &k.refs.Pulls[i]
	head, err := k.fetchPull(ctx, p)
	if err != nil {
		return err
	}
	when, err := k.baseTime(ctx)
	if err != nil {
		return err
	}
	if err := k.deepen(ctx, p, head); err != nil {
		return err
	}
	date := strconv.FormatInt(when+int64(i)+1, 10) + " +0000"
	_, err = k.run(ctx, true, []string{"GIT_AUTHOR_DATE=" + date, "GIT_COMMITTER_DATE=" + date},
		"merge", "--no-ff", "--no-stat", "--no-edit", "-m", fmt.Sprintf("Merge #%d", p.Number), head)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if out, e := k.quiet(ctx, "diff", "--name-only", "--diff-filter=U", "-z"); e == nil && out != "" {
		return &ConflictError{Repo: k.refs.RepoID(), Pull: *p, Onto: k.onto(i), Files: strings.Split(strings.TrimRight(out, "\x00"), "\x00")}
	}
	return fmt.Errorf("#%d could not be merged: %w", p.Number, err)
}

// onto says what the i-th pull is merged with.
func (k *clone) onto(i int) string {
	s := k.refs.BaseRef
	for n, p := range k.refs.Pulls[:i] {
		s += []string{" with ", ", "}[min(n, 1)] + "#" + strconv.Itoa(p.Number)
	}
	return s
}

// baseTime returns when the base was committed, in seconds.
func (k *clone) baseTime(ctx context.Context) (int64, error) {
	if k.when != 0 {
		return k.when, nil
	}
	base := k.refs.BaseSHA
	if base == "" {
		base = "HEAD" // nothing is merged yet
	}
	out, err := k.quiet(ctx, "show", "--no-patch", "--format=%ct", base, "--")
	if err != nil {
		return 0, err
	}
	k.when, err = strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	return k.when, err
}

// deepen fetches more of a shallow history until it reaches where the pull left
// the base: without that commit a merge takes every difference for a conflict.
func (k *clone) deepen(ctx context.Context, p *prow.PullRef, head string) error {
	if k.refs.CloneDepth <= 0 {
		return nil
	}
	for more := max(k.refs.CloneDepth, 32); ; more *= 4 {
		if _, err := k.quiet(ctx, "merge-base", "HEAD", head); err == nil || ctx.Err() != nil {
			return err
		}
		how := "--deepen=" + strconv.Itoa(more)
		if more > 10_000 {
			how = "--unshallow"
		}
		if shallow, err := k.quiet(ctx, "rev-parse", "--is-shallow-repository"); err != nil || strings.TrimSpace(shallow) == "false" {
			return err // it is all here: they have no commit in common, and merge will say so
		}
		base := k.refs.BaseSHA
		if base == "" {
			base = k.refs.BaseRef
		}
		if err := k.patiently(ctx, func() error {
			_, err := k.git(ctx, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", how, "--", k.uri, base, pullSpec(p))
			return err
		}); err != nil {
			return err
		}
	}
}
