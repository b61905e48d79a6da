package podspec

import (
	"path"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
)

const credentialsFile = "service-account.json"

// storage is where the files of a run go, and what initupload and sidecar need to
// put them there.
type storage struct {
	options prow.GCSOptions
	volumes []corev1.Volume
	mounts  []corev1.VolumeMount
}

func storageOf(c *prow.DecorationConfig, output string) storage {
	if output != "" {
		here := *c.GCSConfiguration
		here.LocalOutputDir = outputDir
		create := corev1.HostPathDirectoryOrCreate
		return storage{
			options: prow.GCSOptions{GCSConfiguration: &here},
			volumes: []corev1.Volume{{Name: "output", VolumeSource: corev1.VolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: output, Type: &create},
			}}},
			mounts: []corev1.VolumeMount{mount("output", outputDir)},
		}
	}
	s := storage{options: prow.GCSOptions{GCSConfiguration: c.GCSConfiguration}}
	s.options.GCSCredentialsFile = s.credentials("gcs-credentials", c.GCSCredentialsSecret, "/secrets/gcs")
	s.options.S3CredentialsFile = s.credentials("s3-credentials", c.S3CredentialsSecret, "/secrets/s3-storage")
	return s
}

// credentials mounts a secret, if there is one, and returns the file in it.
func (s *storage) credentials(volume string, secret *string, dir string) string {
	if secret == nil || *secret == "" {
		return ""
	}
	s.volumes = append(s.volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: *secret},
	}})
	s.mounts = append(s.mounts, mount(volume, dir))
	return path.Join(dir, credentialsFile)
}

func (d *decoration) initUpload() (corev1.Container, error) {
	o := prow.InitUploadOptions{GCSOptions: d.storage.options}
	c := corev1.Container{Name: InitUpload, Image: d.config.UtilityImages.InitUpload}
	if r := d.config.Resources; r != nil {
		setResources(&c, r.InitUpload)
	}
	if len(d.refs) > 0 {
		o.Log = cloneLog
		c.VolumeMounts = []corev1.VolumeMount{mount("logs", logDir)}
	}
	c.VolumeMounts = append(c.VolumeMounts, d.storage.mounts...)
	options, err := jsonVar(prow.InitUploadOptionsEnv, o)
	c.Env = []corev1.EnvVar{options, {Name: prow.JobSpecEnv, Value: d.jobSpec}}
	return c, err
}

func (d *decoration) placeEntrypoint() corev1.Container {
	c := corev1.Container{
		Name: PlaceEntrypoint, Image: d.config.UtilityImages.Entrypoint, Args: []string{"--copy-mode-only"},
		VolumeMounts: []corev1.VolumeMount{mount("tools", toolDir)},
	}
	if r := d.config.Resources; r != nil {
		setResources(&c, r.PlaceEntrypoint)
	}
	return c
}

// sidecar returns the container that uploads, and the volumes that only it sees.
func (d *decoration) sidecar() (corev1.Container, []corev1.Volume, error) {
	c := corev1.Container{Name: Sidecar, Image: d.config.UtilityImages.Sidecar, VolumeMounts: []corev1.VolumeMount{mount("logs", logDir)}}
	if r := d.config.Resources; r != nil {
		setResources(&c, r.Sidecar)
	}
	c.VolumeMounts = append(c.VolumeMounts, d.storage.mounts...)
	upload := d.storage.options
	upload.Items = []string{prow.PodArtifacts}
	o := prow.SidecarOptions{
		GCSOptions: &upload, Entries: d.entries,
		IgnoreInterrupts: isTrue(d.config.UploadIgnoresInterrupts),
		CensoringOptions: &prow.SidecarCensoringOptions{},
	}
	if x := d.config.CensoringOptions; x != nil {
		*o.CensoringOptions = prow.SidecarCensoringOptions{
			CensoringConcurrency: x.CensoringConcurrency, CensoringBufferSize: x.CensoringBufferSize,
			IncludeDirectories: x.IncludeDirectories, ExcludeDirectories: x.ExcludeDirectories,
			MinimumSecretLength: x.MinimumSecretLength,
		}
	}
	var s secrets
	if isTrue(d.config.CensorSecrets) {
		s = secretsOf(d.spec)
		o.CensoringOptions.SecretDirectories = s.dirs
		c.VolumeMounts = append(c.VolumeMounts, s.mounts...)
	}
	options, err := jsonVar(prow.SidecarOptionsEnv, o)
	c.Env = []corev1.EnvVar{{Name: prow.JobSpecEnv, Value: d.jobSpec}, options}
	return c, s.volumes, err
}

func setResources(c *corev1.Container, r *corev1.ResourceRequirements) {
	if r != nil {
		r.DeepCopyInto(&c.Resources)
	}
}
