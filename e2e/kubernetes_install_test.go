//go:build kubernetes && node && linux

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/client"
	"github.com/prow-ci/prow/prowtest/world"
)

// ownJobs is what the repository of these tests brings along.
const ownJobs = `presubmits:
- name: unit
  always_run: true
  decorate: true
  spec: {containers: [{image: docker.io/library/busybox:1.37, command: [sh, -c, 'cat README.md && grep -q good change.txt']}]}
postsubmits:
- name: publish
  decorate: true
  spec: {containers: [{image: docker.io/library/busybox:1.37, command: [sh, -c, 'cp change.txt "$ARTIFACTS/"; echo published $PULL_BASE_SHA']}]}
`

// What `prow install` prints, with images of `make images`, is a whole Prow: a pod
// without any right too many takes the webhooks, runs the tests, merges, shows.
func TestInstalledOnKubernetes(t *testing.T) {
	h := newHarbour(t)
	h.image("prow")
	w := world.New(t, world.On(must(net.Listen("tcp", h.address()))))
	w.Org("o", "alice", "bob")
	repo := w.Repo("o/r", map[string]string{"README.md": "harbour\n", ".prow.yaml": ownJobs, "OWNERS": "approvers: [bob]\n"})
	for _, login := range []string{"alice", "bob"} {
		must0(t, w.Hub.AddCollaborator(t.Context(), repo, login, "write"))
	}
	f := h.install(w)
	must0(t, w.Hub.SetHook(t.Context(), f.URL+"/hook", hmacSecret))
	api := &client.Client{URL: f.URL}

	id := w.Pull(repo, "alice", "topic", map[string]string{"change.txt": "good\n"})
	check := func(sha, name string) prow.CheckState {
		all, err := w.Forge().Checks(t.Context(), repo, sha)
		must0(t, err)
		for _, c := range all {
			if c.Name == name {
				return c.State
			}
		}
		return ""
	}
	await(t, 2*time.Minute, "unit passes", func() bool { return check(w.PullNow(id).HeadSHA, "unit") == prow.CheckSuccess })
	w.Say(id, "bob", "/lgtm\n/approve")
	await(t, time.Minute, "it merges", func() bool { return w.PullNow(id).Merged })
	var run client.Job
	await(t, 2*time.Minute, "publish passes", func() bool {
		l, err := api.Jobs(t.Context(), client.Filter{Job: "publish"})
		if err == nil && len(l.Jobs) > 0 {
			run = l.Jobs[0]
		}
		return run.State == prow.Success
	})
	if page := get(t, f.URL+"/run/"+run.ID); !strings.Contains(page, "published") {
		t.Errorf("the page of the run does not show its log:\n%.2000s", page)
	}
	await(t, time.Minute, "the artifacts are there", func() bool {
		res, err := http.Get(f.URL + "/run/" + run.ID + "/files/artifacts/change.txt")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// image makes an image of ours known to the node.
func (h *harbour) image(name string) {
	h.t.Helper()
	out := filepath.Join(h.dir, "images")
	if said, err := run(h.t.Context(), "..", "make", "images", "ARGS=--repo prow.test --version 1 --only "+name+" --arch "+runtime.GOARCH+" --out "+out); err != nil {
		h.t.Fatalf("make images: %v\n%s", err, said)
	}
	must0(h.t, h.LoadArchive(h.t.Context(), filepath.Join(out, name+".tar")))
}

// forward is the way to Prow in the cluster.
type forward struct{ URL string }

const installedConfig = `prowjob_namespace: prow
pod_namespace: prow-jobs
github: {link_url: %[1]q}
in_repo_config: {enabled: {"*": true}}
plank:
  default_decoration_config_entries:
  - config:
      gcs_configuration: {bucket: "s3://prow", path_strategy: explicit}
      s3_credentials_secret: s3
      utility_images: {clonerefs: %[2]s, initupload: %[2]s, entrypoint: %[2]s, sidecar: %[2]s}
tide:
  queries: [{repos: [o/r], labels: [lgtm, approved], missingLabels: [do-not-merge/hold]}]
`

// install does what docs/kubernetes.md says, and opens a way to the pod.
func (h *harbour) install(w *world.World) forward {
	t := h.t
	t.Helper()
	dir := t.TempDir()
	args := []string{
		"install", "--github-token-file", writeFile(t, filepath.Join(dir, "token"), world.Token(world.Bot)), "--hmac", writeFile(t, filepath.Join(dir, "hmac"), hmacSecret),
		"--config", writeFile(t, filepath.Join(dir, "config.yaml"), fmt.Sprintf(installedConfig, w.URL, utilities)),
		"--plugins", writeFile(t, filepath.Join(dir, "plugins.yaml"), "plugins:\n  o/r:\n    plugins: [approve, lgtm, trigger]\n"),
		"--bucket", "s3://prow", "--bucket-credentials-file", h.s3File, "--image", "prow.test/prow:1", "--pod-namespace", "prow-jobs", "--url", "http://prow.test",
		"--github-endpoint", w.Hub.API(), "--github-graphql-endpoint", w.URL + "/graphql", "--github-host", w.URL,
	}
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	cmd.Stderr = os.Stderr
	manifests, err := cmd.Output()
	must0(t, err)
	if out, err := h.Kubectl(t.Context(), manifests, "apply", "-f", "-"); err != nil {
		t.Fatalf("kubectl apply: %v\n%s", err, out)
	}
	server, err := url.Parse(h.URL)
	must0(t, err)
	// There is no kube-proxy here, so the API server is reached where it is.
	h.kubectl("-n", "prow", "set", "env", "deployment/prow", "KUBERNETES_SERVICE_HOST="+server.Hostname(), "KUBERNETES_SERVICE_PORT="+server.Port())
	if out, err := h.Kubectl(t.Context(), nil, "-n", "prow", "rollout", "status", "deployment/prow", "--timeout=120s"); err != nil {
		pods, _ := h.Kubectl(t.Context(), nil, "-n", "prow", "describe", "pods")
		logs, _ := h.Kubectl(t.Context(), nil, "-n", "prow", "logs", "deployment/prow", "--tail=50")
		t.Fatalf("%v\n%s\n%s\n%s", err, out, pods, logs)
	}
	programs, err := run(t.Context(), "..", "scripts/kubernetes")
	must0(t, err)
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	way := exec.Command(filepath.Join(lastLine(programs), "kubectl"), "--kubeconfig", h.Kubeconfig, "-n", "prow", "port-forward", "deployment/prow", port+":8080")
	var log lockedBuffer
	way.Stdout, way.Stderr = &log, &log
	must0(t, way.Start())
	t.Cleanup(func() {
		_ = way.Process.Kill()
		_ = way.Wait()
		if t.Failed() {
			logs, _ := h.Kubectl(t.Context(), nil, "-n", "prow", "logs", "deployment/prow", "--tail=200")
			t.Logf("Prow said:\n%s\nthe way to it:\n%s", logs, log.String())
		}
	})
	await(t, 30*time.Second, "there is a way to Prow", func() bool {
		res, err := http.Get("http://" + addr + "/healthz/ready")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	return forward{"http://" + addr}
}
