//go:build linux

// Package cluster runs a real Kubernetes for tests. Start brings up a control
// plane, etcd and the API server, on free ports of this machine and without root.
// StartNode adds a node on which pods run, and the controllers and the scheduler
// that bring them there; it needs root and containerd.
//
// Takes: the programs that scripts/kubernetes builds. Gives: a kubeconfig, and
// the power to kill and restart each part. Woken by: its caller. Whatever
// becomes of the test's process, nothing is left running.
package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The parts of a control plane, and those that come with a node, as Kill and
// Restart name them.
const (
	Etcd      = "etcd"
	APIServer = "kube-apiserver"

	Controllers = "kube-controller-manager"
	Scheduler   = "kube-scheduler"
	Containerd  = "containerd"
	Kubelet     = "kubelet"
)

// Cluster is a running control plane.
type Cluster struct {
	// Kubeconfig is a file that lets in the administrator, by the context "test".
	Kubeconfig string
	// URL, CA and Token are the same for those who speak for themselves.
	URL   string
	CA    string // a PEM file
	Token string

	dir      string
	bin      string
	etcd     string
	host     string // the address of the API server, and of this side for pods
	machine  *machine
	client   *http.Client
	nursery  *nursery
	mu       sync.Mutex
	commands map[string][]string
}

// Start brings up a control plane that keeps everything in dir, and waits until
// it is ready.
func Start(ctx context.Context, dir string) (*Cluster, error) {
	c := &Cluster{dir: dir, host: "127.0.0.1", nursery: newNursery()}
	if err := c.startControlPlane(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) startControlPlane(ctx context.Context) (err error) {
	if c.bin, err = binaries(); err != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	c.Token, c.CA, c.Kubeconfig = "administrator", filepath.Join(c.dir, "ca.pem"), filepath.Join(c.dir, "kubeconfig")
	c.URL, c.etcd = fmt.Sprintf("https://%s:%d", c.host, ports[2]), fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	if err := c.writeFiles(); err != nil {
		return err
	}
	c.commands = map[string][]string{
		Etcd:      c.etcdCommand(fmt.Sprintf("http://127.0.0.1:%d", ports[1])),
		APIServer: c.serverCommand(ports[2]),
	}
	if err := c.Restart(ctx, Etcd); err != nil {
		return err
	}
	return c.Restart(ctx, APIServer)
}

// Stop ends everything.
func (c *Cluster) Stop() {
	c.nursery.stop()
	if c.machine != nil {
		c.machine.clean()
	}
}

// Kill ends a part at once, as a power cut would, and returns when it is gone.
func (c *Cluster) Kill(part string) {
	if part == Containerd || part == Kubelet {
		c.machine.kill(c.nursery.pid(part)) // what the nursery holds only waits for it
	}
	c.nursery.kill(part)
}

// Accompany starts a program of the test's that ends with the cluster, as all
// parts do, and returns the file that its output goes to.
func (c *Cluster) Accompany(name string, command ...string) (log string, err error) {
	log = c.log(name)
	return log, c.nursery.start(name, command, log)
}

// Program returns the file of one of the programs of Kubernetes.
func (c *Cluster) Program(name string) string { return filepath.Join(c.bin, name) }

// Restart starts a part that does not run and waits until it is ready.
func (c *Cluster) Restart(ctx context.Context, part string) error {
	c.mu.Lock()
	command := c.commands[part]
	c.mu.Unlock()
	log := c.log(part)
	if err := c.nursery.start(part, command, log); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute) // on a busy machine slowness is no defect
	defer cancel()
	for {
		err := c.ready(ctx, part)
		if err == nil {
			return nil
		}
		if ended := c.nursery.ended(part); ended || ctx.Err() != nil {
			return fmt.Errorf("%s does not come up: %w; the end of its log:\n%s", part, err, tail(log))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *Cluster) ready(ctx context.Context, part string) error {
	url := c.etcd + "/health"
	switch part {
	case APIServer:
		url = c.URL + "/readyz"
	case Controllers, Scheduler:
		return nil // they wait for one another, and what they do is waited for
	case Containerd:
		return c.machine.run(ctx, "ctr", "--address", c.machine.socket(), "version")
	case Kubelet:
		return c.nodeReady(ctx)
	}
	_, err := c.Do(ctx, http.MethodGet, url, nil)
	return err
}

// Do sends a request as the administrator and returns the answer. url may be a
// path of the API server.
func (c *Cluster) Do(ctx context.Context, method, url string, body io.Reader, header ...string) ([]byte, error) {
	if strings.HasPrefix(url, "/") {
		url = c.URL + url
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, url, res.Status, b)
	}
	return b, err
}

// Stream is Do for an answer that goes on, such as that of a watch. The caller
// closes it.
func (c *Cluster) Stream(ctx context.Context, path, accept string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Accept", accept)
	res, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		res.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", path, res.Status)
	}
	return res.Body, nil
}

// Compact makes etcd forget all that is not current, as it does by itself every
// few minutes: a watch that asks for older changes is then told to begin anew.
func (c *Cluster) Compact(ctx context.Context) error {
	b, err := c.Do(ctx, http.MethodPost, c.etcd+"/v3/kv/range", strings.NewReader(`{"key":"Lw=="}`))
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(string(b), `"revision":"`)
	revision, _, _ := strings.Cut(after, `"`)
	_, err = c.Do(ctx, http.MethodPost, c.etcd+"/v3/kv/compaction", strings.NewReader(`{"physical":true,"revision":"`+revision+`"}`))
	return err
}

// Lose takes an object out of etcd, by kind, namespace and name, as a disaster does:
// nobody said before that it would go.
func (c *Cluster) Lose(ctx context.Context, object string) error {
	key := base64.StdEncoding.EncodeToString([]byte("/registry/" + object))
	b, err := c.Do(ctx, http.MethodPost, c.etcd+"/v3/kv/deleterange", strings.NewReader(`{"key":"`+key+`"}`))
	if err == nil && !bytes.Contains(b, []byte(`"deleted":"1"`)) {
		err = fmt.Errorf("etcd has no %s: %s", object, b)
	}
	return err
}

// binaries returns the folder of the programs.
func binaries() (string, error) {
	dir := os.Getenv("PROW_KUBERNETES")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(cache, "prow-kubernetes", Version)
	}
	if _, err := os.Stat(filepath.Join(dir, APIServer)); err != nil {
		return "", fmt.Errorf("there is no Kubernetes in %s: run scripts/kubernetes, which builds it once (about 5 minutes)", dir)
	}
	return dir, nil
}

// Version of Kubernetes, as in tools/kubernetes/go.mod.
const Version = "v1.34.4"

func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func (c *Cluster) log(part string) string { return filepath.Join(c.dir, part+".log") }

func tail(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

func (c *Cluster) trust(ca []byte) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
}
