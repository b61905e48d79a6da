//go:build linux

package cluster

import (
	"fmt"
	"path/filepath"
)

func (c *Cluster) etcdCommand(bin, peer string) []string {
	return []string{
		filepath.Join(bin, Etcd), "--name=test", "--data-dir=" + filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=" + c.etcd, "--advertise-client-urls=" + c.etcd,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=test=" + peer,
	}
}

func (c *Cluster) serverCommand(bin string, port int) []string {
	file := func(name string) string { return filepath.Join(c.dir, name) }
	return []string{
		filepath.Join(bin, APIServer), "--etcd-servers=" + c.etcd, "--bind-address=127.0.0.1", fmt.Sprint("--secure-port=", port),
		"--tls-cert-file=" + file("server.pem"), "--tls-private-key-file=" + file("server.key"),
		"--token-auth-file=" + file("tokens.csv"), "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + file("accounts.key"),
		"--service-account-signing-key-file=" + file("accounts.key"),
		"--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none", "--allow-privileged=true",
		// Without a controller manager no namespace gets the service account that
		// this plugin asks for.
		"--disable-admission-plugins=ServiceAccount",
		"--profiling=false", "--shutdown-delay-duration=0s", "-v=0",
	}
}
