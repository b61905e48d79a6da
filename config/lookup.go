package config

import (
	"bytes"
	"cmp"
	"net/url"
	"path"
	"slices"
	"strings"
	"text/template"

	prow "github.com/prow-ci/prow"
	"k8s.io/apimachinery/pkg/labels"
)

// byRepo resolves a map keyed by repository, organisation or "*": the first of
// them that exists wins.
func byRepo[V any](m map[string]V, r prow.Repo) (v V, ok bool) {
	if v, ok = m[r.String()]; ok {
		return v, true
	}
	if v, ok = m[r.Owner]; ok {
		return v, true
	}
	if _, bare, found := strings.Cut(r.Owner, "://"); found {
		return byRepo(m, prow.Repo{Owner: bare, Name: r.Name})
	}
	v, ok = m["*"]
	return v, ok
}

// ReportTemplate returns the template of the comment on a pull request of r, or nil.
func (c *Config) ReportTemplate(r prow.Repo) *template.Template {
	t, _ := byRepo(c.Plank.ReportTemplates, r)
	return t
}

// JobReportTemplate returns the template of the comment on a pull request of r that
// is about j, or nil: that of j's Jenkins operator, if it has one, else
// ReportTemplate's.
func (c *Config) JobReportTemplate(r prow.Repo, j *prow.Job) *template.Template {
	if j.Spec.Agent == prow.JenkinsAgent {
		for _, o := range c.JenkinsOperators {
			if t, ok := byRepo(o.ReportTemplates, r); ok && o.Selector != nil && o.Selector.Matches(labels.Set(j.Labels)) {
				return t
			}
		}
	}
	return c.ReportTemplate(r)
}

// Presubmits returns the static presubmits of r.
func (c *Config) Presubmits(r prow.Repo) []Presubmit { return c.PresubmitsStatic[r.String()] }

// Postsubmits returns the static postsubmits of r.
func (c *Config) Postsubmits(r prow.Repo) []Postsubmit { return c.PostsubmitsStatic[r.String()] }

// Periodic returns the periodic of that name, or nil.
func (c *Config) Periodic(name string) *Periodic {
	i, ok := c.periodic[name]
	if c.periodic == nil { // it was not loaded, but made by hand
		i = slices.IndexFunc(c.Periodics, func(p Periodic) bool { return p.Name == name })
		ok = i >= 0
	}
	if !ok {
		return nil
	}
	return &c.Periodics[i]
}

// Decoration returns what the default entries say for a job of r on the cluster.
func (c *Config) Decoration(r prow.Repo, cluster string) *prow.DecorationConfig {
	s := c.shared
	if s == nil {
		s = &shared{decorations: c.Plank.decorations()}
	}
	return s.decoration(r.String(), cluster)
}

// JobURL returns where a person looks at j: below the prefix for its repository
// if there is one, else what the template says, else "".
func (c *Config) JobURL(j *prow.Job) string {
	if u, ok := c.artifactsURL(j); ok {
		return u
	}
	if c.Plank.JobURLTemplate == nil {
		return ""
	}
	var b bytes.Buffer
	if err := c.Plank.JobURLTemplate.Execute(&b, j); err != nil {
		return "" // a link that cannot be made is left out
	}
	return b.String()
}

func (c *Config) artifactsURL(j *prow.Job) (string, bool) {
	d := j.Spec.DecorationConfig
	if d == nil || d.GCSConfiguration == nil {
		return "", false
	}
	prefix := d.GCSConfiguration.JobURLPrefix
	if prefix == "" {
		prefix = c.jobURLPrefix(j.MainRefs())
	}
	u, err := url.Parse(prefix)
	if prefix == "" || err != nil {
		return "", false
	}
	provider, bucket := splitBucket(d.GCSConfiguration.Bucket)
	if c.Plank.JobURLPrefixDisableAppendStorageProvider {
		provider = ""
	}
	u.Path = path.Join(u.Path, provider, bucket, prow.Dir(j))
	return u.String(), true
}

func (c *Config) jobURLPrefix(r *prow.Refs) string {
	keys := []string{"*"}
	if r != nil {
		keys = []string{r.RepoID().String(), r.Org, "*"}
	}
	for _, k := range keys {
		if p := c.Plank.JobURLPrefixConfig[k]; p != "" {
			return p
		}
	}
	return ""
}

// splitBucket splits "s3://name" into provider and name; a bare name is on gs.
func splitBucket(bucket string) (provider, name string) {
	provider, name, ok := strings.Cut(bucket, "://")
	if !ok {
		return "gs", bucket
	}
	return provider, strings.TrimPrefix(name, "/")
}

// SlackReporter returns the global Slack entry for r.
func (c *Config) SlackReporter(r prow.Repo) (SlackReporter, bool) {
	return byRepo(c.SlackReporterConfigs, r)
}

// SlackReport returns what Slack is told of j in the state it is in: the job's own
// settings laid over the entry for its repository. nil: nothing.
func (c *Config) SlackReport(j *prow.Job) *prow.SlackReporterConfig {
	repo := prow.Repo{}
	if r := j.MainRefs(); r != nil {
		repo = r.RepoID()
	}
	global, _ := c.SlackReporter(repo)
	out, own := global.SlackReporterConfig, &prow.SlackReporterConfig{}
	if j.Spec.ReporterConfig != nil && j.Spec.ReporterConfig.Slack != nil {
		own = j.Spec.ReporterConfig.Slack
	}
	overText(&out.Host, own.Host)
	overText(&out.Channel, own.Channel)
	overText(&out.ReportTemplate, own.ReportTemplate)
	over(&out.Report, own.Report)
	if own.JobStatesToReport != nil {
		out.JobStatesToReport = own.JobStatesToReport
	}
	out.Host = cmp.Or(out.Host, "*")
	out.ReportTemplate = cmp.Or(out.ReportTemplate, DefaultSlackTemplate)
	switch {
	case out.Report != nil && !*out.Report, !slices.Contains(out.JobStatesToReport, j.Status.State), out.Channel == "":
		return nil
	case own.Channel == "" && !slices.Contains(global.JobTypesToReport, j.Spec.Type):
		return nil
	}
	return &out
}

// OwnersDenylist returns the expressions for directories of r whose OWNERS files
// do not count.
func (c *Config) OwnersDenylist(r prow.Repo) []string {
	builtin := []string{`\.git$`, `_output$`, `vendor/.*/.*`}
	o := c.OwnersDirDenylist
	if o == nil {
		return builtin
	}
	out := slices.Concat(o.Default, o.Repos[r.Owner], o.Repos[r.String()])
	if !o.IgnorePreconfiguredDefaults {
		out = append(out, builtin...)
	}
	return out
}
