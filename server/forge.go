package server

import (
	"context"
	"log/slog"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/github"
)

// ForgeOptions say how the forge is reached.
type ForgeOptions struct {
	API     string // of REST; "" is GitHub's
	GraphQL string // "" is where GitHub has it for that API
	Token   func(ctx context.Context) (string, error)
	Log     *slog.Logger
	// Name is what the forge sees as who calls, for example "prow-mkpj".
	Name string
}

// Forge returns the forge for a command that only asks.
func Forge(o ForgeOptions) (prow.ForgeReader, error) {
	return github.New(github.Options{BaseURL: o.API, GraphQLURL: o.GraphQL, Token: o.Token, UserAgent: o.Name, Log: o.Log, Now: time.Now})
}
