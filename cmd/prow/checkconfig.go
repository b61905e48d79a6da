package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/lint"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

// checkFlags are the words of the command line that are not options of lint yet.
type checkFlags struct {
	lint.Options
	server.LintTools
	lint.Selection

	who        identity
	endpoints  []string
	repo, path string
	output     string
	json, list bool
	quiet      bool
}

func checkconfigCommand() *cobra.Command {
	var c checkFlags
	cmd := &cobra.Command{
		Use:   "checkconfig",
		Short: "Check configuration: what does not load, and what does not do what it should",
		Long: `Loads the configuration as the server does and reports everything that keeps it
from loading, and everything that loads but does not do what it should: misspelt
keys, plugins and labels that do not fit together, jobs that cannot work. Each
finding has its place, the line itself, and where possible what was meant.

The exit status is 0 if the configuration is good (warnings are allowed), 1 if it
does not load or has warnings under --strict, 2 if the command line is wrong.
Notes never fail: they come from checks that the original does not have. One that
is named with --warnings counts as a warning.`,
		Example: `  prow checkconfig --config-path config.yaml --plugin-config plugins.yaml --job-config-path jobs
  prow checkconfig --config-path config.yaml --strict --exclude-warning non-decorated-jobs
  prow checkconfig --prow-yaml-repo-name org/repo         # the .prow.yaml of this folder
  prow checkconfig --config-path config.yaml --output sarif > checkconfig.sarif
  prow checkconfig --list                                 # what is checked`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.list {
				return lint.List(cmd.OutOrStdout())
			}
			write, err := c.complete(cmd)
			if err != nil {
				return wrongUse(cmd, err)
			}
			debug.SetGCPercent(400) // it ends soon, and time matters more than memory
			res, err := server.Lint(cmd.Context(), c.Options, c.LintTools)
			if err != nil {
				return err
			}
			if err := write(res); err != nil {
				return err
			}
			if res.Failed() {
				return exitCode(1)
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(wrongUse)
	c.flags(cmd)
	return cmd
}

func (c *checkFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	configFlags(f, &c.Paths, "", "")
	f.StringSliceVar(&c.Selection.Warnings, "warnings", nil, "check to run, instead of those that run by default; repeatable (see --list)")
	f.StringSliceVar(&c.Selection.Exclude, "exclude-warning", nil, "check not to run; repeatable")
	f.BoolVar(&c.Selection.Default, "include-default-warnings", false, "run the checks that run by default beside those of --warnings")
	f.BoolVar(&c.Selection.Expensive, "expensive-checks", false, "where the checks that run by default would, run all")
	f.BoolVar(&c.Strict, "strict", false, "fail if there are warnings")
	f.StringVar(&c.repo, "prow-yaml-repo-name", "", "check the own jobs of this repository (org/repo) too: .prow.yaml or .prow/ of this folder")
	f.StringVar(&c.path, "prow-yaml-path", "", ".prow.yaml file or .prow folder to check, with --prow-yaml-repo-name, if it is not in this folder")
	f.StringSliceVar(&c.Annotations, "required-job-annotations", nil, "annotation that every job has to have; repeatable")
	f.StringSliceVar(&c.Clusters, "known-cluster", nil, "build cluster that there is; with one or more of them, jobs for any other are found; repeatable")
	f.StringVar(&c.output, "output", "text", "text, json, sarif (for code scanning) or github (annotations of a workflow)")
	f.BoolVar(&c.json, "json", false, "the same as --output json")
	f.BoolVar(&c.quiet, "quiet", false, "of the text leave out what does not make it fail, and count that only")
	f.BoolVar(&c.list, "list", false, "print the checks and what they find")
	c.who.add(f, os.Getenv("PROW_GITHUB_TOKEN_PATH"), "file that holds the GitHub token, for verify-owners-presence")
	f.StringSliceVar(&c.endpoints, "github-endpoint", nil, "GitHub's REST API, if it is not api.github.com; the first one counts")
	f.StringVar(&c.ForgeGraphQL, "github-graphql-endpoint", "", "GitHub's GraphQL API, if it is not beside the REST API")
	f.StringVar(&c.ForgeURL, "github-host", "https://github.com", "where repositories are cloned from")
	f.StringVar(&c.Dir, "cache-dir-base", "", "folder that keeps mirrors of repositories (default: one for this run alone)")
	f.StringVar(&c.Storage.GCSCredentials, "gcs-credentials-file", "", "service account that may read plank.build_cluster_status_file")
	f.StringVar(&c.Storage.S3Credentials, "s3-credentials-file", "", "the same for S3")
	// Scripts of the original give these; the client paces itself.
	unused(f, "github-hourly-tokens", "github-allowed-burst", "github-throttle-org", "github-client.request-timeout", "github-client.max-retries",
		"github-client.max-404-retries", "github-client.backoff-timeout", "github-client.initial-delay")
}

// complete turns the words into options, and returns how the result is written.
func (c *checkFlags) complete(cmd *cobra.Command) (write func(*lint.Result) error, err error) {
	if c.Paths.Config == "" && c.repo == "" {
		return nil, errors.New("nothing to check: name the main file with --config-path, or a repository with --prow-yaml-repo-name")
	}
	if c.Token, c.As, err = c.who.get(); err != nil {
		return nil, err
	}
	c.App = c.As != nil
	if c.Options.Checks, err = c.Select(); err != nil {
		return nil, err
	}
	c.Named = c.Selection.Warnings
	if err := c.inRepo(); err != nil {
		return nil, err
	}
	c.LintTools.Version, c.Log = version, slog.New(slog.DiscardHandler)
	if len(c.endpoints) > 0 {
		if c.ForgeAPI = c.endpoints[0]; !strings.Contains(c.ForgeAPI, "://") {
			return nil, fmt.Errorf("--github-endpoint %s: want a whole address, for example https://github.example.com/api/v3", c.ForgeAPI)
		}
	}
	if !strings.Contains(c.ForgeURL, "://") {
		c.ForgeURL = "https://" + c.ForgeURL
	}
	out := cmd.OutOrStdout()
	writers := map[string]func(*lint.Result) error{
		"text": func(r *lint.Result) error {
			r.Quiet = c.quiet
			return r.Text(out, colours(out))
		},
		"json": func(r *lint.Result) error { return r.JSON(out) },
		"sarif": func(r *lint.Result) error {
			here, _ := os.Getwd() // without it absolute names stay
			return r.SARIF(out, version, here)
		},
		"github": func(r *lint.Result) error { return r.GitHub(out) },
	}
	if c.json {
		c.output = "json"
	}
	write, ok := writers[c.output]
	if !ok {
		return nil, fmt.Errorf("--output %s: want text, json, sarif or github", c.output)
	}
	return write, nil
}

// inRepo finds the repository's own jobs.
func (c *checkFlags) inRepo() error {
	if c.repo == "" {
		if c.path != "" {
			return errors.New("--prow-yaml-path needs --prow-yaml-repo-name: say whose jobs they are")
		}
		return nil
	}
	r, err := prow.ParseRepo(c.repo)
	if err != nil {
		return fmt.Errorf("--prow-yaml-repo-name: %w", err)
	}
	c.InRepo, c.Root = r, "."
	if c.path != "" {
		if _, err := os.Stat(c.path); err != nil {
			return fmt.Errorf("--prow-yaml-path: %w", err)
		}
		if !slices.Contains([]string{".prow.yaml", ".prow"}, filepath.Base(c.path)) {
			return fmt.Errorf("--prow-yaml-path %s: want a file .prow.yaml or a folder .prow", c.path)
		}
		c.Root = filepath.Dir(c.path)
	}
	if c.Tree, err = config.OpenTree(c.Root); err != nil {
		return fmt.Errorf("--prow-yaml-path: %w", err)
	}
	return nil
}

// colours reports whether out is a terminal whose owner does not mind colours.
func colours(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// wrongUse says what is wrong with the command line; the exit status is 2.
func wrongUse(cmd *cobra.Command, err error) error {
	fmt.Fprintln(cmd.ErrOrStderr(), "prow: "+strings.TrimSpace(plainLines(err.Error())))
	fmt.Fprintln(cmd.ErrOrStderr(), "See prow "+cmd.Name()+" --help.")
	return exitCode(2)
}
