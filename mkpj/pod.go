package mkpj

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/podspec"
	corev1 "k8s.io/api/core/v1"
)

// ReadJob reads a ProwJob that a person gives, as YAML or JSON. warnings are what does
// no harm.
func ReadJob(file string, data []byte) (j *prow.Job, warnings []string, err error) {
	j, problems := config.DecodeJob(file, data)
	var wrong config.Problems
	for _, p := range problems {
		if p.Warning {
			warnings = append(warnings, p.String())
			continue
		}
		wrong = append(wrong, p)
	}
	switch {
	case len(wrong) > 0:
		return nil, warnings, wrong
	case j.Kind != "" && j.Kind != prow.Kind:
		return nil, warnings, fmt.Errorf("%s: is a %s, and should be a ProwJob, as prow mkpj makes it", file, j.Kind)
	case j.Spec.Job == "":
		return nil, warnings, fmt.Errorf("%s: has no spec.job, so it is no ProwJob; prow mkpj makes one", file)
	case j.Name == "":
		return nil, warnings, fmt.Errorf("%s: has no metadata.name, which its pod is to have", file)
	}
	return j, warnings, nil
}

// PodOptions say for what a pod is made by hand.
type PodOptions struct {
	BuildID string // instead of that of the job's status
	Output  string // folder of the node for the files of the run; "" uploads them
	// Ask is asked, where Output is given, what each volume is to be that not every
	// cluster has.
	Ask func(question string) string
}

// Pod returns the pod of a job as a person may create it: Prow does not take it for
// one of its own.
func Pod(j *prow.Job, o PodOptions) (*corev1.Pod, error) {
	own := *j
	own.Status.BuildID = cmp.Or(o.BuildID, j.Status.BuildID)
	pod, err := podspec.Decorate(&own, podspec.Options{Output: o.Output})
	if err != nil {
		return nil, err
	}
	if o.Output != "" && j.Spec.DecorationConfig == nil {
		return nil, errors.New("job " + j.Spec.Job + ": is not decorated, so none of its files would come to the folder; set decorate: true")
	}
	delete(pod.Labels, prow.LabelCreatedByProw)
	pod.APIVersion, pod.Kind = "v1", "Pod"
	if o.Output == "" || o.Ask == nil {
		return pod, nil
	}
	for i := range pod.Spec.Volumes {
		replace(&pod.Spec.Volumes[i], o.Ask)
	}
	return pod, nil
}

// replace lets a person say what stands in for a volume.
func replace(v *corev1.Volume, ask func(string) string) {
	if v.EmptyDir != nil || v.HostPath != nil {
		return
	}
	answer := strings.TrimSpace(ask(fmt.Sprintf("Volume %q (%s): a folder of the node, %q, or nothing to keep it", v.Name, source(v), "empty")))
	switch answer {
	case "":
	case "empty":
		v.VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	default:
		v.VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: answer}}
	}
}

func source(v *corev1.Volume) string {
	switch {
	case v.Secret != nil:
		return "secret " + v.Secret.SecretName
	case v.ConfigMap != nil:
		return "config map " + v.ConfigMap.Name
	case v.PersistentVolumeClaim != nil:
		return "claim " + v.PersistentVolumeClaim.ClaimName
	case v.Projected != nil:
		return "projected"
	}
	return "of another kind"
}
