//go:build kubernetes && acceptance && linux

package kube_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podspec"
	corev1 "k8s.io/api/core/v1"
)

// corpora is the folder of real installations' configuration, beside the clone
// unless PROW_CORPORA names another.
var corpora = cmp.Or(os.Getenv("PROW_CORPORA"), "../../shared/corpora")

// The API server takes every ProwJob that the original Prow makes of real
// configuration and gives it back as it was; and it takes the pods that we make
// of them.
func TestCorpora(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpora, "*.expected.jsonl.xz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpora in %s; set PROW_CORPORA", corpora)
	}
	type row struct {
		Repo, Job string
		ProwJob   json.RawMessage
		PodError  string `json:"pod_error"`
	}
	rows := make(chan row, 100)
	ns := shared.namespace(t)
	var jobs, pods, bad atomic.Int64
	fault := func(format string, args ...any) {
		if bad.Add(1) <= 20 {
			t.Errorf(format, args...)
		}
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for r := range rows {
				jobs.Add(1)
				got, err := shared.Do(t.Context(), "POST", "/apis/prow.k8s.io/v1/namespaces/"+ns+"/prowjobs?dryRun=All", bytes.NewReader(inNamespace(t, r.ProwJob, ns)), "Content-Type: application/json")
				if err != nil {
					fault("%s %s: %v", r.Repo, r.Job, err)
					continue
				}
				if d := gocmp.Diff(essence(t, r.ProwJob), essence(t, got)); d != "" {
					fault("%s %s came back changed:\n%s", r.Repo, r.Job, d)
				}
				if r.PodError != "" {
					continue
				}
				pod := podOf(t, r.ProwJob, ns)
				if pod == nil {
					continue
				}
				pods.Add(1)
				if _, err := shared.Do(t.Context(), "POST", "/api/v1/namespaces/"+ns+"/pods?dryRun=All", bytes.NewReader(pod), "Content-Type: application/json"); err != nil {
					fault("pod of %s %s: %v", r.Repo, r.Job, err)
				}
			}
		})
	}
	for _, file := range files {
		text, err := exec.CommandContext(t.Context(), "xz", "-dkc", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		s := bufio.NewScanner(bytes.NewReader(text))
		s.Buffer(nil, 16<<20)
		for s.Scan() {
			var r row
			if err := json.Unmarshal(s.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			rows <- r
		}
	}
	close(rows)
	wg.Wait()
	t.Logf("%d ProwJobs, %d pods, %d faults", jobs.Load(), pods.Load(), bad.Load())
	if jobs.Load() < 7000 {
		t.Errorf("only %d jobs", jobs.Load())
	}
}

func inNamespace(t *testing.T, raw json.RawMessage, ns string) []byte {
	var o map[string]any
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Error(err)
	}
	o["apiVersion"], o["kind"] = prow.APIVersion, prow.Kind
	o["metadata"].(map[string]any)["namespace"] = ns
	b, _ := json.Marshal(o)
	return b
}

// essence is what of a ProwJob the API server must not change.
func essence(t *testing.T, raw []byte) map[string]any {
	var o struct {
		Metadata struct {
			Name                string
			Labels, Annotations map[string]string
		}
		Spec, Status map[string]any
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Error(err)
	}
	return map[string]any{"name": o.Metadata.Name, "labels": o.Metadata.Labels, "annotations": o.Metadata.Annotations, "spec": o.Spec, "status": o.Status}
}

func podOf(t *testing.T, raw json.RawMessage, ns string) []byte {
	var j prow.Job
	if err := json.Unmarshal(raw, &j); err != nil {
		t.Error(err)
	}
	if j.Spec.Agent != prow.KubernetesAgent {
		return nil
	}
	p, err := podspec.Decorate(&j, podspec.Options{})
	if err != nil {
		t.Error(err)
		return nil
	}
	p.TypeMeta.APIVersion, p.TypeMeta.Kind, p.Namespace = corev1.SchemeGroupVersion.String(), "Pod", ns
	if p.Spec.ServiceAccountName == "" {
		p.Spec.ServiceAccountName = "default" // as an admission plugin does that is off here
	}
	b, _ := json.Marshal(p)
	return b
}
