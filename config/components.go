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

// complete fills in what is left out of the components, and checks them.
func (c *ProwConfig) complete(top spot, res regexps) {
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
	lasting(&c.Horologium.TickInterval, time.Minute)
	lasting(&c.PushGateway.Interval, time.Minute)
	lasting(&c.Moonraker.ClientTimeout, 10*time.Minute)
	if !slices.Contains([]string{"trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"}, c.LogLevel) {
		top.at("log_level").hinted(fmt.Sprintf("%q is not a level", c.LogLevel), "want debug, info, warn or error")
	}
	checkURL(top.at("github", "link_url"), c.GitHub.LinkURL)
	c.Plank.complete(top.at("plank"))
	c.Sinker.complete()
	c.Deck.complete(top.at("deck"))
	c.Tide.complete(top.at("tide"), res)
	c.reporters(top)
	c.InRepoConfig.complete()
	c.BranchProtection.check(top.at("branch-protection"), res)
}

// lasting sets *d where it is absent.
func lasting(d **metav1.Duration, def time.Duration) {
	if *d == nil {
		*d = &metav1.Duration{Duration: def}
	}
}

func (p *Plank) complete(at spot) {
	lasting(&p.PodPendingTimeout, 10*time.Minute)
	lasting(&p.PodRunningTimeout, 48*time.Hour)
	lasting(&p.PodUnscheduledTimeout, 5*time.Minute)
	if p.MaxGoroutines == 0 {
		p.MaxGoroutines = 20
	}
	if p.MaxRevivals == nil {
		three := 3
		p.MaxRevivals = &three
	}
	switch {
	case p.MaxGoroutines < 0:
		at.at("max_goroutines").wrong(fmt.Sprintf("is %d; want a number above 0", p.MaxGoroutines))
	case p.MaxConcurrency < 0:
		at.at("max_concurrency").hinted(fmt.Sprintf("is %d", p.MaxConcurrency), "want 0 for no limit, or a number above")
	case len(p.DefaultDecorationConfigs) > 0 && len(p.DefaultDecorationEntries) > 0:
		at.at("default_decoration_configs").hinted("goes not together with default_decoration_config_entries", "keep the entries")
	case p.ReportTemplateText != "" && p.ReportTemplateTexts["*"] != "":
		at.at("report_template").hinted(`is the older form of report_templates["*"]`, "keep one of the two")
	}
	p.JobURLTemplate = parseTemplate(at.at("job_url_template"), p.JobURLTemplateText)
	p.ReportTemplates = map[string]*template.Template{}
	if p.ReportTemplateText != "" {
		p.ReportTemplates["*"] = parseTemplate(at.at("report_template"), p.ReportTemplateText)
	}
	for _, k := range keysOf(p.ReportTemplateTexts) {
		p.ReportTemplates[k] = parseTemplate(at.at("report_templates", k), p.ReportTemplateTexts[k])
	}
	for _, k := range keysOf(p.JobURLPrefixConfig) {
		checkURL(at.at("job_url_prefix_config", k), p.JobURLPrefixConfig[k])
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

func (s *Sinker) complete() {
	lasting(&s.ResyncPeriod, time.Hour)
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
	for _, k := range keysOf(c.SlackReporterConfigs) {
		s := c.SlackReporterConfigs[k]
		at := top.at("slack_reporter_configs", k)
		if s.Channel == "" {
			at.hinted("has no channel", "every entry needs one")
		}
		parseTemplate(at.at("report_template"), s.ReportTemplate)
	}
}

func (i *InRepoConfig) complete() {
	clusters := map[string][]string{"*": {DefaultCluster}}
	for k, v := range i.AllowedClusters {
		clusters[k] = v
	}
	i.AllowedClusters = clusters
}
