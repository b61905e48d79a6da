package podspec

import (
	"fmt"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// secrets are what the sidecar sees of the tests' secrets, so that it can take
// them out of what it uploads.
type secrets struct {
	dirs    []string
	mounts  []corev1.VolumeMount
	volumes []corev1.Volume // further ones, for what tests get in other ways

	mounted map[string]bool // secrets that a test has as a volume
	at      map[string]corev1.VolumeMount
}

// secretsOf finds the secrets that the tests of spec get as volumes or as
// variables. Each is seen at the place where the test sees it, if that is free.
func secretsOf(spec *corev1.PodSpec) secrets {
	s := secrets{mounted: map[string]bool{}, at: map[string]corev1.VolumeMount{}}
	volumes := map[string]*corev1.Volume{}
	for i := range spec.Volumes {
		volumes[spec.Volumes[i].Name] = &spec.Volumes[i]
	}
	for i := range spec.Containers {
		for _, m := range spec.Containers[i].VolumeMounts {
			if v := volumes[m.Name]; v != nil && isSecret(v) {
				s.see(v, m)
			}
		}
	}
	for _, v := range variables(spec) {
		s.seeVariable(v)
	}
	return s
}

func isSecret(v *corev1.Volume) bool {
	if v.Projected != nil {
		for i := range v.Projected.Sources {
			if v.Projected.Sources[i].Secret != nil {
				return true
			}
		}
	}
	return v.Secret != nil
}

func (s *secrets) see(v *corev1.Volume, m corev1.VolumeMount) {
	if v.Secret != nil {
		s.mounted[v.Secret.SecretName] = true
	}
	if other, taken := s.at[m.MountPath]; taken {
		if other.Name == m.Name && other.SubPath == m.SubPath && other.SubPathExpr == m.SubPathExpr {
			return
		}
		// Two tests see different secrets at one place; the sidecar cannot.
		m.MountPath = path.Join(secretDir, "censor-mounts", fmt.Sprint(len(s.mounts)))
	}
	s.at[m.MountPath] = m
	s.dirs = append(s.dirs, m.MountPath)
	s.mounts = append(s.mounts, m)
}

// variables returns the secrets whose values tests of spec get in their environment,
// each with the keys that are read, or none for all.
func variables(spec *corev1.PodSpec) []*corev1.SecretVolumeSource {
	var out []*corev1.SecretVolumeSource
	find := func(name string) *corev1.SecretVolumeSource {
		for _, v := range out {
			if v.SecretName == name {
				return v
			}
		}
		out = append(out, &corev1.SecretVolumeSource{SecretName: name})
		return out[len(out)-1]
	}
	var all []*corev1.SecretVolumeSource
	for i := range spec.Containers {
		for _, e := range spec.Containers[i].Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				v, key := find(e.ValueFrom.SecretKeyRef.Name), e.ValueFrom.SecretKeyRef.Key
				if !slices.ContainsFunc(v.Items, func(p corev1.KeyToPath) bool { return p.Key == key }) {
					v.Items = append(v.Items, corev1.KeyToPath{Key: key, Path: key})
				}
			}
		}
		for _, e := range spec.Containers[i].EnvFrom {
			if e.SecretRef != nil {
				all = append(all, find(e.SecretRef.Name))
			}
		}
	}
	for _, v := range all {
		v.Items = nil
	}
	return out
}

// seeVariable adds a volume for v, unless a test has that secret as a volume: then
// its author has chosen what of it is secret.
func (s *secrets) seeVariable(v *corev1.SecretVolumeSource) {
	if v.SecretName == "" || s.mounted[v.SecretName] {
		return
	}
	// A pod whose test may start without the secret has to start with us too.
	optional := true
	v.Optional = &optional
	volume := fmt.Sprintf("prow-censor-%d", len(s.volumes))
	dir := path.Join(secretDir, "censor", v.SecretName)
	s.volumes = append(s.volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{Secret: v}})
	s.dirs = append(s.dirs, dir)
	s.mounts = append(s.mounts, corev1.VolumeMount{Name: volume, MountPath: dir, ReadOnly: true})
}
