package main

import (
	"strings"

	"github.com/prow-ci/prow/schema"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema " + strings.Join(schema.Kinds(), "|"), Short: "Print the JSON Schema of a configuration file, for editors",
		Long: `Prints the JSON Schema of a kind of configuration file: with it an editor
completes keys, shows what they mean, and underlines what Prow would not take.

  config     the main file, config.yaml, and its supplemental files
  jobs       files of jobs
  plugins    plugins.yaml, and its supplemental files
  prow-yaml  a repository's own jobs: .prow.yaml, .prow/*.yaml`,
		Example:   "  prow schema jobs > jobs.schema.json",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
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
}
