package main

import (
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

func tryCommand() *cobra.Command {
	var (
		o       server.TryOptions
		level   string
		cluster server.ClusterOptions
	)
	cmd := &cobra.Command{
		Use:   "try",
		Short: "See it work: a forge, all of Prow, and one change from push to merge",
		Long: `Starts a forge of its own and all of Prow in this process, and plays one change
through for real: a repository is created, a contributor opens a pull request,
its jobs run, a failing test is fixed by a second push, the change is reviewed
by /lgtm and /approve, merged, and the job after the merge runs.

Then it stays up: open a pull request with git push, in the browser, or with gh;
comment; watch the log; see it merge. Ctrl-C ends it.

With --runner kubernetes the jobs are ProwJob resources and pods of a cluster; its
pods have to reach --forge-addr, deploy/crd has to be applied to it, and it needs
the namespaces prow and prow-jobs.`,
		Example: `  prow try
  prow try --once --json
  prow try --repo . --data ~/prow-trial
  prow try --runner kubernetes --forge-addr 192.0.2.7:8081 --bucket s3://prow --bucket-secret s3 --s3-credentials-file s3.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logger(level, false)
			if err != nil {
				return err
			}
			o.Log, o.Version, o.Out = log, version, cmd.OutOrStdout()
			if o.Engine == server.Kubernetes {
				o.Cluster = &cluster
			}
			if o.Self, err = self(); err != nil {
				return err
			}
			return server.Try(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.Once, "once", false, "end after the merge; exit status 0 only if all went well")
	f.BoolVar(&o.JSON, "json", false, "print the steps as JSON lines")
	f.StringVar(&o.Data, "data", "", "folder that keeps the state; a second start finds it again (default: a temporary one)")
	f.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "address of Prow's pages")
	f.StringVar(&o.ForgeAddr, "forge-addr", "127.0.0.1:8081", "address of the forge")
	f.StringVar(&o.Repo, "repo", "", "an existing git repository to bring in instead of the made one")
	f.StringVar(&o.Engine, "runner", "auto", "how jobs run: auto, docker, podman, process, kubernetes")
	f.StringSliceVar(&cluster.Kubeconfig.Files, "kubeconfig", nil, "with --runner kubernetes: the cluster (default: where kubectl looks)")
	f.StringVar(&o.Pods.Utilities, "utilities", "", "with --runner kubernetes: image of podutil")
	f.StringVar(&o.Pods.Bucket, "bucket", "", "with --runner kubernetes: address of the bucket for the files of runs, as s3://name")
	f.StringVar(&o.Pods.Secret, "bucket-secret", "", "with --runner kubernetes: Secret in namespace prow-jobs whose service-account.json opens that S3 bucket")
	f.StringVar(&cluster.Storage.S3Credentials, "s3-credentials-file", "", "with --runner kubernetes: the same credentials, for Prow itself")
	f.StringArrayVar(&o.Faults, "fault", nil, "a fault of the forge: 'METHOD PATH EFFECT PROBABILITY', as in 'POST /repos/*/statuses/* 502 0.1'")
	f.StringVar(&level, "log-level", "error", "debug, info, warn or error")
	return cmd
}
