package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// installFlags are those that say what an installation is.
type installFlags struct {
	install.Options
	token, hmac, bucket, database string // files
	registry                      string
	config, plugins, jobs         string
	appKey                        string
	jenkins                       jenkinsFiles
	output                        string
}

func (i *installFlags) add(f *pflag.FlagSet) {
	f.StringSliceVar(&i.Orgs, "github-org", nil, "organisation to serve, for the starter configuration; repeatable")
	f.StringSliceVar(&i.Repos, "github-repo", nil, "repository to serve (org/repo), for the starter configuration; repeatable")
	f.StringVar(&i.token, "github-token-file", "", "file with a token of the bot's account, scopes repo and read:org")
	f.StringVar(&i.AppID, "github-app-id", "", "id or client id of a GitHub App, in place of a token")
	f.StringVar(&i.appKey, "github-app-private-key-file", "", "file with its private key")
	f.StringVar(&i.hmac, "hmac", "", "file with the webhook secret (default: one is made)")
	f.StringVar(&i.URL, "url", "", "how people and GitHub reach Prow, for example https://prow.example.com")
	f.StringVar(&i.Bucket, "bucket", "", "where logs and artifacts of jobs go: gs://NAME, s3://NAME or azblob://NAME")
	f.StringVar(&i.bucket, "bucket-credentials-file", "", "what opens it, for Prow and for jobs: a Google service account, or region, endpoint and keys for S3, as JSON (default: what nodes and service accounts have)")
	f.StringVar(&i.registry, "registry-credentials-file", "", "what nodes pull images with, of Prow and of jobs: a config.json as docker login writes it (default: what nodes have)")
	f.StringVar(&i.Namespace, "namespace", install.DefaultNamespace, "namespace of Prow itself")
	f.StringVar(&i.PodNamespace, "pod-namespace", "", "namespace where jobs run (default that of --config, or "+install.DefaultPodNamespace+")")
	f.StringVar(&i.Image, "image", "prow.local/prow:"+version, "Prow's image; see docs/images.md")
	f.StringVar(&i.UtilityImage, "utility-image", "", "image of the pod utilities, for the starter configuration (default: podutil beside --image)")
	f.StringVar(&i.KubeconfigSecret, "kubeconfig-secret", "", "Secret of yours in the namespace of Prow, with kubeconfigs of build clusters, a file each")
	f.BoolVar(&i.Tekton, "tekton", false, "let jobs of the agent tekton-pipeline run; Tekton itself is installed apart")
	i.jenkins.add(f, &i.Jenkins)
	f.BoolVar(&i.HA, "ha", false, "a Deployment for each component, two replicas of hook and deck")
	f.StringVar(&i.database, "database-url-file", "", "file with the address of a Postgres for webhooks and memory (default: resources in the cluster)")
	f.StringVar(&i.config, "config", "", "config.yaml (default: a starter)")
	f.StringVar(&i.plugins, "plugins", "", "plugins.yaml (default: a starter)")
	f.StringVar(&i.jobs, "job-config", "", "file or folder of jobs")
	f.StringVar(&i.IngressClass, "ingress-class", "", "make an Ingress of this class for --url")
	f.StringVar(&i.TLSSecret, "tls-secret", "", "Secret with the certificate, for the Ingress")
	f.StringVar(&i.ForgeAPI, "github-endpoint", "", "GitHub's REST API, if it is not api.github.com")
	f.StringVar(&i.ForgeGraphQL, "github-graphql-endpoint", "", "GitHub's GraphQL API, if it is not beside the REST API")
	f.StringVar(&i.ForgeURL, "github-host", "", "where repositories are cloned from, if it is not https://github.com")
	f.StringArrayVar(&i.Args, "arg", nil, "further flag of `prow serve`, such as --arg=--log-level=debug; repeatable")
	f.BoolVar(&i.Upgrade, "upgrade", false, "leave out Secrets and ConfigMaps, which are yours once they are there")
}

// options reads the files.
func (i *installFlags) options() (install.Options, error) {
	o := i.Options
	o.Version, o.Definitions = version, server.Definitions()
	if i.output != "yaml" && i.output != "json" {
		return o, fmt.Errorf("--output %s: want yaml or json", i.output)
	}
	var faults []error
	read := func(flag, file string, trim bool) []byte {
		if file == "" {
			return nil
		}
		b, err := os.ReadFile(file)
		if trim {
			b = bytes.TrimSpace(b)
		}
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("--%s: %w", flag, err))
		case len(b) == 0:
			faults = append(faults, fmt.Errorf("--%s: %s is empty", flag, file))
		}
		return b
	}
	o.Token, o.HMAC = read("github-token-file", i.token, true), read("hmac", i.hmac, true)
	o.AppKey = read("github-app-private-key-file", i.appKey, false)
	o.BucketCredentials, o.DatabaseURL = read("bucket-credentials-file", i.bucket, false), read("database-url-file", i.database, true)
	o.RegistryCredentials = read("registry-credentials-file", i.registry, false)
	i.jenkins.read(&o.Jenkins, read)
	o.Config, o.Plugins = read("config", i.config, false), read("plugins", i.plugins, false)
	var err error
	if o.Jobs, err = jobFiles(i.jobs); err != nil {
		faults = append(faults, fmt.Errorf("--job-config: %w", err))
	}
	if len(faults) > 0 {
		return o, errors.Join(faults...)
	}
	if o.Config == nil {
		return o, nil
	}
	var pods string
	if o.JobNamespace, pods, err = install.Namespaces(o.Config); err != nil {
		return o, fmt.Errorf("--config: %s: %w", i.config, err)
	}
	if o.PodNamespace != "" && o.PodNamespace != pods {
		return o, fmt.Errorf("--pod-namespace %s, but %s says pod_namespace: %s; let them be the same, or leave the flag out", o.PodNamespace, i.config, pods)
	}
	o.PodNamespace = pods
	return o, nil
}

// jobFiles reads YAML files below path, as `prow serve` does.
func jobFiles(path string) (map[string][]byte, error) {
	if path == "" {
		return nil, nil
	}
	files := map[string][]byte{}
	err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), "..") && file != path {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(file); d.IsDir() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		name, err := filepath.Rel(path, file)
		if err != nil || name == "." {
			name = filepath.Base(file)
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(file)
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no .yaml files in %s", path)
	}
	return files, err
}

// print writes objects the way --output says.
func (i *installFlags) print(w io.Writer, objects []install.Object) error {
	write := install.YAML
	if i.output == "json" {
		write = install.JSON
	}
	b, err := write(objects)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func installCommand() *cobra.Command {
	var (
		i             installFlags
		at            server.ClusterOptions
		check, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Print what Prow needs on Kubernetes, for kubectl apply",
		Long: `Prints the manifests of an installation: namespaces, the definitions of Prow's
resources, service accounts with no more rights than each component needs,
Secrets, ConfigMaps, a Service and a Deployment; with --ha a Deployment for each
component. Nothing is sent anywhere: look at it, or hand it to kubectl.

The output holds your secrets. Once they and the configuration are in the
cluster, they are yours: print with the same flags and --upgrade to leave them
out. With --check nothing is printed to apply: what is in the cluster is compared
with what these flags make, and each difference is told. docs/kubernetes.md tells
the rest.`,
		Example: `  prow install --github-org my-org --github-token-file token \
      --bucket gs://my-logs --bucket-credentials-file service-account.json \
      --url https://prow.example.com --image registry.example.com/prow/prow:v1 | kubectl apply -f -
  prow install … --upgrade | kubectl apply -f -      # another version, or other flags
  prow install … --check                             # is the cluster as it should be?`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := i.options()
			if err != nil {
				return err
			}
			if check {
				findings, err := server.CheckInstall(cmd.Context(), at.Kubeconfig, o)
				if err != nil {
					return err
				}
				return tellFindings(cmd.OutOrStdout(), findings, asJSON || i.output == "json")
			}
			objects, err := install.Render(o)
			if err != nil {
				return err
			}
			if err := i.print(cmd.OutOrStdout(), objects); err != nil {
				return err
			}
			i.tell(cmd.ErrOrStderr(), o)
			return nil
		},
	}
	i.add(cmd.Flags())
	f := cmd.Flags()
	f.StringVarP(&i.output, "output", "o", "yaml", "yaml or json")
	f.BoolVar(&check, "check", false, "compare the cluster with what would be printed; exits with 1 if they differ")
	f.BoolVar(&asJSON, "json", false, "the same as --output json")
	cmd.PreRun = func(*cobra.Command, []string) {
		if asJSON {
			i.output = "json"
		}
	}
	clusterFlags(f, &at)
	cmd.AddCommand(installConfigCommand(), installBuildClusterCommand())
	return cmd
}

// installConfigCommand prints the part of an installation that changes most.
func installConfigCommand() *cobra.Command {
	var i installFlags
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print only the ConfigMaps of a configuration",
		Long: `Prints the ConfigMaps config, plugins and job-config of the files that are named.
What is large is compressed, and jobs past 1 MiB are spread over several: a
running Prow reads them as before. Apply them server side: plain kubectl apply
keeps a copy of at most 256 KiB.`,
		Example: `  prow install config --config config.yaml --plugins plugins.yaml --job-config jobs/ |
      kubectl apply --server-side --force-conflicts -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if i.config == "" && i.plugins == "" && i.jobs == "" {
				return errors.New("name what is to be printed: --config, --plugins or --job-config")
			}
			namespace := i.Namespace
			o, err := i.options()
			if err != nil {
				return err
			}
			o.Namespace = namespace
			objects, err := install.Maps(o)
			if err != nil {
				return err
			}
			return i.print(cmd.OutOrStdout(), objects)
		},
	}
	f := cmd.Flags()
	f.StringVar(&i.Namespace, "namespace", install.DefaultNamespace, "namespace of Prow itself")
	f.StringVar(&i.config, "config", "", "config.yaml")
	f.StringVar(&i.plugins, "plugins", "", "plugins.yaml")
	f.StringVar(&i.jobs, "job-config", "", "file or folder of jobs")
	f.StringVarP(&i.output, "output", "o", "yaml", "yaml or json")
	return cmd
}

// installBuildClusterCommand prints what a cluster needs in which only jobs run.
func installBuildClusterCommand() *cobra.Command {
	var i installFlags
	cmd := &cobra.Command{
		Use:   "build-cluster",
		Short: "Print what a build cluster needs, where jobs run and Prow does not",
		Long: `Prints a namespace for pods of jobs, an account for Prow with rights on those pods
and no other, a Secret that the cluster fills with a token of that account, and
Secrets for the jobs. docs/kubernetes.md tells how to make a kubeconfig of it.`,
		Example: `  prow install build-cluster --bucket gs://my-logs --bucket-credentials-file service-account.json |
      kubectl --context build01 apply -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := i.options()
			if err != nil {
				return err
			}
			objects, err := install.RenderBuildCluster(o)
			if err != nil {
				return err
			}
			return i.print(cmd.OutOrStdout(), objects)
		},
	}
	f := cmd.Flags()
	f.StringVar(&i.Namespace, "namespace", install.DefaultNamespace, "namespace of the account")
	f.StringVar(&i.PodNamespace, "pod-namespace", "", "namespace where jobs run, pod_namespace of the configuration (default "+install.DefaultPodNamespace+")")
	f.StringVar(&i.Bucket, "bucket", "", "where logs and artifacts of jobs go: gs://NAME or s3://NAME")
	f.StringVar(&i.bucket, "bucket-credentials-file", "", "what opens it, for jobs")
	f.StringVar(&i.registry, "registry-credentials-file", "", "what nodes pull images with: a config.json as docker login writes it")
	f.BoolVar(&i.Tekton, "tekton", false, "let jobs of the agent tekton-pipeline run there")
	f.StringVarP(&i.output, "output", "o", "yaml", "yaml or json")
	return cmd
}

// tell says what is left to do by hand.
func (i *installFlags) tell(w io.Writer, o install.Options) {
	if o.Upgrade {
		return
	}
	url := o.URL
	if url == "" {
		url = "https://HOST"
	}
	fmt.Fprintf(w, "After kubectl apply, add a webhook to your organisation or repositories:\n  URL %s/hook, content type application/json, all events, and as secret what this prints:\n", url)
	fmt.Fprintf(w, "  kubectl get secret prow -n %s -o jsonpath='{.data.hmac}' | base64 -d\n", o.Namespace)
	if strings.HasPrefix(o.Image, "prow.local/") {
		fmt.Fprintf(w, "The image %s comes from no registry: make images, and push it to yours (docs/images.md), then say --image.\n", o.Image)
	}
}
