package server

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/kube"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// hospital is a cluster that a doctor looks at.
type hospital struct {
	*doctor
	c           *kube.Client
	deployments []appsv1.Deployment
	jobs, pods  string // namespaces
	database    bool
	tekton      bool
	jenkins     bool   // there is one
	selector    string // of its operator
	appID       string
}

func (d *doctor) lookAtCluster(ctx context.Context) {
	clusters, err := d.Kubeconfig.Load()
	if err != nil {
		d.fault("cluster", "give --kubeconfig a file that kubectl can use, or run inside the cluster", "%v", err)
		return
	}
	d.broken = clusters.Broken
	c, err := kube.NewClient(clusters.Infrastructure)
	if err != nil {
		d.fault("cluster", "", "%v", err)
		return
	}
	h := &hospital{doctor: d, c: c}
	var v struct{ GitVersion string }
	if err := h.get(ctx, "/version", &v); err != nil {
		d.fault("cluster", "see that kubectl version works with the same kubeconfig", "%s does not answer: %v", clusters.Infrastructure.Host, err)
		return
	}
	d.ok("cluster", "Kubernetes %s at %s", v.GitVersion, host(clusters.Infrastructure.Host))
	h.lookAtDefinitions(ctx)
	h.lookAtDeployments(ctx)
	h.fetchContent(ctx)
	h.secretFiles(ctx)
	h.lookAtRights(ctx)
	h.lookAtPods(ctx)
	if !h.database {
		state, err := kube.OpenState(ctx, kube.StateOptions{Config: clusters.Infrastructure, Namespace: h.jobs})
		if err != nil {
			d.unknown("webhooks", "look with a kubeconfig that may list ProwStates", "the inbox cannot be read: %v", err)
			return
		}
		defer state.Close()
		d.lookAtDeliveries(ctx, state.Inbox)
	}
}

// lookAtContexts tells of contexts that cannot be used and are meant to be.
func (d *doctor) lookAtContexts() {
	for _, alias := range slices.Sorted(maps.Keys(d.broken)) {
		if d.cfg == nil || !slices.Contains(d.cfg.DisabledClusters, alias) {
			d.fault("cluster", "mend this context of the kubeconfig, or list it in disabled_clusters", "build cluster %s cannot be used: %v", alias, d.broken[alias])
		}
	}
}

func (h *hospital) get(ctx context.Context, path string, into any) error {
	b, err := h.c.Do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// lookAtDefinitions sees that the resources are those of this version.
func (h *hospital) lookAtDefinitions(ctx context.Context) {
	want, err := install.Render(install.Options{Upgrade: true, Image: "prow", Definitions: Definitions()})
	if err != nil {
		h.unknown("definitions", "", "%v", err)
		return
	}
	for _, w := range want {
		if w.Kind() != "CustomResourceDefinition" {
			continue
		}
		have, f := fetch(ctx, h.c, w)
		if have != nil {
			f = differences(w, install.Compare(w, have))
		}
		h.findings = append(h.findings, f)
	}
}

// lookAtDeployments finds those of Prow, and what their flags say.
func (h *hospital) lookAtDeployments(ctx context.Context) {
	const area = "processes"
	var list appsv1.DeploymentList
	if err := h.get(ctx, "/apis/apps/v1/namespaces/"+h.Namespace+"/deployments?labelSelector=app.kubernetes.io/name%3Dprow", &list); err != nil {
		h.unknown(area, "look as somebody who may list Deployments there", "Deployments of namespace %s: %v", h.Namespace, err)
		return
	}
	if h.deployments = list.Items; len(list.Items) == 0 {
		h.fault(area, "install it: prow install … | kubectl apply -f -; or name its namespace: --namespace", "there is no Prow in namespace %s", h.Namespace)
		return
	}
	for _, x := range list.Items {
		want := int32(1)
		if x.Spec.Replicas != nil {
			want = *x.Spec.Replicas
		}
		if x.Status.AvailableReplicas < want {
			h.fault(area, fmt.Sprintf("kubectl -n %s describe deployment %s; kubectl -n %s logs deployment/%s", h.Namespace, x.Name, h.Namespace, x.Name),
				"%s has %d of %d replicas available", x.Name, x.Status.AvailableReplicas, want)
		} else {
			h.ok(area, "%s: %d replicas available", x.Name, want)
		}
		for _, c := range x.Spec.Template.Spec.Containers {
			h.learn(c.Args)
		}
	}
}

// learn takes over what the flags of a process say and nobody said otherwise.
func (h *hospital) learn(args []string) {
	for _, a := range args {
		switch flag, value, _ := strings.Cut(a, "="); {
		case flag == "--url" && h.URL == "":
			h.URL = value
		case flag == "--github-endpoint" && h.ForgeAPI == "":
			h.ForgeAPI = value
		case flag == "--database-url-file":
			h.database = true
		case flag == "--jenkins-url":
			h.jenkins = true
		case flag == "--jenkins-label-selector":
			h.selector = value
		case flag == "--github-app-id":
			h.appID = value
		}
	}
}

// fetchContent writes the configuration and the secrets of the cluster to a folder
// that only we can read, unless others were named.
func (h *hospital) fetchContent(ctx context.Context) {
	if h.Paths.Config == "" {
		var list corev1.ConfigMapList
		if err := h.get(ctx, "/api/v1/namespaces/"+h.Namespace+"/configmaps", &list); err != nil {
			h.unknown("configuration", "look as somebody who may list ConfigMaps, or name the files: --config-path", "ConfigMaps of namespace %s: %v", h.Namespace, err)
		}
		for _, m := range list.Items {
			h.unfold(m)
		}
	}
	h.jobs, h.pods = h.Namespace, install.DefaultPodNamespace
	if b, err := os.ReadFile(h.Paths.Config); err == nil {
		if jobs, pods, err := install.Namespaces(b); err == nil {
			h.jobs, h.pods = jobs, pods
		}
	}
	if h.TokenFile != "" {
		return
	}
	var s corev1.Secret
	switch err := h.get(ctx, "/api/v1/namespaces/"+h.Namespace+"/secrets/prow", &s); {
	case apierrors.IsForbidden(err):
		h.unknown("content", "look as somebody who may read it", "the Secret prow may not be read")
	case err != nil:
		h.fault("content", "make it: prow install, without --upgrade, prints one", "Secret prow in namespace %s: %v", h.Namespace, err)
	default:
		h.useSecret(s.Data)
	}
}

func (h *hospital) useSecret(data map[string][]byte) {
	login := "token"
	if h.appID != "" {
		login = "app-key"
		h.app = &App{ID: h.appID, Key: func(context.Context) (string, error) { return string(data[login]), nil }}
	}
	for _, k := range []string{"hmac", login} {
		if len(data[k]) == 0 {
			h.fault("content", "kubectl edit it, or print it anew: prow install, without --upgrade", "the Secret prow has no %s", k)
		}
	}
	h.token, h.hmac = strings.TrimSpace(string(data["token"])), data["hmac"]
	b := data["bucket"]
	if len(b) == 0 || h.Storage.GCSCredentials != "" || h.Storage.S3Credentials != "" {
		return
	}
	file := filepath.Join(h.dir, "bucket")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		h.unknown("storage", "", "%v", err)
		return
	}
	if strings.Contains(string(b), `"private_key"`) {
		h.Storage.GCSCredentials = file
	} else {
		h.Storage.S3Credentials = file
	}
}

// unfold writes a ConfigMap of ours to the folder, as the pods see it.
func (h *hospital) unfold(m corev1.ConfigMap) {
	folder := m.Name
	if strings.HasPrefix(m.Name, "job-config") {
		folder = "job-config"
	} else if m.Name != "config" && m.Name != "plugins" {
		return
	}
	dir := filepath.Join(h.dir, folder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		h.unknown("configuration", "", "%v", err)
		return
	}
	files := maps.Clone(m.BinaryData)
	if files == nil {
		files = map[string][]byte{}
	}
	for name, text := range m.Data {
		files[name] = []byte(text)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o600); err != nil {
			h.unknown("configuration", "", "%v", err)
		}
	}
	switch folder {
	case "config":
		h.Paths.Config = filepath.Join(dir, "config.yaml")
	case "plugins":
		h.Paths.PluginConfig = filepath.Join(dir, "plugins.yaml")
	default:
		h.Paths.JobConfig = dir
	}
}

// lookAtRights asks of each right whether whoever needs it has it: inside the
// cluster this process itself, from outside the service accounts of the Deployments.
func (h *hospital) lookAtRights(ctx context.Context) {
	if InCluster() {
		h.rightsOf(ctx, "this process", "", h.components())
		return
	}
	for _, x := range h.deployments {
		account := "system:serviceaccount:" + h.Namespace + ":" + x.Spec.Template.Spec.ServiceAccountName
		components := h.components()
		for _, c := range x.Spec.Template.Spec.Containers {
			h.tekton = h.tekton || slices.Contains(c.Args, "--only=pipeline")
			for _, a := range c.Args {
				if only, ok := strings.CutPrefix(a, "--only="); ok {
					components = strings.Split(only, ",")
				}
			}
		}
		h.rightsOf(ctx, "service account "+x.Spec.Template.Spec.ServiceAccountName, account, components)
	}
}

// components are those that one process which does everything runs.
func (h *hospital) components() []string {
	all := append(install.Components(), pipelineComponent)
	if h.jenkins {
		all = append(all, jenkinsComponent)
	}
	return all
}

// rightsOf reviews the rights of an account; "" is our own.
func (h *hospital) rightsOf(ctx context.Context, who, account string, components []string) {
	const area = "rights"
	asked, missing := map[string]bool{}, 0
	for _, r := range install.Rules(h.database, h.tekton, h.selector) {
		if !slices.Contains(components, r.Component) {
			continue
		}
		ns := h.jobs
		if r.In == install.OfPods {
			ns = h.pods
		}
		for _, v := range r.Verbs {
			key := strings.Join(append([]string{ns, r.Group, r.Resource, v.Name}, r.Names...), "/")
			if asked[key] {
				continue
			}
			asked[key] = true
			allowed, err := h.review(ctx, account, ns, r, v.Name)
			if err != nil {
				h.unknown(area, "look as an administrator of the cluster", "the rights of %s cannot be reviewed: %v", who, err)
				return
			}
			if !allowed {
				missing++
				h.fault(area, applyAgain, "%s may not %s %s in namespace %s, which %s needs %s", who, v.Name, r.Resource, ns, r.Component, v.Why)
			}
		}
	}
	if missing == 0 {
		h.ok(area, "%s has all %d that it needs", who, len(asked))
	}
}

func (h *hospital) review(ctx context.Context, account, ns string, r install.Rule, verb string) (bool, error) {
	resource, sub, _ := strings.Cut(r.Resource, "/")
	at := &authorizationv1.ResourceAttributes{Namespace: ns, Group: r.Group, Resource: resource, Subresource: sub, Verb: verb}
	if len(r.Names) > 0 {
		at.Name = r.Names[0]
	}
	kind, path := "SelfSubjectAccessReview", "selfsubjectaccessreviews"
	spec := any(authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: at})
	if account != "" {
		kind, path = "SubjectAccessReview", "subjectaccessreviews"
		spec = authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: at, User: account}
	}
	body, err := json.Marshal(map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec})
	if err != nil {
		return false, err
	}
	b, err := h.c.Do(ctx, http.MethodPost, "/apis/authorization.k8s.io/v1/"+path, body)
	if err != nil {
		return false, err
	}
	var out struct {
		Status authorizationv1.SubjectAccessReviewStatus
	}
	err = json.Unmarshal(b, &out)
	return out.Status.Allowed, err
}

// lookAtPods finds pods, of Prow and of jobs, that cannot start.
func (h *hospital) lookAtPods(ctx context.Context) {
	for _, ns := range []string{h.Namespace, h.pods} {
		selector := "app.kubernetes.io/name%3Dprow"
		if ns == h.pods {
			selector = "created-by-prow%3Dtrue"
		}
		var list corev1.PodList
		if err := h.get(ctx, "/api/v1/namespaces/"+ns+"/pods?limit=500&labelSelector="+selector, &list); err != nil {
			h.unknown("images", "look as somebody who may list pods", "pods of namespace %s: %v", ns, err)
			continue
		}
		said := map[string]bool{}
		for _, p := range list.Items {
			for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
				h.lookAtContainer(ns, p.Name, s, said)
			}
			h.lookAtPlace(ns, p, said)
		}
		if len(said) == 0 {
			h.ok("images", "%d pods in namespace %s, all of their images were found", len(list.Items), ns)
		}
	}
}

func (h *hospital) lookAtContainer(ns, pod string, s corev1.ContainerStatus, said map[string]bool) {
	w := s.State.Waiting
	if w == nil || said[w.Reason+s.Image] {
		return
	}
	switch w.Reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
		said[w.Reason+s.Image] = true
		h.fault("images", "see that the name is right and nodes may pull it; utility images stand in plank.default_decoration_config_entries", "the image %s of pod %s/%s cannot be pulled: %s", s.Image, ns, pod, w.Message)
	case "CrashLoopBackOff":
		said[w.Reason+s.Image] = true
		h.fault("processes", fmt.Sprintf("kubectl -n %s logs --previous %s", ns, pod), "pod %s/%s ends again and again", ns, pod)
	case "CreateContainerConfigError":
		said[w.Reason+s.Image] = true
		h.fault("processes", "make what is missing", "pod %s/%s cannot start: %s", ns, pod, w.Message)
	}
}

// lookAtPlace tells of pods that no node takes.
func (h *hospital) lookAtPlace(ns string, p corev1.Pod, said map[string]bool) {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && h.Now().Sub(c.LastTransitionTime.Time) > time.Minute && !said["place"] {
			said["place"] = true
			h.fault("processes", "add nodes, or ask for less", "no node takes pod %s/%s: %s", ns, p.Name, c.Message)
		}
	}
}
