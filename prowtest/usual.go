package prowtest

import (
	"fmt"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Usual makes job n of a busy installation: one of 400 tests, of about 8 KB as a
// resource.
func Usual(n int, complete bool) func(*prow.Job) {
	return func(j *prow.Job) {
		test := n % 400
		c := &j.Spec.PodSpec.Containers[0]
		c.Image = fmt.Sprintf("registry.example.com/team-%d/tools:v2026%04d", test%20, test)
		c.Command, c.Args = []string{"runner.sh"}, []string{"bash", "-c", strings.Repeat(fmt.Sprintf("make -C component-%d test; ", test), 20)}
		for i := range 30 {
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d_%d", test, i), Value: fmt.Sprintf("value-%d", test*i)})
		}
		for i := range 8 {
			name := fmt.Sprint("volume-", i)
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/etc/" + name, ReadOnly: true})
			j.Spec.PodSpec.Volumes = append(j.Spec.PodSpec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}})
		}
		j.Spec.Job = fmt.Sprintf("pull-component-%d-unit", test)
		j.Spec.Context, j.Spec.RerunCommand = j.Spec.Job, "/test "+j.Spec.Job
		j.Spec.DecorationConfig = &prow.DecorationConfig{
			Timeout:          &prow.Duration{Duration: time.Hour},
			UtilityImages:    &prow.UtilityImages{CloneRefs: "registry.example.com/prow/podutil:v1", InitUpload: "registry.example.com/prow/podutil:v1", Entrypoint: "registry.example.com/prow/podutil:v1", Sidecar: "registry.example.com/prow/podutil:v1"},
			GCSConfiguration: &prow.GCSConfiguration{Bucket: "s3://prow-artifacts", PathStrategy: "explicit"},
		}
		sha := fmt.Sprintf("%040x", n*7919)
		j.Spec.Refs.BaseSHA = fmt.Sprintf("%040x", n/50)
		j.Spec.Refs.Pulls = []prow.PullRef{{Number: n / 8, Author: fmt.Sprint("person-", n%300), SHA: sha, Title: fmt.Sprintf("Change number %d to make things better", n), Link: fmt.Sprintf("https://github.com/o/r/pull/%d", n/8)}}
		for k, v := range map[string]string{prow.LabelType: "presubmit", prow.LabelJob: j.Spec.Job, prow.LabelContext: j.Spec.Job, prow.LabelOrg: "o", prow.LabelRepo: "r", prow.LabelPull: fmt.Sprint(n / 8), prow.LabelEventGUID: fmt.Sprintf("%08x-aaaa-bbbb-cccc-%012x", n, n)} {
			j.Labels[k] = v
		}
		j.Annotations = map[string]string{prow.AnnotationJob: j.Spec.Job, prow.AnnotationContext: j.Spec.Job}
		j.Status = prow.Status{State: prow.Pending, StartTime: metav1.NewTime(Epoch), BuildID: fmt.Sprint(1900000000000000000 + n), PodName: j.Name,
			Description: "Job triggered.", URL: fmt.Sprintf("https://prow.example.com/view/s3/prow-artifacts/pr-logs/pull/o_r/%d/%s/%d", n/8, j.Spec.Job, 1900000000000000000+n)}
		if complete {
			at := metav1.NewTime(Epoch)
			j.Status.State, j.Status.CompletionTime = prow.Success, &at
		}
	}
}
