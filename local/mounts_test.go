package local

import (
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
	corev1 "k8s.io/api/core/v1"
)

// Without bubblewrap a process sees this machine as it is: a folder at its own
// path is there, everything else is refused before it starts.
func TestMountsOfPlainProcesses(t *testing.T) {
	host := func(path string) corev1.VolumeSource {
		return corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path}}
	}
	for _, c := range []struct {
		name    string
		volume  corev1.VolumeSource
		mount   corev1.VolumeMount
		allowed bool
	}{
		{"own path", host("/srv/data/"), corev1.VolumeMount{MountPath: "/srv/data"}, true},
		{"another path", host("/srv/data"), corev1.VolumeMount{MountPath: "/data"}, false},
		{"read only", host("/srv/data"), corev1.VolumeMount{MountPath: "/srv/data", ReadOnly: true}, false},
		{"a part of it", host("/srv/data"), corev1.VolumeMount{MountPath: "/srv/data", SubPath: "x"}, false},
		{"an empty folder", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, corev1.VolumeMount{MountPath: "/srv/data"}, false},
	} {
		j := prowtest.Job("a", prowtest.Script("true"), func(j *prow.Job) {
			c.mount.Name = "v"
			j.Spec.PodSpec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: c.volume}}
			j.Spec.PodSpec.Containers[0].VolumeMounts = []corev1.VolumeMount{c.mount}
		})
		err := (&processes{}).Check(j)
		if (err == nil) != c.allowed {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && !strings.Contains(err.Error(), "install it, or use containers") {
			t.Errorf("%s: %q does not say what to do", c.name, err)
		}
	}
}
