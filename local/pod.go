package local

import (
	"errors"
	"fmt"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
)

// checkPod refuses what one machine cannot give to a pod, whatever the engine.
func checkPod(j *prow.Job) (*corev1.PodSpec, error) {
	pod := j.Spec.PodSpec
	if j.Spec.Agent != "" && j.Spec.Agent != prow.KubernetesAgent {
		return nil, fmt.Errorf("jobs of the agent %s do not run on this machine: only those of the agent %s", j.Spec.Agent, prow.KubernetesAgent)
	}
	if pod == nil || len(pod.Containers) == 0 {
		return nil, errors.New("the job has no pod spec with a container")
	}
	if pod.HostPID || pod.HostIPC {
		return nil, errors.New("the job wants to see the processes of the machine (hostPID, hostIPC), which is not given here")
	}
	for _, list := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range list {
			if err := checkContainer(&list[i]); err != nil {
				return nil, fmt.Errorf("container %q: %w", list[i].Name, err)
			}
		}
	}
	for i := range pod.Volumes {
		if err := checkVolume(&pod.Volumes[i]); err != nil {
			return nil, fmt.Errorf("volume %q: %w", pod.Volumes[i].Name, err)
		}
	}
	return pod, nil
}

func checkContainer(c *corev1.Container) error {
	if s := c.SecurityContext; s != nil {
		if s.Privileged != nil && *s.Privileged {
			return errors.New("it wants to be privileged, which is not given on one machine: run this job on Kubernetes")
		}
		if s.Capabilities != nil && len(s.Capabilities.Add) > 0 {
			return fmt.Errorf("it wants the capability %s, which is not given on one machine: run this job on Kubernetes", s.Capabilities.Add[0])
		}
	}
	if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
		return errors.New("it is a sidecar (restartPolicy: Always), which only Kubernetes has")
	}
	if len(c.VolumeDevices) > 0 {
		return errors.New("it wants a block device, which only Kubernetes has")
	}
	return nil
}

func checkVolume(v *corev1.Volume) error {
	s := v.VolumeSource
	switch {
	case s.EmptyDir != nil, s.Secret != nil, s.HostPath != nil, s == (corev1.VolumeSource{}):
		return nil
	case s.ConfigMap != nil && s.ConfigMap.Optional != nil && *s.ConfigMap.Optional:
		return nil
	}
	return errors.New("one machine has only emptyDir, secret and hostPath volumes: run this job on Kubernetes")
}
