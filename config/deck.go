package config

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	"k8s.io/apimachinery/pkg/labels"
)

func (d *Deck) complete(at spot) {
	lasting(&d.TideUpdatePeriod, 10*time.Second)
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
	d.Spyglass.complete(at.at("spyglass"))
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
		return
	}
	for i, e := range d.DefaultRerunAuthConfigs {
		checkRerunAuth(at.at("default_rerun_auth_configs", i, "rerun_auth_configs"), e.Config)
	}
}

func (s *Spyglass) complete(at spot) {
	if s.SizeLimit == 0 {
		s.SizeLimit = 100_000_000
	}
	if s.SizeLimit < 0 {
		at.at("size_limit").wrong(fmt.Sprintf("is %d; want a number of bytes above 0", s.SizeLimit))
	}
	if s.PRHistLinkTemplate == "" {
		s.PRHistLinkTemplate = "/pr-history?org={{.Org}}&repo={{.Repo}}&pr={{.Number}}"
	}
	parseTemplate(at.at("pr_history_link_template"), s.PRHistLinkTemplate)
	if _, err := template.New("").Parse(s.Announcement); err != nil {
		at.at("announcement").wrong("is not a template: " + err.Error())
	}
	s.prefixes(at)
	for i, l := range s.Lenses {
		checkPatterns(at.at("lenses", i, "required_files"), l.RequiredFiles)
		checkPatterns(at.at("lenses", i, "optional_files"), l.OptionalFiles)
	}
	s.viewers(at)
}

// prefixes folds the single prefix into the two maps.
func (s *Spyglass) prefixes(at spot) {
	fold := func(key string, m map[string]string) map[string]string {
		if s.GCSBrowserPrefix == "" {
			return m
		}
		if _, ok := m["*"]; ok {
			at.at("gcs_browser_prefix").hinted(`goes not together with a "*" in `+key, "keep one of the two")
		}
		out := maps.Clone(m)
		if out == nil {
			out = map[string]string{}
		}
		out["*"] = s.GCSBrowserPrefix
		return out
	}
	s.GCSBrowserPrefixes = fold("gcs_browser_prefixes", s.GCSBrowserPrefixes)
	s.GCSBrowserPrefixesByBucket = fold("gcs_browser_prefixes_by_bucket", s.GCSBrowserPrefixesByBucket)
}

// viewers turns the older map into lenses, sorted by the name of the lens.
func (s *Spyglass) viewers(at spot) {
	renamed := map[string]string{"build-log-viewer": "buildlog", "metadata-viewer": "metadata", "junit-viewer": "junit"}
	var out []LensFile
	for _, pattern := range keysOf(s.Viewers) {
		checkPatterns(at.at("viewers", pattern), []string{pattern})
		for _, name := range s.Viewers[pattern] {
			if n, ok := renamed[name]; ok {
				name = n
			}
			l := LensFile{RequiredFiles: []string{pattern}}
			l.Lens.Name = name
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b LensFile) int {
		switch {
		case a.Lens.Name < b.Lens.Name:
			return -1
		case a.Lens.Name > b.Lens.Name:
			return 1
		}
		return 0
	})
	s.Lenses = slices.Concat(s.Lenses, out)
}

func checkPatterns(at spot, list []string) {
	res := newRegexps()
	for i, text := range list {
		res.compile(at.at(i), text)
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
