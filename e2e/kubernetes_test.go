//go:build kubernetes && node && linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest/cluster"
)

// utilities is the image of podutil on the node.
const utilities = "prow.test/podutil:1"

// harbour is a Kubernetes with a node, and an S3 store that its pods reach.
type harbour struct {
	*cluster.Cluster
	t      *testing.T
	dir    string
	s3     string // address of the store; its bucket is the folder s3/prow of dir
	s3File string // credentials
}

func newHarbour(t *testing.T) *harbour {
	t.Helper()
	h := &harbour{t: t, dir: t.TempDir()}
	c, err := cluster.StartNode(t.Context(), filepath.Join(h.dir, "k"))
	must0(t, err)
	t.Cleanup(c.Stop)
	h.Cluster = c
	h.image("podutil")
	busybox := cluster.BusyBox()
	busybox.Name = "docker.io/library/busybox:1.37"
	must0(t, c.Load(t.Context(), busybox))
	must0(t, c.Apply(t.Context(), kube.CRD))
	must0(t, c.Apply(t.Context(), kube.StateCRD))
	h.store()
	for _, ns := range []string{"prow", "prow-jobs"} {
		h.kubectl("create", "namespace", ns)
	}
	h.kubectl("-n", "prow-jobs", "create", "secret", "generic", "s3", "--from-file=service-account.json="+h.s3File)
	return h
}

func (h *harbour) kubectl(args ...string) string {
	h.t.Helper()
	out, err := h.Kubectl(h.t.Context(), nil, args...)
	if err != nil {
		h.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// store starts versitygw where pods reach it, with the bucket prow.
func (h *harbour) store() {
	h.t.Helper()
	programs, err := run(h.t.Context(), "..", "scripts/storage")
	must0(h.t, err)
	dir := filepath.Join(h.dir, "s3")
	must0(h.t, os.MkdirAll(filepath.Join(dir, "prow"), 0o755))
	addr := h.address()
	_, err = h.Accompany("store", "env", "ROOT_ACCESS_KEY=prow", "ROOT_SECRET_KEY=a-secret-of-the-store",
		filepath.Join(lastLine(programs), "versitygw"), "--port", addr, "posix", dir)
	must0(h.t, err)
	h.s3 = "http://" + addr
	await(h.t, 2*time.Minute, "the store answers", func() bool {
		res, err := http.Get(h.s3)
		if err != nil {
			return false
		}
		return res.Body.Close() == nil
	})
	b, err := json.Marshal(map[string]any{"region": "us-east-1", "endpoint": h.s3, "s3_force_path_style": true, "access_key": "prow", "secret_key": "a-secret-of-the-store"})
	must0(h.t, err)
	h.s3File = writeFile(h.t, filepath.Join(h.dir, "s3.json"), string(b))
}

// address returns one that pods reach and that was free a moment ago.
func (h *harbour) address() string {
	h.t.Helper()
	l, err := net.Listen("tcp", h.Host()+":0")
	must0(h.t, err)
	defer l.Close()
	return l.Addr().String()
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// The walk of `prow try`, with ProwJob resources and pods on a real node: a pull
// request fails, is fixed, reviewed, merged, and published.
func TestTryOnKubernetes(t *testing.T) {
	h := newHarbour(t)
	data := filepath.Join(h.dir, "try")
	cmd := exec.CommandContext(t.Context(), binary(t), "try", "--once", "--json", "--runner", "kubernetes", "--kubeconfig", h.Kubeconfig,
		"--addr", freeAddr(t), "--forge-addr", h.address(), "--data", data, "--utilities", utilities,
		"--bucket", "s3://prow", "--bucket-secret", "s3", "--s3-credentials-file", h.s3File, "--log-level", "info")
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	t.Logf("%s", out.String())
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, log.String(), h.kubectl("-n", "prow-jobs", "describe", "pods"))
	}
	for _, step := range []string{"ready", "repository", "pull request", "triggered", "failed", "superseded", "passed", "lgtm", "approve", "merged", "postsubmit"} {
		if !strings.Contains(out.String(), fmt.Sprintf(`"step":%q`, step)) {
			t.Errorf("no step %s", step)
		}
	}
	fmt.Println(h.kubectl("-n", "prow", "get", "prowjobs"))
}
