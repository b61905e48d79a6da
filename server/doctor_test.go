package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/server"
)

// What a fix says has to mend the fault: a context among disabled_clusters is none.
func TestDoctorLeavesDisabledClustersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	files := write("kubeconfig", `apiVersion: v1
kind: Config
current-context: here
clusters: [{name: here, cluster: {server: "http://127.0.0.1:1"}}]
contexts:
- {name: here, context: {cluster: here}}
- {name: old, context: {cluster: gone}}
- {name: torn, context: {cluster: gone}}
`)
	main := write("config.yaml", "disabled_clusters: [old]\n")
	found, err := server.Doctor(t.Context(), server.DoctorOptions{
		Kubeconfig: &kube.Kubeconfig{Files: []string{files}}, Namespace: "prow", Paths: config.Paths{Config: main},
	})
	if err != nil {
		t.Fatal(err)
	}
	var broken []string
	for _, f := range found {
		if strings.HasPrefix(f.Text, "build cluster ") {
			broken = append(broken, strings.Fields(f.Text)[2])
		}
	}
	if got := strings.Join(broken, " "); got != "torn" {
		t.Errorf("these cannot be used: %s; want torn; all: %v", got, found)
	}
}
