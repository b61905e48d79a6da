package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	prow "github.com/prow-ci/prow"
)

// mirror is what all Repo values of one repository share.
type mirror struct {
	name    prow.Repo
	dir     string
	remote  func() Remote
	readers readers
	trees   treeCache

	making sync.Mutex
	made   bool

	mu      sync.Mutex
	next    *fetch // gathers what is wanted until the running one is done
	running chan struct{}
	slot    int
}

func (s *Store) mirror(r prow.Repo) (*mirror, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fs.ErrClosed
	}
	if m := s.mirrors[r]; m != nil {
		return m, nil
	}
	if r.Owner == "" || r.Name == "" {
		return nil, fmt.Errorf("git: repository %q has no owner or no name", r)
	}
	m := &mirror{name: r, dir: filepath.Join(s.Dir, segment(r.Owner), segment(r.Name)+".git"),
		remote: func() Remote { return s.Remote(r) }, running: make(chan struct{}, 1)}
	m.readers.start = func() (*reader, error) { return startReader(m.dir) }
	if s.mirrors == nil {
		s.mirrors = map[prow.Repo]*mirror{}
	}
	s.mirrors[r] = m
	return m, nil
}

// segment makes one harmless path element of any text, different for different
// texts.
func segment(s string) string {
	s = url.PathEscape(s)
	if strings.HasPrefix(s, ".") {
		s = "%2E" + s[1:]
	}
	return s
}

// make creates the bare repository under a temporary name, so that one which has
// its name is whole. Commits come when they are asked for.
func (m *mirror) make(ctx context.Context) error {
	m.making.Lock()
	defer m.making.Unlock()
	if m.made {
		return nil
	}
	if _, err := os.Stat(filepath.Join(m.dir, "HEAD")); err == nil {
		m.made = true
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(m.dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(m.dir), ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if _, err := run(ctx, call{args: []string{"init", "--quiet", "--bare", "--template=", "--", tmp}}); err != nil {
		return err
	}
	// Another process may have been faster; what it made is as good.
	if err := os.Rename(tmp, m.dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, e := os.Stat(filepath.Join(m.dir, "HEAD")); e != nil {
			return err
		}
	}
	m.made = true
	return nil
}

// git runs a command in the mirror.
func (m *mirror) git(ctx context.Context, args ...string) ([]byte, error) {
	return run(ctx, call{dir: m.dir, args: args})
}
