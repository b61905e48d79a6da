//go:build kubernetes && linux

package install_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/server"
)

// How each build cluster is stands on the page of the system and in the file that
// plank.build_cluster_status_file names; those that are away hold up nothing, and
// the scheduler may send their jobs elsewhere.
func TestBuildClusters(t *testing.T) {
	for _, d := range [][]byte{kube.CRD, kube.StateCRD} {
		if err := shared.Apply(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := shared.Kubectl(t.Context(), nil, "create", "namespace", "clusters"); err != nil {
		t.Fatal(err)
	}
	w, dir := world.New(t), t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	kubeconfig := file("kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: default,
clusters: [{name: good, cluster: {server: %q, certificate-authority: %q}}, {name: away, cluster: {server: "https://%s"}}, {name: bad, cluster: {server: "https://x", certificate-authority: /no/such/file}}],
users: [{name: admin, user: {token: %q}}, {name: nobody, user: {token: wrong}}],
contexts: [{name: default, context: {cluster: good, user: admin}}, {name: away, context: {cluster: away, user: admin}}, {name: bad, context: {cluster: bad, user: admin}}, {name: stranger, context: {cluster: good, user: nobody}}]}`,
		shared.URL, shared.CA, nobody.Addr(), shared.Token))
	status := filepath.Join(dir, "status.json")
	o := server.Options{
		Data: filepath.Join(dir, "data"), Addr: "127.0.0.1:0", Only: []string{"plank", "deck"}, Engine: server.Kubernetes,
		Paths: config.Paths{
			Config:       file("config.yaml", fmt.Sprintf("prowjob_namespace: clusters\npod_namespace: clusters\nplank: {build_cluster_status_file: %q}\nscheduler: {enabled: true, failover: {mappings: {away: default}}}\n", status)),
			PluginConfig: file("plugins.yaml", "{}"),
		},
		ForgeAPI: w.Hub.API(), ForgeGraphQL: w.URL + "/graphql", ForgeURL: w.URL,
		Token:   func(context.Context) (string, error) { return world.Token(world.Bot), nil },
		Secrets: func() ([]byte, error) { return []byte("secret"), nil },
		Cluster: &server.ClusterOptions{Kubeconfig: kube.Kubeconfig{Files: []string{kubeconfig}}, Identity: "me"},
		Log:     slog.New(slog.DiscardHandler),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x, err := server.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	const job = "{apiVersion: prow.k8s.io/v1, kind: ProwJob, metadata: {name: moved}, status: {state: scheduling},\n" +
		"spec: {type: periodic, agent: kubernetes, job: moved, cluster: away, pod_spec: {containers: [{image: i, command: [c]}]}}}"
	if _, err := shared.Kubectl(t.Context(), []byte(job), "-n", "clusters", "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	w.Eventually("a job of a cluster that is away runs on another", func() bool {
		out, err := shared.Kubectl(t.Context(), nil, "-n", "clusters", "get", "pj/moved", "-o", "jsonpath={.spec.cluster} {.status.state}")
		if err != nil {
			t.Fatal(err)
		}
		_, err = shared.Kubectl(t.Context(), nil, "-n", "clusters", "get", "pod/moved")
		return out == "default pending" && err == nil
	})
	var states map[string]string
	w.Eventually("the status file is written", func() bool {
		b, err := os.ReadFile(status)
		return err == nil && json.Unmarshal(b, &states) == nil
	})
	for alias, want := range map[string]string{"default": "Reachable", "away": "Error", "bad": "No-Manager", "stranger": "Error"} {
		if states[alias] != want {
			t.Errorf("%s is told as %q, want %q", alias, states[alias], want)
		}
	}
	told := map[string]string{}
	w.Eventually("the page tells of all", func() bool {
		res, err := http.Get("http://" + l.Addr().String() + "/api/v1/system")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		var v struct {
			System struct{ Facts []struct{ Name, Text string } }
		}
		if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
			return false
		}
		for _, f := range v.System.Facts {
			told[f.Name] = f.Text
		}
		return told["Cluster default"] == "reached" && strings.Contains(told["Cluster away"], "connection refused")
	})
	for name, want := range map[string]string{"Cluster bad": "cannot be used: ", "Cluster stranger": "cannot be reached: "} {
		if !strings.Contains(told[name], want) {
			t.Errorf("%s: %q, want %q in it", name, told[name], want)
		}
	}
}
