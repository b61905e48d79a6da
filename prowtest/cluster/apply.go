//go:build linux

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"
)

// Apply hands manifests to kubectl apply, as a person does, and waits until
// definitions of resources are served.
func (c *Cluster) Apply(ctx context.Context, manifests []byte) error {
	if _, err := c.Kubectl(ctx, manifests, "apply", "-f", "-"); err != nil {
		return err
	}
	if !bytes.Contains(manifests, []byte("kind: CustomResourceDefinition")) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		// Until the first condition is written, kubectl does not wait but fails.
		_, err := c.Kubectl(ctx, manifests, "wait", "--for=condition=Established", "--timeout=60s", "-f", "-")
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Kubectl runs kubectl as the administrator and returns what it prints.
func (c *Cluster) Kubectl(ctx context.Context, stdin []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.bin+"/kubectl", append([]string{"--kubeconfig=" + c.Kubeconfig}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %v: %w: %s", args, err, complaints.String())
	}
	return out.String(), nil
}
