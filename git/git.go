// Package git is the git binary everyone has: bare mirrors, trees read without
// a work tree, "do these merge?", and a smart HTTP server.
//
// Takes: repositories by name and commits by id. Gives: files, merges, diffs.
// Woken by: its callers. Nothing here checks out a work tree; podutil does that
// for jobs. It needs git 2.38 or newer.
package git

import (
	"context"
	"sync"

	prow "github.com/prow-ci/prow"
)

// Store keeps one bare mirror per repository below Dir. The zero value with
// both fields set is ready to use.
type Store struct {
	Dir string
	// Remote says where to fetch a repository from. The token, if any, is
	// handed to git through a credential helper, never in an address or an
	// argument.
	Remote func(r prow.Repo) Remote

	mu      sync.Mutex
	mirrors map[prow.Repo]*mirror
	closed  bool
}

// Remote is an address and what to say there.
type Remote struct {
	URL      string
	Username string                                    // "" with a token means x-access-token
	Token    func(ctx context.Context) (string, error) // nil: none
}

// Repo is one mirror. All methods may be called concurrently; a commit that is
// missing is fetched first. What does not exist on the remote either is
// fs.ErrNotExist. A remote that does not answer is an error: what is here is never
// used in its place where the newest was asked for.
type Repo struct {
	store *Store
	name  prow.Repo
}

// Repo returns the mirror of r. It is cloned when first used.
func (s *Store) Repo(r prow.Repo) *Repo { return &Repo{s, r} }

// Close ends the processes that the store keeps for reading. The mirrors stay.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, m := range s.mirrors {
		m.readers.close()
	}
	return nil
}

// open returns the mirror of r, made if it is not there yet.
func (r *Repo) open(ctx context.Context) (*mirror, error) {
	m, err := r.store.mirror(r.name)
	if err != nil {
		return nil, err
	}
	return m, m.make(ctx)
}
