package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Clone is a repository in which somebody works. It is read, never written, and
// nothing is fetched into it. All methods may be called concurrently.
type Clone struct {
	Dir    string // top of the work tree
	Branch string // "" where HEAD is a mere commit
	Head   string // commit
	Origin string // address of the remote of that name, "" without one

	m *mirror
}

// OpenClone opens the clone that dir is in. A folder that is in none, or in one
// without a commit, is an error that says so; whose folder it may read is for git
// and its user's configuration to say.
func OpenClone(ctx context.Context, dir string) (*Clone, error) {
	c := &Clone{Dir: dir}
	ask := func(args ...string) string {
		out, _ := c.user(ctx, args...) // absent is ""
		return strings.TrimSpace(string(out))
	}
	out, err := c.user(ctx, "rev-parse", "--show-toplevel", "--absolute-git-dir")
	if err != nil {
		return nil, fmt.Errorf("%s is not in a clone: %w", dir, err)
	}
	top, gitDir, _ := strings.Cut(strings.TrimSuffix(string(out), "\n"), "\n")
	c.Dir = top
	c.m = &mirror{dir: gitDir, made: true}
	c.m.readers.start = func() (*reader, error) { return startReader(gitDir) }
	if c.Head, err = c.Commit(ctx, "HEAD"); err != nil {
		return nil, fmt.Errorf("%s has no commit yet; commit something first", top)
	}
	c.Branch = ask("symbolic-ref", "--quiet", "--short", "HEAD")
	c.Origin = ask("remote", "get-url", "origin")
	return c, nil
}

// Close ends the processes that read the clone.
func (c *Clone) Close() error {
	c.m.readers.close()
	return nil
}

// Commit returns the id of the commit that rev names; fs.ErrNotExist if it names
// none.
func (c *Clone) Commit(ctx context.Context, rev string) (string, error) {
	out, err := c.user(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if e := (*Error)(nil); errors.As(err, &e) && e.Code > 0 {
		return "", fmt.Errorf("revision %q: %w", rev, fs.ErrNotExist)
	}
	return strings.TrimSpace(string(out)), err
}

// Default returns the branch that origin says is the one to start from, "" if it
// is not known here.
func (c *Clone) Default(ctx context.Context) string {
	out, _ := c.user(ctx, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "origin/")
}

// MergeBase returns the commit where two others parted; fs.ErrNotExist if the
// clone knows of none.
func (c *Clone) MergeBase(ctx context.Context, a, b string) (string, error) {
	out, err := c.m.git(ctx, "merge-base", a, b)
	if e := (*Error)(nil); errors.As(err, &e) && e.Code == 1 {
		return "", fmt.Errorf("a common ancestor of %s and %s: %w", a, b, fs.ErrNotExist)
	}
	return strings.TrimSpace(string(out)), err
}

// Changed lists the files that differ between two commits; a renamed file has both
// names.
func (c *Clone) Changed(ctx context.Context, from, to string) ([]string, error) {
	out, err := c.m.git(ctx, "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", from, to)
	return fields(out), err
}

// Unsaved lists the files that differ between a commit and what lies in the work
// tree, new ones included and ignored ones not.
func (c *Clone) Unsaved(ctx context.Context, from string) ([]string, error) {
	known, err := c.user(ctx, "diff", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", from, "--")
	if err != nil {
		return nil, err
	}
	added, err := c.user(ctx, "ls-files", "-z", "--others", "--exclude-standard", "--full-name", ":/")
	if err != nil {
		return nil, err
	}
	out := slices.Concat(fields(known), fields(added))
	slices.Sort(out)
	return slices.Compact(out), nil
}

// FS returns the files of a commit, as Repo.FS does.
func (c *Clone) FS(ctx context.Context, commit string) (fs.FS, error) {
	root, err := c.m.root(ctx, commit)
	if err != nil {
		return nil, err
	}
	return &files{ctx, c.m, root}, nil
}

// fields splits what git ends with NULs.
func fields(out []byte) []string {
	text := strings.TrimSuffix(string(out), "\x00")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\x00")
}

// user runs git in the clone as its user would: ignored files and trusted folders
// are for their configuration to say.
func (c *Clone) user(ctx context.Context, args ...string) ([]byte, error) {
	cmd := command(ctx, append([]string{"-C", c.Dir, "-c", "core.fsmonitor=false", "-c", "core.quotePath=false"}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return strings.HasPrefix(key, "GIT_") && !slices.Contains([]string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES"}, key)
	})
	cmd.Env = append(cmd.Env, "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && ctx.Err() == nil {
		return out, &Error{Command: args[0], Code: exit.ExitCode(), Stderr: string(exit.Stderr), err: err}
	}
	return out, err
}
