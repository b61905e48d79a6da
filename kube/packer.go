package kube

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// packer makes JSON of finished jobs small and large again. They are like one
// another, so what they have in common is a dictionary.
type packer struct{ deflaters, inflaters sync.Pool }

func (p *packer) deflate(b []byte) []byte {
	var out bytes.Buffer
	w, ok := p.deflaters.Get().(*flate.Writer)
	if !ok {
		w, _ = flate.NewWriterDict(&out, 5, []byte(dictionary)) // the level is valid
	}
	w.Reset(&out)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	p.deflaters.Put(w)
	return bytes.Clone(out.Bytes())
}

func (p *packer) inflate(b []byte) []byte {
	r, ok := p.inflaters.Get().(io.ReadCloser)
	if !ok {
		r = flate.NewReaderDict(bytes.NewReader(nil), []byte(dictionary))
	}
	_ = r.(flate.Resetter).Reset(bytes.NewReader(b), []byte(dictionary)) // it never fails
	out, _ := io.ReadAll(r)                                              // deflate wrote it
	p.inflaters.Put(r)
	return out
}

// dictionary is what a job looks like, most usual last.
const dictionary = `{"decoration_config":{"blobless_fetch":true,"censor_secrets":true,"cookiefile_secret":"","default_service_account_name":"","gcs_configuration":{"bucket":"s3://prow","default_org":"kubernetes","default_repo":"kubernetes","path_strategy":"explicit"},"gcs_credentials_secret":"","grace_period":"15m0s","oauth_token_secret":{"key":"","name":""},"pod_pending_timeout":"15m0s","pod_running_timeout":"48h0m0s","pod_unscheduled_timeout":"5m0s","resources":{"clonerefs":{"requests":{"cpu":"100m","memory":"128Mi"}},"initupload":{},"place_entrypoint":{},"sidecar":{}},"s3_credentials_secret":"","skip_cloning":true,"ssh_key_secrets":[],"timeout":"2h0m0s","utility_images":{"clonerefs":"us-docker.pkg.dev/k8s-infra-prow/images/clonerefs:v2026","entrypoint":"us-docker.pkg.dev/k8s-infra-prow/images/entrypoint:v2026","initupload":"us-docker.pkg.dev/k8s-infra-prow/images/initupload:v2026","sidecar":"us-docker.pkg.dev/k8s-infra-prow/images/sidecar:v2026"}},"pod_spec":{"containers":[{"args":["bash","-c","make test"],"command":["runner.sh"],"env":[{"name":"","value":"true"},{"name":"","valueFrom":{"secretKeyRef":{"key":"","name":""}}}],"image":"gcr.io/k8s-staging-test-infra/kubekins-e2e:v2026-master","imagePullPolicy":"Always","name":"test","resources":{"limits":{"cpu":"4","memory":"8Gi"},"requests":{"cpu":"4","memory":"8Gi"}},"securityContext":{"privileged":true},"volumeMounts":[{"mountPath":"/etc/","name":"","readOnly":true}]}],"nodeSelector":{},"serviceAccountName":"","tolerations":[{"effect":"NoSchedule","key":"","operator":"Equal","value":""}],"volumes":[{"name":"","secret":{"defaultMode":256,"secretName":""}},{"emptyDir":{},"name":""}]}}
{"apiVersion":"prow.k8s.io/v1","kind":"ProwJob","metadata":{"name":"00000000-0000-0000-0000-000000000000","namespace":"prow","uid":"","resourceVersion":"","generation":4,"creationTimestamp":"2026-01-02T03:04:05Z","labels":{"created-by-prow":"true","created-by-tide":"true","event-GUID":"00000000-0000-11ef-0000-000000000000","prow.k8s.io/build-id":"1900000000000000000","prow.k8s.io/context":"pull-","prow.k8s.io/is-optional":"false","prow.k8s.io/job":"pull-","prow.k8s.io/refs.base_ref":"main","prow.k8s.io/refs.org":"kubernetes","prow.k8s.io/refs.pull":"1","prow.k8s.io/refs.repo":"kubernetes","prow.k8s.io/retest":"true","prow.k8s.io/type":"presubmit"},"annotations":{"prow.k8s.io/context":"pull-","prow.k8s.io/created":"2026-01-02T03:04:05.678901234Z","prow.k8s.io/job":"pull-","prow.k8s.io/why":"","testgrid-create-test-group":"true","testgrid-dashboards":""}},"spec":{"agent":"kubernetes","cluster":"default","context":"pull-","extra_refs":[{"base_ref":"master","org":"kubernetes","path_alias":"k8s.io/","repo":"test-infra","workdir":true}],"job":"periodic-ci-","max_concurrency":1,"namespace":"test-pods","prowjob_defaults":{"tenant_id":"GlobalDefaultID"},"refs":{"base_link":"https://github.com/kubernetes/kubernetes/commit/","base_ref":"main","base_sha":"","org":"kubernetes","pulls":[{"author":"","author_link":"https://github.com/","commit_link":"https://github.com/kubernetes/kubernetes/pull/1/commits/","head_ref":"","link":"https://github.com/kubernetes/kubernetes/pull/1","number":1,"sha":"","title":"Fix "}],"repo":"kubernetes","repo_link":"https://github.com/kubernetes/kubernetes"},"report":true,"reporter_config":{"slack":{"channel":"","job_states_to_report":[]}},"rerun_auth_config":{},"rerun_command":"/test pull-","type":"periodic","type":"postsubmit","type":"batch","type":"presubmit"},"status":{"build_id":"1900000000000000000","completionTime":"2026-01-02T03:04:05Z","description":"Job failed.","description":"Job succeeded.","pendingTime":"2026-01-02T03:04:05Z","pod_name":"","prev_report_states":{"crier-check":"success","crier-files":"success","gcsk8sreporter":"failure","github-reporter":"success"},"startTime":"2026-01-02T03:04:05Z","state":"failure","state":"success","url":"https://prow.k8s.io/view/gs/kubernetes-ci-logs/pr-logs/pull/kubernetes_kubernetes/1/pull-/1900000000000000000"}}`
