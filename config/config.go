// Package config turns YAML into one immutable *Config.
//
// Takes: config.yaml, plugins.yaml, job files, and `.prow.yaml` or `.prow/` of a
// tested repository. Gives: a *Config with everything defaulted, checked and
// compiled, or Problems that name file, line and column. Woken by: a change of a
// file (see Live).
package config

import (
	"text/template"
	"time"

	prow "github.com/prow-ci/prow"
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
	Plank                 Plank                    `json:"plank,omitempty"`
	Sinker                Sinker                   `json:"sinker,omitempty"`
	Deck                  Deck                     `json:"deck,omitempty"`
	Tide                  Tide                     `json:"tide,omitempty"`
	BranchProtection      BranchProtection         `json:"branch-protection,omitempty"`
	GitHubReporter        GitHubReporter           `json:"github_reporter,omitempty"`
	Horologium            Horologium               `json:"horologium,omitempty"`
	InRepoConfig          InRepoConfig             `json:"in_repo_config,omitempty"`
	OwnersDirDenylist     *OwnersDirDenylist       `json:"owners_dir_denylist,omitempty"`
	SlackReporterConfigs  map[string]SlackReporter `json:"slack_reporter_configs,omitempty"`
	Scheduler             Scheduler                `json:"scheduler,omitempty"`
	GitHub                GitHubOptions            `json:"github,omitempty"`
	ManagedWebhooks       ManagedWebhooks          `json:"managed_webhooks,omitempty"`
	PushGateway           PushGateway              `json:"push_gateway,omitempty"`
	ProwJobDefaultEntries []ProwJobDefaultEntry    `json:"prowjob_default_entries,omitempty"`

	Pipeline            Pipeline  `json:"pipeline,omitempty"`
	Moonraker           Moonraker `json:"moonraker,omitempty"`
	Gerrit              any       `json:"gerrit,omitempty"`
	JenkinsOperators    any       `json:"jenkins_operators,omitempty"`
	PubSubTriggers      any       `json:"pubsub_triggers,omitempty"`
	PubSubSubscriptions any       `json:"pubsub_subscriptions,omitempty"`
	Gangway             any       `json:"gangway,omitempty"`

	ProwJobNamespace  string           `json:"prowjob_namespace,omitempty"` // default "default"
	PodNamespace      string           `json:"pod_namespace,omitempty"`     // default "default"
	LogLevel          string           `json:"log_level,omitempty"`
	StatusErrorLink   string           `json:"status_error_link,omitempty"`
	DefaultJobTimeout *metav1.Duration `json:"default_job_timeout,omitempty"`
	DisabledClusters  []string         `json:"disabled_clusters,omitempty"`
}

// Plank configures how jobs run.
type Plank struct {
	JobURLTemplateText                       string                            `json:"job_url_template,omitempty"`
	ReportTemplateText                       string                            `json:"report_template,omitempty"`
	ReportTemplateTexts                      map[string]string                 `json:"report_templates,omitempty"`
	MaxConcurrency                           int                               `json:"max_concurrency,omitempty"` // 0: no limit
	MaxGoroutines                            int                               `json:"max_goroutines,omitempty"`
	PodPendingTimeout                        *metav1.Duration                  `json:"pod_pending_timeout,omitempty"`
	PodRunningTimeout                        *metav1.Duration                  `json:"pod_running_timeout,omitempty"`
	PodUnscheduledTimeout                    *metav1.Duration                  `json:"pod_unscheduled_timeout,omitempty"`
	MaxRevivals                              *int                              `json:"max_revivals,omitempty"`
	DefaultDecorationEntries                 []DecorationEntry                 `json:"default_decoration_config_entries,omitempty"`
	DefaultDecorationConfigs                 map[string]*prow.DecorationConfig `json:"default_decoration_configs,omitempty"`
	JobURLPrefixConfig                       map[string]string                 `json:"job_url_prefix_config,omitempty"`
	JobURLPrefixDisableAppendStorageProvider bool                              `json:"jobURLPrefixDisableAppendStorageProvider,omitempty"`
	BuildClusterStatusFile                   string                            `json:"build_cluster_status_file,omitempty"`
	JobQueueCapacities                       map[string]int                    `json:"job_queue_capacities,omitempty"`

	JobURLTemplate  *template.Template            `json:"-"`
	ReportTemplates map[string]*template.Template `json:"-"`
}

// DecorationEntry is a layer of decoration for the jobs it matches.
type DecorationEntry struct {
	OrgRepo string                 `json:"repo,omitempty"`
	Cluster string                 `json:"cluster,omitempty"`
	Config  *prow.DecorationConfig `json:"config,omitempty"`
}

// ProwJobDefaultEntry is a layer of defaults for the jobs it matches.
type ProwJobDefaultEntry struct {
	OrgRepo string               `json:"repo,omitempty"`
	Cluster string               `json:"cluster,omitempty"`
	Config  *prow.ProwJobDefault `json:"config,omitempty"`
}

// Sinker configures what is kept how long.
type Sinker struct {
	ResyncPeriod     *metav1.Duration `json:"resync_period,omitempty"`      // default 1h
	MaxProwJobAge    *metav1.Duration `json:"max_prowjob_age,omitempty"`    // default 168h
	MaxPodAge        *metav1.Duration `json:"max_pod_age,omitempty"`        // default 24h
	TerminatedPodTTL *metav1.Duration `json:"terminated_pod_ttl,omitempty"` // default MaxPodAge
	ExcludeClusters  []string         `json:"exclude_clusters,omitempty"`
}

// Horologium configures the start of periodics.
type Horologium struct {
	TickInterval *metav1.Duration `json:"tick_interval,omitempty"` // default 1m
}

// Deck configures the pages.
type Deck struct {
	TideUpdatePeriod          *metav1.Duration                `json:"tide_update_period,omitempty"`
	HiddenRepos               []string                        `json:"hidden_repos,omitempty"`
	Branding                  *Branding                       `json:"branding,omitempty"`
	GoogleAnalytics           string                          `json:"google_analytics,omitempty"`
	RerunAuthConfigs          map[string]prow.RerunAuthConfig `json:"rerun_auth_configs,omitempty"`
	DefaultRerunAuthConfigs   []RerunAuthEntry                `json:"default_rerun_auth_configs,omitempty"`
	ExternalAgentLogs         []ExternalAgentLog              `json:"external_agent_logs,omitempty"`
	SkipStoragePathValidation *bool                           `json:"skip_storage_path_validation,omitempty"`
	AdditionalAllowedBuckets  []string                        `json:"additional_allowed_buckets,omitempty"`
	Spyglass                  Spyglass                        `json:"spyglass,omitempty"`
}

// Branding changes deck's looks.
type Branding struct {
	Logo            string `json:"logo,omitempty"`
	Favicon         string `json:"favicon,omitempty"`
	BackgroundColor string `json:"background_color,omitempty"`
	HeaderColor     string `json:"header_color,omitempty"`
}

// RerunAuthEntry says who may rerun the jobs it matches; the last match counts.
type RerunAuthEntry struct {
	OrgRepo string                `json:"repo,omitempty"`
	Cluster string                `json:"cluster,omitempty"`
	Config  *prow.RerunAuthConfig `json:"rerun_auth_configs,omitempty"`
}

// ExternalAgentLog says where logs of other agents are.
type ExternalAgentLog struct {
	Agent       string `json:"agent,omitempty"`
	Selector    string `json:"selector,omitempty"`
	URLTemplate string `json:"url_template,omitempty"`
}

// Spyglass configures the page of a run.
type Spyglass struct {
	SizeLimit                  int64               `json:"size_limit,omitempty"`
	Lenses                     []LensFile          `json:"lenses,omitempty"`
	Viewers                    map[string][]string `json:"viewers,omitempty"`
	GCSBrowserPrefix           string              `json:"gcs_browser_prefix,omitempty"`
	GCSBrowserPrefixes         map[string]string   `json:"gcs_browser_prefixes,omitempty"`
	GCSBrowserPrefixesByBucket map[string]string   `json:"gcs_browser_prefixes_by_bucket,omitempty"`
	Announcement               string              `json:"announcement,omitempty"`
	TestGridConfig             string              `json:"testgrid_config,omitempty"`
	TestGridRoot               string              `json:"testgrid_root,omitempty"`
	HidePRHistLink             bool                `json:"hide_pr_history_link,omitempty"`
	PRHistLinkTemplate         string              `json:"pr_history_link_template,omitempty"`
	BucketAliases              map[string]string   `json:"bucket_aliases,omitempty"`
}

// LensFile says which lens shows which files.
type LensFile struct {
	RequiredFiles []string `json:"required_files,omitempty"`
	OptionalFiles []string `json:"optional_files,omitempty"`
	Lens          struct {
		Name   string `json:"name"`
		Config any    `json:"config,omitempty"`
	} `json:"lens"`
	RemoteConfig any `json:"remote_config,omitempty"`
}

// GitHubReporter configures crier's statuses and comments.
type GitHubReporter struct {
	JobTypesToReport    []prow.Type `json:"job_types_to_report,omitempty"` // default presubmit, postsubmit
	NoCommentRepos      []string    `json:"no_comment_repos,omitempty"`
	SummaryCommentRepos []string    `json:"summary_comment_repos,omitempty"`
}

// InRepoConfig says which repositories may bring their own jobs.
type InRepoConfig struct {
	Enabled         map[string]*bool    `json:"enabled,omitempty"`
	AllowedClusters map[string][]string `json:"allowed_clusters,omitempty"`
}

// OwnersDirDenylist names directories whose OWNERS files do not count.
type OwnersDirDenylist struct {
	Repos                       map[string][]string `json:"repos,omitempty"`
	Default                     []string            `json:"default,omitempty"`
	IgnorePreconfiguredDefaults bool                `json:"ignore_preconfigured_defaults,omitempty"`
}

// SlackReporter is a global Slack entry.
type SlackReporter struct {
	JobTypesToReport []prow.Type `json:"job_types_to_report,omitempty"`
	prow.SlackReporterConfig
}

// Scheduler chooses clusters.
type Scheduler struct {
	Enabled  bool `json:"enabled,omitempty"`
	Failover any  `json:"failover,omitempty"`
	External any  `json:"external,omitempty"`
}

// GitHubOptions hold the address of the forge's pages.
type GitHubOptions struct {
	LinkURL string `json:"link_url,omitempty"` // default https://github.com
}

// ManagedWebhooks configures the hmac tool.
type ManagedWebhooks struct {
	RespectLegacyGlobalToken bool           `json:"respect_legacy_global_token"`
	AutoAcceptInvitation     bool           `json:"auto_accept_invitation"`
	OrgRepoConfig            map[string]any `json:"org_repo_config,omitempty"`
}

// Pipeline configures the Tekton agent.
type Pipeline struct {
	AllowConcurrentPostsubmitJobs bool `json:"allow_concurrent_postsubmit_jobs,omitempty"`
}

// Moonraker configures clients of the service that reads in-repo jobs.
type Moonraker struct {
	ClientTimeout *metav1.Duration `json:"client_timeout,omitempty"` // default 10m
}

// PushGateway configures pushing of metrics.
type PushGateway struct {
	Endpoint     string           `json:"endpoint,omitempty"`
	Interval     *metav1.Duration `json:"interval,omitempty"`
	ServeMetrics bool             `json:"serve_metrics"`
}

// BranchProtection is the desired protection of branches, at every level.
type BranchProtection struct {
	Policy
	ProtectTested                *bool                   `json:"protect-tested-repos,omitempty"`
	Orgs                         map[string]ProtectedOrg `json:"orgs,omitempty"`
	AllowDisabledPolicies        *bool                   `json:"allow_disabled_policies,omitempty"`
	AllowDisabledJobPolicies     *bool                   `json:"allow_disabled_job_policies,omitempty"`
	ProtectReposWithOptionalJobs *bool                   `json:"protect_repos_with_optional_jobs,omitempty"`
}

// ProtectedOrg is the policy of an organisation.
type ProtectedOrg struct {
	Policy
	Repos map[string]ProtectedRepo `json:"repos,omitempty"`
}

// ProtectedRepo is the policy of a repository.
type ProtectedRepo struct {
	Policy
	Branches map[string]ProtectedBranch `json:"branches,omitempty"`
}

// ProtectedBranch is the policy of a branch.
type ProtectedBranch struct{ Policy }

// Policy is what branch protection wants; nil inherits.
type Policy struct {
	Unmanaged                    *bool          `json:"unmanaged,omitempty"`
	Protect                      *bool          `json:"protect,omitempty"`
	RequiredStatusChecks         *ContextPolicy `json:"required_status_checks,omitempty"`
	Admins                       *bool          `json:"enforce_admins,omitempty"`
	Restrictions                 *Restrictions  `json:"restrictions,omitempty"`
	RequireManuallyTriggeredJobs *bool          `json:"require_manually_triggered_jobs,omitempty"`
	RequiredPullRequestReviews   *ReviewPolicy  `json:"required_pull_request_reviews,omitempty"`
	RequiredLinearHistory        *bool          `json:"required_linear_history,omitempty"`
	AllowForcePushes             *bool          `json:"allow_force_pushes,omitempty"`
	AllowDeletions               *bool          `json:"allow_deletions,omitempty"`
	RequireSignedCommits         *bool          `json:"require_signed_commits,omitempty"`
	Include                      []string       `json:"include,omitempty"`
	Exclude                      []string       `json:"exclude,omitempty"`
}

// ContextPolicy names required contexts.
type ContextPolicy struct {
	Contexts []string `json:"contexts,omitempty"`
	Strict   *bool    `json:"strict,omitempty"`
}

// Restrictions limit who may push.
type Restrictions struct {
	Apps  []string `json:"apps,omitempty"`
	Users []string `json:"users,omitempty"`
	Teams []string `json:"teams,omitempty"`
}

// ReviewPolicy limits who must review.
type ReviewPolicy struct {
	DismissalRestrictions *Restrictions `json:"dismissal_restrictions,omitempty"`
	DismissStale          *bool         `json:"dismiss_stale_reviews,omitempty"`
	RequireOwners         *bool         `json:"require_code_owner_reviews,omitempty"`
	Approvals             *int          `json:"required_approving_review_count,omitempty"`
	BypassRestrictions    *Restrictions `json:"bypass_pull_request_allowances,omitempty"`
}
