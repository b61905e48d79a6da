package git

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// keptTips is how many fetched commits without a branch stay known as tips, so
// that the next fetch can say what is here already.
const keptTips = 128

// Head fetches a branch and returns its commit.
func (r *Repo) Head(ctx context.Context, branch string) (string, error) {
	ref := "refs/heads/" + branch
	if err := checkRef(ref); err != nil {
		return "", err
	}
	m, err := r.open(ctx)
	if err != nil {
		return "", err
	}
	local := localRef(ref)
	if err := m.fetch(ctx, "+"+ref+":"+local); err != nil {
		return "", fmt.Errorf("branch %s of %s: %w", branch, r.name, err)
	}
	o, err := m.readers.ask(ctx, "info", local+"^{commit}")
	return o.id, err
}

// Ensure makes sure that commits are here, fetching by id what is missing. A
// commit that only a pull request has may need its ref: "refs/pull/5/head".
func (r *Repo) Ensure(ctx context.Context, refs []string, commits ...string) error {
	m, err := r.open(ctx)
	if err != nil {
		return err
	}
	missing, err := m.missing(ctx, commits)
	if err != nil || len(missing) == 0 {
		return err
	}
	for _, ref := range refs {
		if err := checkRef(ref); err != nil {
			return err
		}
	}
	if err = m.fetch(ctx, missing...); err == nil || !errors.Is(err, fs.ErrNotExist) || len(refs) == 0 {
		return m.about(missing, err)
	}
	var specs []string
	for _, ref := range refs {
		specs = append(specs, "+"+ref+":"+localRef(ref))
	}
	if err := m.fetch(ctx, specs...); err != nil {
		return m.about(missing, err)
	}
	if missing, err = m.missing(ctx, commits); err == nil && len(missing) > 0 {
		err = fs.ErrNotExist
	}
	return m.about(missing, err)
}

func (m *mirror) about(commits []string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("commits %s of %s: %w", strings.Join(commits, ", "), m.name, err)
}

// have opens the mirror and makes sure of the commits.
func (r *Repo) have(ctx context.Context, commits ...string) (*mirror, error) {
	if err := r.Ensure(ctx, nil, commits...); err != nil {
		return nil, err
	}
	return r.open(ctx)
}

// missing returns those of commits that are not here.
func (m *mirror) missing(ctx context.Context, commits []string) ([]string, error) {
	var out []string
	for _, c := range commits {
		if !isID(c) {
			return nil, fmt.Errorf("git: commit %q: want a whole id, 40 digits 0-9a-f", c)
		}
		switch o, err := m.readers.ask(ctx, "info", c); {
		case errors.Is(err, fs.ErrNotExist):
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		case err != nil:
			return nil, err
		case o.kind != "commit":
			return nil, fmt.Errorf("git: %s is a %s, want a commit", c, o.kind)
		}
	}
	return out, nil
}

// fetch is one run of `git fetch` for all who asked before it began.
type fetch struct {
	specs   []string
	waiting int
	many    bool // more than one asked
	cancel  context.CancelFunc
	done    chan struct{}
	err     error
}

// fetch fetches refspecs; a plain id stands for a commit. Callers that come
// while one is running share the next one.
func (m *mirror) fetch(ctx context.Context, specs ...string) error {
	f := m.join(ctx, specs)
	select {
	case <-f.done:
	case <-ctx.Done():
		m.leave(f)
		return context.Cause(ctx)
	}
	if f.many && errors.Is(f.err, fs.ErrNotExist) {
		return m.fetchNow(ctx, specs) // it may be another's that does not exist
	}
	return f.err
}

func (m *mirror) join(ctx context.Context, specs []string) *fetch {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.next
	if f == nil {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = &fetch{cancel: cancel, done: make(chan struct{})}
		m.next = f
		go m.perform(own, f)
	} else {
		f.many = true
	}
	f.waiting++
	for _, s := range specs {
		if !slices.Contains(f.specs, s) {
			f.specs = append(f.specs, s)
		}
	}
	return f
}

// leave gives up waiting; a fetch that nobody waits for is stopped.
func (m *mirror) leave(f *fetch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		if m.next == f {
			m.next = nil
		}
		f.cancel()
	}
}

func (m *mirror) perform(ctx context.Context, f *fetch) {
	defer close(f.done)
	defer f.cancel()
	select {
	case m.running <- struct{}{}:
		defer func() { <-m.running }()
	case <-ctx.Done():
		f.err = ctx.Err()
		return
	}
	m.mu.Lock()
	if m.next == f {
		m.next = nil
	}
	specs := f.specs
	m.mu.Unlock()
	f.err = m.fetchSpecs(ctx, specs)
}

// fetchNow fetches for one caller alone.
func (m *mirror) fetchNow(ctx context.Context, specs []string) error {
	select {
	case m.running <- struct{}{}:
		defer func() { <-m.running }()
		return m.fetchSpecs(ctx, specs)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (m *mirror) fetchSpecs(ctx context.Context, specs []string) error {
	remote := m.remote()
	env, token, err := remote.Login(ctx)
	if err != nil {
		return err
	}
	args := []string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules", "--", remote.URL}
	for _, s := range specs {
		if isID(s) {
			s = fmt.Sprintf("+%s:refs/prow/tip/%d", s, m.nextSlot())
		}
		args = append(args, s)
	}
	if _, err = run(ctx, call{dir: m.dir, args: args, env: env, secret: token}); err != nil {
		return classify(err)
	}
	m.gather(ctx)
	return nil
}

// manyPacks are more than git looks through quickly.
const manyPacks = 50

// gather makes few packs of many, a small one of each fetch. It keeps what no ref
// leads to: commits are fetched by id.
func (m *mirror) gather(ctx context.Context) {
	packs, err := filepath.Glob(filepath.Join(m.dir, "objects", "pack", "*.pack"))
	if err != nil || len(packs) <= manyPacks {
		return
	}
	// Should it fail, all is there as before, and the next fetch tries again.
	_, _ = run(ctx, call{dir: m.dir, args: []string{"repack", "--quiet", "-d", "--geometric=2"}})
}

func (m *mirror) nextSlot() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slot = (m.slot + 1) % keptTips
	return m.slot
}

// classify marks what does not exist on the remote, and what is not for us.
func classify(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	text := strings.ToLower(e.Stderr)
	for _, words := range []string{"terminal prompts disabled", "authentication failed", "returned error: 403"} {
		if strings.Contains(text, words) {
			return fmt.Errorf("%w: no token that may read it was given (%w)", prow.ErrForbidden, err)
		}
	}
	for _, words := range []string{"couldn't find remote ref", "not our ref", "unadvertised object", "no such remote ref"} {
		if strings.Contains(text, words) {
			return fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
		}
	}
	return err
}

// localRef is where the mirror keeps a ref of the remote. Names of refs are
// hashed, since `a` and `a/b`, one after the other, cannot both be files.
func localRef(ref string) string { return fmt.Sprintf("refs/prow/ref/%x", sha256.Sum256([]byte(ref))) }

// checkRef refuses what git would not accept as the whole name of a ref.
func checkRef(ref string) error {
	bad := !strings.HasPrefix(ref, "refs/") || strings.HasSuffix(ref, "/") || strings.HasSuffix(ref, ".") ||
		strings.Contains(ref, "..") || strings.Contains(ref, "//") || strings.Contains(ref, "@{") || strings.ContainsAny(ref, " ~^:?*[\\\x7f")
	for part := range strings.SplitSeq(ref, "/") {
		bad = bad || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	for _, c := range []byte(ref) {
		bad = bad || c < ' '
	}
	if bad {
		return fmt.Errorf("git: %q is not a name that a ref can have: %w", ref, fs.ErrNotExist)
	}
	return nil
}
