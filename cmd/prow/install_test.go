package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
)

// deployments are those that prow install prints.
func deployments(t *testing.T, args ...string) []appsv1.Deployment {
	t.Helper()
	cmd := installCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(append(args, "--output=json"))
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	var all []appsv1.Deployment
	for _, raw := range list.Items {
		if !bytes.Contains(raw, []byte(`"kind": "Deployment"`)) {
			continue
		}
		var d appsv1.Deployment
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// Whatever is installed, its processes are started with flags that `prow serve` has.
func TestServeTakesWhatInstallSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "x.yaml") // any content will do
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"--github-org=o", "--bucket-credentials-file=" + file, "--database-url-file=" + file, "--url=https://prow.example.com",
		"--github-endpoint=http://a", "--github-graphql-endpoint=http://g", "--github-host=http://h", "--job-config=" + dir, "--tekton", "--kubeconfig-secret=builds",
		"--jenkins-url=http://j", "--jenkins-cert-file=" + file, "--jenkins-key-file=" + file, "--jenkins-ca-cert-file=" + file, "--jenkins-csrf-protect"}
	for name, x := range map[string]struct {
		args []string
		want int
	}{
		"small": {[]string{"--bucket=gs://b", "--github-token-file=" + file, "--jenkins-user=u", "--jenkins-token-file=" + file}, 1},
		"split": {[]string{"--bucket=s3://b", "--ha", "--github-app-id=1", "--github-app-private-key-file=" + file, "--jenkins-bearer-token-file=" + file}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := deployments(t, append(x.args, common...)...)
			if len(all) != x.want {
				t.Errorf("%d Deployments, want %d", len(all), x.want)
			}
			for _, d := range all {
				if err := serveCommand().ParseFlags(d.Spec.Template.Spec.Containers[0].Args[1:]); err != nil {
					t.Errorf("%s: %v", d.Name, err)
				}
			}
		})
	}
}
