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
	// Presets are settings that jobs get which carry certain labels.
	Presets []Preset `json:"presets,omitempty"`
	// PresubmitsStatic are the jobs that test pull requests, by "org/repo".
	PresubmitsStatic map[string][]Presubmit `json:"presubmits,omitempty"`
	// PostsubmitsStatic are the jobs that test branches after a push, by "org/repo".
	PostsubmitsStatic map[string][]Postsubmit `json:"postsubmits,omitempty"`
	// Periodics are the jobs that run by the clock.
	Periodics []Periodic `json:"periodics,omitempty"`
	// DecorateAllJobs decorates the jobs that do not say decorate: in the main file all of them, in a job file those of the file. Default: false
	DecorateAllJobs bool `json:"decorate_all_jobs,omitempty"`
}

// Preset is settings that a job gets when it carries its labels.
type Preset struct {
	// Labels are those a job needs to get the preset, with their values; a preset without labels is for every job. Example: {preset-service-account: "true"}
	Labels map[string]string `json:"labels,omitempty"`
	// Env is added to every container.
	Env []corev1.EnvVar `json:"env,omitempty"`
	// Volumes are added to the pod.
	Volumes []corev1.Volume `json:"volumes,omitempty"`
	// VolumeMounts are added to every container.
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts,omitempty"`
	// Tolerations are added to the pod.
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
}

// JobBase is what all jobs have.
type JobBase struct {
	// Name is the job's name: letters, digits, - . and _; for Jenkins / as well. Example: pull-unit-tests
	Name string `json:"name"`
	// Labels are put on the job and its pod, and choose presets.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are put on the job and its pod.
	Annotations map[string]string `json:"annotations,omitempty"`
	// MaxConcurrency is how many runs of the job there are at a time; 0 is no limit. Default: 0
	MaxConcurrency int `json:"max_concurrency,omitempty"`
	// JobQueueName is the queue whose capacity limits the job as well; it is one of plank.job_queue_capacities.
	JobQueueName string `json:"job_queue_name,omitempty"`
	// Agent runs the job: kubernetes, jenkins or tekton-pipeline. Default: kubernetes
	Agent string `json:"agent,omitempty"`
	// Cluster is the build cluster that runs the job. Default: default
	Cluster string `json:"cluster,omitempty"`
	// Namespace is that of the job's resources; only agent tekton-pipeline takes another. Default: pod_namespace
	Namespace *string `json:"namespace,omitempty"`
	// ErrorOnEviction ends the job in error when its pod is evicted, instead of trying again. Default: false
	ErrorOnEviction bool `json:"error_on_eviction,omitempty"`
	// Spec is the pod that runs, for agent kubernetes. Example: {containers: [{image: golang:1.26, command: [make, test]}]}
	Spec *corev1.PodSpec `json:"spec,omitempty"`
	// PipelineRunSpec is the older form of tekton_pipeline_run_spec.
	PipelineRunSpec any `json:"pipeline_run_spec,omitempty"`
	// TektonPipelineRunSpec is the pipeline that runs, for agent tekton-pipeline.
	TektonPipelineRunSpec *prow.TektonPipelineRunSpec `json:"tekton_pipeline_run_spec,omitempty"`
	// ReporterConfig says where else than on the forge the job is reported.
	ReporterConfig *prow.ReporterConfig `json:"reporter_config,omitempty"`
	// RerunAuthConfig says who may rerun the job, beside those whom deck's settings name.
	RerunAuthConfig *prow.RerunAuthConfig `json:"rerun_auth_config,omitempty"`
	// Hidden shows the job only on pages that show hidden jobs. Default: false
	Hidden bool `json:"hidden,omitempty"`
	// ProwJobDefault are settings laid over those of prowjob_default_entries.
	ProwJobDefault *prow.ProwJobDefault `json:"prowjob_defaults,omitempty"`
	UtilityConfig

	Source Position `json:"-"` // where it is written

	path trail // of the job in its file
}

// UtilityConfig says how the code is cloned and the job decorated.
type UtilityConfig struct {
	// Decorate has Prow clone the code, upload log and artifacts, and keep time limits. Default: decorate_all_jobs
	Decorate *bool `json:"decorate,omitempty"`
	// DecorationConfig is laid over the defaults of decoration.
	DecorationConfig *prow.DecorationConfig `json:"decoration_config,omitempty"`
	// PathAlias is where below src the code is cloned to. Default: github.com/org/repo Example: k8s.io/kubernetes
	PathAlias string `json:"path_alias,omitempty"`
	// CloneURI is the address the code is cloned from. Default: https://github.com/org/repo.git
	CloneURI string `json:"clone_uri,omitempty"`
	// SkipSubmodules leaves submodules out. Default: false
	SkipSubmodules bool `json:"skip_submodules,omitempty"`
	// CloneDepth is how many commits are fetched; 0 is all. Default: 0
	CloneDepth int `json:"clone_depth,omitempty"`
	// SkipFetchHead fetches the base branch only, not all branches and tags. Default: false
	SkipFetchHead bool `json:"skip_fetch_head,omitempty"`
	// ExtraRefs are further repositories to clone.
	ExtraRefs []prow.Refs `json:"extra_refs,omitempty"`
}

// Reporter says whether and where a job is reported.
type Reporter struct {
	// Context is the name of the status on the commit. Default: the job's name
	Context string `json:"context,omitempty"`
	// SkipReport gives no status and no comment. Default: false
	SkipReport bool `json:"skip_report,omitempty"`
}

// Brancher limits a job to branches.
type Brancher struct {
	// Branches are regular expressions, not anchored: the job runs for branches that one of them matches. Default: all Example: ["^main$", "^release-"]
	Branches []string `json:"branches,omitempty"`
	// SkipBranches are regular expressions, not anchored: the job does not run for branches that one of them matches.
	SkipBranches []string `json:"skip_branches,omitempty"`

	re, skipRe *regexp.Regexp
}

// Presubmit is a job that tests a pull request.
type Presubmit struct {
	JobBase
	Brancher
	ChangeMatcher
	Reporter
	// AlwaysRun runs the job for every push to a pull request. Default: false
	AlwaysRun bool `json:"always_run"`
	// Optional lets pull requests merge although the job failed. Default: false
	Optional bool `json:"optional,omitempty"`
	// RunBeforeMerge has tide run the job before it merges, even if the changed files do not ask for it. Default: false
	RunBeforeMerge bool `json:"run_before_merge,omitempty"`
	// Trigger is a regular expression for comments that start the job; it goes together with rerun_command. Default: /test and the job's name in a line
	Trigger string `json:"trigger,omitempty"`
	// RerunCommand is what people are told to write to start the job; trigger has to match it. Default: /test and the job's name
	RerunCommand string `json:"rerun_command,omitempty"`
	// JenkinsSpec is for agent jenkins.
	JenkinsSpec *prow.JenkinsSpec `json:"jenkins_spec,omitempty"`

	trigger *regexp.Regexp // nil for the default one, which needs no expression
}

// Postsubmit is a job that tests a branch after a push.
type Postsubmit struct {
	JobBase
	Brancher
	ChangeMatcher
	Reporter
	// AlwaysRun runs the job for every push; false without run_if_changed or skip_if_only_changed is for none. Default: true, unless files are asked for
	AlwaysRun *bool `json:"always_run,omitempty"`
	// JenkinsSpec is for agent jenkins.
	JenkinsSpec *prow.JenkinsSpec `json:"jenkins_spec,omitempty"`
}

// Periodic is a job that runs by the clock.
type Periodic struct {
	JobBase
	// Interval is the time from one start to the next; a run never starts before the last has ended. Example: 2h
	Interval string `json:"interval,omitempty"`
	// MinimumInterval is the time from the end of one run to the start of the next. Example: 30m
	MinimumInterval string `json:"minimum_interval,omitempty"`
	// Cron says when the job runs: five fields, six with seconds first, or a word such as @daily; in UTC unless it begins with CRON_TZ=. Example: "0 6 * * 1-5"
	Cron string `json:"cron,omitempty"`
	// Tags are free text for other tools.
	Tags []string `json:"tags,omitempty"`
	// Retry says how often a run that failed is repeated.
	Retry *Retry `json:"retry,omitempty"`

	interval, minimumInterval time.Duration
	schedule                  cron.Schedule // nil without cron
}

// Retry says how often a failed periodic is tried again.
type Retry struct {
	// RunAll repeats runs that succeeded, too. Default: false
	RunAll bool `json:"run_all,omitempty"`
	// Attempts is how often a run is repeated, at most 10. Default: 0
	Attempts int `json:"attempts,omitempty"`
	// Interval is the pause between two attempts; it has to be given. Example: 10m
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
