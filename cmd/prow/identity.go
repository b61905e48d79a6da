package main

import (
	"context"
	"errors"

	"github.com/prow-ci/prow/server"
	"github.com/spf13/pflag"
)

// identity is who a command is for GitHub: somebody's token, or a GitHub App.
type identity struct {
	flags     *pflag.FlagSet
	tokenPath string
	appID     string
	appKey    string
}

func (i *identity) add(f *pflag.FlagSet, token, usage string) {
	i.flags = f
	f.StringVar(&i.tokenPath, "github-token-path", token, usage)
	f.StringVar(&i.appID, "github-app-id", "", "id or client id of a GitHub App, to be it instead of a token's owner")
	f.StringVar(&i.appKey, "github-app-private-key-path", "", "file that holds the App's private key; read again when it changes")
}

// get returns one of the two, or neither if nothing was named.
func (i *identity) get() (token func(context.Context) (string, error), app *server.App, err error) {
	switch {
	case (i.appID == "") != (i.appKey == ""):
		return nil, nil, errors.New("--github-app-id and --github-app-private-key-path go together: give both")
	case i.appID != "" && i.flags.Changed("github-token-path"):
		return nil, nil, errors.New("--github-token-path and --github-app-id: we are one or the other; leave one out")
	case i.appID != "":
		return nil, &server.App{ID: i.appID, Key: server.SecretFile(i.appKey)}, nil
	case i.tokenPath != "":
		return server.SecretFile(i.tokenPath), nil, nil
	}
	return nil, nil, nil
}
