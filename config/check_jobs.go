package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"k8s.io/apimachinery/pkg/util/validation"
)

// agents are those that Prow itself serves.
func agents() []string { return []string{prow.KubernetesAgent, prow.JenkinsAgent, prow.TektonAgent} }

// reservedLabel reports whether only Prow sets the label.
func reservedLabel(k string) bool {
	return k == prow.LabelType || k == prow.LabelCreatedByProw || k == prow.LabelID
}

var (
	jobName     = regexp.MustCompile(`^[A-Za-z0-9-._]+$`)
	jenkinsName = regexp.MustCompile(`^[A-Za-z0-9-._]([A-Za-z0-9-._/]*[A-Za-z0-9-_])?$`)
)

// checkBase checks what all jobs have.
func (f *finisher) checkBase(at spot, j *JobBase, t prow.Type) {
	f.checkName(at, j)
	checkMarks(at, j)
	if j.MaxConcurrency < 0 {
		at.at("max_concurrency").hinted(fmt.Sprintf("is %d", j.MaxConcurrency), "want 0 for no limit, or a number above")
	}
	if _, ok := f.queues[j.JobQueueName]; j.JobQueueName != "" && !ok {
		at.at("job_queue_name").hinted(fmt.Sprintf("queue %q has no capacity", j.JobQueueName),
			"add it to plank.job_queue_capacities"+didYouMean(j.JobQueueName, keysOf(f.queues)))
	}
	f.checkAgent(at, j)
	f.checkClone(at, j)
	checkRerunAuth(at.at("rerun_auth_config"), j.RerunAuthConfig)
	checkReporter(at.at("reporter_config"), j.ReporterConfig)
	if j.Spec != nil && j.Agent == prow.KubernetesAgent {
		checkPod(at.at("spec"), j, t)
	}
	if j.Agent == prow.TektonAgent {
		checkTekton(at, j, t)
	}
	if j.PipelineRunSpec != nil {
		at.at("pipeline_run_spec").warn(KindDeprecated, "is an older form", "write tekton_pipeline_run_spec: {v1beta1: …}")
	}
}

func (f *finisher) checkName(at spot, j *JobBase) {
	re := jobName
	if j.Agent == prow.JenkinsAgent {
		re = jenkinsName
	}
	switch {
	case j.Name == "":
		at.hinted("has no name", "every job needs a name")
	case !re.MatchString(j.Name):
		at.at("name").hinted(fmt.Sprintf("%q is not a job name", j.Name), "want letters, digits, - . and _")
	}
}

// checkMarks checks labels and annotations.
func checkMarks(at spot, j *JobBase) {
	for _, k := range keysOf(j.Labels) {
		v := j.Labels[k]
		switch {
		case reservedLabel(k):
			at.at("labels", k).hinted("is set by Prow itself", "remove it")
		case len(validation.IsQualifiedName(k)) > 0:
			at.at("labels", k).wrong("is not a label name: " + strings.Join(validation.IsQualifiedName(k), "; "))
		case len(validation.IsValidLabelValue(v)) > 0:
			at.at("labels", k).wrong(fmt.Sprintf("%q is not a label value: %s", v, strings.Join(validation.IsValidLabelValue(v), "; ")))
		}
	}
	for _, k := range keysOf(j.Annotations) {
		if e := validation.IsQualifiedName(k); len(e) > 0 {
			at.at("annotations", k).wrong("is not an annotation name: " + strings.Join(e, "; "))
		}
	}
}

func (f *finisher) checkAgent(at spot, j *JobBase) {
	tekton := j.PipelineRunSpec != nil || j.TektonPipelineRunSpec != nil && j.TektonPipelineRunSpec.V1Beta1 != nil
	if !slices.Contains(agents(), j.Agent) {
		at.at("agent").warn(KindUnknownAgent, fmt.Sprintf("%q is none of Prow's agents, so nothing of the job is checked", j.Agent),
			"Prow's agents are "+strings.Join(agents(), ", ")+didYouMean(j.Agent, agents()))
		return
	}
	only := func(key, agent string, set bool) {
		if set && j.Agent != agent {
			at.at(key).wrong(fmt.Sprintf("goes only with agent %s; this job has agent %s", agent, j.Agent))
		}
	}
	only("spec", prow.KubernetesAgent, j.Spec != nil)
	only("error_on_eviction", prow.KubernetesAgent, j.ErrorOnEviction)
	only("pipeline_run_spec", prow.TektonAgent, j.PipelineRunSpec != nil)
	only("tekton_pipeline_run_spec", prow.TektonAgent, j.TektonPipelineRunSpec != nil)
	only("namespace", prow.TektonAgent, *j.Namespace != f.namespace)
	switch {
	case j.Agent == prow.KubernetesAgent && j.Spec == nil:
		at.hinted("has no spec", "a job of agent kubernetes needs a pod spec under spec")
	case j.Agent == prow.TektonAgent && !tekton:
		at.hinted("has no pipeline", "a job of agent tekton-pipeline needs tekton_pipeline_run_spec")
	case j.Agent != prow.KubernetesAgent && j.DecorationConfig != nil:
		at.hinted(fmt.Sprintf("cannot be decorated, because its agent is %s", j.Agent), "say decorate: false")
	}
}

func (f *finisher) checkClone(at spot, j *JobBase) {
	token := j.DecorationConfig != nil && j.DecorationConfig.OauthTokenSecret != nil
	checkCloneURI(at.at("clone_uri"), j.CloneURI, token)
	for i, r := range j.ExtraRefs {
		checkCloneURI(at.at("extra_refs", i, "clone_uri"), r.CloneURI, token)
		if r.Org == "" || r.Repo == "" {
			at.at("extra_refs", i).hinted("names no repository", "give org and repo")
		}
	}
}

func checkCloneURI(at spot, uri string, token bool) {
	if uri == "" {
		return
	}
	_, rest, ok := strings.Cut(uri, "@")
	if !ok {
		rest = uri
	}
	u, err := url.Parse(rest)
	if err != nil && !ok {
		at.wrong(fmt.Sprintf("%q is not an address: %v", uri, err))
	}
	if token && (err != nil || u.Scheme != "http" && u.Scheme != "https") {
		at.hinted(fmt.Sprintf("%q is not an https address", uri), "oauth_token_secret works over http and https only")
	}
}

func checkRerunAuth(at spot, c *prow.RerunAuthConfig) {
	if c != nil && c.AllowAnyone && len(c.GitHubUsers)+len(c.GitHubOrgs)+len(c.GitHubTeamIDs)+len(c.GitHubTeamSlugs) > 0 {
		at.hinted("allows anyone, and lists people too", "keep one of the two")
	}
}

func checkReporter(at spot, c *prow.ReporterConfig) {
	if c != nil && c.Slack != nil {
		parseTemplate(at.at("slack", "report_template"), c.Slack.ReportTemplate)
		checkStates(at.at("slack", "job_states_to_report"), c.Slack.JobStatesToReport)
	}
}

// checkPresubmit checks what only presubmits have.
func checkPresubmit(at spot, j *Presubmit) {
	if j.AlwaysRun && j.Conditional() {
		at.at("always_run").hinted("goes not together with "+j.changeKey(), "keep one of the two")
	}
	switch {
	case j.Trigger == "" && j.RerunCommand != "":
		at.at("rerun_command").hinted("is given without trigger", "give both or neither")
	case j.trigger != nil && j.RerunCommand == "":
		at.at("trigger").hinted("is given without rerun_command", "give both or neither")
	case j.trigger != nil && !j.trigger.MatchString(j.RerunCommand):
		at.at("trigger").hinted(fmt.Sprintf("%q does not match the rerun_command %q", j.Trigger, j.RerunCommand),
			"what people are told to write has to start the job")
	}
	checkGerritLabel(at, &j.JobBase, j.Reporter)
}

func checkPostsubmit(at spot, j *Postsubmit) {
	if j.AlwaysRun != nil && *j.AlwaysRun && j.Conditional() {
		at.at("always_run").hinted("goes not together with "+j.changeKey(), "keep one of the two")
	}
	checkGerritLabel(at, &j.JobBase, j.Reporter)
}

func checkGerritLabel(at spot, j *JobBase, r Reporter) {
	if r.SkipReport && j.Labels[LabelGerritReport] != "" {
		at.at("labels", LabelGerritReport).hinted("is given, but skip_report says not to report", "keep one of the two")
	}
}

// LabelGerritReport names the Gerrit label to vote on.
const LabelGerritReport = "prow.k8s.io/gerrit-report-label"

func (c ChangeMatcher) changeKey() string {
	if c.RunIfChanged != "" {
		return "run_if_changed"
	}
	return "skip_if_only_changed"
}
