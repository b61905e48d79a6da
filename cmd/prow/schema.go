package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/prow-ci/prow/schema"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

func schemaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "schema " + strings.Join(schema.Kinds(), "|"), Short: "Print the JSON Schema of a configuration file, for editors",
		Long: `Prints the JSON Schema of a kind of configuration file: with it an editor
completes keys, shows what they mean, and underlines what Prow would not take.

  config     the main file, config.yaml, and its supplemental files
  jobs       files of jobs
  plugins    plugins.yaml, and its supplemental files
  prow-yaml  a repository's own jobs: .prow.yaml, .prow/*.yaml

Editors that speak to the YAML language server (VS Code with the extension YAML
by Red Hat, Vim, Emacs and others) take it from a comment at the top of a file:

  # yaml-language-server: $schema=../jobs.schema.json

or for all files of a folder, in .vscode/settings.json:

  {"yaml.schemas": {"jobs.schema.json": "config/jobs/**/*.yaml"}}

docs/config says the same for people, key by key; prow checkconfig finds what no
schema can see.`,
		Example: `  prow schema jobs > jobs.schema.json
  prow schema explain tide.queries.labels`,
		Args:      aKind,
		ValidArgs: schema.Kinds(),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := schema.Of(args[0], server.Sections())
			if err != nil {
				return err
			}
			text, err := f.JSON()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.AddCommand(explainCommand())
	return cmd
}

// aKind wants one argument, a kind of file.
func aKind(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("which file? Name one: prow schema %s; or ask about a key: prow schema explain KEY", strings.Join(schema.Kinds(), "|"))
	}
	_, err := schema.Of(args[0], nil)
	return err
}

func explainCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "explain KEY", Short: "Say what a key means: its type, default and an example", Args: aKey,
		Long: `Says what a key of the configuration means: its type, default and an example.
KEY is a path from the top of a file, or from some key on, as the pages have it
(decoration_config.timeout), or a mere name, which finds every key of
that name.`,
		Example: `  prow schema explain tide.queries.labels
  prow schema explain presubmits.spec.containers.imagePullPolicy
  prow schema explain run_if_changed`,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := schema.Explain(args[0], server.Sections())
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(found)
			}
			for i, e := range found {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				if _, err := fmt.Fprint(cmd.OutOrStdout(), e.Text()); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func aKey(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("name a key, for example: prow schema explain tide.queries.labels")
	}
	return nil
}
