package podspec_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podspec"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// The example of the specification, whole.
const example = `
metadata: {name: 1b2c}
status: {build_id: "9"}
spec:
  type: presubmit
  agent: kubernetes
  job: unit
  context: unit
  refs: {org: o, repo: r, base_ref: main, base_sha: b0, pulls: [{number: 5, author: a, sha: h1, title: t, head_ref: f}]}
  pod_spec:
    containers: [{image: golang, command: [make], args: [test], env: [{name: OWN, value: "1"}], volumeMounts: [{name: tok, mountPath: /etc/tok}]}]
    volumes: [{name: tok, secret: {secretName: tok}}]
  decoration_config:
    timeout: 2h
    grace_period: 15s
    utility_images: {clonerefs: img/clonerefs, initupload: img/initupload, entrypoint: img/entrypoint, sidecar: img/sidecar}
    gcs_configuration: {bucket: gs://b, path_strategy: explicit}
    gcs_credentials_secret: creds
    cookiefile_secret: cook
    censor_secrets: true
`

// base is what the jobs below begin as; what they say is laid over it.
const base = `
metadata: {name: 1b2c}
status: {build_id: "9"}
spec:
  type: periodic
  agent: kubernetes
  job: unit
  pod_spec: {containers: [{image: golang, command: [make]}]}
  decoration_config:
    utility_images: {clonerefs: img/clonerefs, initupload: img/initupload, entrypoint: img/entrypoint, sidecar: img/sidecar}
    gcs_configuration: {bucket: gs://b, path_strategy: explicit}
`

const extra = "extra_refs: [{org: o, repo: r, base_ref: main}]"

// The pods of these are in testdata.
var specs = map[string]string{
	"example":                  example,
	"periodic":                 "",
	"periodic with extra refs": "extra_refs: [{org: o, repo: r, base_ref: main}, {org: o, repo: tools, base_ref: main, workdir: true, path_alias: x/tools}]",
	"postsubmit": `type: postsubmit
refs: {org: o, repo: r, base_ref: main, base_sha: b0, path_alias: k8s.io/r, clone_depth: 1}`,
	"batch": `type: batch
refs: {org: o, repo: r, base_ref: main, base_sha: b0, pulls: [{number: 5, author: a, sha: h1}, {number: 6, author: b, sha: h2}]}`,
	"not decorated": `decoration_config: null
pod_spec: {containers: [{image: golang, terminationMessagePolicy: File}], initContainers: [{name: helper, image: helper, restartPolicy: Always}]}`,
	"several containers": `pod_spec:
  containers: [{name: a, image: golang, command: [make]}, {name: b, image: golang, args: [b]}]
  initContainers: [{name: helper, image: helper, restartPolicy: Always}]
` + extra,
	"keys to clone with": extra + `
decoration_config: {ssh_key_secrets: [k1, k2], ssh_host_fingerprints: [host ssh-rsa AAAA], cookiefile_secret: cook/jar}`,
	"token to clone with": extra + `
decoration_config: {oauth_token_secret: {name: oauth, key: token}}`,
	"app to clone with": extra + `
decoration_config: {github_app_id: "12", github_app_private_key_secret: {name: app, key: pem}, github_api_endpoints: [https://ghe/api/v3]}`,
	"app without a key": extra + `
decoration_config: {github_app_id: "12"}`,
	"cloning skipped": extra + `
decoration_config: {skip_cloning: true}`,
	"resources": extra + `
decoration_config:
  resources:
    clonerefs: {requests: {cpu: 1}}
    initupload: {requests: {cpu: 2}}
    place_entrypoint: {requests: {cpu: 3}}
    sidecar: {requests: {cpu: 4}}`,
	"memory": `pod_spec:
  containers:
  - {name: a, image: golang, command: [a]}
  - {name: b, image: golang, command: [b], resources: {requests: {cpu: 1, memory: 1Gi}, limits: {memory: 4Gi}}}
decoration_config: {default_memory_request: 2Gi, set_limit_equals_memory_request: true}`,
	"settings": `decoration_config:
  run_as_user: 1000
  run_as_group: 2000
  fs_group: 3000
  grace_period: 10s
  default_service_account_name: default-sa
  scheduling_options: {tolerations: [{key: k, operator: Exists}], affinity: {nodeAffinity: {}}}
  upload_ignores_interrupts: true`,
	"own settings": `pod_spec:
  containers: [{image: golang, command: [make]}]
  securityContext: {runAsUser: 1}
  serviceAccountName: own
  tolerations: [{key: own, operator: Exists}]
  affinity: {podAffinity: {}}
  terminationGracePeriodSeconds: 7
  restartPolicy: Always
decoration_config:
  run_as_user: 1000
  run_as_group: 2000
  grace_period: 10s
  default_service_account_name: default-sa
  scheduling_options: {tolerations: [{key: k, operator: Exists}], affinity: {nodeAffinity: {}}}`,
	"censoring": `pod_spec:
  containers:
  - {name: a, image: golang, command: [a], volumeMounts: [{name: tok, mountPath: /etc/tok, readOnly: true}, {name: dir, mountPath: /dir}, {name: all, mountPath: /all}]}
  - name: b
    image: golang
    command: [b]
    volumeMounts: [{name: tok, mountPath: /etc/tok}, {name: other, mountPath: /all}]
    env:
    - {name: A, valueFrom: {secretKeyRef: {name: tok, key: a}}}
    - {name: B, valueFrom: {secretKeyRef: {name: env, key: b}}}
    - {name: C, valueFrom: {secretKeyRef: {name: env, key: c}}}
    - {name: C2, valueFrom: {secretKeyRef: {name: env, key: c}}}
    - {name: D, valueFrom: {secretKeyRef: {name: every, key: d}}}
    envFrom: [{secretRef: {name: every}}, {configMapRef: {name: config}}]
  volumes:
  - {name: tok, secret: {secretName: tok}}
  - {name: dir, emptyDir: {}}
  - {name: all, projected: {sources: [{configMap: {name: config}}, {secret: {name: p}}]}}
  - {name: other, secret: {secretName: other}}
decoration_config:
  censor_secrets: true
  censoring_options: {censoring_concurrency: 2, censoring_buffer_size: 100, include_directories: [a/*], exclude_directories: [b/*], minimum_secret_length: 8}`,
	"credentials": `decoration_config: {gcs_credentials_secret: "", s3_credentials_secret: s3}`,
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, spec := range specs {
		text, job := base, spec
		if strings.Contains(spec, "metadata:") {
			text, job = spec, ""
		}
		pod, err := podspec.Decorate(parse(t, text, job), podspec.Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden(t, name, pod, name != "example")
	}
	pod, err := podspec.Decorate(parse(t, example, ""), podspec.Options{Output: "/tmp/out/9", Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "local", pod, true)
}

// golden compares a pod with the file of that name; brief leaves out the variables
// that are the same in all.
func golden(t *testing.T, name string, pod *corev1.Pod, brief bool) {
	t.Helper()
	if brief {
		for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
			for i := range list {
				list[i].Env = slices.DeleteFunc(list[i].Env, func(e corev1.EnvVar) bool { return e.ValueFrom == nil && !strings.HasSuffix(e.Name, "_OPTIONS") })
			}
		}
	}
	got, err := yaml.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".yaml")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: make it with UPDATE_GOLDEN=1", err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-%s +made):\n%s", name, file, d)
	}
}

// parse reads a job, with a spec laid over its own.
func parse(t testing.TB, job, spec string) *prow.Job {
	t.Helper()
	var tree, over map[string]any
	if err := yaml.Unmarshal([]byte(job), &tree); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(spec), &over); err != nil {
		t.Fatal(err)
	}
	lay(tree["spec"].(map[string]any), over)
	b, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	j := &prow.Job{}
	if err := json.Unmarshal(b, j); err != nil {
		t.Fatal(err)
	}
	return j
}

func lay(tree, over map[string]any) {
	for k, v := range over {
		below, ok := tree[k].(map[string]any)
		if m, is := v.(map[string]any); ok && is && k == "decoration_config" {
			lay(below, m)
			continue
		}
		tree[k] = v
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"agent: jenkins": "job unit: its agent is jenkins, and only jobs of the agent kubernetes have pods",
		"{agent: tekton-pipeline, pod_spec: null}": "its agent is tekton-pipeline",
		"pod_spec: null":                                          "it has no pod_spec",
		"pod_spec: {containers: []}":                              "its pod_spec has no containers",
		"pod_spec: {containers: [{image: x}]}":                    `container "test" has no command`,
		"decoration_config: {utility_images: {initupload: null}}": "lacks utility_images",
		"{extra_refs: [{org: o, repo: r}], decoration_config: {utility_images: {clonerefs: null}}}": "lacks utility_images",
		"decoration_config: {utility_images: null}":                                                 "lacks utility_images",
		"decoration_config: {gcs_configuration: null}":                                              "lacks gcs_configuration",
	} {
		pod, err := podspec.Decorate(parse(t, base, spec), podspec.Options{})
		if !prow.IsFinal(err) || !strings.Contains(err.Error(), want) || pod != nil {
			t.Errorf("%s: error is %v, want %s", spec, err, want)
		}
	}
}

// Whatever a caller does to a pod, the job stays as it is, and with it the
// configuration that it was made of.
func TestSharesNothing(t *testing.T) {
	t.Parallel()
	for name, spec := range specs {
		text, over := base, spec
		if strings.Contains(spec, "metadata:") {
			text, over = spec, ""
		}
		j := parse(t, text, over)
		before, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []podspec.Options{{}, {Output: "/out"}} {
			pod, err := podspec.Decorate(j, o)
			if err != nil {
				t.Fatal(err)
			}
			spoil(pod)
			after, err := json.Marshal(j)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(before), string(after)); d != "" {
				t.Errorf("%s: the job changed:\n%s", name, d)
			}
		}
	}
}

// spoil changes everything that can be reached from a pod.
func spoil(pod *corev1.Pod) { spoilValue(reflect.ValueOf(pod)) }

func spoilValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			spoilValue(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				spoilValue(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoilValue(v.Index(i))
		}
	case reflect.Map:
		v.Clear()
	case reflect.String:
		v.SetString("spoilt")
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	}
}

// A controller's own label, and a job without a build id, whose pod waits for it.
func TestLabels(t *testing.T) {
	t.Parallel()
	j := parse(t, base, extra)
	j.Labels, j.Annotations = map[string]string{"own": "1", prow.LabelOrg: "zz"}, map[string]string{"note": "x y"}
	pod, err := podspec.Decorate(j, podspec.Options{Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"own": "1", prow.LabelCreatedByProw: "true", prow.LabelType: "periodic", prow.LabelJob: "unit", prow.LabelContext: "",
		prow.LabelOrg: "zz", prow.LabelRepo: "r", prow.LabelBaseRef: "main",
		prow.LabelID: "1b2c", prow.LabelBuildID: "9", prow.LabelPlankVersion: "v1",
	}
	if d := cmp.Diff(want, pod.Labels); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"note": "x y", prow.AnnotationJob: "unit", prow.AnnotationContext: ""}, pod.Annotations); d != "" {
		t.Error(d)
	}
	if len(j.Labels) != 2 || len(j.Annotations) != 1 {
		t.Errorf("the job's own changed: %v %v", j.Labels, j.Annotations)
	}
}

// What the utilities read is what was meant: the options come back as they went.
func TestOptionsAreRead(t *testing.T) {
	t.Parallel()
	pod, err := podspec.Decorate(parse(t, example, ""), podspec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, e := range c.Env {
			v := map[string]any{
				prow.CloneRefsOptionsEnv: &prow.CloneRefsOptions{}, prow.InitUploadOptionsEnv: &prow.InitUploadOptions{},
				prow.EntrypointOptionsEnv: &prow.EntrypointOptions{}, prow.SidecarOptionsEnv: &prow.SidecarOptions{},
				prow.JobSpecEnv: &prow.JobSpec{},
			}[e.Name]
			if v == nil {
				continue
			}
			d := json.NewDecoder(strings.NewReader(e.Value))
			d.DisallowUnknownFields()
			if err := d.Decode(v); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
			if again, err := json.Marshal(v); err != nil || string(again) != e.Value {
				t.Errorf("%s came back as\n%s, went as\n%s", e.Name, again, e.Value)
			}
		}
	}
}

func BenchmarkDecorate(b *testing.B) {
	j := parse(b, example, "")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := podspec.Decorate(j, podspec.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
