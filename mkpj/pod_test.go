package mkpj_test

import (
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/mkpj"
	"sigs.k8s.io/yaml"
)

const job = `apiVersion: prow.k8s.io/v1
kind: ProwJob
metadata: {name: 1b2c}
spec:
  type: periodic
  agent: kubernetes
  job: nightly
  pod_spec:
    containers: [{image: x, command: [run]}]
    volumes:
    - {name: tok, secret: {secretName: tok}}
    - {name: conf, configMap: {name: conf}}
    - {name: data, persistentVolumeClaim: {claimName: data}}
    - {name: here, hostPath: {path: /here}}
  decoration_config:
    utility_images: {clonerefs: c, initupload: i, entrypoint: e, sidecar: s}
    gcs_configuration: {bucket: b, path_strategy: explicit}
    gcs_credentials_secret: creds
status: {build_id: "9"}
`

func TestPod(t *testing.T) {
	t.Parallel()
	j, odd, err := mkpj.ReadJob("job.yaml", []byte(job))
	if err != nil || len(odd) > 0 {
		t.Fatal(err, odd)
	}
	pod, err := mkpj.Pod(j, mkpj.PodOptions{BuildID: "10"})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := pod.Labels[prow.LabelCreatedByProw]; ok || pod.Kind != "Pod" || pod.APIVersion != "v1" || pod.Labels[prow.LabelBuildID] != "10" || j.Status.BuildID != "9" {
		t.Errorf("pod = %+v", pod)
	}
}

// On a cluster of one's own each volume may be something else.
func TestLocalPod(t *testing.T) {
	t.Parallel()
	j, _, err := mkpj.ReadJob("job.yaml", []byte(job))
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]string{"tok": "", "conf": "empty", "data": " /srv/data "}
	var asked []string
	pod, err := mkpj.Pod(j, mkpj.PodOptions{Output: "/out/9", Ask: func(question string) string {
		asked = append(asked, question)
		return answers[strings.Split(question, `"`)[1]]
	}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `Volume "tok" (secret tok): a folder of the node, "empty", or nothing to keep it`; len(asked) != 3 || asked[0] != want {
		t.Errorf("asked %q", asked)
	}
	b, err := yaml.Marshal(pod.Spec.Volumes)
	if err != nil {
		t.Fatal(err)
	}
	const want = `- name: tok
  secret:
    secretName: tok
- emptyDir: {}
  name: conf
- hostPath:
    path: /srv/data
  name: data
- hostPath:
    path: /here
  name: here
- emptyDir: {}
  name: logs
- emptyDir: {}
  name: tools
- hostPath:
    path: /out/9
    type: DirectoryOrCreate
  name: output
`
	if string(b) != want {
		t.Errorf("volumes are\n%s", b)
	}
	j.Spec.DecorationConfig = nil
	if _, err := mkpj.Pod(j, mkpj.PodOptions{Output: "/out"}); err == nil || !strings.Contains(err.Error(), "not decorated") {
		t.Errorf("error is %v", err)
	}
}

func TestReadJob(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                 "has no spec.job",
		"kind: Pod\n":      "is a Pod, and should be a ProwJob",
		"spec: {job: x}\n": "has no metadata.name",
		"metadata: {name: x}\nspec:\n  job: x\n  max_concurrency: lots\n": "job.yaml:4:20: spec.max_concurrency: ",
		"spec:\n\tjob: x\n": "job.yaml:2",
		"spec: {job: \xff}": "is not text in UTF-8",
	} {
		if j, _, err := mkpj.ReadJob("job.yaml", []byte(text)); err == nil || j != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %s", text, err, want)
		}
	}
	j, odd, err := mkpj.ReadJob("job.yaml", []byte("metadata: {name: x}\nspec: {job: x, cluser: a}\n"))
	if err != nil || j.Spec.Job != "x" || len(odd) != 1 || !strings.Contains(odd[0], `did you mean "cluster"?`) {
		t.Errorf("%v, %v, %v", j, odd, err)
	}
}

func FuzzReadJob(f *testing.F) {
	f.Add([]byte(job))
	f.Add([]byte(`{"metadata":{"name":"x"},"spec":{"job":"x","pod_spec":{"containers":[{"command":["x"]}]},"decoration_config":{}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, _, err := mkpj.ReadJob("f", data)
		if err != nil {
			return
		}
		if pod, err := mkpj.Pod(j, mkpj.PodOptions{BuildID: "1"}); err == nil && pod.Name != j.Name {
			t.Errorf("pod %q of job %q", pod.Name, j.Name)
		}
	})
}
