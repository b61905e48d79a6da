//go:build kubernetes && linux

package install_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/prowtest/cluster"
)

// shared is the control plane of all tests here.
var shared *cluster.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "prow-install-")
	if err == nil {
		defer os.RemoveAll(dir)
		shared, err = cluster.Start(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer shared.Stop()
	return m.Run()
}

// What is printed is what a real API server takes, by the one command that the
// documentation tells, as often as one likes.
func TestApply(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(*install.Options)
	}{
		{"small", func(*install.Options) {}},
		{"again, as an upgrade", func(o *install.Options) { o.Upgrade = true }},
		{"split", func(o *install.Options) {
			o.HA, o.IngressClass, o.TLSSecret, o.Namespace, o.PodNamespace = true, "nginx", "prow-tls", "prow-ha", "jobs-ha"
			o.BucketCredentials, o.DatabaseURL = []byte("{}"), []byte("postgres://db")
			o.RegistryCredentials = []byte(`{"auths":{"r.example.com":{"auth":"eDp5"}}}`)
			o.Tekton, o.Jenkins = true, install.Jenkins{URL: "http://jenkins", Bearer: []byte("b")}
		}},
	} {
		o := options()
		x.change(&o)
		text, err := install.YAML(render(t, o))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shared.Kubectl(t.Context(), text, "apply", "-f", "-"); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		if _, err := shared.Kubectl(t.Context(), text, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"); err != nil {
			t.Errorf("%s, server side: %v", x.name, err)
		}
		asJSON, err := install.JSON(render(t, o))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shared.Kubectl(t.Context(), asJSON, "apply", "--dry-run=server", "-f", "-"); err != nil {
			t.Errorf("%s, as JSON: %v", x.name, err)
		}
	}
}
