package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prow-ci/prow/mkpj"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

func mkpjCommand() *cobra.Command {
	var (
		o       server.MakeOptions
		forge   forgeFlags
		output  string
		trigger bool
	)
	cmd := &cobra.Command{
		Use:   "mkpj --job NAME",
		Short: "Make the ProwJob of a configured job, as the server would",
		Long: `Prints the ProwJob of a configured job, with everything that defaults, presets and
decoration add to it. --job is looked for in the configuration files, among
presubmits, then postsubmits, then periodics; if it is not there, among the own
jobs (.prow.yaml, .prow/) of --repo-dir or of this folder. --repo chooses where
several repositories have a job of that name, and --base-ref where it differs by
branch.

A presubmit needs the number of a pull request, a postsubmit a branch: they are
asked for if this is a terminal. What else is not given of them comes from GitHub.

With --all there is a ProwJob for each job, and GitHub is not asked; with
--sample-refs they have refs, names and times that are always the same, so that
two configurations, or two versions of Prow, can be compared. --output jsonl
writes a line {type, repo, job, branch, prowjob, pod, pod_error} for each.`,
		Example: `  prow mkpj --config-path config.yaml --job-config-path jobs --job nightly
  prow mkpj --config-path config.yaml --job unit --pull-number 17
  prow mkpj --job unit --base-ref main --base-sha 4b825dc --pull-number 17 \
      --pull-sha c0ffee1 --pull-author octocat --pull-head-ref topic | prow mkpod --prow-job - --build-id snowflake
  prow mkpj --config-path config.yaml --all --sample-refs --with-pods --output jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if !slices.Contains(mkpj.Formats(), output) {
				return fmt.Errorf("--output %s: want %s", output, strings.Join(mkpj.Formats(), ", "))
			}
			if trigger {
				return cannotTrigger(o.Job)
			}
			if o.Forge, err = forge.options("prow-mkpj"); err != nil {
				return err
			}
			if o.Forge.Log, err = logger("error", false); err != nil {
				return err
			}
			o.Ask, o.Warn = interactive(cmd), warnings(cmd)
			rows, err := server.Make(cmd.Context(), o)
			if err != nil {
				return err
			}
			return mkpj.Write(cmd.OutOrStdout(), output, rows)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Job, "job", "", "name of the job")
	f.BoolVar(&o.All, "all", false, "make the ProwJobs of all jobs")
	f.BoolVar(&o.Sample, "sample-refs", false, "use refs, names and times that are always the same")
	f.BoolVar(&o.Pods, "with-pods", false, "print the pods too, as the server makes them")
	f.StringVarP(&output, "output", "o", "yaml", "yaml, json or jsonl")
	f.StringVar(&o.Repo, "repo", "", "repository of the job, as org/repo")
	f.StringVar(&o.RepoDir, "repo-dir", "", "clone whose own jobs count too")
	f.StringVar(&o.Given.BaseRef, "base-ref", "", "branch to test, or that the pull request is for")
	f.StringVar(&o.Given.BaseSHA, "base-sha", "", "commit of that branch")
	f.IntVar(&o.Given.Pull, "pull-number", 0, "number of the pull request to test")
	f.StringVar(&o.Given.PullSHA, "pull-sha", "", "commit of the pull request")
	f.StringVar(&o.Given.PullAuthor, "pull-author", "", "who opened it")
	f.StringVar(&o.Given.PullHeadRef, "pull-head-ref", "", "its own branch")
	f.BoolVar(&trigger, "trigger-job", false, "submit the job and wait for its end (on Kubernetes, which is still to come)")
	f.Bool("fail-with-job", false, "with --trigger-job: exit with 1 if the job does not pass")
	configFlags(f, &o.Paths, "", "")
	forge.add(f)
	kubernetesFlags(f)
	unused(f, "in-repo-config-cache-size", "cache-dir-base", "moonraker-address")
	return cmd
}

// cannotTrigger says how to run a job today.
func cannotTrigger(job string) error {
	if job == "" {
		job = "JOB"
	}
	return fmt.Errorf("--trigger-job needs Kubernetes, which is still to come. Run the job on this machine with `prow run %[1]s`; "+
		"have a running Prow test a pull request with the comment `/test %[1]s`, or run it again with `prow rerun`", plain(job))
}
