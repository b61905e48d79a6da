package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/prow-ci/prow/compare"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

func diffCommand() *cobra.Command {
	var (
		o        server.DiffOptions
		output   string
		all      bool
		exitWith bool
	)
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say in what two configurations differ, job by job and field by field",
		Long: `Says in what two configurations differ: jobs added, removed and changed, and every
other change of the main and the plugin file.

OLD and NEW are folders, or revisions of the clone that --repo-dir names (default:
the current folder), of which "." is the work tree. The paths of the files are
relative to OLD and NEW; what is not named is looked for in its usual places, and
what was found is said on stderr.

Jobs are compared as they run, with defaults, presets and merged decoration, so a
changed preset shows at each job that has it. Equal changes of many jobs are put
together; --all lists each job.

The exit status is 0; with --exit-code it is 1 if there is a difference. It is 2 if
the configurations could not be compared.`,
		Example: `  prow diff HEAD~1 HEAD
  prow diff origin/main . --repo-dir ../infra --config-path config/config.yaml --job-config-path config/jobs
  prow diff old/ new/ --output markdown > comment.md`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Old, o.New, o.Err, o.Guess = args[0], args[1], cmd.ErrOrStderr(), true
			debug.SetGCPercent(400) // it ends soon: collecting late saves a quarter of the time
			write, err := diffWriter(output, all)
			if err == nil {
				var d *compare.Diff
				if d, err = server.Diff(cmd.Context(), o); err == nil {
					if err = write(cmd.OutOrStdout(), d); err == nil && exitWith && !d.Empty() {
						return exitCode(1)
					}
				}
			}
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "prow: "+plainLines(err.Error()))
				return exitCode(2)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.RepoDir, "repo-dir", "", "clone whose revisions OLD and NEW are (default: the current folder, if they are no folders)")
	f.StringVar(&output, "output", "text", "text, json or markdown (a table for a comment)")
	f.BoolVar(&all, "all", false, "list each changed job, instead of equal changes together")
	f.BoolVar(&exitWith, "exit-code", false, "exit with 1 if there is a difference")
	configFlags(f, &o.Paths, "", "")
	return cmd
}

// diffWriter returns what writes a Diff in the form asked for.
func diffWriter(output string, all bool) (func(io.Writer, *compare.Diff) error, error) {
	switch output {
	case "text":
		return compare.Text{All: all, Color: onTerminal(os.Stdout)}.Write, nil
	case "markdown":
		return compare.Markdown, nil
	case "json":
		return func(w io.Writer, d *compare.Diff) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(d)
		}, nil
	}
	return nil, fmt.Errorf("--output %q: want text, json or markdown", output)
}

// onTerminal reports whether f is a terminal that shows colours.
func onTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
