//go:build kubernetes && node && linux

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/prow-ci/prow/client"
	"github.com/prow-ci/prow/prowtest/world"
)

// installed is Prow as `prow install` puts it into a cluster, with images of `make
// images`, beside a forge that it and its pods reach.
type installed struct {
	*harbour
	w   *world.World
	url string // of Prow's pages
	api *client.Client
}

// What `prow install` prints is a whole Prow: a pod without any right too many
// takes the webhooks, runs jobs in other pods, merges, shows. Each story is of a
// repository of its own.
func TestInstalledOnKubernetes(t *testing.T) {
	h := newHarbour(t)
	h.image("prow")
	i := &installed{harbour: h, w: world.New(t, world.On(must(net.Listen("tcp", h.address()))))}
	i.w.Org("o", "alice", "bob")
	i.repo(t, "nightly", "")
	i.install()
	must0(t, i.w.Hub.SetHook(t.Context(), i.url+"/hook", hmacSecret))
	for name, story := range map[string]func(*installed, *testing.T){
		"change": (*installed).change, "periodic": (*installed).periodic, "batch": (*installed).batch, "extra refs": (*installed).extraRefs,
		"bad ends": (*installed).badEnds, "ended by hand": (*installed).endedByHand,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(i, t)
		})
	}
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

// installedConfig wants the address of the forge and the image of podutil.
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
  blocker_label: merge-blocker
  queries: [{orgs: [o], labels: [lgtm, approved], missingLabels: [do-not-merge/hold]}]
periodics:
- name: nightly
  interval: 1m
  decorate: true
  extra_refs: [{org: o, repo: nightly, base_ref: main, clone_uri: %[1]s/o/nightly.git}]
  spec: {containers: [{image: docker.io/library/busybox:1.37, command: [sh, -c, 'cp README.md "$ARTIFACTS/"; echo good night from $BUILD_ID']}]}
`

// install does what docs/kubernetes.md says, and opens a way to the pod.
func (i *installed) install() {
	t := i.t
	t.Helper()
	dir := t.TempDir()
	args := []string{
		"install", "--github-token-file", writeFile(t, filepath.Join(dir, "token"), world.Token(world.Bot)), "--hmac", writeFile(t, filepath.Join(dir, "hmac"), hmacSecret),
		"--config", writeFile(t, filepath.Join(dir, "config.yaml"), fmt.Sprintf(installedConfig, i.w.URL, utilities)),
		"--plugins", writeFile(t, filepath.Join(dir, "plugins.yaml"), "plugins:\n  o:\n    plugins: [approve, lgtm, trigger]\n"),
		"--bucket", "s3://prow", "--bucket-credentials-file", i.s3File, "--image", "prow.test/prow:1", "--pod-namespace", "prow-jobs", "--url", "http://prow.test",
		"--github-endpoint", i.w.Hub.API(), "--github-graphql-endpoint", i.w.URL + "/graphql", "--github-host", i.w.URL,
	}
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	cmd.Stderr = os.Stderr
	manifests, err := cmd.Output()
	must0(t, err)
	if out, err := i.Kubectl(t.Context(), manifests, "apply", "-f", "-"); err != nil {
		t.Fatalf("kubectl apply: %v\n%s", err, out)
	}
	server, err := url.Parse(i.URL)
	must0(t, err)
	// There is no kube-proxy here, so the API server is reached where it is.
	i.kubectl("-n", "prow", "set", "env", "deployment/prow", "KUBERNETES_SERVICE_HOST="+server.Hostname(), "KUBERNETES_SERVICE_PORT="+server.Port())
	if out, err := i.Kubectl(t.Context(), nil, "-n", "prow", "rollout", "status", "deployment/prow", "--timeout=600s"); err != nil {
		pods, _ := i.Kubectl(t.Context(), nil, "-n", "prow", "describe", "pods")
		logs, _ := i.Kubectl(t.Context(), nil, "-n", "prow", "logs", "deployment/prow", "--tail=50")
		t.Fatalf("%v\n%s\n%s\n%s", err, out, pods, logs)
	}
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	log, err := i.Accompany("way", i.Program("kubectl"), "--kubeconfig", i.Kubeconfig, "-n", "prow", "port-forward", "deployment/prow", port+":8080")
	must0(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := i.Kubectl(context.Background(), nil, "-n", "prow", "logs", "deployment/prow", "--tail=300")
			way, _ := os.ReadFile(log)
			t.Logf("Prow said:\n%s\nthe way to it:\n%s", logs, way)
		}
	})
	i.url = "http://" + addr
	i.api = &client.Client{URL: i.url}
	await(t, 5*time.Minute, "there is a way to Prow", func() bool {
		res, err := http.Get(i.url + "/healthz/ready")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
}
