package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// gits are the bare repositories, one folder per repository id.
type gits struct {
	dir     string
	mu      sync.Mutex
	locks   map[int64]*sync.Mutex
	facts   *cache[[2]string, *facts]
	stats   *cache[[2]string, *diffstat]
	diffs   *cache[[2]string, []file]
	logs    *cache[[2]string, []commit] // of pull requests, by base and head
	commits *cache[string, *commit]
	seen    *cache[commitID, bool] // commits that are there
}

func newGits(dir string) *gits {
	return &gits{
		dir: dir, locks: map[int64]*sync.Mutex{}, facts: newCache[[2]string, *facts](4096),
		stats: newCache[[2]string, *diffstat](4096), diffs: newCache[[2]string, []file](256), seen: newCache[commitID, bool](1 << 16),
		logs: newCache[[2]string, []commit](256), commits: newCache[string, *commit](4096),
	}
}

func (g *gits) path(repo int64) string {
	return filepath.Join(g.dir, strconv.FormatInt(repo, 10)+".git")
}

// lock keeps others from moving refs by the API, and from looking what moved.
func (g *gits) lock(repo int64) (unlock func()) {
	g.mu.Lock()
	l := g.locks[repo]
	if l == nil {
		l = &sync.Mutex{}
		g.locks[repo] = l
	}
	g.mu.Unlock()
	l.Lock()
	return l.Unlock
}

// gitEnv is all that git sees: nothing of the machine's or the user's settings.
func gitEnv() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0", "GIT_AUTHOR_NAME=GitHub", "GIT_AUTHOR_EMAIL=noreply@github.com",
		"GIT_COMMITTER_NAME=GitHub", "GIT_COMMITTER_EMAIL=noreply@github.com",
	}
	settings := []string{
		"gc.auto=0", "core.quotepath=false", "safe.directory=*", "receive.autogc=false", "fastimport.unpackLimit=200",
		"protocol.file.allow=always", "diff.renames=true",
	}
	env = append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)))
	for i, s := range settings {
		k, v, _ := strings.Cut(s, "=")
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, k), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, v))
	}
	return env
}

// gitError is a git command that failed.
type gitError struct {
	args   []string
	code   int
	stderr string
}

func (e *gitError) Error() string {
	return fmt.Sprintf("git %s: exit status %d: %s", strings.Join(e.args, " "), e.code, strings.TrimSpace(e.stderr))
}

func exitCode(err error) int {
	var e *gitError
	if errors.As(err, &e) {
		return e.code
	}
	return 0
}

// run runs git in the repository and returns what it wrote.
func (g *gits) run(ctx context.Context, repo int64, args ...string) (string, error) {
	return g.runWith(ctx, repo, nil, nil, args...)
}

func (g *gits) runWith(ctx context.Context, repo int64, in io.Reader, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = g.path(repo), append(append(gitEnv(), "GIT_DIR=."), env...), in
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && ctx.Err() == nil {
			return out.String(), &gitError{args, exit.ExitCode(), errs.String()}
		}
		return "", fmt.Errorf("git %s: %w", args[0], errors.Join(err, ctx.Err()))
	}
	return out.String(), nil
}

// line is run for commands that answer one line.
func (g *gits) line(ctx context.Context, repo int64, args ...string) (string, error) {
	out, err := g.run(ctx, repo, args...)
	return strings.TrimSpace(out), err
}

// create makes an empty bare repository.
func (g *gits) create(ctx context.Context, repo int64, branch string) error {
	if err := os.MkdirAll(g.path(repo), 0o750); err != nil {
		return err
	}
	if _, err := g.run(ctx, repo, "init", "-q", "--bare", "--template=", "-b", branch, "."); err != nil {
		return err
	}
	// What serves pushes does not see gitEnv.
	const settings = "[receive]\n\thideRefs = refs/pull\n\tdenyDeleteCurrent = ignore\n"
	file, err := os.OpenFile(filepath.Join(g.path(repo), "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(settings)
	return errors.Join(err, file.Close())
}

// fork makes a bare copy of the branches and tags of another repository.
func (g *gits) fork(ctx context.Context, from, to int64, branch string) error {
	if err := g.create(ctx, to, branch); err != nil {
		return err
	}
	_, err := g.run(ctx, to, "fetch", "-q", "--no-write-fetch-head", g.path(from), "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
	return err
}

// unlock takes away the locks that a killed git left. Nobody else is at work there.
func (g *gits) unlock(repo int64) error {
	return filepath.WalkDir(g.path(repo), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "objects":
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ".lock"):
			return os.Remove(path)
		}
		return nil
	})
}

func (g *gits) remove(repo int64) error { return os.RemoveAll(g.path(repo)) }

// known reports whether a commit was found before; commits do not go away.
func (g *gits) known(repo int64, sha string) bool {
	_, ok := g.seen.get(commitID{repo, sha})
	return ok
}

func (g *gits) learn(repo int64, sha string) { g.seen.put(commitID{repo, sha}, true) }

// refs lists branches and tags. An annotated tag counts as itself.
func (g *gits) refs(ctx context.Context, repo int64) (map[string]string, error) {
	out, err := g.run(ctx, repo, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for l := range strings.Lines(out) {
		sha, name, _ := strings.Cut(strings.TrimSpace(l), " ")
		refs[name] = sha
	}
	return refs, nil
}

const zero = "0000000000000000000000000000000000000000"

// move sets a ref that must still be at old; "" does not ask.
func (g *gits) move(ctx context.Context, repo int64, ref, to, old string) error {
	ctx = context.WithoutCancel(ctx) // git killed at this would leave its lock behind
	args := []string{"update-ref", ref, to}
	if old != "" {
		args = append(args, old)
	}
	_, err := g.run(ctx, repo, args...)
	return err
}

// person signs a commit.
type person struct {
	name, email string
	when        time.Time
}

func (p person) env(role string) []string {
	return []string{
		"GIT_" + role + "_NAME=" + clean(p.name), "GIT_" + role + "_EMAIL=" + clean(p.email),
		fmt.Sprintf("GIT_%s_DATE=@%d +0000", role, p.when.Unix()),
	}
}

// clean takes out what git does not allow in a name.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == '<' || r == '>' {
			return -1
		}
		return r
	}, s)
	if strings.Trim(s, " .,:;\"'") == "" {
		return "unknown"
	}
	return s
}

// commitTree makes a commit of a tree.
func (g *gits) commitTree(ctx context.Context, repo int64, author, committer person, message, tree string, parents ...string) (string, error) {
	args := []string{"commit-tree", tree}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	out, err := g.runWith(ctx, repo, strings.NewReader(message), append(author.env("AUTHOR"), committer.env("COMMITTER")...), args...)
	return strings.TrimSpace(out), err
}

// change is one commit to make.
type change struct {
	ref       string
	parent    string // "" begins a new history
	author    person
	committer person
	message   string
	files     map[string]string
	removed   []string
}

// commit writes files onto parent and moves ref there; it answers the new commit.
func (g *gits) commit(ctx context.Context, repo int64, c change) (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "commit %s\nmark :1\n", c.ref)
	fmt.Fprintf(&b, "author %s <%s> %d +0000\n", clean(c.author.name), clean(c.author.email), c.author.when.Unix())
	fmt.Fprintf(&b, "committer %s <%s> %d +0000\n", clean(c.committer.name), clean(c.committer.email), c.committer.when.Unix())
	fmt.Fprintf(&b, "data %d\n%s\n", len(c.message), c.message)
	if c.parent != "" {
		fmt.Fprintf(&b, "from %s\n", c.parent)
	}
	for _, name := range c.removed {
		fmt.Fprintf(&b, "D %s\n", quotePath(name))
	}
	names := make([]string, 0, len(c.files))
	for name := range c.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text, mode := c.files[name], "100644"
		if strings.HasPrefix(text, "#!") {
			mode = "100755"
		}
		fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n", mode, quotePath(name), len(text), text)
	}
	b.WriteString("get-mark :1\n")
	out, err := g.runWith(context.WithoutCancel(ctx), repo, &b, nil, "fast-import", "--quiet", "--date-format=raw", "--force")
	return strings.TrimSpace(out), err
}

func quotePath(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// cache keeps the newest answers; what is asked for is never wrong, so entries
// only leave for want of room.
type cache[K comparable, V any] struct {
	mu   sync.Mutex
	max  int
	m    map[K]V
	keys []K
}

func newCache[K comparable, V any](n int) *cache[K, V] { return &cache[K, V]{max: n, m: map[K]V{}} }

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.m[k]
	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.m[k]; !ok {
		if len(c.keys) >= c.max {
			delete(c.m, c.keys[0])
			c.keys = c.keys[1:]
		}
		c.keys = append(c.keys, k)
	}
	c.m[k] = v
}
