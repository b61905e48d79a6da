package install

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels of every object.
const (
	labelName      = "app.kubernetes.io/name"
	labelComponent = "app.kubernetes.io/component"
	labelPartOf    = "app.kubernetes.io/part-of"
	labelManagedBy = "app.kubernetes.io/managed-by"
	labelVersion   = "app.kubernetes.io/version"
	manager        = "prow-install"
)

var notInLabel = regexp.MustCompile(`[^-A-Za-z0-9_.]+`)

func (o *Options) labels(component string) map[string]string {
	l := map[string]string{labelName: "prow", labelPartOf: "prow", labelManagedBy: manager, labelComponent: component}
	version := notInLabel.ReplaceAllString(o.Version, "-")
	if version = strings.Trim(version[:min(len(version), 63)], "-_."); version != "" {
		l[labelVersion] = version
	}
	return l
}

// Render makes the objects of an installation, in the order in which a cluster
// takes them. A webhook secret that is missing is made.
func Render(o Options) ([]Object, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	var out []Object
	var fault error
	add := func(typed any) {
		one, err := object(typed)
		if err != nil && fault == nil {
			fault = err
		}
		out = append(out, one)
	}
	for _, ns := range o.namespaces() {
		add(ns)
	}
	for _, d := range o.Definitions {
		crd, err := parse(d)
		if err != nil {
			return nil, fmt.Errorf("definition of a resource: %w", err)
		}
		if o.Database && crd.Name() == "prowstates."+prowGroup {
			continue
		}
		out = append(out, crd)
	}
	for _, p := range o.processes() {
		for _, r := range o.access(p) {
			add(r)
		}
	}
	if len(o.RegistryCredentials) > 0 {
		add(o.jobsAccount())
	}
	if !o.Upgrade {
		for _, s := range o.secrets() {
			add(s)
		}
		if len(o.Config) == 0 {
			o.Config = starterConfig(&o)
		}
		if len(o.Plugins) == 0 {
			o.Plugins = starterPlugins(&o)
		}
		maps, err := Maps(o)
		if err != nil {
			return nil, err
		}
		out = append(out, maps...)
	}
	for _, p := range o.processes() {
		if p.any("hook", "deck") {
			add(o.service(p))
		}
		if p.replicas > 1 {
			add(o.budget(p))
		}
		add(o.deployment(p))
	}
	if o.IngressClass != "" {
		add(o.ingress())
	}
	return out, fault
}

func (o *Options) namespaces() []*corev1.Namespace {
	var out []*corev1.Namespace
	for _, name := range []string{o.Namespace, o.JobNamespace, o.PodNamespace} {
		if name == "default" || slices.ContainsFunc(out, func(n *corev1.Namespace) bool { return n.Name == name }) {
			continue
		}
		n := &corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{labelPartOf: "prow", labelManagedBy: manager}},
		}
		if name == o.Namespace {
			n.Labels["pod-security.kubernetes.io/enforce"] = "restricted"
		}
		out = append(out, n)
	}
	return out
}

// access is the service account of a process, and what it may do.
func (o *Options) access(p process) []any { return o.accessTo(p, OfJobs, OfPods) }

// accessTo is the same for some of the places.
func (o *Options) accessTo(p process, places ...Place) []any {
	out := []any{&corev1.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Namespace: o.Namespace, Labels: o.labels(p.component)}, ImagePullSecrets: o.pullSecrets(),
	}}
	all := Rules(o.Database, o.Tekton, o.Jenkins.Selector)
	for _, place := range places {
		var rules []Rule
		for _, r := range all {
			if r.In == place && p.any(r.Component) {
				rules = append(rules, r)
			}
		}
		if len(rules) == 0 {
			continue
		}
		name, namespace := p.name, o.JobNamespace
		if place == OfPods {
			namespace = o.PodNamespace
			if namespace == o.JobNamespace {
				name += "-pods"
			}
		}
		role, bound := Role(name, namespace, rules), binding(name, namespace, p.name, o.Namespace)
		role.Labels, bound.Labels = o.labels(p.component), o.labels(p.component)
		out = append(out, role, bound)
	}
	return out
}

// secrets are what Prow itself uses, and what the pods of jobs do.
func (o *Options) secrets() []*corev1.Secret {
	if len(o.HMAC) == 0 {
		o.HMAC = NewHMAC()
	}
	data := map[string][]byte{keyHMAC: o.HMAC, keyToken: o.Token}
	if o.AppID != "" {
		data = map[string][]byte{keyHMAC: o.HMAC, keyApp: o.AppKey}
	}
	if len(o.DatabaseURL) > 0 {
		data[keyDatabase] = o.DatabaseURL
	}
	for _, f := range o.Jenkins.files() {
		data[f.key] = f.content
	}
	of := func(name, namespace string, data map[string][]byte) *corev1.Secret {
		return &corev1.Secret{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{labelPartOf: "prow", labelManagedBy: manager}},
			Type:       corev1.SecretTypeOpaque, Data: data,
		}
	}
	out := []*corev1.Secret{of(secret, o.Namespace, data)}
	if len(o.BucketCredentials) > 0 {
		data[keyBucket] = o.BucketCredentials
		out = append(out, of(bucketSecret, o.PodNamespace, map[string][]byte{keyBucketOfJobs: o.BucketCredentials}))
	}
	if len(o.RegistryCredentials) > 0 {
		for _, ns := range []string{o.Namespace, o.PodNamespace} {
			s := of(registrySecret, ns, map[string][]byte{corev1.DockerConfigJsonKey: o.RegistryCredentials})
			s.Type = corev1.SecretTypeDockerConfigJson
			out = append(out, s)
		}
	}
	return out
}

// pullSecrets are what a service account gives its pods to pull images with.
func (o *Options) pullSecrets() []corev1.LocalObjectReference {
	if len(o.RegistryCredentials) == 0 {
		return nil
	}
	return []corev1.LocalObjectReference{{Name: registrySecret}}
}

// jobsAccount is the service account that pods of jobs have which name none.
func (o *Options) jobsAccount() *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:         metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:       metav1.ObjectMeta{Name: "default", Namespace: o.PodNamespace, Labels: map[string]string{labelPartOf: "prow", labelManagedBy: manager}},
		ImagePullSecrets: o.pullSecrets(),
	}
}

// NewHMAC makes a webhook secret.
func NewHMAC() []byte {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // it never fails
	return []byte(hex.EncodeToString(b))
}

// ingress sends webhooks to hook, and everything else to deck.
func (o *Options) ingress() *networkingv1.Ingress {
	u, _ := url.Parse(o.URL) // it was checked
	prefix, exact := networkingv1.PathTypePrefix, networkingv1.PathTypeExact
	to := func(service, path string, kind *networkingv1.PathType) networkingv1.HTTPIngressPath {
		return networkingv1.HTTPIngressPath{Path: path, PathType: kind, Backend: networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Name: "http"}}}}
	}
	paths := []networkingv1.HTTPIngressPath{to("prow", "/", &prefix)}
	if o.HA {
		paths = []networkingv1.HTTPIngressPath{to("prow-hook", "/hook", &exact), to("prow-deck", "/", &prefix)}
	}
	i := &networkingv1.Ingress{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "Ingress"},
		ObjectMeta: metav1.ObjectMeta{Name: "prow", Namespace: o.Namespace, Labels: o.labels("prow")},
		Spec: networkingv1.IngressSpec{
			IngressClassName: &o.IngressClass,
			Rules: []networkingv1.IngressRule{{Host: u.Hostname(), IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: paths}}}},
		},
	}
	if o.TLSSecret != "" {
		i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{u.Hostname()}, SecretName: o.TLSSecret}}
	}
	return i
}
