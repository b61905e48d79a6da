package prow

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Places inside a decorated pod. A runner without pods gives its own.
const (
	PodHome      = "/home/prow/go" // GOPATH, and the root of clones
	PodArtifacts = "/logs/artifacts"
)

// JobSpec is what a test reads from $JOB_SPEC.
type JobSpec struct {
	Type             Type              `json:"type,omitempty"`
	Job              string            `json:"job,omitempty"`
	BuildID          string            `json:"buildid,omitempty"`
	ProwJobID        string            `json:"prowjobid,omitempty"`
	Refs             *Refs             `json:"refs,omitempty"`
	ExtraRefs        []Refs            `json:"extra_refs,omitempty"`
	DecorationConfig *DecorationConfig `json:"decoration_config,omitempty"`
}

// JobSpec returns what j's test reads from $JOB_SPEC.
func (j *Job) JobSpec() JobSpec {
	return JobSpec{
		Type: j.Spec.Type, Job: j.Spec.Job, BuildID: j.Status.BuildID, ProwJobID: j.Name,
		Refs: j.Spec.Refs, ExtraRefs: j.Spec.ExtraRefs, DecorationConfig: j.Spec.DecorationConfig,
	}
}

// Env returns the variables Prow adds to the environment of j's test. home and
// artifacts are where clones and artifacts are for the test; they are given as
// GOPATH and ARTIFACTS to decorated jobs only.
func (j *Job) Env(home, artifacts string) (map[string]string, error) {
	spec, err := json.Marshal(j.JobSpec())
	if err != nil {
		return nil, err
	}
	env := map[string]string{
		"CI":           "true",
		"JOB_NAME":     j.Spec.Job,
		"JOB_TYPE":     string(j.Spec.Type),
		"JOB_SPEC":     string(spec),
		"BUILD_ID":     j.Status.BuildID,
		"BUILD_NUMBER": j.Status.BuildID,
		"PROW_JOB_ID":  j.Name,
	}
	if j.Spec.DecorationConfig != nil {
		env["ARTIFACTS"], env["GOPATH"] = artifacts, home
	}
	if j.Spec.Type == Periodic || j.Spec.Refs == nil {
		return env, nil
	}
	r := j.Spec.Refs
	host, base := "github.com", r.Org+"/"+r.Repo
	if r.PathAlias != "" || r.RepoLink != "" {
		before, after, ok := strings.Cut(r.ClonePath(), "/")
		if host = before; ok {
			base = after
		}
	}
	env["REPO_OWNER"], env["REPO_NAME"] = r.Org, r.Repo
	env["SRC_HOST"], env["SRC_BASE"] = host, base
	env["PULL_BASE_REF"], env["PULL_BASE_SHA"] = r.BaseRef, r.BaseSHA
	env["PULL_REFS"] = r.String()
	if j.Spec.Type == Presubmit && len(r.Pulls) > 0 {
		p := r.Pulls[0]
		env["PULL_NUMBER"] = strconv.Itoa(p.Number)
		env["PULL_PULL_SHA"] = p.SHA
		env["PULL_HEAD_REF"] = p.HeadRef
		env["PULL_TITLE"] = p.Title
	}
	return env, nil
}
