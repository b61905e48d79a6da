package config

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
)

// Spyglass configures the page of a run.
type Spyglass struct {
	// SizeLimit is the size in bytes of the largest file that a lens reads whole. Default: 100000000
	SizeLimit int64 `json:"size_limit,omitempty"`
	// Lenses say which files of a run are shown, and how.
	Lenses []LensFile `json:"lenses,omitempty"`
	// Viewers is the older form of lenses: names of lenses by regular expressions for files.
	Viewers map[string][]string `json:"viewers,omitempty"`
	// GCSBrowserPrefix is the older form of a "*" in gcs_browser_prefixes and gcs_browser_prefixes_by_bucket.
	GCSBrowserPrefix string `json:"gcs_browser_prefix,omitempty"`
	// GCSBrowserPrefixes are addresses below which a bucket's files can be browsed, by "org/repo", "org" or "*".
	GCSBrowserPrefixes map[string]string `json:"gcs_browser_prefixes,omitempty"`
	// GCSBrowserPrefixesByBucket are addresses below which a bucket's files can be browsed, by bucket or "*", where no repository has one.
	GCSBrowserPrefixesByBucket map[string]string `json:"gcs_browser_prefixes_by_bucket,omitempty"`
	// Announcement is an HTML template for a line on top of every run, with .ArtifactPath.
	Announcement string `json:"announcement,omitempty"`
	// TestGridConfig is where TestGrid's configuration is, for links to it; it needs testgrid_root, too. Example: gs://k8s-testgrid/config
	TestGridConfig string `json:"testgrid_config,omitempty"`
	// TestGridRoot is TestGrid's address. Example: https://testgrid.k8s.io/
	TestGridRoot string `json:"testgrid_root,omitempty"`
	// HidePRHistLink leaves out the link to the history of the pull request. Default: false
	HidePRHistLink bool `json:"hide_pr_history_link,omitempty"`
	// PRHistLinkTemplate is a Go template with .Org, .Repo and .Number for that link. Default: /pr-history?org={{.Org}}&repo={{.Repo}}&pr={{.Number}}
	PRHistLinkTemplate string `json:"pr_history_link_template,omitempty"`
	// BucketAliases are other names of buckets in addresses. Example: {old-name: new-name}
	BucketAliases map[string]string `json:"bucket_aliases,omitempty"`
}

// LensFile says which lens shows which files.
type LensFile struct {
	// RequiredFiles are regular expressions for files; the lens is shown where there is a file for each.
	RequiredFiles []string `json:"required_files,omitempty"`
	// OptionalFiles are regular expressions for files that the lens gets where they are there.
	OptionalFiles []string `json:"optional_files,omitempty"`
	// Lens is what shows them.
	Lens Lens `json:"lens"`
	// RemoteConfig is given for a lens that another server draws.
	RemoteConfig *RemoteLens `json:"remote_config,omitempty"`
}

// Lens is one way to show files.
type Lens struct {
	// Name is metadata, buildlog, junit, coverage, restcoverage, podinfo, links, html or markdown, or that of a remote lens.
	Name string `json:"name"`
	// Config are the lens's own settings.
	Config any `json:"config,omitempty"`
}

// RemoteLens is a lens that another server draws.
type RemoteLens struct {
	// Endpoint is the address that draws it.
	Endpoint string `json:"endpoint"`
	// StaticRoot is the address of its pictures and scripts.
	StaticRoot string `json:"static_root,omitempty"`
	// Title stands above it.
	Title string `json:"title"`
	// Priority says where it stands: the lowest first. Default: 0
	Priority *uint `json:"priority,omitempty"`
	// HideTitle leaves the title out. Default: false
	HideTitle *bool `json:"hide_title,omitempty"`
}

func (s *Spyglass) complete(at spot, res regexps) {
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
		checkPatterns(at.at("lenses", i, "required_files"), l.RequiredFiles, res)
		checkPatterns(at.at("lenses", i, "optional_files"), l.OptionalFiles, res)
		l.check(at.at("lenses", i), res)
	}
	s.viewers(at, res)
	if (s.TestGridConfig == "") != (s.TestGridRoot == "") {
		at.warn(KindNoEffect, "has only one of testgrid_config and testgrid_root, so there are no links to TestGrid", "give both")
	}
}

// prefixes folds the single prefix into the two maps.
func (s *Spyglass) prefixes(at spot) {
	if s.GCSBrowserPrefix != "" {
		at.at("gcs_browser_prefix").warn(KindDeprecated, "is an older form", `write gcs_browser_prefixes: {"*": …}`)
	}
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
func (s *Spyglass) viewers(at spot, res regexps) {
	renamed := map[string]string{"build-log-viewer": "buildlog", "metadata-viewer": "metadata", "junit-viewer": "junit"}
	if len(s.Viewers) > 0 {
		at.at("viewers").warn(KindDeprecated, "is an older form", "write lenses")
	}
	var out []LensFile
	for _, pattern := range keysOf(s.Viewers) {
		res.compile(at.at("viewers", pattern), pattern)
		for i, name := range s.Viewers[pattern] {
			if n, ok := renamed[name]; ok {
				name = n
			}
			checkLensName(at.at("viewers", pattern, i), name)
			l := LensFile{RequiredFiles: []string{pattern}}
			l.Lens.Name = name
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b LensFile) int { return strings.Compare(a.Lens.Name, b.Lens.Name) })
	s.Lenses = slices.Concat(s.Lenses, out)
}

func checkPatterns(at spot, list []string, res regexps) {
	for i, text := range list {
		res.compile(at.at(i), text)
	}
}
