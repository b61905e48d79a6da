package install

import (
	"errors"
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

// jenkinsEntry says whether Jenkins would find no entry of jenkins_operators that is
// its own: the process ends then.
func (o *Options) jenkinsEntry() error {
	if o.Jenkins.URL == "" {
		return nil
	}
	plain, err := unzip(o.Config)
	if err != nil {
		return err
	}
	var c struct {
		Operators []struct {
			Selector string `json:"label_selector"`
		} `json:"jenkins_operators"`
	}
	if err := yaml.Unmarshal(plain, &c); err != nil {
		return err
	}
	for _, op := range c.Operators {
		if op.Selector == o.Jenkins.Selector {
			return nil
		}
	}
	switch {
	case len(o.Config) == 0 && o.Jenkins.Selector == "":
		return nil // the starter has one
	case o.Jenkins.Selector == "":
		return errors.New("--jenkins-url: the configuration has no entry of jenkins_operators without a label_selector: add jenkins_operators: [{max_concurrency: 30}], or say which entry with --jenkins-label-selector")
	}
	return fmt.Errorf("--jenkins-label-selector %q: no entry of jenkins_operators has this label_selector; give --config with one that has", o.Jenkins.Selector)
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
	if o.Jenkins.URL != "" {
		line("")
		line("# Jobs of the agent jenkins.")
		line("jenkins_operators:")
		line("- max_concurrency: 30")
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
