package podspec

import (
	"path"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
)

const (
	gitUser   = "ci-robot"
	gitEmail  = "ci-robot@k8s.io"
	githubAPI = "https://api.github.com"

	secretDir = "/secrets"
)

// refsToClone returns what is checked out for j, the code under test first.
func refsToClone(j *prow.Job) []prow.Refs {
	if isTrue(j.Spec.DecorationConfig.SkipCloning) {
		return nil
	}
	if j.Spec.Refs == nil {
		return j.Spec.ExtraRefs
	}
	return slices.Insert(slices.Clone(j.Spec.ExtraRefs), 0, *j.Spec.Refs)
}

// workDir returns where the test starts: in the first refs that ask for it, else in
// the first.
func workDir(refs []prow.Refs) string {
	i := max(0, slices.IndexFunc(refs, func(r prow.Refs) bool { return r.WorkDir }))
	return path.Join(prow.PodHome, "src", refs[i].ClonePath())
}

// cloneRefs returns the container that checks out, and the volumes that only it
// sees.
func (d *decoration) cloneRefs() (corev1.Container, []corev1.Volume, error) {
	c := corev1.Container{
		Name: CloneRefs, Image: d.config.UtilityImages.CloneRefs,
		VolumeMounts: []corev1.VolumeMount{mount("logs", logDir), mount("code", prow.PodHome), mount("clonerefs-tmp", "/tmp")},
	}
	if r := d.config.Resources; r != nil {
		setResources(&c, r.CloneRefs)
	}
	k := keys{container: &c, volumes: []corev1.Volume{emptyDir("clonerefs-tmp")}}
	o := prow.CloneRefsOptions{
		SrcRoot: prow.PodHome, Log: cloneLog, GitUserName: gitUser, GitEmail: gitEmail,
		Refs: d.refs, HostFingerprints: d.config.SSHHostFingerprints,
		GitHubAPIEndpoints: d.config.GitHubAPIEndpoints,
	}
	if len(o.GitHubAPIEndpoints) == 0 {
		o.GitHubAPIEndpoints = []string{githubAPI}
	}
	for _, secret := range d.config.SSHKeySecrets {
		o.KeyFiles = append(o.KeyFiles, k.ssh(secret))
	}
	if s := d.config.OauthTokenSecret; s != nil {
		o.OauthTokenFile = k.file(s, "oauth")
	}
	if s := d.config.GitHubAppPrivateKeySecret; s != nil && d.config.GitHubAppID != "" {
		o.GitHubAppID, o.GitHubAppPrivateKeyFile = d.config.GitHubAppID, k.file(s, "github-app")
	}
	if s := d.config.CookiefileSecret; s != nil && *s != "" {
		o.CookiePath = k.cookie(*s)
		c.Args = append(c.Args, "--cookiefile="+o.CookiePath)
	}
	options, err := jsonVar(prow.CloneRefsOptionsEnv, o)
	c.Env = []corev1.EnvVar{options}
	return c, k.volumes, err
}

// keys are what clonerefs opens private repositories with: each method mounts
// one and returns the file, or the folder of files.
type keys struct {
	container *corev1.Container
	volumes   []corev1.Volume
}

func (k *keys) add(volume string, source corev1.SecretVolumeSource, dir string) {
	k.volumes = append(k.volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{Secret: &source}})
	k.container.VolumeMounts = append(k.container.VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: dir, ReadOnly: true})
}

func (k *keys) ssh(secret string) string {
	dir := path.Join(secretDir, "ssh", secret)
	k.add("ssh-keys-"+secret, corev1.SecretVolumeSource{SecretName: secret, DefaultMode: ownerOnly()}, dir)
	return dir
}

func (k *keys) file(s *prow.SecretKey, folder string) string {
	dir := path.Join(secretDir, folder)
	k.add(s.Name, corev1.SecretVolumeSource{SecretName: s.Name, Items: []corev1.KeyToPath{{Key: s.Key, Path: s.Key}}}, dir)
	return path.Join(dir, s.Key)
}

// cookie takes "secret/key"; the key defaults to the name of the secret.
func (k *keys) cookie(s string) string {
	secret, key, ok := strings.Cut(s, "/")
	if !ok || key == "" {
		key = secret
	}
	dir := path.Join(secretDir, "cookiefile")
	k.add("cookiefile", corev1.SecretVolumeSource{SecretName: secret, DefaultMode: ownerOnly()}, dir)
	return path.Join(dir, key)
}

// ownerOnly is the mode that ssh and git ask of secrets.
func ownerOnly() *int32 {
	mode := int32(0o400)
	return &mode
}
