package server

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/git"
)

// openClone opens the clone that dir is in, and says whose it is by its origin.
func openClone(ctx context.Context, dir string) (*git.Clone, prow.Repo, error) {
	c, err := git.OpenClone(ctx, dir)
	if err != nil {
		return nil, prow.Repo{}, fmt.Errorf("%w; run this inside a clone, or name one with --repo-dir", err)
	}
	return c, repoOf(c.Origin, c.Dir), nil
}

// repoOf reads owner and name off the address of a remote.
func repoOf(origin, dir string) prow.Repo {
	origin = strings.TrimSuffix(strings.TrimRight(origin, "/"), ".git")
	parts := strings.FieldsFunc(origin, func(r rune) bool { return r == '/' || r == ':' })
	if len(parts) < 2 {
		return prow.Repo{Owner: "local", Name: filepath.Base(dir)}
	}
	return prow.Repo{Owner: parts[len(parts)-2], Name: parts[len(parts)-1]}
}
