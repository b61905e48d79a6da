// Package podspec makes of a job the pod that runs it: the job's own containers,
// and around them the utilities that clone, watch and upload.
//
// Takes: a job with a build id. Gives: a pod, ready to be created. Woken by: its
// caller; it is pure.
package podspec

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Options are what a pod depends on beside its job.
type Options struct {
	// Version of the controller goes into a label, if it is given.
	Version string
	// Output is a folder of the node that gets the files of the run; nothing is
	// uploaded then, and the pod has no credentials of the bucket. "" uploads.
	Output string
}

// Names that the pod of a job has of itself.
const (
	Test            = "test" // the only container of a job, whatever its spec calls it
	CloneRefs       = "clonerefs"
	InitUpload      = "initupload"
	PlaceEntrypoint = "place-entrypoint"
	Sidecar         = "sidecar"
)

// Decorate returns the pod of j, without a namespace. The pod shares no memory with
// j, which is not changed. An error is Final: the job can never have a pod.
func Decorate(j *prow.Job, o Options) (*corev1.Pod, error) {
	pod, err := decorate(j, o)
	if err != nil {
		return nil, prow.Final(fmt.Errorf("job %s: %w", j.Spec.Job, err))
	}
	return pod, nil
}

func decorate(j *prow.Job, o Options) (*corev1.Pod, error) {
	if err := check(j); err != nil {
		return nil, err
	}
	env, err := j.Env(prow.PodHome, prow.PodArtifacts)
	if err != nil {
		return nil, err
	}
	spec := j.Spec.PodSpec.DeepCopy()
	spec.RestartPolicy = corev1.RestartPolicyNever
	if len(spec.Containers) == 1 {
		spec.Containers[0].Name = Test
	}
	if spec.AutomountServiceAccountToken == nil && !hasServiceAccount(spec) {
		no := false
		spec.AutomountServiceAccountToken = &no
	}
	addEnv(spec, env)
	if j.Spec.DecorationConfig != nil {
		d := decoration{job: j, config: j.Spec.DecorationConfig, spec: spec, options: o, jobSpec: env[prow.JobSpecEnv]}
		if err := d.apply(); err != nil {
			return nil, err
		}
	}
	explain(spec.InitContainers)
	explain(spec.Containers)
	return &corev1.Pod{ObjectMeta: meta(j, o), Spec: *spec}, nil
}

func check(j *prow.Job) error {
	switch {
	case j.Spec.Agent != "" && j.Spec.Agent != prow.KubernetesAgent:
		return fmt.Errorf("its agent is %s, and only jobs of the agent %s have pods", j.Spec.Agent, prow.KubernetesAgent)
	case j.Spec.PodSpec == nil:
		return errors.New("it has no pod_spec to make a pod of")
	case len(j.Spec.PodSpec.Containers) == 0:
		return errors.New("its pod_spec has no containers: it needs at least one, which is the test")
	}
	return nil
}

func hasServiceAccount(s *corev1.PodSpec) bool {
	return s.ServiceAccountName != "" || s.DeprecatedServiceAccount != ""
}

// addEnv appends what Prow tells a test to each container's own variables.
func addEnv(spec *corev1.PodSpec, env map[string]string) {
	vars := make([]corev1.EnvVar, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		vars = append(vars, corev1.EnvVar{Name: name, Value: env[name]})
	}
	for i := range spec.Containers {
		c := &spec.Containers[i]
		c.Env = slices.Concat(c.Env, vars)
	}
}

// explain lets the end of a container's log say why it failed, unless the job
// wants otherwise.
func explain(list []corev1.Container) {
	for i := range list {
		if list[i].TerminationMessagePolicy == "" {
			list[i].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
		}
	}
}

func meta(j *prow.Job, o Options) metav1.ObjectMeta {
	own := map[string]string{prow.LabelID: j.Name, prow.LabelBuildID: j.Status.BuildID}
	if o.Version != "" {
		own[prow.LabelPlankVersion] = o.Version
	}
	return metav1.ObjectMeta{
		Name:        j.Name,
		Labels:      j.Spec.Labels(j.Labels, own),
		Annotations: j.Spec.Annotations(j.Annotations),
	}
}

// jsonVar returns the variable name with v as JSON.
func jsonVar(name string, v any) (corev1.EnvVar, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return corev1.EnvVar{}, fmt.Errorf("%s: %w", name, err)
	}
	return corev1.EnvVar{Name: name, Value: string(b)}, nil
}
