package plugin

import (
	"context"
	"errors"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/owners"
)

// Owners reads OWNERS files from the mirrors, cached by tree.
type Owners struct {
	Git   *git.Store
	Forge prow.ForgeReader
}

// At returns the owners of r at a branch's current head or at a commit,
// with people who are not collaborators left out where cfg says so.
func (o *Owners) At(ctx context.Context, cfg *config.Config, r prow.Repo, rev string) (*owners.Owners, error) {
	return nil, errors.New("plugin.Owners.At: being built")
}
