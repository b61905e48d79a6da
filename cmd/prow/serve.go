package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

// self is how this binary starts the supervisor of one run.
func self() ([]string, error) {
	exe, err := os.Executable()
	return []string{exe, folderName}, err
}

const folderName = "run-folder"

// folderCommand is what the local runner starts for each run; people do not
// need it.
func folderCommand() *cobra.Command {
	return &cobra.Command{
		Use: folderName + " ARTIFACTS DIR", Short: "Run the job that is written in a folder", Hidden: true, Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return server.RunFolder(context.WithoutCancel(cmd.Context()), args[0], args[1])
		},
	}
}

// logger writes to stderr, JSON unless a person reads it.
func logger(level string, json bool) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, err
	}
	o := &slog.HandlerOptions{Level: l}
	if json {
		return slog.New(slog.NewJSONHandler(os.Stderr, o)), nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o)), nil
}

func serveCommand() *cobra.Command {
	var (
		o        server.Options
		paths    config.Paths
		who      identity
		hmacPath string
		level    string
		cluster  server.ClusterOptions
		database string
		jenkins  jenkinsFlags
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run Prow's components in this process, for GitHub",
		Long: `Runs hook, horologium, plank, crier, sinker, tide and deck in one process, or
those named by --only; and, where there are jobs of the agents tekton-pipeline
and jenkins, what runs those. State is kept in one folder: a SQLite file, mirrors of
the repositories, and the files of the runs.

Inside a Kubernetes cluster, or with --kubeconfig, jobs are ProwJob resources and
run as pods, and what else must last is kept in the cluster too. Several replicas
may run: each component that must be alone elects a leader.

Point a webhook of the repository or organisation at http(s)://HOST/hook, with
content type application/json, the secret of --hmac-secret-file and all events.
Configuration files are read again when they change.`,
		Example: `  prow serve --config-path config.yaml --plugin-config plugins.yaml \
      --github-token-path token --hmac-secret-file hmac
  prow serve --only hook,tide …`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logger(level, true)
			if err != nil {
				return err
			}
			o.Log, o.Paths, o.Version = log, paths, version
			if o.Token, o.App, err = who.get(); err != nil {
				return err
			}
			o.Secrets = func() ([]byte, error) { return os.ReadFile(hmacPath) }
			if o.Self, err = self(); err != nil {
				return err
			}
			if o.Engine == server.Kubernetes || o.Engine == "auto" && (cluster.Kubeconfig.Dir != "" || len(cluster.Kubeconfig.Files) > 0 || server.InCluster()) {
				if database != "" {
					cluster.Database = func() (string, error) { return server.SecretFile(database)(cmd.Context()) }
				}
				o.Cluster = &cluster
			}
			o.Jenkins = jenkins.options()
			return server.Serve(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	configFlags(f, &paths, "/etc/config/config.yaml", "/etc/plugins/plugins.yaml")
	who.add(f, "/etc/github/token", "file that holds the GitHub token; read again when it changes")
	f.StringVar(&hmacPath, "hmac-secret-file", "/etc/webhook/hmac", "file that holds the webhook secrets; read again when it changes")
	f.StringVar(&o.ForgeAPI, "github-endpoint", "", "GitHub's REST API, if it is not api.github.com")
	f.StringVar(&o.ForgeGraphQL, "github-graphql-endpoint", "", "GitHub's GraphQL API, if it is not beside the REST API")
	f.StringVar(&o.ForgeURL, "github-host", "https://github.com", "where repositories are cloned from and pages are linked to")
	f.StringVar(&o.Addr, "addr", ":8080", "address to serve pages, API and webhooks on")
	f.StringVar(&o.URL, "url", "", "how people reach the pages, for links in checks and comments (default http://ADDR)")
	f.StringVar(&o.WebhookPath, "webhook-path", "/hook", "path of the webhook endpoint")
	f.StringVar(&o.Data, "data", defaultData(), "folder of all state")
	f.StringVar(&o.Engine, "runner", "auto", "how jobs run: auto, kubernetes, docker, podman, process (only for trusted code)")
	clusterFlags(f, &cluster)
	f.StringVar(&database, "database-url-file", "", "file with the address of a Postgres for webhooks and memory (default: resources in the cluster)")
	f.StringVar(&cluster.Storage.GCSCredentials, "gcs-credentials-file", "", "file with a Google service account, for buckets (default: what the machine has)")
	f.StringVar(&cluster.Storage.S3Credentials, "s3-credentials-file", "", "file with region, endpoint and keys, as JSON, for buckets (default: what the machine has)")
	f.IntVar(&o.MaxJobs, "max-jobs", 0, "jobs at once, where plank.max_concurrency says nothing (default: twice the processors)")
	f.StringVar(&o.Jobs, "job-secrets", "", "folder of secrets for jobs, SECRET/KEY files")
	f.BoolVar(&o.CloneWithToken, "clone-with-token", false, "let jobs clone private repositories with the GitHub token; tests never see it")
	f.StringSliceVar(&o.Filter.EnabledOrgs, "github-enabled-org", nil, "serve only this organisation; repeatable")
	f.StringSliceVar(&o.Filter.EnabledRepos, "github-enabled-repo", nil, "serve only this repository (org/repo); repeatable")
	f.StringSliceVar(&o.Filter.DisabledOrgs, "github-disabled-org", nil, "do not serve this organisation; repeatable")
	f.StringSliceVar(&o.Filter.DisabledRepos, "github-disabled-repo", nil, "do not serve this repository (org/repo); repeatable")
	f.StringSliceVar(&o.Only, "only", nil, "components to run: "+strings.Join(server.Components(), ", ")+" (default all)")
	jenkins.add(f)
	f.BoolVar(&o.DryRun, "dry-run", false, "write nothing to GitHub; log what would be written")
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return cmd
}

func defaultData() string {
	if dir, err := os.UserConfigDir(); err == nil {
		return filepath.Join(dir, "prow")
	}
	return "prow-data"
}
