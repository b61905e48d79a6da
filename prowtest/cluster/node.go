//go:build linux

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// StartNode brings up a control plane and a node, and waits until pods can run.
// dir is made, and it is the cluster's alone: should this process be killed, the
// next cluster removes it.
func StartNode(ctx context.Context, dir string) (c *Cluster, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	c = &Cluster{dir: dir, nursery: newNursery()}
	defer func() {
		if err != nil {
			c.Stop()
			c = nil
		}
	}()
	if c.machine, err = newMachine(c.nursery, dir); err != nil {
		return c, err
	}
	c.host = c.machine.here
	if err := c.startControlPlane(ctx); err != nil {
		return c, err
	}
	if err := c.writeNodeFiles(); err != nil {
		return c, err
	}
	c.commands[Controllers], c.commands[Scheduler] = c.controllersCommand(), c.schedulerCommand()
	c.commands[Containerd] = c.machine.command("containerd", "--config", filepath.Join(dir, "containerd.toml"))
	c.commands[Kubelet] = c.machine.command(filepath.Join(c.bin, Kubelet), "--config="+filepath.Join(dir, "kubelet.yaml"), "--kubeconfig="+c.Kubeconfig,
		"--hostname-override=node", "--node-ip="+c.machine.inside, "--root-dir="+filepath.Join(dir, "kubelet"), "--v=1")
	for _, part := range []string{Controllers, Scheduler, Containerd} {
		if err := c.Restart(ctx, part); err != nil {
			return c, err
		}
	}
	pause := Image{Name: pauseImage, Entrypoint: []string{"/bin/busybox", "sleep", "2147483647"}, Files: map[string]string{"/bin/busybox": busybox}}
	if err := errors.Join(c.Load(ctx, pause), c.Load(ctx, BusyBox())); err != nil {
		return c, err
	}
	return c, c.Restart(ctx, Kubelet)
}

// Host is the address by which pods reach servers of the test.
func (c *Cluster) Host() string { return c.host }

const (
	pauseImage = "prow.test/pause:1"
	busybox    = "/bin/busybox"
)

func (c *Cluster) writeNodeFiles() error {
	m := c.machine
	net := filepath.Join(c.dir, "cni")
	if err := os.MkdirAll(net, 0o755); err != nil {
		return err
	}
	for name, content := range map[string]string{
		"containerd.toml":  fmt.Sprintf(containerdConfig, filepath.Join(c.dir, "images"), filepath.Join(c.dir, "containers"), m.socket(), pauseImage, net),
		"kubelet.yaml":     fmt.Sprintf(kubeletConfig, m.socket(), filepath.Join(c.dir, "resolv.conf"), filepath.Join(c.dir, "manifests")),
		"resolv.conf":      "", // pods know no names, whatever this computer asks
		"cni/net.conflist": fmt.Sprintf(network, m.pods()),
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

const containerdConfig = `version = 2
root = %q
state = %q
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %q
`

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix://%s
cgroupDriver: cgroupfs
cgroupsPerQOS: false
resolvConf: %s
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
oomScoreAdj: 0
evictionHard: {memory.available: 1Mi, nodefs.available: 0%%, imagefs.available: 0%%}
staticPodPath: %s
nodeStatusUpdateFrequency: 2s
syncFrequency: 5s
registryPullQPS: 0
maxPods: 250
`

const network = `{"cniVersion": "0.4.0", "name": "pods", "plugins": [
 {"type": "bridge", "bridge": "pods", "isGateway": true, "ipMasq": false,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}},
 {"type": "portmap", "capabilities": {"portMappings": true}, "snat": false}]}
`

// nodeReady says why no pod can run yet.
func (c *Cluster) nodeReady(ctx context.Context) error {
	b, err := c.Do(ctx, http.MethodGet, "/api/v1/nodes/node", nil)
	if err != nil {
		return err
	}
	var node struct {
		Spec   struct{ Taints []struct{ Key string } }
		Status struct {
			Conditions []struct {
				Type, Status, Message string
				LastHeartbeatTime     time.Time
			}
		}
	}
	if err := json.Unmarshal(b, &node); err != nil {
		return err
	}
	for _, x := range node.Status.Conditions {
		if x.Type == "Ready" && x.Status == "True" {
			if len(node.Spec.Taints) > 0 {
				return fmt.Errorf("the node is tainted: %v", node.Spec.Taints)
			}
			return nil
		}
		if x.Type == "Ready" {
			err = errors.New(x.Message)
		}
	}
	return fmt.Errorf("the node is not ready: %w", err)
}

// Load makes an image known to the node.
func (c *Cluster) Load(ctx context.Context, image Image) error {
	file := filepath.Join(c.dir, "image.tar")
	if err := image.write(file); err != nil {
		return fmt.Errorf("image %s: %w", image.Name, err)
	}
	defer os.Remove(file)
	return c.LoadArchive(ctx, file)
}

// LoadArchive makes the images in an archive known to the node.
func (c *Cluster) LoadArchive(ctx context.Context, file string) error {
	return c.machine.run(ctx, "ctr", "--address", c.machine.socket(), "--namespace", "k8s.io", "images", "import", "--all-platforms", file)
}

// BusyBox is busybox:latest, every applet by its name.
func BusyBox() Image {
	i := Image{Name: "docker.io/library/busybox:latest", Files: map[string]string{busybox: busybox}, Links: map[string]string{}}
	for _, applet := range strings.Fields("[ awk base64 basename cat chmod cp cut date dd df dirname du echo env expr false find grep gunzip gzip head hostname id kill killall ln ls md5sum mkdir mktemp mv nc nproc od ping printenv printf ps pwd rm rmdir sed seq sh sha256sum sleep sort stat sync tail tar tee test timeout touch tr true tty uname uniq uptime usleep vi wc wget which whoami xargs yes") {
		i.Links["/bin/"+applet] = "busybox"
	}
	return i
}
