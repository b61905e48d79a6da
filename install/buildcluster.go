package install

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// accountToken is the Secret that a build cluster fills with a token of Prow's
// account there.
const accountToken = "prow-token"

// RenderBuildCluster makes what a build cluster needs so that Prow, from another
// cluster, can run jobs in it: an account with rights on pods, out of the reach of
// those pods, and what they pull images and open the bucket with.
func RenderBuildCluster(o Options) ([]Object, error) {
	o.Image, o.JobNamespace = "prow", "" // any: nothing of Prow itself runs there
	own := o
	own.Upgrade = true
	err := own.complete()
	o.Namespace, o.PodNamespace, o.JobNamespace = own.Namespace, own.PodNamespace, own.JobNamespace
	if err := errors.Join(append(o.credentialFaults(), err)...); err != nil {
		return nil, err
	}
	var out []Object
	var fault error
	add := func(typed any) {
		one, err := object(typed)
		fault = errors.Join(fault, err)
		out = append(out, one)
	}
	for _, ns := range o.namespaces() {
		add(ns)
	}
	p := process{name: "prow", component: "prow", components: append(Components(), pipeline)}
	for _, r := range o.accessTo(p, OfPods) {
		add(r)
	}
	if len(o.RegistryCredentials) > 0 {
		add(o.jobsAccount())
	}
	add(&corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: accountToken, Namespace: o.Namespace, Labels: map[string]string{labelPartOf: "prow", labelManagedBy: manager},
			Annotations: map[string]string{corev1.ServiceAccountNameKey: p.name}},
		Type: corev1.SecretTypeServiceAccountToken,
	})
	for _, s := range o.secrets() {
		if s.Namespace == o.PodNamespace {
			add(s)
		}
	}
	return out, fault
}
