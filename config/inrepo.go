package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	prow "github.com/prow-ci/prow"
)

// The places of a repository's own jobs.
const (
	InRepoFile = ".prow.yaml"
	InRepoDir  = ".prow"
)

// InRepoConfig says which repositories may bring their own jobs.
type InRepoConfig struct {
	// Enabled says by "org/repo", "org" or "*" whether repositories may bring jobs; the most particular counts. Default: false
	Enabled map[string]*bool `json:"enabled,omitempty"`
	// AllowedClusters are the clusters that such jobs may use, by "org/repo", "org" and "*", which add up. Default: {"*": [default]}
	AllowedClusters map[string][]string `json:"allowed_clusters,omitempty"`
}

func (i *InRepoConfig) complete(at spot) {
	clusters := map[string][]string{"*": {DefaultCluster}}
	for k, v := range i.AllowedClusters {
		clusters[k] = v
		for n, name := range v {
			if name == "" || name == "*" {
				at.at("allowed_clusters", k, n).warn(KindNoEffect, fmt.Sprintf("%q names no cluster", name), "name every cluster; patterns are not possible")
			}
		}
	}
	i.AllowedClusters = clusters
}

// maxInRepoFiles bounds what one repository may make Prow read.
const maxInRepoFiles = 2000

// InRepoEnabled reports whether r may bring its own jobs.
func (c *Config) InRepoEnabled(r prow.Repo) bool {
	on, _ := byRepo(c.InRepoConfig.Enabled, r)
	return isTrue(on)
}

// InRepoClusters returns the clusters that r's own jobs may use.
func (c *Config) InRepoClusters(r prow.Repo) []string {
	a := c.InRepoConfig.AllowedClusters
	out := union(union(a[r.String()], a[r.Owner]), a["*"])
	if _, host, ok := strings.Cut(r.Owner, "://"); ok {
		out = union(out, union(a[host+"/"+r.Name], a[host]))
	}
	return out
}

// TouchesInRepo reports whether a change of files changes a repository's own jobs.
func TouchesInRepo(files []string) bool {
	return slices.ContainsFunc(files, func(f string) bool { return f == InRepoFile || strings.HasPrefix(f, InRepoDir+"/") })
}

// InRepoJobs is what a repository may say.
type InRepoJobs struct {
	// Presets are settings for jobs of this repository's own files which carry certain labels.
	Presets []Preset `json:"presets,omitempty"`
	// Presubmits are jobs that test pull requests of this repository.
	Presubmits []Presubmit `json:"presubmits,omitempty"`
	// Postsubmits are jobs that test branches of this repository after a push.
	Postsubmits []Postsubmit `json:"postsubmits,omitempty"`
}

// Static returns r's jobs without its own files.
func (c *Config) Static(r prow.Repo) *RepoJobs {
	return &RepoJobs{Presubmits: c.Presubmits(r), Postsubmits: c.Postsubmits(r)}
}

// InRepo returns the jobs of r where fsys is its tree: the static ones, then those
// of its own files, which get the same defaults and checks. The error is
// Problems; it is nil where r may not bring jobs, or brings none.
func (c *Config) InRepo(fsys fs.FS, r prow.Repo) (out *RepoJobs, err error) {
	out = c.Static(r)
	defer func() {
		if x := recover(); x != nil { // what is in a repository never stops the process
			out, err = c.Static(r), Problems{impossible(InRepoFile, x)}
		}
	}()
	if !c.InRepoEnabled(r) {
		return out, nil
	}
	if c.codec.plans == nil {
		c = &Config{JobConfig: c.JobConfig, ProwConfig: c.ProwConfig, Plugins: c.Plugins, shared: c.shared, codec: newCodec()}
	}
	rep := &report{}
	in := &inputs{jobs: c.inRepoSources(fsys, rep)}
	for _, s := range in.jobs {
		rep.problems = append(rep.problems, s.problems...)
	}
	own := c.finishInRepo(in, r, rep)
	if p := rep.errors(in); len(p) > 0 {
		return out, p
	}
	out.Presubmits = slices.Concat(out.Presubmits, own.PresubmitsStatic[r.String()])
	out.Postsubmits = slices.Concat(out.Postsubmits, own.PostsubmitsStatic[r.String()])
	out.Warnings = rep.warnings(in)
	return out, nil
}

// finishInRepo finishes the jobs of r's files and checks them beside its static ones.
func (c *Config) finishInRepo(in *inputs, r prow.Repo, rep *report) *JobConfig {
	s := shared{namespace: c.PodNamespace}
	if c.shared != nil {
		s = *c.shared
	}
	s.presets, s.added = slices.Clone(s.presets), &atomic.Int64{}
	for _, f := range in.jobs {
		s.presets = append(s.presets, f.value.(*InRepoJobs).Presets...)
	}
	s.presetLabels = labelsOf(s.presets)
	res := c.res.below()
	own := &JobConfig{PresubmitsStatic: map[string][]Presubmit{}, PostsubmitsStatic: map[string][]Postsubmit{}}
	for _, file := range in.jobs {
		f := &finisher{shared: &s, rep: rep, file: file.name, res: res}
		v := file.value.(*InRepoJobs)
		own.join(&JobConfig{
			PresubmitsStatic:  map[string][]Presubmit{r.String(): f.presubmits([]any{"presubmits"}, r.String(), v.Presubmits)},
			PostsubmitsStatic: map[string][]Postsubmit{r.String(): f.postsubmits([]any{"postsubmits"}, r.String(), v.Postsubmits)},
		})
	}
	allowed := c.InRepoClusters(r)
	for i := range own.PresubmitsStatic[r.String()] {
		checkCluster(&own.PresubmitsStatic[r.String()][i].JobBase, allowed, rep)
	}
	for i := range own.PostsubmitsStatic[r.String()] {
		checkCluster(&own.PostsubmitsStatic[r.String()][i].JobBase, allowed, rep)
	}
	twicePresubmits(slices.Concat(c.Presubmits(r), own.PresubmitsStatic[r.String()]), c.branchesOf(r.String()), rep)
	twicePostsubmits(slices.Concat(c.Postsubmits(r), own.PostsubmitsStatic[r.String()]), c.branchesOf(r.String()), rep)
	return own
}

func checkCluster(j *JobBase, allowed []string, rep *report) {
	if slices.Contains(allowed, j.Cluster) {
		return
	}
	hint := "no cluster is allowed here"
	if len(allowed) > 0 {
		hint = "allowed here: " + strings.Join(allowed, ", ") + didYouMean(j.Cluster, allowed)
	}
	spot{rep: rep, file: j.Source.File, path: j.path, job: j.Name}.at("cluster").hinted(fmt.Sprintf("this repository's own jobs may not use cluster %q", j.Cluster), hint)
}

// OpenTree opens the work tree of a repository for InRepo. Nobody may trust what is in
// it: a link that leads out of it is not followed, as it is not in a mirror. It is
// closed when nobody holds it any longer.
func OpenTree(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return root.FS(), nil
}

// inRepoSources reads and parses the directory if it is there, else the file.
func (c *Config) inRepoSources(fsys fs.FS, rep *report) []*source {
	names := []string{InRepoFile}
	if info, err := fs.Stat(fsys, InRepoDir); err == nil && info.IsDir() {
		w := &walker{fsys: fsys, root: InRepoDir}
		w.dir(InRepoDir, ignoreFile(fsys, "."), 0)
		for _, err := range w.errs {
			rep.unreadable(InRepoDir, err)
		}
		names = w.files
	}
	if len(names) > maxInRepoFiles {
		rep.add(Problem{Kind: KindInvalid, Position: Position{File: InRepoDir}, Text: fmt.Sprintf("holds %d files; want at most %d", len(names), maxInRepoFiles)})
		return nil
	}
	total := 0
	var out []*source
	for _, name := range names {
		s := &source{name: path.Clean(name), fsys: fsys, codec: c.codec, as: func() any { return new(InRepoJobs) }, unknown: KindUnknownAll}
		if _, err := fs.Stat(fsys, name); errors.Is(err, fs.ErrNotExist) && name == InRepoFile {
			continue
		}
		s.parse(nil)
		if total += len(s.data); total > maxFile {
			rep.add(Problem{Kind: KindInvalid, Position: Position{File: InRepoDir}, Text: fmt.Sprintf("holds more than %d MB", maxFile>>20)})
			return nil
		}
		out = append(out, s)
	}
	return out
}
