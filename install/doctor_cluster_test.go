//go:build kubernetes && linux

package install_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/server"
	"k8s.io/client-go/rest"
)

// github answers the few questions of the doctor.
func github(t *testing.T, url *string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Oauth-Scopes", "repo, read:org")
		w.Header().Set("X-Ratelimit-Limit", "5000")
		w.Header().Set("X-Ratelimit-Remaining", "4000")
		switch r.URL.Path {
		case "/user":
			fmt.Fprint(w, `{"login":"my-bot"}`)
		case "/orgs/my-org/hooks":
			fmt.Fprintf(w, `[{"active":true,"events":["*"],"config":{"url":"%s/hook","content_type":"json"},"last_response":{"code":200,"status":"active"}}]`, *url)
		case "/hook":
			http.Error(w, "", http.StatusMethodNotAllowed)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	*url = s.URL
	return s
}

func told(findings []server.Finding, state string) string {
	var out []string
	for _, f := range findings {
		if f.State == state {
			out = append(out, f.Area+": "+f.Text+" -> "+f.Fix)
		}
	}
	return strings.Join(out, "\n")
}

// A whole installation has no faults; each that is made is found, by the check of
// the objects or by the doctor, with what to do.
func TestFaultsAreFound(t *testing.T) {
	ctx := t.Context()
	var url string
	forge := github(t, &url)
	bucket := t.TempDir()
	o := options()
	o.Namespace, o.PodNamespace, o.JobNamespace, o.HA, o.URL, o.ForgeAPI = "doc", "doc-pods", "doc", true, url, forge.URL
	o.Plugins = []byte("plugins:\n  my-org:\n    plugins: [lgtm]\n")
	o.Config = []byte("prowjob_namespace: doc\npod_namespace: doc-pods\nplank:\n  default_decoration_config_entries:\n  - config:\n" +
		"      gcs_configuration: {bucket: \"" + bucket + "\", path_strategy: explicit}\n      utility_images: {clonerefs: a, initupload: a, entrypoint: a, sidecar: a}\n")
	text, err := install.YAML(render(t, o))
	if err != nil {
		t.Fatal(err)
	}
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := shared.Kubectl(ctx, text, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kubectl("apply", "-f", "-")
	for _, c := range install.Components() { // as if a controller had started them
		kubectl("-n", "doc", "patch", "deployment", "prow-"+c, "--subresource=status", "--type=merge", "-p", `{"status":{"replicas":2,"availableReplicas":2,"readyReplicas":2}}`)
	}
	k := kube.Kubeconfig{Files: []string{shared.Kubeconfig}}
	check := func() []server.Finding {
		t.Helper()
		f, err := server.CheckInstall(ctx, k, o)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	doctor := func() []server.Finding {
		t.Helper()
		f, err := server.Doctor(ctx, server.DoctorOptions{Kubeconfig: &k, Namespace: "doc"})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	deliver(t)
	whole := doctor()
	if s := told(check(), server.Fault); s != "" {
		t.Errorf("a whole installation differs: %s", s)
	}
	if s := told(whole, server.Fault) + told(whole, server.Unknown); s != "" {
		t.Errorf("a whole installation has faults: %s", s)
	}
	for _, want := range []string{"knows the token as my-bot", "the token has the scopes", "4000 of 5000", "my-org sends them to " + url + "/hook", "hook answers at",
		"can be written and read", "the last one came", "service account prow-plank has all", "prow-hook: 2 replicas"} {
		if !strings.Contains(told(whole, server.OK), want) {
			t.Errorf("not told: %s\nin %s", want, told(whole, server.OK))
		}
	}
	if s := fmt.Sprint(whole); strings.Contains(s, "ghp_secret") {
		t.Errorf("a secret was told: %s", s)
	}
	for _, x := range []struct {
		name          string
		breaks        func()
		check, doctor string
	}{
		{"a right is missing", func() {
			kubectl("-n", "doc-pods", "patch", "role", "prow-plank", "--type=json", "-p", `[{"op":"replace","path":"/rules/0/verbs","value":["list","watch"]}]`)
		}, "Role doc-pods/prow-plank differs", "prow-plank may not create pods in namespace doc-pods, which plank needs to start the pod of a job"},
		{"a right too many", func() {
			kubectl("-n", "doc", "patch", "role", "prow-deck", "--type=json", "-p", `[{"op":"add","path":"/rules/-","value":{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}}]`)
		}, "Role doc/prow-deck differs: rules[2] is more than wanted", ""},
		{"another image", func() { kubectl("-n", "doc", "set", "image", "deployment/prow-tide", "prow=other:v2") },
			"containers[0].image is other:v2, want registry.example.com/prow/prow:v1", ""},
		{"no Service", func() { kubectl("-n", "doc", "delete", "service", "prow-hook") }, "Service doc/prow-hook is missing", ""},
		{"an old definition", func() {
			kubectl("patch", "crd", "prowstates.prow.k8s.io", "--type=json", "-p", `[{"op":"remove","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/order"}]`)
		}, "prowstates.prow.k8s.io is of another version", "prowstates.prow.k8s.io is of another version"},
		{"a process that does not run", func() {
			kubectl("-n", "doc", "patch", "deployment", "prow-crier", "--subresource=status", "--type=merge", "-p", `{"status":{"availableReplicas":0,"readyReplicas":0}}`)
		}, "", "prow-crier has 0 of 1 replicas available -> kubectl -n doc describe"},
		{"an empty secret", func() {
			kubectl("-n", "doc", "patch", "secret", "prow", "--type=merge", "-p", `{"data":{"hmac":""}}`)
		}, "Secret doc/prow has no hmac", "the Secret prow has no hmac"},
		{"a bucket that cannot be written", func() {
			if err := os.Remove(filepath.Join(bucket, "prow-doctor.txt")); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(bucket, "prow-doctor.txt"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "", "storage: " + bucket},
		{"a configuration that does not load", func() {
			kubectl("-n", "doc", "patch", "configmap", "plugins", "--type=merge", "-p", `{"data":{"plugins.yaml":"plugins: [1]"}}`)
		}, "", "configuration: it does not load"},
		{"no configuration at all", func() { kubectl("-n", "doc", "delete", "configmap", "config") }, "ConfigMap doc/config is missing", ""},
	} {
		x.breaks()
		if got := told(check(), server.Fault); !strings.Contains(got, x.check) {
			t.Errorf("%s: the check told %s\nwant %s", x.name, got, x.check)
		}
		if got := told(doctor(), server.Fault); !strings.Contains(got, x.doctor) {
			t.Errorf("%s: the doctor told %s\nwant %s", x.name, got, x.doctor)
		}
	}
}

// deliver puts a webhook into the inbox.
func deliver(t *testing.T) {
	t.Helper()
	s, err := kube.OpenState(t.Context(), kube.StateOptions{Namespace: "doc",
		Config: &rest.Config{Host: shared.URL, BearerToken: shared.Token, TLSClientConfig: rest.TLSClientConfig{CAFile: shared.CA}, QPS: -1}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := &prow.Delivery{ID: "d", Event: "push", Received: time.Now(), Where: prow.IssueID{Repo: prow.Repo{Owner: "my-org", Name: "r"}}}
	if _, err := s.Inbox.Accept(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}
