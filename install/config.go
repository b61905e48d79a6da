package install

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// Namespaces says which namespaces a configuration names for ProwJobs and for pods;
// what it does not say is "default", as everywhere.
func Namespaces(config []byte) (jobs, pods string, err error) {
	plain, err := unzip(config)
	if err != nil {
		return "", "", err
	}
	c := struct {
		Jobs string `json:"prowjob_namespace"`
		Pods string `json:"pod_namespace"`
	}{"default", "default"}
	if err := yaml.Unmarshal(plain, &c); err != nil {
		return "", "", err
	}
	return c.Jobs, c.Pods, nil
}

// starterConfig is a first config.yaml. Its jobs stand in the repositories.
func starterConfig(o *Options) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Made by prow install. Every key: https://github.com/prow-ci/prow/blob/main/docs/config/README.md")
	line("prowjob_namespace: %s", o.JobNamespace)
	line("pod_namespace: %s", o.PodNamespace)
	line("")
	line("# Jobs stand in the repositories themselves, in .prow.yaml.")
	line("in_repo_config:")
	line(`  enabled: {"*": true}`)
	line("")
	line("# What is merged: pull requests with these labels whose required checks pass.")
	line("tide:")
	line("  queries:")
	if len(o.Orgs) > 0 {
		line("  - orgs: [%s]", strings.Join(o.Orgs, ", "))
		line("    labels: [lgtm, approved]")
		line("    missingLabels: [do-not-merge/hold, do-not-merge/work-in-progress, needs-ok-to-test, needs-rebase]")
	}
	if len(o.Repos) > 0 {
		line("  - repos: [%s]", strings.Join(o.Repos, ", "))
		line("    labels: [lgtm, approved]")
		line("    missingLabels: [do-not-merge/hold, do-not-merge/work-in-progress, needs-ok-to-test, needs-rebase]")
	}
	line("")
	line("# How every test is wrapped: who clones, and where log and artifacts go.")
	line("plank:")
	line("  default_decoration_config_entries:")
	line("  - config:")
	line("      gcs_configuration: {bucket: %q, path_strategy: explicit}", o.Bucket)
	if len(o.BucketCredentials) > 0 {
		key := "gcs_credentials_secret"
		if o.bucketFlag() == "--s3-credentials-file" {
			key = "s3_credentials_secret"
		}
		line("      %s: %s", key, bucketSecret)
	}
	line("      utility_images:")
	for _, u := range []string{"clonerefs", "initupload", "entrypoint", "sidecar"} {
		line("        %s: %s", u, o.UtilityImage)
	}
	return []byte(b.String())
}

// starterPlugins is a first plugins.yaml.
func starterPlugins(o *Options) []byte {
	var b strings.Builder
	b.WriteString("# Made by prow install. Which commands and reactions work where.\nplugins:\n")
	for _, where := range append(append([]string{}, o.Orgs...), o.Repos...) {
		fmt.Fprintf(&b, "  %s:\n    plugins: [approve, assign, blunderbuss, hold, label, lgtm, override, size, skip, trigger, wip]\n", where)
	}
	return []byte(b.String())
}
