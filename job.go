package prow

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Job is one run of one configured test on one set of refs. Its JSON is the
// ProwJob resource (prow.k8s.io/v1), byte for byte what existing clients know.
type Job struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   Spec   `json:"spec,omitempty"`
	Status Status `json:"status,omitempty"`
}

// APIVersion and Kind of a Job as a resource.
const (
	APIVersion = "prow.k8s.io/v1"
	Kind       = "ProwJob"
)

// ID is the job's name as a resource. Same trigger, same ID: creating a job
// twice is creating it once.
func (j *Job) ID() string { return j.Name }

// Type says why a job runs.
type Type string

// The four types of jobs.
const (
	Presubmit  Type = "presubmit"
	Postsubmit Type = "postsubmit"
	Periodic   Type = "periodic"
	Batch      Type = "batch"
)

// State is where a job stands. A job only moves along the arrows that next draws.
type State string

// The seven states of a job.
const (
	Scheduling State = "scheduling" // wanted, no cluster chosen yet
	Triggered  State = "triggered"  // wanted, not yet started
	Pending    State = "pending"    // started
	Success    State = "success"
	Failure    State = "failure" // the test said no
	Aborted    State = "aborted" // a person, a newer job or a time limit said stop
	Error      State = "error"   // we could not tell
)

// next is where a job may go from s.
func (s State) next() []State {
	switch s {
	case "", Scheduling:
		return []State{Scheduling, Triggered, Aborted, Error}
	case Triggered:
		return []State{Pending, Aborted, Error}
	case Pending:
		return []State{Success, Failure, Aborted, Error}
	}
	return nil
}

// Final reports whether no arrow leaves s. An aborted job may still be
// incomplete: its agent has to stop the run first, see Job.Complete.
func (s State) Final() bool { return s != "" && len(s.next()) == 0 }

// Ended tells in a sentence how a job that is over came to its end, for the story
// of what it is about.
func (j *Job) Ended() string {
	words := map[State]string{Success: "succeeded", Failure: "failed", Aborted: "was aborted", Error: "could not be run to its end"}
	why := j.Status.Description
	if j.Status.State == Aborted {
		why = strings.TrimPrefix(why, "Aborted: ")
	}
	return j.Spec.Job + " " + words[j.Status.State] + ": " + why
}

// Agents that run jobs.
const (
	KubernetesAgent = "kubernetes"
	JenkinsAgent    = "jenkins"
	TektonAgent     = "tekton-pipeline"
)

// Spec is what to run.
type Spec struct {
	Type                  Type                   `json:"type,omitempty"`
	Agent                 string                 `json:"agent,omitempty"`
	Cluster               string                 `json:"cluster,omitempty"`
	Namespace             string                 `json:"namespace,omitempty"`
	Job                   string                 `json:"job,omitempty"`
	Refs                  *Refs                  `json:"refs,omitempty"`
	ExtraRefs             []Refs                 `json:"extra_refs,omitempty"`
	Report                bool                   `json:"report,omitempty"`
	Context               string                 `json:"context,omitempty"`
	RerunCommand          string                 `json:"rerun_command,omitempty"`
	MaxConcurrency        int                    `json:"max_concurrency,omitempty"`
	JobQueueName          string                 `json:"job_queue_name,omitempty"`
	ErrorOnEviction       bool                   `json:"error_on_eviction,omitempty"`
	PodSpec               *corev1.PodSpec        `json:"pod_spec,omitempty"`
	JenkinsSpec           *JenkinsSpec           `json:"jenkins_spec,omitempty"`
	PipelineRunSpec       any                    `json:"pipeline_run_spec,omitempty"`
	TektonPipelineRunSpec *TektonPipelineRunSpec `json:"tekton_pipeline_run_spec,omitempty"`
	DecorationConfig      *DecorationConfig      `json:"decoration_config,omitempty"`
	ReporterConfig        *ReporterConfig        `json:"reporter_config,omitempty"`
	RerunAuthConfig       *RerunAuthConfig       `json:"rerun_auth_config,omitempty"`
	Hidden                bool                   `json:"hidden,omitempty"`
	ProwJobDefault        *ProwJobDefault        `json:"prowjob_defaults,omitempty"`
}

// Status is what became of a job.
type Status struct {
	StartTime      metav1.Time  `json:"startTime,omitempty"`   // creation of the job
	PendingTime    *metav1.Time `json:"pendingTime,omitempty"` // it went from triggered to pending
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	State          State        `json:"state,omitempty"`
	// Description is one sentence for a person: why the job is where it is.
	Description    string `json:"description,omitempty"`
	URL            string `json:"url,omitempty"`
	PodRevivals    int    `json:"pod_revival_count,omitempty"`
	PodName        string `json:"pod_name,omitempty"`
	BuildID        string `json:"build_id,omitempty"`
	JenkinsBuildID string `json:"jenkins_build_id,omitempty"`
	// PrevReportStates holds, per reporter, the last state it has reported.
	PrevReportStates map[string]State `json:"prev_report_states,omitempty"`
}

// Complete reports whether the job has come to its end.
func (j *Job) Complete() bool { return j.Status.CompletionTime != nil }

// Advance moves j to state to and is the only writer of Status.State. Success,
// Failure and Error complete the job at once; Aborted does not, because the
// agent has to stop the run first and then calls Finish.
func (j *Job) Advance(to State, at time.Time, why string) error {
	if !slices.Contains(j.Status.State.next(), to) {
		return fmt.Errorf("job %s (%s): cannot go from %s to %s", j.Name, j.Spec.Job, j.Status.State, to)
	}
	j.Status.State, j.Status.Description = to, why
	t := metav1.NewTime(at)
	switch to {
	case Pending:
		j.Status.PendingTime = &t
	case Success, Failure, Error:
		j.Status.CompletionTime = &t
	}
	return nil
}

// GitHubReporter is the key in PrevReportStates of what GitHub knows of a job.
const GitHubReporter = "github-reporter"

// Supersede aborts j because a newer job about the same change takes its place. Its
// end is not reported to GitHub, which keeps the status of the newer one.
func (j *Job) Supersede(at time.Time, why string) error {
	if err := j.Advance(Aborted, at, why); err != nil {
		return err
	}
	if j.Status.PrevReportStates == nil {
		j.Status.PrevReportStates = map[string]State{}
	}
	j.Status.PrevReportStates[GitHubReporter] = Aborted
	return nil
}

// Finish completes an aborted job once nothing of it runs any more. Finishing
// a complete job changes nothing.
func (j *Job) Finish(at time.Time) error {
	if j.Complete() {
		return nil
	}
	if j.Status.State != Aborted {
		return fmt.Errorf("job %s (%s): %s cannot be finished", j.Name, j.Spec.Job, j.Status.State)
	}
	t := metav1.NewTime(at)
	j.Status.CompletionTime = &t
	return nil
}

// Pull returns the job's first pull, or nil.
func (j *Job) Pull() *PullRef {
	if j.Spec.Refs == nil || len(j.Spec.Refs.Pulls) == 0 {
		return nil
	}
	return &j.Spec.Refs.Pulls[0]
}

// MainRefs returns the refs a job is about: Refs, else the first of ExtraRefs,
// else nil.
func (j *Job) MainRefs() *Refs { return j.Spec.MainRefs() }

// MainRefs returns the refs a job of s is about, as Job.MainRefs.
func (s *Spec) MainRefs() *Refs {
	switch {
	case s.Refs != nil:
		return s.Refs
	case len(s.ExtraRefs) > 0:
		return &s.ExtraRefs[0]
	}
	return nil
}

// JenkinsSpec is the part of a spec that only the Jenkins agent reads.
type JenkinsSpec struct {
	// GitHubBranchSourceJob says that the job is a multibranch job of Jenkins. Default: false
	GitHubBranchSourceJob bool `json:"github_branch_source_job,omitempty"`
}

// TektonPipelineRunSpec holds a Tekton PipelineRun spec, uninterpreted.
type TektonPipelineRunSpec struct {
	// V1Beta1 is the spec of a PipelineRun of tekton.dev/v1beta1.
	V1Beta1 any `json:"v1beta1,omitempty"`
}

// ReporterConfig overrides how a job is reported.
type ReporterConfig struct {
	// Slack is laid over the entry of slack_reporter_configs.
	Slack *SlackReporterConfig `json:"slack,omitempty"`
}

// SlackReporterConfig is where and when Slack hears of a job.
type SlackReporterConfig struct {
	// Host is which of the configured Slack workspaces hears of it. Default: "*"
	Host string `json:"host,omitempty"`
	// Channel is the channel that hears of it. Example: my-alerts
	Channel string `json:"channel,omitempty"`
	// JobStatesToReport are the states that are reported; an empty list is none. Default: those of the global entry Example: [failure, error]
	JobStatesToReport []State `json:"job_states_to_report,omitempty"`
	// ReportTemplate is a Go template over the ProwJob for the message. Default: that of the global entry
	ReportTemplate string `json:"report_template,omitempty"`
	// Report says false that nothing is reported. Default: true
	Report *bool `json:"report,omitempty"`
}

// RerunAuthConfig says who may rerun a job from deck.
type RerunAuthConfig struct {
	// AllowAnyone lets everybody rerun; not together with the lists. Default: false
	AllowAnyone bool `json:"allow_anyone,omitempty"`
	// GitHubTeamIDs are ids of teams whose members may.
	GitHubTeamIDs []int `json:"github_team_ids,omitempty"`
	// GitHubTeamSlugs are teams whose members may.
	GitHubTeamSlugs []TeamSlug `json:"github_team_slugs,omitempty"`
	// GitHubUsers are logins of people who may.
	GitHubUsers []string `json:"github_users,omitempty"`
	// GitHubOrgs are organisations whose members may.
	GitHubOrgs []string `json:"github_orgs,omitempty"`
}

// TeamSlug names a team by its organisation and slug.
type TeamSlug struct {
	// Slug is the name of the team in its address.
	Slug string `json:"slug"`
	// Org is the organisation of the team.
	Org string `json:"org"`
}

// ProwJobDefault holds settings that come from prowjob_default_entries.
type ProwJobDefault struct {
	// ResultStoreConfig says where in ResultStore results go.
	ResultStoreConfig *ResultStoreConfig `json:"resultstore_config,omitempty"`
	// TenantID is whose the job is, where several share an installation. Default: GlobalDefaultID
	TenantID string `json:"tenant_id,omitempty"`
}

// ResultStoreConfig names a ResultStore project.
type ResultStoreConfig struct {
	// ProjectID is the Google Cloud project.
	ProjectID string `json:"project_id,omitempty"`
}
