// Package config turns YAML into one immutable *Config.
//
// Takes: config.yaml, plugins.yaml, job files, and `.prow.yaml` or `.prow/` of a
// tested repository. Gives: a *Config with everything defaulted, checked and
// compiled, or Problems that name file, line and column. Woken by: a change of a
// file (see Live).
//
// The comments of fields with a json tag are what users read in docs/config: the
// first sentence is the meaning, "Default: …" and "Example: …" end them.
package config

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Config is everything configured, at one moment. Nobody changes it: a worker
// takes the current one at the top of a pass and hands it down.
type Config struct {
	JobConfig
	ProwConfig
	Plugins *Plugins // never nil

	// Version changes whenever the content does. It is the text of a VERSION
	// file beside config.yaml where there is one.
	Version string
	Loaded  time.Time
	// Warnings are findings that do not keep the configuration from being used.
	Warnings Problems

	shared *shared // what jobs of repositories need to be finished
	res    regexps
	codec  codec
	digest string // of all that was read

	periodic map[string]int // by name, places in Periodics
}

// ProwConfig is the main file without jobs.
type ProwConfig struct {
	// Plank says how jobs run: time limits, decoration, links, queues.
	Plank Plank `json:"plank,omitempty"`
	// Sinker says how long finished jobs and their pods are kept.
	Sinker Sinker `json:"sinker,omitempty"`
	// Deck configures the pages.
	Deck Deck `json:"deck,omitempty"`
	// Tide says which pull requests merge by themselves, and how.
	Tide Tide `json:"tide,omitempty"`
	// BranchProtection is the protection that branches shall have on the forge.
	BranchProtection BranchProtection `json:"branch-protection,omitempty"`
	// GitHubReporter says which jobs are reported to GitHub, and how.
	GitHubReporter GitHubReporter `json:"github_reporter,omitempty"`
	// Horologium configures the start of periodics.
	Horologium Horologium `json:"horologium,omitempty"`
	// InRepoConfig says which repositories may bring their own jobs.
	InRepoConfig InRepoConfig `json:"in_repo_config,omitempty"`
	// OwnersDirDenylist names directories whose OWNERS files do not count.
	OwnersDirDenylist *OwnersDirDenylist `json:"owners_dir_denylist,omitempty"`
	// SlackReporterConfigs says by "org/repo", "org" or "*" which jobs are reported to Slack.
	SlackReporterConfigs map[string]SlackReporter `json:"slack_reporter_configs,omitempty"`
	// Scheduler chooses the cluster of a job when it starts.
	Scheduler Scheduler `json:"scheduler,omitempty"`
	// GitHub holds the address of GitHub's pages.
	GitHub GitHubOptions `json:"github,omitempty"`
	// ManagedWebhooks lists the webhooks whose secrets are rotated.
	ManagedWebhooks ManagedWebhooks `json:"managed_webhooks,omitempty"`
	// PushGateway says where metrics are pushed.
	PushGateway PushGateway `json:"push_gateway,omitempty"`
	// ProwJobDefaultEntries are defaults for jobs by repository and cluster, laid over one another in their order.
	ProwJobDefaultEntries []ProwJobDefaultEntry `json:"prowjob_default_entries,omitempty"`

	// Pipeline configures jobs that Tekton runs.
	Pipeline Pipeline `json:"pipeline,omitempty"`
	// Moonraker configures clients of the service that reads jobs of repositories.
	Moonraker Moonraker `json:"moonraker,omitempty"`
	// Gerrit says which Gerrit repositories are looked at.
	Gerrit Gerrit `json:"gerrit,omitempty"`
	// JenkinsOperators configures jobs that Jenkins runs, one entry for each operator.
	JenkinsOperators []JenkinsOperator `json:"jenkins_operators,omitempty"`
	// PubSubTriggers lists the subscriptions whose messages start jobs.
	PubSubTriggers []PubSubTrigger `json:"pubsub_triggers,omitempty"`
	// PubSubSubscriptions is the older form of pubsub_triggers: subscriptions by project, allowed to use every cluster.
	PubSubSubscriptions map[string][]string `json:"pubsub_subscriptions,omitempty"`
	// Gangway says who may start jobs through the API.
	Gangway Gangway `json:"gangway,omitempty"`

	// ProwJobNamespace is the namespace of ProwJobs. Default: default
	ProwJobNamespace string `json:"prowjob_namespace,omitempty"`
	// PodNamespace is the namespace of the pods of jobs, in every build cluster. Default: default
	PodNamespace string `json:"pod_namespace,omitempty"`
	// LogLevel is trace, debug, info, warn, error, fatal or panic: what is less is not logged. Default: info
	LogLevel string `json:"log_level,omitempty"`
	// StatusErrorLink is where people are sent when a Jenkins job cannot be started or found. Default: https://github.com/kubernetes/test-infra/issues
	StatusErrorLink string `json:"status_error_link,omitempty"`
	// DefaultJobTimeout is the time limit of decorated jobs that no decoration gives one; it counts only where it is written. Default: 24h
	DefaultJobTimeout *metav1.Duration `json:"default_job_timeout,omitempty"`
	// DisabledClusters lists build clusters that are left alone.
	DisabledClusters []string `json:"disabled_clusters,omitempty"`
}
