package install

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// process is one Deployment: components that share a process.
type process struct {
	name       string // of its objects
	component  string // label
	components []string
	only       bool // --only components
	replicas   int32
}

// processes of the small form, or of the split one.
func (o *Options) processes() []process {
	if !o.HA {
		return []process{{name: "prow", component: "prow", components: append(o.components(), pipeline), replicas: 1}}
	}
	components := o.components()
	if o.Tekton {
		components = append(components, pipeline)
	}
	var out []process
	for _, c := range components {
		p := process{name: "prow-" + c, component: c, components: []string{c}, only: true, replicas: 1}
		if !slices.Contains(elected(), c) {
			p.replicas = 2
		}
		out = append(out, p)
	}
	return out
}

// components are those that there is something to do for, less pipeline.
func (o *Options) components() []string {
	if o.Jenkins.URL == "" {
		return Components()
	}
	return append(Components(), jenkinsOperator)
}

// any reports whether p runs one of the components.
func (p process) any(components ...string) bool {
	return slices.ContainsFunc(components, func(c string) bool { return slices.Contains(p.components, c) })
}

const (
	port    = 8080
	user    = int64(65532)
	secret  = "prow"
	dataDir = "/data"
	// bucketSecret is in the namespace of pods.
	bucketSecret = "prow-bucket"
	// registrySecret is in both namespaces.
	registrySecret = "prow-registry"
)

// Keys of the Secret.
const (
	keyHMAC     = "hmac"
	keyToken    = "token"
	keyApp      = "app-key"
	keyDatabase = "database-url"
	keyBucket   = "bucket"
	// keyBucketOfJobs is in the other Secret.
	keyBucketOfJobs = "service-account.json"
)

func (o *Options) deployment(p process) *appsv1.Deployment {
	selector := map[string]string{labelName: "prow", labelComponent: p.component}
	one, none := intstr.FromInt32(1), intstr.FromInt32(0)
	d := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Namespace: o.Namespace, Labels: o.labels(p.component)},
		Spec: appsv1.DeploymentSpec{
			Replicas: &p.replicas,
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			// The new one is ready before the old one goes: leaders are elected, and no
			// webhook meets a closed door.
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &none, MaxSurge: &one}},
			RevisionHistoryLimit: ptr(int32(3)),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: o.labels(p.component)},
				Spec:       o.pod(p),
			},
		},
	}
	if p.replicas > 1 {
		d.Spec.Template.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 100, PodAffinityTerm: corev1.PodAffinityTerm{
				TopologyKey: "kubernetes.io/hostname", LabelSelector: &metav1.LabelSelector{MatchLabels: selector},
			}}},
		}}
	}
	return d
}

func (o *Options) pod(p process) corev1.PodSpec {
	volumes, mounts := o.volumes(p)
	return corev1.PodSpec{
		ServiceAccountName: p.name,
		// Five seconds until nobody is sent here any more, then what is under way ends
		// and leaders resign.
		TerminationGracePeriodSeconds: ptr(int64(60)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr(true), RunAsUser: ptr(user), RunAsGroup: ptr(user), FSGroup: ptr(user),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name:            "prow",
			Image:           o.Image,
			ImagePullPolicy: corev1.PullIfNotPresent,
			Args:            o.args(p),
			// git and ssh look here for settings, and nothing else can be written to.
			Env:   []corev1.EnvVar{{Name: "HOME", Value: dataDir}},
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: port, Protocol: corev1.ProtocolTCP}},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr(false), ReadOnlyRootFilesystem: ptr(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
			Resources: p.resources(),
			// The door opens when configuration and jobs are read.
			StartupProbe: probe("/healthz", 2, 150),
			// Not ready: the API server cannot be followed.
			ReadinessProbe: probe("/healthz/ready", 5, 2),
			// Not alive: the process answers nobody. What is outside of it does not matter.
			LivenessProbe: probe("/healthz", 10, 6),
			Lifecycle:     &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 5}}},
			VolumeMounts:  mounts,
		}},
		Volumes: volumes,
	}
}

func probe(path string, every, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("http")}},
		PeriodSeconds: every, FailureThreshold: failures, TimeoutSeconds: 5,
	}
}

// resources are small; git of large repositories is what may need more memory.
func (p process) resources() corev1.ResourceRequirements {
	cpu, memory, most := "50m", "64Mi", "512Mi"
	switch {
	case !p.only:
		cpu, memory, most = "100m", "256Mi", "2Gi"
	case p.any("hook", "tide"):
		cpu, memory, most = "50m", "128Mi", "2Gi"
	}
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(most)},
	}
}

func (o *Options) args(p process) []string {
	args := []string{"serve"}
	if p.only {
		args = append(args, "--only="+p.component)
	}
	args = append(args, "--runner=kubernetes", "--data="+dataDir, "--config-path=/etc/config/config.yaml", "--plugin-config=/etc/plugins/plugins.yaml",
		"--job-config-path=/etc/job-config")
	if p.any(forgeUsers()...) {
		if o.AppID != "" {
			args = append(args, "--github-app-id="+o.AppID, "--github-app-private-key-path=/etc/github/"+keyApp)
		} else {
			args = append(args, "--github-token-path=/etc/github/"+keyToken)
		}
	}
	if p.any("hook") {
		args = append(args, "--hmac-secret-file=/etc/webhook/hmac")
	}
	if o.Database {
		args = append(args, "--database-url-file=/etc/database/url")
	}
	if o.seesBuildClusters(p) {
		args = append(args, "--kubeconfig-dir=/etc/kubeconfig")
	}
	if o.mountsBucket(p) {
		args = append(args, o.bucketFlag()+"=/etc/bucket/credentials")
	}
	if o.speaksWithJenkins(p) {
		args = append(args, o.Jenkins.args()...)
	}
	for _, f := range []struct{ flag, value string }{
		{"--url", o.URL}, {"--github-endpoint", o.ForgeAPI}, {"--github-graphql-endpoint", o.ForgeGraphQL}, {"--github-host", o.ForgeURL},
	} {
		if f.value != "" {
			args = append(args, f.flag+"="+f.value)
		}
	}
	return append(args, o.Args...)
}

// keyForge is what of the Secret lets in at the forge.
func (o *Options) keyForge() string {
	if o.AppID != "" {
		return keyApp
	}
	return keyToken
}

// forgeUsers are the components that speak with the forge.
func forgeUsers() []string { return []string{"hook", "crier", "tide", "deck"} }

func (o *Options) mountsBucket(p process) bool {
	return len(o.BucketCredentials) > 0 && p.any("crier", "deck")
}

// seesBuildClusters reports whether a process speaks with clusters where jobs run.
func (o *Options) seesBuildClusters(p process) bool {
	return o.KubeconfigSecret != "" && p.any("plank", "sinker", "deck", pipeline)
}

// volumes gives a process the files that it needs, and no Secret beyond.
func (o *Options) volumes(p process) (volumes []corev1.Volume, mounts []corev1.VolumeMount) {
	add := func(name, path string, source corev1.VolumeSource) {
		volumes = append(volumes, corev1.Volume{Name: name, VolumeSource: source})
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: path, ReadOnly: source.EmptyDir == nil})
	}
	named := func(name string) corev1.VolumeSource {
		return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}}
	}
	key := func(key, file string) corev1.VolumeSource {
		return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret, Items: []corev1.KeyToPath{{Key: key, Path: file}}}}
	}
	add("config", "/etc/config", named(configMap))
	add("plugins", "/etc/plugins", named(pluginsMap))
	add("jobs", "/etc/job-config", jobsVolume())
	if p.any(forgeUsers()...) {
		add("github", "/etc/github", key(o.keyForge(), o.keyForge()))
	}
	if p.any("hook") {
		add("webhook", "/etc/webhook", key(keyHMAC, "hmac"))
	}
	if o.Database {
		add("database", "/etc/database", key(keyDatabase, "url"))
	}
	if o.seesBuildClusters(p) {
		add("kubeconfig", "/etc/kubeconfig", corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: o.KubeconfigSecret}})
	}
	if o.mountsBucket(p) {
		add("bucket", "/etc/bucket", key(keyBucket, "credentials"))
	}
	if o.speaksWithJenkins(p) && len(o.Jenkins.files()) > 0 {
		add("jenkins", jenkinsDir, o.Jenkins.volume())
	}
	add("data", dataDir, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
	add("tmp", "/tmp", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
	return volumes, mounts
}

// jobsVolume shows all ConfigMaps of jobs as one folder, however many there are now
// or will be: none is a folder without jobs.
func jobsVolume() corev1.VolumeSource {
	v := &corev1.ProjectedVolumeSource{}
	names := []string{jobsMap}
	for i := range jobShards {
		names = append(names, shardName(i))
	}
	for _, name := range names {
		v.Sources = append(v.Sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Optional: ptr(true),
		}})
	}
	return corev1.VolumeSource{Projected: v}
}

func (o *Options) service(p process) *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Namespace: o.Namespace, Labels: o.labels(p.component)},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{labelName: "prow", labelComponent: p.component},
			Ports:    []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP}},
		},
	}
}

// budget lets one replica at a time be taken away.
func (o *Options) budget(p process) *policyv1.PodDisruptionBudget {
	one := intstr.FromInt32(1)
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Namespace: o.Namespace, Labels: o.labels(p.component)},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &one,
			Selector:       &metav1.LabelSelector{MatchLabels: map[string]string{labelName: "prow", labelComponent: p.component}},
		},
	}
}

func ptr[T any](v T) *T { return &v }
