package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Sinker configures what is kept how long.
type Sinker struct {
	// ResyncPeriod is the pause between two cleanings. Default: 1h
	ResyncPeriod *metav1.Duration `json:"resync_period,omitempty"`
	// MaxProwJobAge is how long ago a finished job started that is removed; the newest of each periodic stays. Default: 168h
	MaxProwJobAge *metav1.Duration `json:"max_prowjob_age,omitempty"`
	// MaxPodAge is how long ago a finished job started whose pod is removed. Default: 24h
	MaxPodAge *metav1.Duration `json:"max_pod_age,omitempty"`
	// TerminatedPodTTL is how long ago a job ended whose pod is removed. Default: max_pod_age
	TerminatedPodTTL *metav1.Duration `json:"terminated_pod_ttl,omitempty"`
	// ExcludeClusters lists build clusters in which nothing is removed, such as those where another Prow has pods.
	ExcludeClusters []string `json:"exclude_clusters,omitempty"`
}

// Horologium configures the start of periodics.
type Horologium struct {
	// TickInterval is the pause between two looks at the clock; it is read at the start only. Default: 1m
	TickInterval *metav1.Duration `json:"tick_interval,omitempty"`
}

// GitHubReporter configures crier's statuses and comments.
type GitHubReporter struct {
	// JobTypesToReport are the types of jobs that are reported: presubmit, postsubmit. Default: [presubmit, postsubmit]
	JobTypesToReport []prow.Type `json:"job_types_to_report,omitempty"`
	// NoCommentRepos are "org/repo" or "org" where failures get a status, but no comment.
	NoCommentRepos []string `json:"no_comment_repos,omitempty"`
	// SummaryCommentRepos are "org/repo" or "org" where one comment is written after all jobs of a commit have ended.
	SummaryCommentRepos []string `json:"summary_comment_repos,omitempty"`
}

// OwnersDirDenylist names directories whose OWNERS files do not count.
type OwnersDirDenylist struct {
	// Repos are regular expressions for directories, by "org/repo" or "org"; both apply.
	Repos map[string][]string `json:"repos,omitempty"`
	// Default are regular expressions for directories of every repository.
	Default []string `json:"default,omitempty"`
	// IgnorePreconfiguredDefaults leaves out what is always denied: \.git$, _output$ and vendor/.*/.*. Default: false
	IgnorePreconfiguredDefaults bool `json:"ignore_preconfigured_defaults,omitempty"`
}

// SlackReporter is a global Slack entry.
type SlackReporter struct {
	// JobTypesToReport are the types of jobs that are reported: presubmit, postsubmit, periodic, batch. Default: none
	JobTypesToReport []prow.Type `json:"job_types_to_report,omitempty"`
	prow.SlackReporterConfig
}

// GitHubOptions hold the address of the forge's pages.
type GitHubOptions struct {
	// LinkURL is the address of GitHub's pages, for links. Default: https://github.com
	LinkURL string `json:"link_url,omitempty"`
}

// Pipeline configures the Tekton agent.
type Pipeline struct {
	// AllowConcurrentPostsubmitJobs lets older runs of a postsubmit go on when a newer one starts. Default: false
	AllowConcurrentPostsubmitJobs bool `json:"allow_concurrent_postsubmit_jobs,omitempty"`
}

// Moonraker configures clients of the service that reads in-repo jobs.
type Moonraker struct {
	// ClientTimeout is how long an answer is waited for. Default: 10m
	ClientTimeout *metav1.Duration `json:"client_timeout,omitempty"`
}

// PushGateway configures pushing of metrics.
type PushGateway struct {
	// Endpoint is the address of a Prometheus push gateway. Default: metrics are served, not pushed
	Endpoint string `json:"endpoint,omitempty"`
	// Interval is the pause between two pushes. Default: 1m
	Interval *metav1.Duration `json:"interval,omitempty"`
	// ServeMetrics serves metrics although they are pushed. Default: false
	ServeMetrics bool `json:"serve_metrics"`
}

// complete fills in what is left out of the components, and checks them.
func (c *ProwConfig) complete(top spot, res regexps, now time.Time) {
	text := func(to *string, def string) {
		if *to == "" {
			*to = def
		}
	}
	text(&c.ProwJobNamespace, "default")
	text(&c.PodNamespace, "default")
	text(&c.LogLevel, "info")
	text(&c.GitHub.LinkURL, "https://github.com")
	text(&c.StatusErrorLink, "https://github.com/kubernetes/test-infra/issues")
	lasting(&c.DefaultJobTimeout, 24*time.Hour)
	pause(top.at("horologium", "tick_interval"), &c.Horologium.TickInterval, time.Minute)
	pause(top.at("push_gateway", "interval"), &c.PushGateway.Interval, time.Minute)
	lasting(&c.Moonraker.ClientTimeout, 10*time.Minute)
	levels := []string{"trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"}
	if !slices.Contains(levels, c.LogLevel) {
		top.at("log_level").hinted(fmt.Sprintf("%q is not a level", c.LogLevel), "want debug, info, warn or error"+didYouMean(c.LogLevel, levels))
	}
	checkURL(top.at("github", "link_url"), c.GitHub.LinkURL)
	for i, e := range c.ProwJobDefaultEntries {
		checkSelector(top.at("prowjob_default_entries", i, "repo"), e.OrgRepo)
	}
	c.Plank.complete(top.at("plank"))
	c.Sinker.complete(top.at("sinker"))
	c.Deck.complete(top.at("deck"), res)
	c.Tide.complete(top.at("tide"), c.ProwJobDefaultEntries, res)
	c.reporters(top)
	c.InRepoConfig.complete(top.at("in_repo_config"))
	c.BranchProtection.check(top.at("branch-protection"), res)
	c.Gerrit.complete(top.at("gerrit"), res)
	c.JenkinsOperators = completeJenkins(top.at("jenkins_operators"), c.JenkinsOperators)
	c.completePubSub(top)
	c.Gangway.check(top.at("gangway"))
	c.Scheduler.complete(top.at("scheduler"))
	c.ManagedWebhooks.check(top.at("managed_webhooks"), now)
	c.OwnersDirDenylist.check(top.at("owners_dir_denylist"), res)
}

// lasting sets *d where it is absent.
func lasting(d **metav1.Duration, def time.Duration) {
	if *d == nil {
		*d = &metav1.Duration{Duration: def}
	}
}

// pause sets *d where it is absent, and where it is no pause at all: whoever waits
// for it would not rest.
func pause(at spot, d **metav1.Duration, def time.Duration) {
	lasting(d, def)
	if (*d).Duration <= 0 {
		at.warn(KindNoEffect, fmt.Sprintf("is %v, and a pause takes time, so it is %v", (*d).Duration, def), "write for example 30s or 1h")
		*d = &metav1.Duration{Duration: def}
	}
}

// positive sets *n where it is absent; less than 0 is wrong.
func positive(at spot, n *int, def int) {
	if *n == 0 {
		*n = def
	}
	if *n < 0 {
		at.wrong(fmt.Sprintf("is %d; want a number above 0", *n))
	}
}

func (s *Sinker) complete(at spot) {
	pause(at.at("resync_period"), &s.ResyncPeriod, time.Hour)
	lasting(&s.MaxProwJobAge, 7*24*time.Hour)
	lasting(&s.MaxPodAge, 24*time.Hour)
	lasting(&s.TerminatedPodTTL, s.MaxPodAge.Duration)
}

func (c *ProwConfig) reporters(top spot) {
	at := top.at("github_reporter", "job_types_to_report")
	if len(c.GitHubReporter.JobTypesToReport) == 0 {
		c.GitHubReporter.JobTypesToReport = []prow.Type{prow.Presubmit, prow.Postsubmit}
	}
	for i, t := range c.GitHubReporter.JobTypesToReport {
		if t != prow.Presubmit && t != prow.Postsubmit {
			at.at(i).hinted(fmt.Sprintf("%q is not reported to GitHub", t), "want presubmit or postsubmit")
		}
	}
	slack := map[string]SlackReporter{}
	for _, k := range keysOf(c.SlackReporterConfigs) {
		s := c.SlackReporterConfigs[k]
		at := top.at("slack_reporter_configs", k)
		if s.Channel == "" {
			at.hinted("has no channel", "every entry needs one")
		}
		checkReportTemplate(at.at("report_template"), s.ReportTemplate)
		checkStates(at.at("job_states_to_report"), s.JobStatesToReport)
		for i, t := range s.JobTypesToReport {
			if !slices.Contains([]prow.Type{prow.Presubmit, prow.Postsubmit, prow.Periodic, prow.Batch}, t) {
				at.at("job_types_to_report", i).warn(KindNoEffect, fmt.Sprintf("%q is no type of jobs", t), "want presubmit, postsubmit, periodic or batch")
			}
		}
		s.ReportTemplate = cmp.Or(s.ReportTemplate, DefaultSlackTemplate)
		slack[k] = s
	}
	c.SlackReporterConfigs = slack
}

// checkStates warns of states that no job is ever in.
func checkStates(at spot, states []prow.State) {
	for i, s := range states {
		switch s {
		case prow.Scheduling, prow.Triggered, prow.Pending, prow.Success, prow.Failure, prow.Aborted, prow.Error:
		default:
			at.at(i).warn(KindNoEffect, fmt.Sprintf("%q is no state of a job", s), "want triggered, pending, success, failure, aborted or error")
		}
	}
}

// DefaultSlackTemplate is what Slack is told of a job where nothing else is configured.
const DefaultSlackTemplate = "Job *{{.Spec.Job}}* of type *{{.Spec.Type}}* ended with state *{{.Status.State}}*. <{{.Status.URL}}|View logs>"

// check looks at the expressions: one that does not compile denies nothing.
func (o *OwnersDirDenylist) check(at spot, res regexps) {
	if o == nil {
		return
	}
	expressions := func(at spot, list []string) {
		for i, text := range list {
			if _, err := res.get(text); err != nil {
				at.at(i).warn(KindNoEffect, badRegexp(text, err), "it is not used until it is mended")
			}
		}
	}
	expressions(at.at("default"), o.Default)
	for _, k := range keysOf(o.Repos) {
		expressions(at.at("repos", k), o.Repos[k])
	}
}

// isOrg reports whether s may be the name of an organisation.
func isOrg(s string) bool {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		rest = s
	}
	return rest != "" && !strings.ContainsAny(strings.TrimRight(rest, "/"), "/ @")
}
