package main

import (
	"errors"
	"os"
	"strings"

	"github.com/prow-ci/prow/server"
	"github.com/spf13/pflag"
)

// forgeFlags are those of a command that asks GitHub a few questions.
type forgeFlags struct {
	endpoints []string
	graphql   string
	identity
}

func (g *forgeFlags) add(f *pflag.FlagSet) {
	g.identity.add(f, os.Getenv("PROW_GITHUB_TOKEN_PATH"), "file that holds the GitHub token (default: ask without)")
	f.StringSliceVar(&g.endpoints, "github-endpoint", nil, "GitHub's REST API, if it is not api.github.com")
	f.StringVar(&g.graphql, "github-graphql-endpoint", "", "GitHub's GraphQL API, if it is not beside the REST API")
	// A few calls need neither throttle nor patience; scripts may still say so.
	unused(f, "github-host", "github-hourly-tokens", "github-allowed-burst", "github-throttle-org", "github-client.request-timeout",
		"github-client.max-retries", "github-client.max-404-retries", "github-client.backoff-timeout", "github-client.initial-delay")
}

// options are checked before anything is asked.
func (g *forgeFlags) options(name string) (server.ForgeOptions, error) {
	o := server.ForgeOptions{GraphQL: g.graphql, Name: name}
	var err error
	if o.Token, o.App, err = g.get(); err != nil {
		return o, err
	}
	if len(g.endpoints) > 0 {
		o.API = g.endpoints[0]
		if !strings.Contains(o.API, "://") {
			return o, errors.New("--github-endpoint " + o.API + ": want a whole address, for example https://github.example.com/api/v3")
		}
	}
	return o, nil
}

// unused takes flags that the original's scripts give and that change nothing here.
func unused(f *pflag.FlagSet, names ...string) {
	for _, name := range names {
		f.String(name, "", "has no effect here")
		f.Lookup(name).Hidden = true
	}
}
