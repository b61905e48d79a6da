package main

import (
	"os"

	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

func runCommand() *cobra.Command {
	var (
		o     server.RunOptions
		who   identity
		level string
	)
	cmd := &cobra.Command{
		Use:   "run JOB",
		Short: "Run one configured job here, as the server would",
		Long: `Runs a job of the repository's .prow.yaml, or of the configuration files, on this
machine: clone, environment, time limit, artifacts and exit status are those of
the server. What is tested is the last commit, or a pull request with --pull.

The exit status is 0 if the test passed, 1 if it did not, 2 if it could not run.`,
		Example: `  prow run unit
  prow run unit --pull 17 --github-token-path token
  prow run nightly --config-path config.yaml --job-config-path jobs`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := logger(level, false)
			if err != nil {
				return err
			}
			o.Job, o.Log, o.Out, o.Err = args[0], log, cmd.OutOrStdout(), cmd.ErrOrStderr()
			if o.Token, o.App, err = who.get(); err != nil {
				return err
			}
			if o.Self, err = self(); err != nil {
				return err
			}
			ok, err := server.RunJob(cmd.Context(), o)
			if err != nil {
				_, _ = cmd.ErrOrStderr().Write([]byte("prow: " + err.Error() + "\n"))
				return exitCode(2)
			}
			if !ok {
				return exitCode(1)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.RepoDir, "repo-dir", ".", "clone of the repository")
	f.IntVar(&o.Pull, "pull", 0, "number of a pull request to test, merged onto its base")
	f.StringVar(&o.Base, "base", "", "branch the job is chosen for (default: the clone's)")
	f.StringVar(&o.Paths.Config, "config-path", "", "main configuration file")
	f.StringVar(&o.Paths.JobConfig, "job-config-path", "", "file or folder of job configuration")
	f.StringVar(&o.Engine, "runner", "auto", "how the job runs: auto, docker, podman, process")
	f.StringVar(&o.Secrets, "job-secrets", "", "folder of secrets for jobs, SECRET/KEY files")
	f.StringVar(&o.Dir, "out", "", "folder that keeps the files of the run (default: a temporary one)")
	who.add(f, os.Getenv("PROW_GITHUB_TOKEN_PATH"), "file that holds the GitHub token, for --pull")
	f.StringVar(&o.ForgeAPI, "github-endpoint", "", "GitHub's REST API, if it is not api.github.com")
	f.BoolVar(&o.JSON, "json", false, "print the result as JSON on stderr")
	f.StringVar(&level, "log-level", "error", "debug, info, warn or error")
	return cmd
}
