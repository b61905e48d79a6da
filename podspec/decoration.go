package podspec

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Places inside a pod.
const (
	logDir    = "/logs"
	toolDir   = "/tools"
	outputDir = "/output"
	cloneLog  = logDir + "/clone.json"
)

// decoration is the work on one pod.
type decoration struct {
	job     *prow.Job
	config  *prow.DecorationConfig // shared with others: read only
	spec    *corev1.PodSpec
	options Options
	jobSpec string // value of JOB_SPEC

	refs    []prow.Refs // what is cloned
	storage storage
	entries []prow.WrapperOptions
}

func (d *decoration) apply() error {
	d.refs = refsToClone(d.job)
	if err := d.check(); err != nil {
		return err
	}
	d.storage = storageOf(d.config, d.options.Output)
	if err := d.initContainers(); err != nil {
		return err
	}
	for i := range d.spec.Containers {
		if err := d.wrap(&d.spec.Containers[i]); err != nil {
			return err
		}
	}
	d.settings()
	sidecar, volumes, err := d.sidecar()
	if err != nil {
		return err
	}
	d.spec.Containers = append(d.spec.Containers, sidecar)
	d.spec.Volumes = slices.Concat(d.spec.Volumes, volumes)
	return nil
}

func (d *decoration) check() error {
	i := d.config.UtilityImages
	if i == nil || i.InitUpload == "" || i.Entrypoint == "" || i.Sidecar == "" || i.CloneRefs == "" && len(d.refs) > 0 {
		return errors.New("its decoration_config lacks utility_images: clonerefs, initupload, entrypoint and sidecar are needed")
	}
	if d.config.GCSConfiguration == nil {
		return errors.New("its decoration_config lacks gcs_configuration, which says where its files go")
	}
	return nil
}

// initContainers adds the utilities that work before the test, around those of the
// job, and the volumes in the order of their use.
func (d *decoration) initContainers() error {
	volumes := []corev1.Volume{emptyDir("logs"), emptyDir("tools")}
	volumes = append(volumes, d.storage.volumes...)
	var first []corev1.Container
	if len(d.refs) > 0 {
		clone, cloneVolumes, err := d.cloneRefs()
		if err != nil {
			return err
		}
		first = append(first, clone)
		volumes = append(append(volumes, cloneVolumes...), emptyDir("code"))
	}
	upload, err := d.initUpload()
	if err != nil {
		return err
	}
	d.spec.InitContainers = slices.Concat(first, d.spec.InitContainers, []corev1.Container{upload, d.placeEntrypoint()})
	d.spec.Volumes = slices.Concat(d.spec.Volumes, volumes)
	return nil
}

// wrap puts entrypoint before the command of a test.
func (d *decoration) wrap(c *corev1.Container) error {
	args := slices.Concat(c.Command, c.Args)
	if len(args) == 0 || args[0] == "" {
		return fmt.Errorf("container %q has no command: with decoration the image's own is not known, so name it as command or args", c.Name)
	}
	entry := prow.WrapperOptions{
		Args: args, ContainerName: c.Name,
		ProcessLog: logDir + "/process-log.txt", MarkerFile: logDir + "/marker-file.txt", MetadataFile: prow.PodArtifacts + "/metadata.json",
	}
	if len(d.spec.Containers) > 1 {
		entry.ProcessLog = path.Join(logDir, c.Name+"-log.txt")
		entry.MarkerFile = path.Join(logDir, c.Name+"-marker.txt")
		entry.MetadataFile = path.Join(prow.PodArtifacts, c.Name+"-metadata.json")
	}
	d.entries = append(d.entries, entry)
	options, err := jsonVar(prow.EntrypointOptionsEnv, prow.EntrypointOptions{
		Timeout: value(d.config.Timeout), GracePeriod: value(d.config.GracePeriod),
		ArtifactDir: prow.PodArtifacts, WrapperOptions: entry,
	})
	if err != nil {
		return err
	}
	c.Command, c.Args = []string{toolDir + "/entrypoint"}, nil
	c.Env = append(c.Env, options)
	c.VolumeMounts = append(c.VolumeMounts, mount("logs", logDir), mount("tools", toolDir))
	if len(d.refs) > 0 {
		c.VolumeMounts = append(c.VolumeMounts, mount("code", prow.PodHome))
		c.WorkingDir = workDir(d.refs)
	}
	return nil
}

func value(d *prow.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration
}

// settings fills in what the pod spec leaves open. The sidecar is not there yet: it
// has its own.
func (d *decoration) settings() {
	for i := range d.spec.Containers {
		memory(&d.spec.Containers[i].Resources, d.config)
	}
	s := d.spec
	if s.SecurityContext == nil {
		s.SecurityContext = &corev1.PodSecurityContext{}
	}
	unlessSet(&s.SecurityContext.RunAsUser, d.config.RunAsUser)
	unlessSet(&s.SecurityContext.RunAsGroup, d.config.RunAsGroup)
	unlessSet(&s.SecurityContext.FSGroup, d.config.FsGroup)
	if o := d.config.SchedulingOptions; o != nil {
		if s.Affinity == nil {
			s.Affinity = o.Affinity.DeepCopy()
		}
		if len(s.Tolerations) == 0 {
			for i := range o.Tolerations {
				s.Tolerations = append(s.Tolerations, *o.Tolerations[i].DeepCopy())
			}
		}
	}
	if g := d.config.GracePeriod; g != nil && s.TerminationGracePeriodSeconds == nil {
		// The test gets all of its grace period, and the upload the rest.
		seconds := int64(g.Seconds() * 5 / 4)
		s.TerminationGracePeriodSeconds = &seconds
	}
	if a := d.config.DefaultServiceAccountName; a != nil && !hasServiceAccount(s) {
		s.ServiceAccountName = *a
	}
}

func unlessSet(field **int64, v *int64) {
	if *field == nil && v != nil {
		n := *v
		*field = &n
	}
}

func memory(r *corev1.ResourceRequirements, c *prow.DecorationConfig) {
	if _, ok := r.Requests[corev1.ResourceMemory]; !ok && c.DefaultMemoryRequest != nil {
		set(&r.Requests, c.DefaultMemoryRequest.DeepCopy())
	}
	if request, ok := r.Requests[corev1.ResourceMemory]; ok && isTrue(c.SetLimitEqualsMemoryRequest) {
		set(&r.Limits, request.DeepCopy())
	}
}

func set(list *corev1.ResourceList, memory resource.Quantity) {
	if *list == nil {
		*list = corev1.ResourceList{}
	}
	(*list)[corev1.ResourceMemory] = memory
}

func isTrue(b *bool) bool { return b != nil && *b }

func emptyDir(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

func mount(volume, path string) corev1.VolumeMount {
	return corev1.VolumeMount{Name: volume, MountPath: path}
}
