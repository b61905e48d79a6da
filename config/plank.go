package config

import (
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Plank configures how jobs run.
type Plank struct {
	// JobURLTemplateText is a Go template over the ProwJob that makes the link to a run where no prefix does.
	JobURLTemplateText string `json:"job_url_template,omitempty"`
	// ReportTemplateText is the older form of report_templates for all repositories.
	ReportTemplateText string `json:"report_template,omitempty"`
	// ReportTemplateTexts are Go templates over the ProwJob for the comment on a pull request, by "org/repo", "org" or "*".
	ReportTemplateTexts map[string]string `json:"report_templates,omitempty"`
	// MaxConcurrency is how many jobs run at a time; 0 is no limit. Default: 0
	MaxConcurrency int `json:"max_concurrency,omitempty"`
	// MaxGoroutines is how many jobs are looked at at a time. Default: 20
	MaxGoroutines int `json:"max_goroutines,omitempty"`
	// PodPendingTimeout ends a job in error whose pod was given a machine and does not start. Default: 10m
	PodPendingTimeout *metav1.Duration `json:"pod_pending_timeout,omitempty"`
	// PodRunningTimeout aborts a job whose pod runs longer. Default: 48h
	PodRunningTimeout *metav1.Duration `json:"pod_running_timeout,omitempty"`
	// PodUnscheduledTimeout ends a job in error whose pod is given no machine. Default: 5m
	PodUnscheduledTimeout *metav1.Duration `json:"pod_unscheduled_timeout,omitempty"`
	// MaxRevivals is how often a pod that was evicted or lost is made again; 0 is never. Default: 3
	MaxRevivals *int `json:"max_revivals,omitempty"`
	// DefaultDecorationEntries are defaults of decoration by repository and cluster, laid over one another in their order.
	DefaultDecorationEntries []DecorationEntry `json:"default_decoration_config_entries,omitempty"`
	// DefaultDecorationConfigs is the older form of default_decoration_config_entries: by "org/repo", "org" or "*".
	DefaultDecorationConfigs map[string]*prow.DecorationConfig `json:"default_decoration_configs,omitempty"`
	// JobURLPrefixConfig is the address below which the files of runs are shown, by "org/repo", "org" or "*". Example: {"*": "https://prow.example.com/view/"}
	JobURLPrefixConfig map[string]string `json:"job_url_prefix_config,omitempty"`
	// JobURLPrefixDisableAppendStorageProvider leaves gs or s3 out of links to runs. Default: false
	JobURLPrefixDisableAppendStorageProvider bool `json:"jobURLPrefixDisableAppendStorageProvider,omitempty"`
	// BuildClusterStatusFile is where the state of the build clusters is written every minute. Example: gs://bucket/build-cluster-status.json
	BuildClusterStatusFile string `json:"build_cluster_status_file,omitempty"`
	// JobQueueCapacities is how many jobs of a queue run at a time: 0 is none, a negative number no limit. Example: {gpu: 2}
	JobQueueCapacities map[string]int `json:"job_queue_capacities,omitempty"`

	JobURLTemplate  *template.Template            `json:"-"`
	ReportTemplates map[string]*template.Template `json:"-"`
}

// DecorationEntry is a layer of decoration for the jobs it matches.
type DecorationEntry struct {
	// OrgRepo is the "org/repo" or "org" of the jobs; "*" or nothing is every one.
	OrgRepo string `json:"repo,omitempty"`
	// Cluster is the cluster of the jobs; "*" or nothing is every one.
	Cluster string `json:"cluster,omitempty"`
	// Config is what the jobs get.
	Config *prow.DecorationConfig `json:"config,omitempty"`
}

// ProwJobDefaultEntry is a layer of defaults for the jobs it matches.
type ProwJobDefaultEntry struct {
	// OrgRepo is the "org/repo" or "org" of the jobs; "*" or nothing is every one.
	OrgRepo string `json:"repo,omitempty"`
	// Cluster is the cluster of the jobs; "*" or nothing is every one.
	Cluster string `json:"cluster,omitempty"`
	// Config is what the jobs get.
	Config *prow.ProwJobDefault `json:"config,omitempty"`
}

func (p *Plank) complete(at spot) {
	lasting(&p.PodPendingTimeout, 10*time.Minute)
	lasting(&p.PodRunningTimeout, 48*time.Hour)
	lasting(&p.PodUnscheduledTimeout, 5*time.Minute)
	if p.MaxRevivals == nil {
		three := 3
		p.MaxRevivals = &three
	}
	if len(p.DefaultDecorationConfigs) > 0 && len(p.DefaultDecorationEntries) > 0 {
		at.at("default_decoration_configs").hinted("goes not together with default_decoration_config_entries", "keep the entries")
	}
	if len(p.DefaultDecorationConfigs) > 0 {
		at.at("default_decoration_configs").warn(KindDeprecated, "is an older form", "write default_decoration_config_entries")
	}
	for _, k := range keysOf(p.DefaultDecorationConfigs) {
		checkSelector(at.at("default_decoration_configs", k), k)
		checkLayer(at.at("default_decoration_configs", k), p.DefaultDecorationConfigs[k])
	}
	for i, e := range p.DefaultDecorationEntries {
		checkSelector(at.at("default_decoration_config_entries", i, "repo"), e.OrgRepo)
		checkLayer(at.at("default_decoration_config_entries", i, "config"), e.Config)
	}
	c := Controller{p.JobURLTemplateText, p.ReportTemplateText, p.ReportTemplateTexts, p.MaxConcurrency, p.MaxGoroutines}
	p.JobURLTemplate, p.ReportTemplates = c.complete(at, nil)
	p.MaxGoroutines = c.MaxGoroutines
	for _, k := range keysOf(p.JobURLPrefixConfig) {
		checkURL(at.at("job_url_prefix_config", k), p.JobURLPrefixConfig[k])
	}
}

// checkSelector warns of an entry that can match no job.
func checkSelector(at spot, repo string) {
	if strings.HasPrefix(repo, "/") || strings.HasSuffix(repo, "/") || strings.ContainsAny(repo, " \t") || strings.Contains(strings.TrimPrefix(repo, "*"), "*") {
		at.warn(KindNoEffect, fmt.Sprintf("%q names no repository and no organisation", repo), `write org/repo, org, or "*" for all; patterns are not possible`)
	}
}

// decorations returns the default entries, those of the older map form as well:
// the general before the particular.
func (p *Plank) decorations() []DecorationEntry {
	out := slices.Clone(p.DefaultDecorationEntries)
	for _, key := range generalFirst(p.DefaultDecorationConfigs) {
		out = append(out, DecorationEntry{OrgRepo: key, Config: p.DefaultDecorationConfigs[key]})
	}
	return out
}

// generalFirst returns keys of repositories: "" and "*", organisations, then
// repositories, each sorted.
func generalFirst[V any](m map[string]V) []string {
	rank := func(k string) int {
		switch {
		case k == "":
			return 0
		case k == "*":
			return 1
		case !strings.Contains(strings.TrimPrefix(strings.TrimPrefix(k, "https://"), "http://"), "/"):
			return 2
		}
		return 3
	}
	keys := keysOf(m)
	slices.SortStableFunc(keys, func(a, b string) int { return rank(a) - rank(b) })
	return keys
}
