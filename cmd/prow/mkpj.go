package main

import (
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/mkpj"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

func mkpjCommand() *cobra.Command {
	var (
		o       server.MakeOptions
		forge   forgeFlags
		output  string
		trigger bool
		fail    bool
		cluster server.ClusterOptions
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
writes a line {type, repo, job, branch, prowjob, pod, pod_error} for each.

With --trigger-job it is not printed but created, in the cluster where the ProwJobs
are, and its status at the end is printed.`,
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
			if o.Forge, err = forge.options("prow-mkpj"); err != nil {
				return err
			}
			if o.Forge.Log, err = logger("error", false); err != nil {
				return err
			}
			o.Ask, o.Warn = interactive(cmd), warnings(cmd)
			if trigger {
				return submit(cmd, o, &cluster, fail)
			}
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
	f.BoolVar(&trigger, "trigger-job", false, "create the ProwJob in the cluster, wait for its end, and print its status")
	f.BoolVar(&fail, "fail-with-job", false, "with --trigger-job: exit with 1 if the job does not pass")
	configFlags(f, &o.Paths, "", "")
	forge.add(f)
	clusterFlags(f, &cluster)
	unused(f, "in-repo-config-cache-size", "cache-dir-base", "moonraker-address")
	return cmd
}

// submit has a running Prow run a job, and prints its status at the end.
func submit(cmd *cobra.Command, o server.MakeOptions, cluster *server.ClusterOptions, fail bool) error {
	job, err := server.Submit(cmd.Context(), o, cluster.Kubeconfig, o.Forge.Log, func(j *prow.Job) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s (%s): %s. %s\n", plain(j.Spec.Job), j.Name, j.Status.State, plain(j.Status.Description))
	})
	if err != nil {
		return err
	}
	b, err := yaml.Marshal(job.Status)
	if err != nil {
		return err
	}
	if _, err := cmd.OutOrStdout().Write(b); err != nil {
		return err
	}
	if fail && job.Status.State != prow.Success {
		return exitCode(1)
	}
	return nil
}
