package main

import (
	"encoding/json"
	"os"

	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

func planCommand() *cobra.Command {
	var (
		o      server.PlanOptions
		who    identity
		level  string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say which jobs would run for a change, and why each other one would not",
		Long: `Says which jobs would run for a change, and why each other one would not. The
change is one of these:

  --pull org/repo#17                   a pull request, as it is on the forge now
  --repo-dir . --base main             what a clone has on top of a branch
  --files a.go,b.go --repo org/repo --branch main    files named by hand; no network

Asked is what starts by itself when the pull request is opened or pushed to; with
--comment what that comment would start; with --push which postsubmits run once
the change is on the branch.

The repository's own jobs (.prow.yaml, .prow/) count where in_repo_config allows
them: of a pull request as they are when it is merged, of a clone as they are in
its last commit. Without --config-path there are no other jobs than those.`,
		Example: `  prow plan
  prow plan --repo-dir ../repo --base release-1.0 --config-path config.yaml --job-config-path jobs
  prow plan --pull org/repo#17 --config-path config.yaml --comment '/test all'
  prow plan --files docs/a.md --repo org/repo --branch main --config-path config.yaml --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Log, err = logger(level, false); err != nil {
				return err
			}
			if o.Token, o.App, err = who.get(); err != nil {
				return err
			}
			o.Err = cmd.ErrOrStderr()
			p, err := server.Plan(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(p)
			}
			return p.Text(cmd.OutOrStdout(), plain)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Pull, "pull", "", "pull request, as org/repo#number")
	f.StringVar(&o.RepoDir, "repo-dir", "", "clone of the repository (default: the current folder, if nothing else is asked)")
	f.StringSliceVar(&o.Files, "files", nil, "changed files, separated by commas; repeatable")
	f.StringVar(&o.Repo, "repo", "", "repository of --files or --repo-dir, as org/repo (default for a clone: its origin)")
	f.StringVar(&o.Branch, "branch", "", "branch that --files change")
	f.StringVar(&o.Branch, "base", "", "branch that the clone is compared with (default: that of origin)")
	f.BoolVar(&o.Dirty, "dirty", false, "take the clone as if all that is in it were committed")
	f.StringVar(&o.Comment, "comment", "", "plan for this comment, for example '/test all'")
	f.BoolVar(&o.Push, "push", false, "plan for the push of the change to the branch")
	who.add(f, os.Getenv("PROW_GITHUB_TOKEN_PATH"), "file that holds a GitHub token, for --pull of what is not public")
	f.StringVar(&o.ForgeAPI, "github-endpoint", "", "GitHub's REST API, if it is not api.github.com")
	f.StringVar(&o.ForgeURL, "github-host", "https://github.com", "where repositories are cloned from")
	f.StringVar(&o.Mirrors, "cache-dir-base", "", "folder that keeps mirrors of repositories (default: one for this run alone)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringVar(&level, "log-level", "error", "debug, info, warn or error")
	configFlags(f, &o.Paths, "", "")
	cmd.MarkFlagsMutuallyExclusive("pull", "repo-dir", "files")
	cmd.MarkFlagsMutuallyExclusive("comment", "push")
	cmd.MarkFlagsMutuallyExclusive("branch", "base", "pull") // a pull request knows where it goes
	cmd.MarkFlagsMutuallyExclusive("repo", "pull")
	cmd.MarkFlagsMutuallyExclusive("dirty", "pull")
	cmd.MarkFlagsMutuallyExclusive("dirty", "files")
	return cmd
}
