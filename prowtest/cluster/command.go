//go:build linux

package cluster

import (
	"fmt"
	"path/filepath"
)

func (c *Cluster) etcdCommand(peer string) []string {
	return []string{
		filepath.Join(c.bin, Etcd), "--name=test", "--data-dir=" + filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=" + c.etcd, "--advertise-client-urls=" + c.etcd,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=test=" + peer,
	}
}

func (c *Cluster) serverCommand(port int) []string {
	file := func(name string) string { return filepath.Join(c.dir, name) }
	command := []string{
		filepath.Join(c.bin, APIServer), "--etcd-servers=" + c.etcd, "--bind-address=" + c.host, fmt.Sprint("--secure-port=", port),
		"--tls-cert-file=" + file("server.pem"), "--tls-private-key-file=" + file("server.key"),
		"--token-auth-file=" + file("tokens.csv"), "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + file("accounts.key"),
		"--service-account-signing-key-file=" + file("accounts.key"),
		"--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none", "--allow-privileged=true",
		"--kubelet-preferred-address-types=InternalIP",
		"--profiling=false", "--shutdown-delay-duration=0s", "-v=0",
	}
	if c.machine == nil {
		// Without a controller manager no namespace gets the service account that
		// this plugin asks for.
		command = append(command, "--disable-admission-plugins=ServiceAccount")
	}
	return command
}

func (c *Cluster) controllersCommand() []string {
	return []string{
		filepath.Join(c.bin, Controllers), "--kubeconfig=" + c.Kubeconfig, "--leader-elect=false", "--secure-port=0",
		"--root-ca-file=" + c.CA, "--service-account-private-key-file=" + filepath.Join(c.dir, "accounts.key"), "--use-service-account-credentials=false",
		// A node that is gone is noticed in seconds, not minutes.
		"--node-monitor-period=1s", "--node-monitor-grace-period=8s",
	}
}

func (c *Cluster) schedulerCommand() []string {
	return []string{filepath.Join(c.bin, Scheduler), "--kubeconfig=" + c.Kubeconfig, "--leader-elect=false", "--secure-port=0"}
}
