package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// applies reports whether a job with labels gets p.
func (p *Preset) applies(labels map[string]string) bool {
	if len(p.Labels) > len(labels) {
		return false
	}
	for k, v := range p.Labels {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// What bounds what presets bring: many presets for many jobs would make much out of
// little.
const (
	maxAdded    = 1_000_000 // to all jobs together
	maxAddedOne = 3000      // to one
)

// applyPresets returns spec with all the presets that apply to a job with
// labels. spec itself is left as it is.
func (s *shared) applyPresets(at spot, labels map[string]string, spec *corev1.PodSpec) *corev1.PodSpec {
	copied, mine := false, 0
	for i := range s.presets {
		p := &s.presets[i]
		if !p.applies(labels) {
			continue
		}
		more := len(p.Volumes) + len(p.Tolerations) + len(spec.Containers)*(len(p.Env)+len(p.VolumeMounts))
		mine += more
		if mine > maxAddedOne || s.added != nil && s.added.Add(int64(more)) > maxAdded {
			at.hinted("gets more from presets than can be", "give presets labels, so that they are for some jobs only")
			return spec
		}
		if !copied {
			spec, copied = extensible(spec), true
		}
		p.add(at, spec)
	}
	return spec
}

// extensible returns a copy of spec to which presets can be added. What they leave
// alone is shared: nobody changes a configuration.
func extensible(spec *corev1.PodSpec) *corev1.PodSpec {
	out := *spec
	out.Volumes, out.Tolerations = slices.Clip(spec.Volumes), slices.Clip(spec.Tolerations)
	out.Containers = slices.Clone(spec.Containers)
	for i := range out.Containers {
		c := &out.Containers[i]
		c.Env, c.VolumeMounts = slices.Clip(c.Env), slices.Clip(c.VolumeMounts)
	}
	return &out
}

// add puts p into spec. What is there already is a problem, not overwritten.
func (p *Preset) add(at spot, spec *corev1.PodSpec) {
	clash := func(what, name string, more ...any) {
		at.at("spec").at(more...).hinted(fmt.Sprintf("%s %q is there already, and the preset %s brings it too", what, name, p.name()),
			"remove it here, or drop the label that asks for the preset")
	}
	for _, v := range p.Volumes {
		if slices.ContainsFunc(spec.Volumes, func(o corev1.Volume) bool { return o.Name == v.Name }) {
			clash("volume", v.Name, "volumes")
			continue
		}
		spec.Volumes = append(spec.Volumes, v)
	}
	for _, t := range p.Tolerations {
		if slices.ContainsFunc(spec.Tolerations, func(o corev1.Toleration) bool { return reflect.DeepEqual(o, t) }) {
			clash("toleration", t.Key, "tolerations")
			continue
		}
		spec.Tolerations = append(spec.Tolerations, t)
	}
	for i := range spec.Containers {
		c := &spec.Containers[i]
		for _, e := range p.Env {
			if slices.ContainsFunc(c.Env, func(o corev1.EnvVar) bool { return o.Name == e.Name }) {
				clash("variable", e.Name, "containers", i, "env")
				continue
			}
			c.Env = append(c.Env, e)
		}
		for _, m := range p.VolumeMounts {
			if slices.ContainsFunc(c.VolumeMounts, func(o corev1.VolumeMount) bool { return o.Name == m.Name }) {
				clash("mount of volume", m.Name, "containers", i, "volumeMounts")
				continue
			}
			c.VolumeMounts = append(c.VolumeMounts, m)
		}
	}
}

// name tells p from others in errors: presets have no names of their own.
func (p *Preset) name() string {
	if len(p.Labels) == 0 {
		return "without labels"
	}
	return fmt.Sprintf("with labels %v", p.Labels)
}

// labelsOf lists the names of labels that presets look for, sorted.
func labelsOf(presets []Preset) []string {
	names := map[string]bool{}
	for _, p := range presets {
		for k := range p.Labels {
			names[k] = true
		}
	}
	return keysOf(names)
}

// missingPresets warns of labels that look as if they asked for a preset, where
// there is none.
func (f *finisher) missingPresets(at spot, labels map[string]string) {
	for k := range labels {
		if !strings.HasPrefix(k, "preset-") {
			continue
		}
		if _, ok := slices.BinarySearch(f.presetLabels, k); !ok {
			at.at("labels", k).warn(KindUnknownPreset, "asks for a preset that is not there", f.presetMeant(k))
		}
	}
}

// presetMeant returns which label may have been meant, found once for all jobs.
func (f *finisher) presetMeant(label string) string {
	if f.meant == nil {
		f.meant = map[string]string{}
	}
	hint, ok := f.meant[label]
	if !ok {
		hint = strings.TrimPrefix(didYouMean(label, f.presetLabels), "; ")
		f.meant[label] = hint
	}
	return hint
}
