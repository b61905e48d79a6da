//go:build kubernetes && linux

package install_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/client"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/server"
	corev1 "k8s.io/api/core/v1"
)

// door stands before the API server, for one component, and notes what it asks.
type door struct {
	mu      sync.Mutex
	asked   map[string]bool // resource and verb
	refused []string
}

func (d *door) open(t *testing.T, token string) (address string) {
	t.Helper()
	ca, err := os.ReadFile(shared.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	to, err := url.Parse(shared.URL)
	if err != nil {
		t.Fatal(err)
	}
	// A client sends its token by TLS only, so the door knows it.
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Set("Authorization", "Bearer "+token)
	}}
	proxy.FlushInterval = -1
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 100}
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	proxy.ModifyResponse = func(r *http.Response) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.asked[asked(r.Request)] = true
		if r.StatusCode == http.StatusForbidden {
			d.refused = append(d.refused, r.Request.Method+" "+r.Request.URL.Path)
		}
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: proxy}
	go func() { _ = s.Serve(l) }() // it ends when it is closed
	t.Cleanup(func() { _ = s.Close() })
	return "http://" + l.Addr().String()
}

func (d *door) has(asked string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked[asked]
}

// asked says what a request is to the authorizer.
func asked(r *http.Request) string {
	_, path, ok := strings.Cut(r.URL.Path, "/namespaces/")
	parts := strings.Split(path, "/")
	if !ok || len(parts) < 2 {
		return r.URL.Path + " get"
	}
	resource, named := parts[1], len(parts) > 2
	if len(parts) > 3 {
		resource += "/" + parts[3]
	}
	verb := map[string]string{"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get"}[r.Method]
	switch {
	case r.URL.Query().Get("watch") != "":
		verb = "watch"
	case verb == "get" && !named:
		verb = "list"
	}
	return resource + " " + verb
}

// split is Prow in its split form, each component with its own token and no more.
type split struct {
	*world.World
	ns, pods string
	dir      string
	repo     prow.Repo
	doors    map[string]*door
}

const splitConfig = `
prowjob_namespace: %s
pod_namespace: %s
in_repo_config: {enabled: {"*": false}}
sinker: {resync_period: 1s, max_prowjob_age: 4s, max_pod_age: 1s, terminated_pod_ttl: 1s}
tide: {sync_period: 1s, queries: [{repos: [o/r], labels: [lgtm]}]}
plank:
  default_decoration_config_entries:
  - config:
      gcs_configuration: {bucket: %q, path_strategy: explicit}
      utility_images: {clonerefs: p, initupload: p, entrypoint: p, sidecar: p}
periodics:
- {name: nightly, interval: 24h, decorate: true, spec: {containers: [{image: busybox, command: ["true"]}]}}
presubmits:
  o/r:
  - {name: unit, always_run: true, decorate: true, spec: {containers: [{image: busybox, command: ["true"]}]}}
  - {name: slow, always_run: false, optional: true, decorate: true, spec: {containers: [{image: busybox, command: ["true"]}]}}
`

func newSplit(t *testing.T) *split {
	t.Helper()
	s := &split{World: world.New(t), ns: "split", pods: "split-pods", dir: t.TempDir(), doors: map[string]*door{}}
	o := options()
	o.HA, o.Upgrade, o.Namespace, o.PodNamespace = true, true, s.ns, s.pods
	text, err := install.YAML(slices.DeleteFunc(render(t, o), func(x install.Object) bool { return x.Kind() == "Deployment" }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shared.Kubectl(t.Context(), text, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	s.file("config.yaml", fmt.Sprintf(splitConfig, s.ns, s.pods, t.TempDir()))
	s.file("plugins.yaml", "plugins:\n  o/r:\n    plugins: [lgtm, trigger]\n")
	s.Org("o", "alice", "bob")
	s.repo = s.Repo("o/r", map[string]string{"README.md": "split\n"})
	for _, login := range []string{"alice", "bob"} {
		if err := s.Hub.AddCollaborator(t.Context(), s.repo, login, "write"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *split) file(name, content string) string {
	s.T.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.T.Fatal(err)
	}
	return path
}

// start runs a component until the test ends.
func (s *split) start(t *testing.T, component string) (address string) {
	t.Helper()
	d := &door{asked: map[string]bool{}}
	s.doors[component] = d
	token, err := shared.Kubectl(t.Context(), nil, "-n", s.ns, "create", "token", "prow-"+component)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := s.file(component+".kubeconfig", fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: %q}}]\n"+
		"users: [{name: u, user: {}}]\ncontexts: [{name: default, context: {cluster: c, user: u}}]\ncurrent-context: default\n", d.open(t, strings.TrimSpace(token))))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = "http://" + l.Addr().String()
	x, err := server.New(t.Context(), server.Options{
		Data: filepath.Join(s.dir, component), Addr: l.Addr().String(), Only: []string{component}, Engine: server.Kubernetes,
		Paths:    config.Paths{Config: filepath.Join(s.dir, "config.yaml"), PluginConfig: filepath.Join(s.dir, "plugins.yaml")},
		ForgeAPI: s.Hub.API(), ForgeGraphQL: s.URL + "/graphql", ForgeURL: s.URL,
		Token:   func(context.Context) (string, error) { return world.Token(world.Bot), nil },
		Secrets: func() ([]byte, error) { return []byte("secret"), nil },
		Cluster: &server.ClusterOptions{Kubeconfig: kube.Kubeconfig{Files: []string{kubeconfig}}, Identity: component},
		Log:     slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatalf("%s: %v", component, err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && ctx.Err() == nil {
			t.Errorf("%s: %v", component, err)
		}
		if err := x.Close(); err != nil {
			t.Errorf("%s: %v", component, err)
		}
	})
	return address
}

// kubelet plays a node that has all pods, until the test ends: those of the job
// slow run until they are stopped, the others succeed.
func (s *split) kubelet(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	t.Cleanup(func() { stop(); <-done })
	path := "/api/v1/namespaces/" + s.pods + "/pods"
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			time.Sleep(50 * time.Millisecond)
			var list corev1.PodList
			b, err := shared.Do(ctx, "GET", path, nil)
			if err != nil || json.Unmarshal(b, &list) != nil {
				continue
			}
			for _, p := range list.Items {
				one := path + "/" + p.Name
				set := func(status string) {
					_, _ = shared.Do(ctx, "PATCH", one+"/status", strings.NewReader(`{"status":`+status+`}`), "Content-Type: application/merge-patch+json") // next time
				}
				switch slow := p.Labels["prow.k8s.io/job"] == "slow"; {
				case p.Spec.NodeName == "":
					_, _ = shared.Do(ctx, "POST", one+"/binding", strings.NewReader(`{"apiVersion":"v1","kind":"Binding","metadata":{"name":"`+p.Name+`"},"target":{"kind":"Node","name":"n"}}`), "Content-Type: application/json") // next time
				case p.Status.Phase == corev1.PodPending && slow:
					set(`{"phase":"Running","startTime":"` + time.Now().UTC().Format(time.RFC3339) + `"}`)
				case p.Status.Phase == corev1.PodPending:
					set(`{"phase":"Succeeded"}`)
				case p.Status.Phase == corev1.PodRunning && p.Spec.ActiveDeadlineSeconds != nil && *p.Spec.ActiveDeadlineSeconds == 1:
					set(`{"phase":"Failed","reason":"DeadlineExceeded"}`)
				}
			}
		}
	}()
}

// jobs are the ProwJobs there are of a job.
func (s *split) jobs(name string) []*prow.Job {
	s.T.Helper()
	var list struct{ Items []*prow.Job }
	b, err := shared.Do(s.T.Context(), "GET", "/apis/prow.k8s.io/v1/namespaces/"+s.ns+"/prowjobs", nil)
	if err != nil {
		s.T.Fatal(err)
	}
	if err := json.Unmarshal(b, &list); err != nil {
		s.T.Fatal(err)
	}
	list.Items = slices.DeleteFunc(list.Items, func(j *prow.Job) bool { return name != "" && j.Spec.Job != name })
	return list.Items
}

func (s *split) state(name string, want prow.State) func() bool {
	return func() bool {
		all := s.jobs(name)
		return len(all) > 0 && all[0].Status.State == want
	}
}

// other names a job that is in a state and none of those already known, or "".
func (s *split) other(name string, state prow.State, known ...string) string {
	for _, j := range s.jobs(name) {
		if j.Status.State == state && !slices.Contains(known, j.Name) {
			return j.Name
		}
	}
	return ""
}

// Seven processes, each with the rights of its own service account only, bring a
// pull request from the push to the merge, run and stop jobs, and clean up; the API
// server refuses none of them anything.
func TestSplitFormWorks(t *testing.T) {
	for _, d := range [][]byte{kube.CRD, kube.StateCRD} {
		if err := shared.Apply(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	s := newSplit(t)
	s.kubelet(t)
	if err := s.Hub.SetHook(t.Context(), s.start(t, "hook")+"/hook", "secret"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"horologium", "plank", "crier", "tide"} {
		s.start(t, c)
	}
	api := &client.Client{URL: s.start(t, "deck")}

	s.Eventually("the periodic job ran", s.state("nightly", prow.Success))
	id := s.Pull(s.repo, "alice", "topic", map[string]string{"a": "a\n"})
	s.Eventually("unit passed", s.state("unit", prow.Success))
	s.Say(id, "alice", "/test slow")
	s.Eventually("slow runs", s.state("slow", prow.Pending))
	slow := s.jobs("slow")[0].Name
	s.Eventually("the page says where", func() bool {
		run, err := api.Run(t.Context(), slow)
		return err == nil && run.Pod != nil && run.Pod.From == "cluster" && run.Pod.Missing == "" && run.Pod.Node == "n"
	})
	if _, err := api.Abort(t.Context(), slow); err != nil {
		t.Error(err)
	}
	s.Eventually("slow was stopped", func() bool { j := s.jobs("slow")[0]; return j.Status.State == prow.Aborted && j.Complete() })
	s.Eventually("what became of its pod is kept", func() bool {
		run, err := api.Run(t.Context(), slow)
		return err == nil && run.Pod != nil && run.Pod.From == "file" && run.Pod.Phase == "Failed"
	})
	if _, err := api.Rerun(t.Context(), slow); err != nil {
		t.Error(err)
	}
	second := ""
	s.Eventually("slow runs again", func() bool {
		second = s.other("slow", prow.Pending, slow)
		return second != ""
	})
	s.Eventually("its log is asked for", func() bool { // what is in it only a node knows
		if f, err := api.Log(t.Context(), second, "", 0, false); err == nil {
			_ = f.Close()
		}
		return s.doors["deck"].has("pods/log get")
	})
	s.Say(id, "alice", "/test slow") // supersedes it
	third := ""
	s.Eventually("the older one was superseded", func() bool {
		third = s.other("slow", prow.Pending, slow, second)
		return third != "" && s.other("slow", prow.Aborted, slow) == second
	})
	s.Say(id, "bob", "/lgtm")
	s.Eventually("it is merged", func() bool { return s.PullNow(id).Merged })
	if _, err := api.Abort(t.Context(), third); err != nil {
		t.Error(err)
	}
	s.start(t, "sinker")
	s.Eventually("jobs and pods are cleaned up", func() bool { return s.doors["sinker"].has("pods delete") && len(s.jobs("unit")) == 0 })

	for _, component := range install.Components() {
		d := s.doors[component]
		d.mu.Lock()
		if len(d.refused) > 0 {
			t.Errorf("%s was refused: %s", component, strings.Join(d.refused, ", "))
		}
		var idle []string
		for _, r := range install.Rules(false, false, "") {
			for _, v := range r.Verbs {
				if key := r.Resource + " " + v.Name; r.Component == component && !d.asked[key] {
					idle = append(idle, key)
				}
			}
		}
		t.Logf("%s asked: %s; not this time: %s", component, strings.Join(slices.Sorted(maps.Keys(d.asked)), ", "), strings.Join(idle, ", "))
		d.mu.Unlock()
	}
}
