package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

func doctorCommand() *cobra.Command {
	var (
		o      server.DoctorOptions
		at     server.ClusterOptions
		here   bool
		asJSON bool
		hmac   string
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at an installation, and say each fault with its fix",
		Long: `Looks at what Prow needs, and says of each fault how it is mended.

In a Kubernetes cluster: the cluster, the definitions of Prow's resources, the
rights of its service accounts, its processes and their images, configuration
and secrets as they are in the cluster, the buckets (a file is written and read),
the forge (token, scopes, requests left), and whether webhooks arrive.

On one machine (--data, or no cluster is known): git, the folder of all state,
the container engine, and the same of configuration, forge and webhooks.

Exits with 1 if there is a fault. Secrets are never printed.`,
		Example: `  prow doctor --namespace prow                        # the cluster that kubectl speaks with
  prow doctor --data /var/lib/prow --config-path config.yaml --plugin-config plugins.yaml \
      --github-token-path token --hmac-secret-file hmac --url https://prow.example.com
  prow doctor --json | jq -r '.[] | select(.state == "fault") | .fix'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			here = cmd.Flags().Changed("data") || o.Engine != "" && o.Engine != server.Kubernetes
			if _, err := at.Kubeconfig.Load(); !here && (err == nil || len(at.Kubeconfig.Files) > 0) {
				o.Kubeconfig = &at.Kubeconfig
			}
			o.Data, o.HMACFile = cmp.Or(o.Data, defaultData()), hmac
			findings, err := server.Doctor(cmd.Context(), o)
			if err != nil {
				return err
			}
			return tellFindings(cmd.OutOrStdout(), findings, asJSON)
		},
	}
	f := cmd.Flags()
	configFlags(f, &o.Paths, "", "")
	clusterFlags(f, &at)
	f.StringVar(&o.Namespace, "namespace", install.DefaultNamespace, "namespace of Prow in the cluster")
	f.StringVar(&o.Data, "data", "", "folder of all state: look at Prow on this machine")
	f.StringVar(&o.Engine, "runner", "", "how jobs run here, as for prow serve")
	f.StringVar(&o.TokenFile, "github-token-path", "", "file that holds the GitHub token (default in a cluster: what its Secret holds)")
	f.StringVar(&hmac, "hmac-secret-file", "", "file that holds the webhook secrets")
	f.StringVar(&o.ForgeAPI, "github-endpoint", "", "GitHub's REST API, if it is not api.github.com")
	f.StringVar(&o.URL, "url", "", "how people and GitHub reach Prow (default in a cluster: what its Deployment says)")
	f.StringVar(&o.WebhookPath, "webhook-path", "/hook", "path of the webhook endpoint")
	f.StringVar(&o.Storage.GCSCredentials, "gcs-credentials-file", "", "file with a Google service account, for buckets")
	f.StringVar(&o.Storage.S3Credentials, "s3-credentials-file", "", "file with region, endpoint and keys, as JSON, for buckets")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// tellFindings prints what was found, faults with their fix, and fails if there
// are any.
func tellFindings(w io.Writer, findings []server.Finding, asJSON bool) error {
	faults, unknown := 0, 0
	for _, f := range findings {
		switch f.State {
		case server.Fault:
			faults++
		case server.Unknown:
			unknown++
		}
	}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if findings == nil {
			findings = []server.Finding{}
		}
		if err := e.Encode(findings); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			mark := map[string]string{server.OK: "ok   ", server.Fault: "FAULT", server.Unknown: "?    "}[f.State]
			fmt.Fprintf(w, "%s  %-13s  %s\n", mark, f.Area, plainLines(f.Text))
			if f.Fix != "" && f.State != server.OK {
				fmt.Fprintf(w, "       %-13s  → %s\n", "", f.Fix)
			}
		}
		fmt.Fprintf(w, "%s\n", strings.Join([]string{many(len(findings)-faults-unknown, "thing is", "things are") + " well", many(faults, "fault", "faults"), many(unknown, "thing", "things") + " not known"}, ", "))
	}
	if faults > 0 {
		return exitCode(1)
	}
	return nil
}

func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
