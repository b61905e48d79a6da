package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/prow-ci/prow/github"
)

// App is the identity of a GitHub App, by which the forge may be asked instead of by
// a token.
type App = github.App

// ForgeOptions say how the forge is reached.
type ForgeOptions struct {
	API     string // of REST; "" is GitHub's
	GraphQL string // "" is where GitHub has it for that API
	Token   func(ctx context.Context) (string, error)
	App     *App // instead of Token
	Log     *slog.Logger
	// Name is what the forge sees as who calls, for example "prow-mkpj".
	Name string
}

// Forge returns the forge for a command that only asks.
func Forge(o ForgeOptions) (*github.Forge, error) {
	return github.New(github.Options{BaseURL: o.API, GraphQLURL: o.GraphQL, Token: o.Token, App: o.App, UserAgent: o.Name, Log: o.Log, Now: time.Now})
}
