// Package git is the git binary everyone has: bare mirrors, trees read without
// a work tree, "do these merge?", and a smart HTTP server.
//
// Takes: repositories by name and commits by id. Gives: files, merges, diffs.
// Nothing here checks out a work tree; podutil does that for jobs.
package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	prow "github.com/prow-ci/prow"
)

// Store keeps one bare mirror per repository below Dir.
type Store struct {
	Dir string
	// Remote says where to fetch a repository from. The token, if any, is
	// handed to git through a credential helper, never in an address or an
	// argument.
	Remote func(r prow.Repo) Remote
}

// Remote is an address and what to say there.
type Remote struct {
	URL      string
	Username string
	Token    func(ctx context.Context) (string, error) // nil: none
}

// Repo is one mirror. All methods may be called concurrently; a commit that is
// missing is fetched first. What does not exist on the remote either is
// fs.ErrNotExist.
type Repo struct {
	store *Store
	name  prow.Repo
}

// Repo returns the mirror of r. It is cloned when first used.
func (s *Store) Repo(r prow.Repo) *Repo { return &Repo{s, r} }

var errBeingBuilt = errors.New("git: being built")

// Head fetches a branch and returns its commit.
func (r *Repo) Head(ctx context.Context, branch string) (string, error) { return "", errBeingBuilt }

// Ensure makes sure that commits are here, fetching by id what is missing. A
// commit that only a pull request has may need its ref: "refs/pull/5/head".
func (r *Repo) Ensure(ctx context.Context, refs []string, commits ...string) error {
	return errBeingBuilt
}

// FS returns the files of a commit, read by `cat-file --batch` as they are
// opened.
func (r *Repo) FS(ctx context.Context, commit string) (fs.FS, error) { return nil, errBeingBuilt }

// Tree returns the object id of the path in the commit ("" is the root), for use
// as the key of a cache. Absent paths are fs.ErrNotExist.
func (r *Repo) Tree(ctx context.Context, commit, path string) (string, error) {
	return "", errBeingBuilt
}

// Match returns the paths of a commit for which keep says yes.
func (r *Repo) Match(ctx context.Context, commit string, keep func(path string) bool) ([]string, error) {
	return nil, errBeingBuilt
}

// Pick is one change to put on a base.
type Pick struct {
	SHA    string
	Method prow.MergeMethod
}

// ConflictError says that a pick does not merge with what came before it.
type ConflictError struct {
	Index int // of the pick
	Files []string
}

func (e *ConflictError) Error() string { return fmt.Sprintf("conflict in %q", e.Files) }

// Merge puts picks on base, in order, in the object store alone, and returns
// the resulting commit; the same input gives the same id. The error is
// *ConflictError where a pick does not merge.
func (r *Repo) Merge(ctx context.Context, base string, picks ...Pick) (string, error) {
	return "", errBeingBuilt
}

// Changed lists the files that differ between two commits, from their merge base
// on; a rename lists both names.
func (r *Repo) Changed(ctx context.Context, from, to string) ([]prow.File, error) {
	return nil, errBeingBuilt
}

// Contains reports whether ancestor is an ancestor of, or equal to, commit.
func (r *Repo) Contains(ctx context.Context, commit, ancestor string) (bool, error) {
	return false, errBeingBuilt
}

// Handler serves the bare repositories below dir over git's smart HTTP, by
// `git http-backend`. allow is asked before each service ("git-upload-pack" or
// "git-receive-pack"); env is added to the environment, for hooks.
func Handler(dir string, allow func(req *http.Request, repo, service string) (env []string, status int)) http.Handler {
	return http.NotFoundHandler()
}
