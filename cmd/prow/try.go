package main

import (
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

func tryCommand() *cobra.Command {
	var (
		o     server.TryOptions
		level string
	)
	cmd := &cobra.Command{
		Use:   "try",
		Short: "See it work: a forge, all of Prow, and one change from push to merge",
		Long: `Starts a forge of its own and all of Prow in this process, and plays one change
through for real: a repository is created, a contributor opens a pull request,
its jobs run, a failing test is fixed by a second push, the change is reviewed
by /lgtm and /approve, merged, and the job after the merge runs.

Then it stays up: open a pull request with git push, in the browser, or with gh;
comment; watch the log; see it merge. Ctrl-C ends it.`,
		Example: `  prow try
  prow try --once --json
  prow try --repo . --data ~/prow-trial`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logger(level, false)
			if err != nil {
				return err
			}
			o.Log, o.Version, o.Out = log, version, cmd.OutOrStdout()
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
	f.StringVar(&o.Engine, "runner", "auto", "how jobs run: auto, docker, podman, process")
	f.StringArrayVar(&o.Faults, "fault", nil, "a fault of the forge: 'METHOD PATH EFFECT PROBABILITY', as in 'POST /repos/*/statuses/* 502 0.1'")
	f.StringVar(&level, "log-level", "error", "debug, info, warn or error")
	return cmd
}
