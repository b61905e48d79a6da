package config

import (
	"fmt"
	"slices"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
)

// ownContainer reports whether decoration has a container of that name.
func ownContainer(name string) bool {
	return slices.Contains([]string{"clonerefs", "initupload", "place-entrypoint", "sidecar"}, name)
}

// ownVolume reports whether decoration has a volume of that name that no test may
// mount.
func ownVolume(name string) bool { return name == "logs" || name == "code" || name == "tools" }

// ownPath reports whether decoration mounts something there.
func ownPath(path string) bool { return path == "/logs" || path == prow.PodHome || path == "/tools" }

// checkPod checks a job's pod spec, presets in it.
func checkPod(at spot, j *JobBase, t prow.Type) {
	spec := j.Spec
	for i, c := range spec.InitContainers {
		if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			at.at("initContainers", i).hinted("is not allowed", "only init containers with restartPolicy: Always are")
		}
	}
	switch {
	case len(spec.Containers) == 0:
		at.hinted("has no containers", "want one that runs the test")
	case len(spec.Containers) > 1 && j.DecorationConfig == nil:
		at.at("containers").hinted(fmt.Sprintf("are %d, but the job is not decorated", len(spec.Containers)),
			"say decorate: true, or keep one container")
	case len(spec.Containers) > 1:
		checkContainerNames(at, spec.Containers)
	}
	volumes := checkVolumes(at, j)
	for i := range spec.Containers {
		c := &spec.Containers[i]
		checkEnv(at.at("containers", i, "env"), c.Env, t, j.DecorationConfig != nil)
		checkMounts(at.at("containers", i, "volumeMounts"), c.VolumeMounts, volumes)
		if j.DecorationConfig != nil && (len(c.Command)+len(c.Args) == 0 || slices.Concat(c.Command, c.Args)[0] == "") {
			at.at("containers", i).hinted("has no command", "a decorated job says in command or args what to run")
		}
	}
}

func checkContainerNames(at spot, containers []corev1.Container) {
	seen := map[string]bool{}
	for i, c := range containers {
		switch {
		case c.Name == "":
			at.at("containers", i).hinted("has no name", "every container needs one where there are several")
		case ownContainer(c.Name):
			at.at("containers", i, "name").wrong(fmt.Sprintf("%q is a name that decoration uses", c.Name))
		case seen[c.Name]:
			at.at("containers", i, "name").wrong(fmt.Sprintf("%q is there twice", c.Name))
		}
		seen[c.Name] = true
	}
}

func checkEnv(at spot, env []corev1.EnvVar, t prow.Type, decorated bool) {
	twice := repeated(len(env), func(i int) string { return env[i].Name })
	for i, e := range env {
		switch {
		case twice(i):
			at.at(i, "name").wrong(fmt.Sprintf("variable %q is there twice", e.Name))
		case reservedEnv(e.Name, t):
			at.at(i, "name").wrong(fmt.Sprintf("variable %q is set by Prow itself in a %s", e.Name, t))
		case decorated && (e.Name == "ARTIFACTS" || e.Name == "GOPATH"):
			at.at(i, "name").warn(KindNoEffect, fmt.Sprintf("variable %q is set by Prow itself in a decorated job, so this value is not used", e.Name), "remove it")
		}
	}
}

// repeated returns a function that tells whether a name is there earlier in a
// list, too.
func repeated(n int, name func(i int) string) func(i int) bool {
	if n < 50 {
		return func(i int) bool {
			for j := range i {
				if name(j) == name(i) {
					return true
				}
			}
			return false
		}
	}
	first := make(map[string]int, n)
	for i := range n {
		if _, ok := first[name(i)]; !ok {
			first[name(i)] = i
		}
	}
	return func(i int) bool { return first[name(i)] < i }
}

// reservedEnv reports whether Prow sets the variable in jobs of the type.
func reservedEnv(name string, t prow.Type) bool {
	switch name {
	case "CI", "JOB_NAME", "JOB_TYPE", "JOB_SPEC", "BUILD_ID", "BUILD_NUMBER", "PROW_JOB_ID":
		return true
	case "REPO_OWNER", "REPO_NAME", "SRC_HOST", "SRC_BASE", "PULL_BASE_REF", "PULL_BASE_SHA", "PULL_REFS":
		return t != prow.Periodic
	case "PULL_NUMBER", "PULL_PULL_SHA", "PULL_HEAD_REF", "PULL_TITLE":
		return t == prow.Presubmit
	}
	return false
}

// checkVolumes returns the names of the volumes there are.
func checkVolumes(at spot, j *JobBase) []string {
	taken := []string{"gcs-credentials", "s3-credentials"}
	if d := j.DecorationConfig; d != nil {
		taken = append(taken, d.SSHKeySecrets...)
		if d.OauthTokenSecret != nil {
			taken = append(taken, d.OauthTokenSecret.Name)
		}
	}
	names := make([]string, 0, len(j.Spec.Volumes))
	twice := repeated(len(j.Spec.Volumes), func(i int) string { return j.Spec.Volumes[i].Name })
	for i, v := range j.Spec.Volumes {
		switch {
		case ownVolume(v.Name), slices.Contains(taken, v.Name):
			at.at("volumes", i, "name").wrong(fmt.Sprintf("%q is a volume that decoration uses", v.Name))
		case twice(i):
			at.at("volumes", i, "name").wrong(fmt.Sprintf("%q is there twice", v.Name))
		}
		names = append(names, v.Name)
	}
	return names
}

func checkMounts(at spot, mounts []corev1.VolumeMount, volumes []string) {
	known := make(map[string]bool, len(volumes))
	for _, v := range volumes {
		known[v] = true
	}
	for i, m := range mounts {
		switch {
		case ownVolume(m.Name):
			at.at(i, "name").wrong(fmt.Sprintf("%q is a volume that decoration uses", m.Name))
		case !known[m.Name]:
			at.at(i, "name").hinted(fmt.Sprintf("there is no volume %q", m.Name),
				"add it to volumes"+didYouMean(m.Name, volumes))
		}
		if ownPath(m.MountPath) {
			at.at(i, "mountPath").wrong(fmt.Sprintf("%s is a place that decoration uses", m.MountPath))
		}
	}
}
