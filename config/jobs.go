package config

import (
	"regexp"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/robfig/cron/v3"
	corev1 "k8s.io/api/core/v1"
)

// JobConfig is all jobs, and what they share.
type JobConfig struct {
	Presets           []Preset                `json:"presets,omitempty"`
	PresubmitsStatic  map[string][]Presubmit  `json:"presubmits,omitempty"`  // by "org/repo"
	PostsubmitsStatic map[string][]Postsubmit `json:"postsubmits,omitempty"` // by "org/repo"
	Periodics         []Periodic              `json:"periodics,omitempty"`
	DecorateAllJobs   bool                    `json:"decorate_all_jobs,omitempty"`
}

// Preset is added to every job that carries its labels.
type Preset struct {
	Labels       map[string]string    `json:"labels,omitempty"`
	Env          []corev1.EnvVar      `json:"env,omitempty"`
	Volumes      []corev1.Volume      `json:"volumes,omitempty"`
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts,omitempty"`
	Tolerations  []corev1.Toleration  `json:"tolerations,omitempty"`
}

// JobBase is what all jobs have.
type JobBase struct {
	Name                  string                      `json:"name"`
	Labels                map[string]string           `json:"labels,omitempty"`
	Annotations           map[string]string           `json:"annotations,omitempty"`
	MaxConcurrency        int                         `json:"max_concurrency,omitempty"`
	JobQueueName          string                      `json:"job_queue_name,omitempty"`
	Agent                 string                      `json:"agent,omitempty"`
	Cluster               string                      `json:"cluster,omitempty"`
	Namespace             *string                     `json:"namespace,omitempty"`
	ErrorOnEviction       bool                        `json:"error_on_eviction,omitempty"`
	Spec                  *corev1.PodSpec             `json:"spec,omitempty"`
	PipelineRunSpec       any                         `json:"pipeline_run_spec,omitempty"`
	TektonPipelineRunSpec *prow.TektonPipelineRunSpec `json:"tekton_pipeline_run_spec,omitempty"`
	ReporterConfig        *prow.ReporterConfig        `json:"reporter_config,omitempty"`
	RerunAuthConfig       *prow.RerunAuthConfig       `json:"rerun_auth_config,omitempty"`
	Hidden                bool                        `json:"hidden,omitempty"`
	ProwJobDefault        *prow.ProwJobDefault        `json:"prowjob_defaults,omitempty"`
	UtilityConfig

	Source Position `json:"-"` // where it is written

	path trail // of the job in its file
}

// UtilityConfig says how the code is cloned and the job decorated.
type UtilityConfig struct {
	Decorate         *bool                  `json:"decorate,omitempty"`
	DecorationConfig *prow.DecorationConfig `json:"decoration_config,omitempty"` // merged, if decorated
	PathAlias        string                 `json:"path_alias,omitempty"`
	CloneURI         string                 `json:"clone_uri,omitempty"`
	SkipSubmodules   bool                   `json:"skip_submodules,omitempty"`
	CloneDepth       int                    `json:"clone_depth,omitempty"`
	SkipFetchHead    bool                   `json:"skip_fetch_head,omitempty"`
	ExtraRefs        []prow.Refs            `json:"extra_refs,omitempty"`
}

// Reporter says whether and where a job is reported.
type Reporter struct {
	Context    string `json:"context,omitempty"` // default: the name
	SkipReport bool   `json:"skip_report,omitempty"`
}

// Brancher limits a job to branches.
type Brancher struct {
	Branches     []string `json:"branches,omitempty"`
	SkipBranches []string `json:"skip_branches,omitempty"`

	re, skipRe *regexp.Regexp
}

// Presubmit is a job that tests a pull request.
type Presubmit struct {
	JobBase
	Brancher
	ChangeMatcher
	Reporter
	AlwaysRun      bool              `json:"always_run"`
	Optional       bool              `json:"optional,omitempty"`
	RunBeforeMerge bool              `json:"run_before_merge,omitempty"`
	Trigger        string            `json:"trigger,omitempty"`
	RerunCommand   string            `json:"rerun_command,omitempty"`
	JenkinsSpec    *prow.JenkinsSpec `json:"jenkins_spec,omitempty"`

	trigger *regexp.Regexp // nil for the default one, which needs no expression
}

// Postsubmit is a job that tests a branch after a push.
type Postsubmit struct {
	JobBase
	Brancher
	ChangeMatcher
	Reporter
	AlwaysRun   *bool             `json:"always_run,omitempty"`
	JenkinsSpec *prow.JenkinsSpec `json:"jenkins_spec,omitempty"`
}

// Periodic is a job that runs by the clock.
type Periodic struct {
	JobBase
	Interval        string   `json:"interval,omitempty"`
	MinimumInterval string   `json:"minimum_interval,omitempty"`
	Cron            string   `json:"cron,omitempty"`
	Tags            []string `json:"tags,omitempty"`
	Retry           *Retry   `json:"retry,omitempty"`

	interval, minimumInterval time.Duration
	schedule                  cron.Schedule // nil without cron
}

// Retry says how often a failed periodic is tried again.
type Retry struct {
	RunAll   bool   `json:"run_all,omitempty"`
	Attempts int    `json:"attempts,omitempty"` // at most 10
	Interval string `json:"interval,omitempty"`

	interval time.Duration
}

// ShouldRun reports whether the branch is one of b's. Neither list is anchored.
func (b Brancher) ShouldRun(branch string) bool {
	if b.skipRe != nil && b.skipRe.MatchString(branch) {
		return false
	}
	return b.re == nil || b.re.MatchString(branch)
}

// Automatic reports whether p runs without being asked for by name.
func (p *Presubmit) Automatic() bool { return p.AlwaysRun || p.Conditional() }

// Required reports whether p's context has to succeed before a merge, if it runs.
func (p *Presubmit) Required() bool { return !p.Optional && !p.SkipReport }

// TriggeredBy reports whether the text of a comment asks for p by its trigger.
func (p *Presubmit) TriggeredBy(text string) bool { return NewComment(text).Triggers(p) }

// Every returns the interval, start to start; 0 if p has none.
func (p *Periodic) Every() time.Duration { return p.interval }

// Pause returns the minimum interval, completion to start; 0 if p has none.
func (p *Periodic) Pause() time.Duration { return p.minimumInterval }

// Pause returns the time between two attempts.
func (r *Retry) Pause() time.Duration { return r.interval }

// RepoJobs are the jobs of one repository at one revision: the static ones,
// then those of the repository's own files.
type RepoJobs struct {
	Presubmits  []Presubmit
	Postsubmits []Postsubmit
	// Broken says why the repository's own files could not be used; the lists
	// hold the static jobs alone then.
	Broken error
	// Warnings are about the repository's own files.
	Warnings Problems
}
