package config

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"

	prow "github.com/prow-ci/prow"
)

// Defaults of jobs.
const (
	DefaultCluster = "default"
	DefaultTenant  = "GlobalDefaultID" // of jobs that name no tenant
)

// shared is what the jobs of every file depend on.
type shared struct {
	namespace   string // of pods
	decorateAll bool
	decorations []DecorationEntry
	defaults    []ProwJobDefaultEntry
	presets     []Preset
	// presetLabels are the names of labels that presets look for, sorted.
	presetLabels []string
	queues       map[string]int
	timeout      *prow.Duration // default_job_timeout, if it is given

	added *atomic.Int64 // by presets, to all jobs

	precise bool // warnings of jobs, too, are placed to the column
}

// key changes whenever s does.
func (s *shared) key() [sha256.Size]byte {
	b, err := json.Marshal([]any{s.namespace, s.decorateAll, s.decorations, s.defaults, s.presets, s.queues, s.timeout})
	if err != nil {
		panic(err) // all of it came from JSON
	}
	return sha256.Sum256(b)
}

// piece is the finished jobs of one file.
type piece struct {
	of, with [sha256.Size]byte // the text, and what is shared
	jobs     JobConfig
	problems Problems
	faults   []defaultFault
}

// finisher turns jobs as written into jobs ready to use.
type finisher struct {
	*shared
	rep  *report
	file string
	res  regexps

	meant map[string]string // hints for labels that ask for no preset

	faults *[]defaultFault // where those go that many jobs have; nil: told at each job
}

// finish completes the jobs of a file, which are left as they are.
func (s *shared) finish(file *source, res regexps) (p *piece) {
	defer func() {
		if r := recover(); r != nil {
			p = &piece{problems: Problems{impossible(file.name, r)}}
		}
	}()
	f := &finisher{shared: s, rep: &report{}, file: file.name, res: res}
	raw := file.jobs()
	if raw.DecorateAllJobs && !s.decorateAll {
		own := *s
		own.decorateAll = true
		f.shared = &own
	}
	var faults []defaultFault
	f.faults = &faults
	p = &piece{jobs: JobConfig{PresubmitsStatic: map[string][]Presubmit{}, PostsubmitsStatic: map[string][]Postsubmit{}}}
	for repo, jobs := range raw.PresubmitsStatic {
		f.checkRepo(trail{"presubmits", repo}, repo)
		p.jobs.PresubmitsStatic[repo] = f.presubmits(trail{"presubmits", repo}, repo, jobs)
	}
	for repo, jobs := range raw.PostsubmitsStatic {
		f.checkRepo(trail{"postsubmits", repo}, repo)
		p.jobs.PostsubmitsStatic[repo] = f.postsubmits(trail{"postsubmits", repo}, repo, jobs)
	}
	for i, j := range raw.Periodics {
		f.periodic(f.spot(trail{"periodics", i}).of(j.Name), &j)
		p.jobs.Periodics = append(p.jobs.Periodics, j)
	}
	sortFaults(faults)
	p.faults = faults
	p.problems = f.rep.placed(file, s.precise, &p.jobs)
	return p
}

func (f *finisher) spot(p trail) spot { return spot{rep: f.rep, file: f.file, path: p} }

// checkRepo warns of jobs that stand below what is no repository.
func (f *finisher) checkRepo(at trail, repo string) {
	if owner, name, ok := strings.Cut(repo, "/"); !ok || owner == "" || name == "" {
		f.spot(at).warn(KindNoEffect, fmt.Sprintf("%q is no repository, so these jobs never run", repo), "write owner/name; jobs of all repositories of an owner are not possible")
	}
}

func (f *finisher) presubmits(at trail, repo string, jobs []Presubmit) []Presubmit {
	out := make([]Presubmit, 0, len(jobs))
	for i, j := range jobs {
		f.presubmit(f.spot(at).at(i).of(j.Name), repo, &j)
		out = append(out, j)
	}
	return out
}

func (f *finisher) postsubmits(at trail, repo string, jobs []Postsubmit) []Postsubmit {
	out := make([]Postsubmit, 0, len(jobs))
	for i, j := range jobs {
		f.postsubmit(f.spot(at).at(i).of(j.Name), repo, &j)
		out = append(out, j)
	}
	return out
}

func (f *finisher) presubmit(at spot, repo string, j *Presubmit) {
	f.base(at, &j.JobBase, repo, prow.Presubmit)
	j.Context = f.context(j.Context, j.Name)
	f.branches(at, &j.Brancher)
	f.changes(at, &j.ChangeMatcher)
	if j.Trigger == "" && j.RerunCommand == "" {
		j.Trigger, j.RerunCommand = defaultTrigger(j.Name), "/test "+j.Name
	} else {
		j.trigger = f.res.compile(at.at("trigger"), j.Trigger)
	}
	checkPresubmit(at, j)
}

func (f *finisher) postsubmit(at spot, repo string, j *Postsubmit) {
	f.base(at, &j.JobBase, repo, prow.Postsubmit)
	j.Context = f.context(j.Context, j.Name)
	f.branches(at, &j.Brancher)
	f.changes(at, &j.ChangeMatcher)
	checkPostsubmit(at, j)
}

func (f *finisher) periodic(at spot, j *Periodic) {
	repo := ""
	if len(j.ExtraRefs) > 0 {
		repo = j.ExtraRefs[0].RepoID().String()
	}
	f.base(at, &j.JobBase, repo, prow.Periodic)
	f.clock(at, j)
}

func (f *finisher) context(given, name string) string {
	if given == "" {
		return name
	}
	return given
}

// base gives a job what all jobs have.
func (f *finisher) base(at spot, j *JobBase, repo string, t prow.Type) {
	j.Source.File, j.path = f.file, at.path
	if j.Agent == "" {
		j.Agent = prow.KubernetesAgent
	}
	if j.Cluster == "" {
		j.Cluster = DefaultCluster
	}
	if j.Namespace == nil || *j.Namespace == "" {
		ns := f.namespace
		j.Namespace = &ns
	}
	f.decorate(at, j, repo)
	j.ProwJobDefault = f.jobDefault(j.ProwJobDefault, repo, j.Cluster)
	if j.Spec != nil {
		j.Spec = f.applyPresets(at, j.Labels, j.Spec)
		f.missingPresets(at, j.Labels)
	}
	f.checkBase(at, j, t)
	f.checkDecoration(at, j, repo)
}

// decorate gives a decorated job its whole configuration.
func (f *finisher) decorate(at spot, j *JobBase, repo string) {
	switch {
	case f.decorated(j):
		checkLayer(at.at("decoration_config"), j.DecorationConfig)
		j.DecorationConfig = mergeDecoration(f.decoration(repo, j.Cluster), j.DecorationConfig)
	case j.Decorate != nil && j.DecorationConfig != nil:
		at.at("decoration_config").warn(KindNoEffect, "has no effect, because decorate is false", "remove one of the two")
		j.DecorationConfig = nil
	}
}

// decorated reports whether the job is to be decorated.
func (s *shared) decorated(j *JobBase) bool {
	if j.Decorate != nil {
		return *j.Decorate
	}
	return s.decorateAll
}

// decoration is what the default entries give to a job.
func (s *shared) decoration(repo, cluster string) *prow.DecorationConfig {
	out := &prow.DecorationConfig{Timeout: s.timeout}
	for _, e := range s.decorations {
		if entryMatches(e.OrgRepo, e.Cluster, repo, cluster) {
			out = mergeDecoration(out, e.Config)
		}
	}
	return out
}

func (s *shared) jobDefault(own *prow.ProwJobDefault, repo, cluster string) *prow.ProwJobDefault {
	out := prow.ProwJobDefault{TenantID: DefaultTenant}
	lay := func(d *prow.ProwJobDefault) {
		if d == nil {
			return
		}
		if d.ResultStoreConfig != nil {
			out.ResultStoreConfig = d.ResultStoreConfig
		}
		if d.TenantID != "" {
			out.TenantID = d.TenantID
		}
	}
	for _, e := range s.defaults {
		if entryMatches(e.OrgRepo, e.Cluster, repo, cluster) {
			lay(e.Config)
		}
	}
	lay(own)
	return &out
}

// entryMatches is the test of all lists of defaults by repository and cluster.
func entryMatches(entryRepo, entryCluster, repo, cluster string) bool {
	if entryCluster != "" && entryCluster != "*" && entryCluster != cluster {
		return false
	}
	if entryRepo == "" || entryRepo == "*" || entryRepo == repo {
		return true
	}
	bare := codeHost(repo)
	org, _, _ := strings.Cut(bare, "/")
	return entryRepo == bare || entryRepo == org
}

// codeHost drops the scheme of a Gerrit repository, and -review from its host.
func codeHost(repo string) string {
	_, rest, ok := strings.Cut(repo, "://")
	if !ok {
		return repo
	}
	host, name, _ := strings.Cut(rest, "/")
	first, domain, _ := strings.Cut(host, ".")
	return fmt.Sprintf("%s.%s/%s", strings.TrimSuffix(first, "-review"), domain, name)
}
