package trigger

import (
	"slices"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Extra is what the creator of a job adds to it.
type Extra struct {
	Labels      map[string]string
	Annotations map[string]string
	Why         string // one sentence; AnnotationWhy is set only if it is given
}

// PresubmitJob makes the job that tests refs, which have exactly one pull.
func PresubmitJob(cfg *config.Config, p *config.Presubmit, refs prow.Refs, id string, now time.Time, extra Extra) *prow.Job {
	j := presubmit(cfg, p, refs, id, now)
	j.Spec.Type, j.Spec.Report, j.Spec.RerunCommand = prow.Presubmit, !p.SkipReport, p.RerunCommand
	return mark(j, &p.JobBase, extra)
}

// BatchJob makes the job that tests refs with several pulls.
func BatchJob(cfg *config.Config, p *config.Presubmit, refs prow.Refs, id string, now time.Time, extra Extra) *prow.Job {
	j := presubmit(cfg, p, refs, id, now)
	j.Spec.Type = prow.Batch
	return mark(j, &p.JobBase, extra)
}

func presubmit(cfg *config.Config, p *config.Presubmit, refs prow.Refs, id string, now time.Time) *prow.Job {
	j := base(cfg, &p.JobBase, id, now)
	j.Spec.Context, j.Spec.JenkinsSpec = p.Context, p.JenkinsSpec
	j.Spec.Refs = primary(&p.JobBase, refs)
	return j
}

// PostsubmitJob makes the job that tests refs without pulls.
func PostsubmitJob(cfg *config.Config, p *config.Postsubmit, refs prow.Refs, id string, now time.Time, extra Extra) *prow.Job {
	j := base(cfg, &p.JobBase, id, now)
	j.Spec.Type, j.Spec.Report, j.Spec.Context, j.Spec.JenkinsSpec = prow.Postsubmit, !p.SkipReport, p.Context, p.JenkinsSpec
	j.Spec.Refs = primary(&p.JobBase, refs)
	return mark(j, &p.JobBase, extra)
}

// PeriodicJob makes a run of p.
func PeriodicJob(cfg *config.Config, p *config.Periodic, id string, now time.Time, extra Extra) *prow.Job {
	j := base(cfg, &p.JobBase, id, now)
	j.Spec.Type, j.Spec.Report = prow.Periodic, true
	return mark(j, &p.JobBase, extra)
}

// base makes what all jobs have.
func base(cfg *config.Config, b *config.JobBase, id string, now time.Time) *prow.Job {
	state := prow.Triggered
	if cfg.Scheduler.Enabled {
		state = prow.Scheduling
	}
	namespace := cfg.PodNamespace
	if b.Namespace != nil {
		namespace = *b.Namespace
	}
	return &prow.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: prow.APIVersion, Kind: prow.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: id},
		Spec: prow.Spec{
			Job: b.Name, Agent: b.Agent, Cluster: b.Cluster, Namespace: namespace,
			MaxConcurrency: b.MaxConcurrency, JobQueueName: b.JobQueueName, ErrorOnEviction: b.ErrorOnEviction,
			ExtraRefs: extraRefs(b), DecorationConfig: b.DecorationConfig, PodSpec: b.Spec,
			PipelineRunSpec: b.PipelineRunSpec, TektonPipelineRunSpec: b.TektonPipelineRunSpec,
			ReporterConfig: reporter(b.ReporterConfig), RerunAuthConfig: b.RerunAuthConfig,
			Hidden: b.Hidden, ProwJobDefault: b.ProwJobDefault,
		},
		Status: prow.Status{StartTime: metav1.NewTime(now), State: state},
	}
}

// primary completes the refs under test with what the job says of its clone.
func primary(b *config.JobBase, refs prow.Refs) *prow.Refs {
	if b.PathAlias != "" {
		refs.PathAlias = b.PathAlias
	}
	if b.CloneURI != "" {
		refs.CloneURI = b.CloneURI
	}
	if b.CloneDepth != 0 {
		refs.CloneDepth = b.CloneDepth
	}
	refs.SkipSubmodules = refs.SkipSubmodules || b.SkipSubmodules
	refs.SkipFetchHead = refs.SkipFetchHead || b.SkipFetchHead
	if d := b.DecorationConfig; d != nil {
		if refs.BloblessFetch == nil {
			refs.BloblessFetch = d.BloblessFetch
		}
		if len(d.SparseCheckoutFiles) > 0 {
			refs.SparseCheckoutFiles = d.SparseCheckoutFiles
		}
	}
	return &refs
}

func extraRefs(b *config.JobBase) []prow.Refs {
	if b.DecorationConfig == nil || b.DecorationConfig.BloblessFetch == nil {
		return b.ExtraRefs
	}
	out := slices.Clone(b.ExtraRefs)
	for i := range out {
		if out[i].BloblessFetch == nil {
			out[i].BloblessFetch = b.DecorationConfig.BloblessFetch
		}
	}
	return out
}

// reporter sets the report flag of a Slack section that leaves it out: an empty
// list of states, as opposed to none, means never.
func reporter(r *prow.ReporterConfig) *prow.ReporterConfig {
	if r == nil || r.Slack == nil || r.Slack.Report != nil {
		return r
	}
	s := *r.Slack
	report := s.JobStatesToReport == nil || len(s.JobStatesToReport) > 0
	s.Report = &report
	return &prow.ReporterConfig{Slack: &s}
}

// mark sets labels and annotations: the computed ones, over them the job's, over
// them the creator's.
func mark(j *prow.Job, b *config.JobBase, extra Extra) *prow.Job {
	j.Labels = j.Spec.Labels(b.Labels, extra.Labels)
	j.Annotations = j.Spec.Annotations(b.Annotations, extra.Annotations)
	if extra.Why != "" {
		j.Annotations[prow.AnnotationWhy] = extra.Why
	}
	return j
}

// PullRefs returns the refs of a pull request on its base at baseSHA.
func PullRefs(p *prow.Pull, baseSHA string) prow.Refs {
	link := strings.TrimSuffix(p.URL, "/pull/"+strconv.Itoa(p.ID.Number))
	return prow.Refs{
		Org: p.ID.Repo.Owner, Repo: p.ID.Repo.Name, RepoLink: link,
		BaseRef: p.Base, BaseSHA: baseSHA, BaseLink: link + "/commit/" + baseSHA,
		Pulls: []prow.PullRef{p.Ref()},
	}
}

// PushRefs returns the refs of a push to a branch or tag.
func PushRefs(e *prow.PushEvent) prow.Refs {
	org := e.OwnerName
	if org == "" {
		org = e.At.Repo.Owner
	}
	return prow.Refs{
		Org: org, Repo: e.At.Repo.Name, RepoLink: e.RepoURL,
		BaseRef: e.Branch, BaseSHA: e.After, BaseLink: e.CompareURL,
	}
}
