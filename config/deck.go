package config

import (
	"fmt"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Deck configures the pages.
type Deck struct {
	// TideUpdatePeriod is the pause between two looks at what tide does. Default: 10s
	TideUpdatePeriod *metav1.Duration `json:"tide_update_period,omitempty"`
	// HiddenRepos are "org/repo" or "org" whose jobs only those pages show that show hidden ones.
	HiddenRepos []string `json:"hidden_repos,omitempty"`
	// Branding changes the looks.
	Branding *Branding `json:"branding,omitempty"`
	// GoogleAnalytics is the tracking id that is put on every page.
	GoogleAnalytics string `json:"google_analytics,omitempty"`
	// RerunAuthConfigs is the older form of default_rerun_auth_configs: by "org/repo", "org" or "*".
	RerunAuthConfigs map[string]prow.RerunAuthConfig `json:"rerun_auth_configs,omitempty"`
	// DefaultRerunAuthConfigs say by repository and cluster who may rerun jobs; the last that matches counts.
	DefaultRerunAuthConfigs []RerunAuthEntry `json:"default_rerun_auth_configs,omitempty"`
	// ExternalAgentLogs say where the logs of jobs of other agents are.
	ExternalAgentLogs []ExternalAgentLog `json:"external_agent_logs,omitempty"`
	// SkipStoragePathValidation lets any bucket be looked at; false limits it to the buckets of decoration and additional_allowed_buckets. Default: true
	SkipStoragePathValidation *bool `json:"skip_storage_path_validation,omitempty"`
	// AdditionalAllowedBuckets may be looked at, too; it needs skip_storage_path_validation: false.
	AdditionalAllowedBuckets []string `json:"additional_allowed_buckets,omitempty"`
	// Spyglass configures the page of a run.
	Spyglass Spyglass `json:"spyglass,omitempty"`
}

// Branding changes deck's looks.
type Branding struct {
	// Logo is the address of a picture.
	Logo string `json:"logo,omitempty"`
	// Favicon is the address of the small picture beside the title.
	Favicon string `json:"favicon,omitempty"`
	// BackgroundColor is a colour of CSS. Example: "#eee"
	BackgroundColor string `json:"background_color,omitempty"`
	// HeaderColor is a colour of CSS. Example: "#004"
	HeaderColor string `json:"header_color,omitempty"`
}

// RerunAuthEntry says who may rerun the jobs it matches; the last match counts.
type RerunAuthEntry struct {
	// OrgRepo is the "org/repo" or "org" of the jobs; "*" or nothing is every one.
	OrgRepo string `json:"repo,omitempty"`
	// Cluster is the cluster of the jobs; "*" or nothing is every one.
	Cluster string `json:"cluster,omitempty"`
	// Config says who may.
	Config *prow.RerunAuthConfig `json:"rerun_auth_configs,omitempty"`
}

// ExternalAgentLog says where logs of other agents are.
type ExternalAgentLog struct {
	// Agent is the agent of the jobs. Example: jenkins
	Agent string `json:"agent,omitempty"`
	// Selector is a selector of labels that the jobs have. Default: every job of the agent
	Selector string `json:"selector,omitempty"`
	// URLTemplate is a Go template over the ProwJob that makes the address of the log.
	URLTemplate string `json:"url_template,omitempty"`
}

func (d *Deck) complete(at spot, res regexps) {
	pause(at.at("tide_update_period"), &d.TideUpdatePeriod, 10*time.Second)
	if len(d.AdditionalAllowedBuckets) > 0 && (d.SkipStoragePathValidation == nil || *d.SkipStoragePathValidation) {
		at.at("additional_allowed_buckets").hinted("has no effect while any bucket may be viewed", "say skip_storage_path_validation: false")
	}
	for i, l := range d.ExternalAgentLogs {
		at := at.at("external_agent_logs", i)
		if _, err := labels.Parse(l.Selector); err != nil {
			at.at("selector").wrong(fmt.Sprintf("%q is not a label selector: %v", l.Selector, err))
		}
		parseTemplate(at.at("url_template"), l.URLTemplate)
	}
	d.rerunAuth(at)
	d.Spyglass.complete(at.at("spyglass"), res)
}

// rerunAuth turns the older map into entries.
func (d *Deck) rerunAuth(at spot) {
	if len(d.RerunAuthConfigs) > 0 && len(d.DefaultRerunAuthConfigs) > 0 {
		at.at("rerun_auth_configs").hinted("goes not together with default_rerun_auth_configs", "keep the latter")
		return
	}
	d.DefaultRerunAuthConfigs = slices.Clone(d.DefaultRerunAuthConfigs)
	for _, k := range generalFirst(d.RerunAuthConfigs) {
		c := d.RerunAuthConfigs[k]
		checkRerunAuth(at.at("rerun_auth_configs", k), &c)
		d.DefaultRerunAuthConfigs = append(d.DefaultRerunAuthConfigs, RerunAuthEntry{OrgRepo: k, Config: &c})
	}
	if len(d.RerunAuthConfigs) > 0 {
		at.at("rerun_auth_configs").warn(KindDeprecated, "is an older form", "write default_rerun_auth_configs")
		return
	}
	for i, e := range d.DefaultRerunAuthConfigs {
		checkSelector(at.at("default_rerun_auth_configs", i, "repo"), e.OrgRepo)
		checkRerunAuth(at.at("default_rerun_auth_configs", i, "rerun_auth_configs"), e.Config)
	}
}

// Hidden reports whether the repository is one of the hidden ones.
func (d *Deck) Hidden(r prow.Repo) bool { return Listed(d.HiddenRepos, r) }

// RerunAuth returns the configured entry for j: who may run it again. The last
// that matches counts; nil if none does. What the job itself says comes on top.
func (d *Deck) RerunAuth(j *prow.Job) *prow.RerunAuthConfig {
	repo := ""
	if r := j.MainRefs(); r != nil {
		repo = r.RepoID().String()
	}
	for _, e := range slices.Backward(d.DefaultRerunAuthConfigs) {
		if entryMatches(e.OrgRepo, e.Cluster, repo, j.Spec.Cluster) {
			return e.Config
		}
	}
	return nil
}
