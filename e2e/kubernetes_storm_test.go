//go:build kubernetes && node && linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/cluster"
	"github.com/prow-ci/prow/prowtest/world"
)

// fleet is two replicas of all of Prow on one Kubernetes, behind one address.
type fleet struct {
	*harbour
	w        *world.World
	repo     prow.Repo
	args     []string
	mu       sync.Mutex
	replicas []*proc
}

// newFleet starts the replicas with a configuration, for the repository o/r of
// alice and bob.
func newFleet(t *testing.T, h *harbour, config string) *fleet {
	t.Helper()
	f := &fleet{harbour: h, w: world.New(t)}
	f.w.Org("o", "alice", "bob")
	f.repo = f.w.Repo("o/r", map[string]string{"README.md": "storm\n"})
	for _, login := range []string{"alice", "bob"} {
		must0(t, f.w.Hub.AddCollaborator(t.Context(), f.repo, login, "write"))
	}
	dir := t.TempDir()
	f.args = []string{
		"serve", "--runner", "kubernetes", "--kubeconfig", h.Kubeconfig, "--s3-credentials-file", h.s3File, "--log-level", "info",
		"--config-path", writeFile(t, filepath.Join(dir, "config.yaml"), config),
		"--plugin-config", writeFile(t, filepath.Join(dir, "plugins.yaml"), "plugins:\n  o/r:\n    plugins: [hold, label, lgtm, trigger]\n"),
		"--github-token-path", writeFile(t, filepath.Join(dir, "token"), world.Token(world.Bot)),
		"--hmac-secret-file", writeFile(t, filepath.Join(dir, "hmac"), hmacSecret),
		"--github-endpoint", f.w.Hub.API(), "--github-graphql-endpoint", f.w.URL + "/graphql", "--github-host", f.w.URL,
	}
	service := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(service.Close)
	must0(t, f.w.Hub.SetHook(t.Context(), service.URL, hmacSecret))
	f.replicas = []*proc{f.start(), f.start()}
	t.Cleanup(func() {
		for _, p := range f.replicas {
			p.stop()
			if t.Failed() {
				s := p.log.String()
				t.Logf("a replica said:\n%s\n…\n%s", notOfJobs(s), s[max(0, len(s)-6000):])
			}
		}
	})
	for _, p := range f.replicas {
		p.ready(t)
	}
	return f
}

// notOfJobs is a log without that jobs start and end.
func notOfJobs(log string) string {
	var out strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `"msg":"job started"`) && !strings.Contains(line, `"msg":"job ended"`) {
			out.WriteString(line)
		}
	}
	return out.String()
}

func (f *fleet) start() *proc {
	addr := freeAddr(f.t)
	return spawn(f.t, "http://"+addr, append(slices.Clone(f.args), "--addr", addr, "--data", f.t.TempDir())...)
}

// serve hands a webhook to a replica that takes it, as a Service does.
func (f *fleet) serve(rw http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	for try := 0; err == nil && try < 100; try++ {
		f.mu.Lock()
		p := f.replicas[try%len(f.replicas)]
		f.mu.Unlock()
		out, _ := http.NewRequestWithContext(in.Context(), http.MethodPost, p.url+"/hook", bytes.NewReader(body))
		out.Header = in.Header.Clone()
		if res, err := http.DefaultClient.Do(out); err == nil {
			res.Body.Close()
			if res.StatusCode < 500 {
				rw.WriteHeader(res.StatusCode)
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	rw.WriteHeader(http.StatusBadGateway)
}

// leader returns the number of the replica that leads a component.
func (f *fleet) leader(component string) int {
	f.t.Helper()
	found := -1
	await(f.t, 5*time.Minute, "somebody leads "+component, func() bool {
		holder, err := f.Kubectl(f.t.Context(), nil, "-n", "prow", "get", "lease", "prow-"+component, "-o", "jsonpath={.spec.holderIdentity}")
		if err != nil || holder == "" {
			return false
		}
		found = slices.IndexFunc(f.replicas, func(p *proc) bool {
			return strings.Contains(p.log.String(), `"identity":"`+strings.TrimSpace(holder)+`"`)
		})
		return found >= 0
	})
	return found
}

// replace kills a replica as a power cut would and starts another.
func (f *fleet) replace(n int) {
	f.replicas[n].kill()
	p := f.start()
	f.mu.Lock()
	f.replicas[n] = p
	f.mu.Unlock()
}

const stormJobs = 200

// Two hundred jobs, and all that can go while they run: the leader, the API server,
// etcd, the kubelet. None is lost, none runs twice, all are reported.
func TestStormOnKubernetes(t *testing.T) {
	h := newHarbour(t)
	diary := filepath.Join(h.dir, "diary")
	must0(t, os.Mkdir(diary, 0o777))
	must0(t, os.Chmod(diary, 0o777))
	var config strings.Builder
	config.WriteString("prowjob_namespace: prow\npod_namespace: prow-jobs\nplank: {max_concurrency: 12}\npresubmits:\n  o/r:\n")
	for i := range stormJobs {
		fmt.Fprintf(&config, `  - name: job-%d
    always_run: true
    spec:
      volumes: [{name: diary, hostPath: {path: %s}}]
      containers:
      - image: docker.io/library/busybox:1.37
        command: [sh, -c, 'echo "$JOB_NAME" >> /diary/ran; sleep 0.5']
        volumeMounts: [{name: diary, mountPath: /diary}]
`, i, diary)
	}
	config.WriteString(`periodics:
- name: by-hand
  cron: "0 0 31 2 *"
  spec: {containers: [{image: docker.io/library/busybox:1.37, command: [echo, by hand]}]}
`)
	f := newFleet(t, h, config.String())
	ran := func() []string {
		b, err := os.ReadFile(filepath.Join(diary, "ran"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Fields(string(b))
	}
	at := func(n int, what string, do func()) {
		await(t, 10*time.Minute, fmt.Sprintf("%d jobs ran", n), func() bool { return len(ran()) >= n })
		t.Logf("%d jobs ran: %s", len(ran()), what)
		do()
	}
	f.leader("plank")
	id := f.w.Pull(f.repo, "alice", "topic", map[string]string{"a": "a\n"})
	again := func(part string, down time.Duration) func() {
		return func() {
			h.Kill(part)
			time.Sleep(down)
			must0(t, h.Restart(t.Context(), part))
		}
	}
	at(20, "plank's leader is killed", func() { f.replace(f.leader("plank")) })
	at(60, "the API server is killed", again(cluster.APIServer, 3*time.Second))
	at(90, "etcd is killed", again(cluster.Etcd, 2*time.Second))
	at(120, "the kubelet is killed", again(cluster.Kubelet, 3*time.Second))
	at(150, "crier's leader is killed", func() { f.replace(f.leader("crier")) })

	good := map[string]bool{}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		jobs, err := h.Kubectl(context.Background(), nil, "-n", "prow", "get", "prowjobs", "-o",
			`jsonpath={range .items[*]}{.spec.job}{"\t"}{.status}{"\n"}{end}`)
		for line := range strings.Lines(jobs) {
			if name, _, _ := strings.Cut(line, "\t"); !good[name] {
				t.Log("not reported: " + line)
			}
		}
		pods, _ := h.Kubectl(context.Background(), nil, "-n", "prow-jobs", "get", "pods")
		t.Log(err, "\n", pods)
	})
	await(t, 10*time.Minute, "all jobs are reported", func() bool {
		head := f.w.PullNow(id).HeadSHA
		checks, err := f.w.Forge().Checks(t.Context(), f.repo, head)
		if err != nil {
			return false
		}
		for _, c := range checks {
			if c.State == prow.CheckSuccess && strings.HasPrefix(c.Name, "job-") {
				good[c.Name] = true
			}
		}
		return len(good) == stormJobs
	})
	names := ran()
	if slices.Sort(names); len(names) != stormJobs || len(slices.Compact(names)) != stormJobs {
		t.Errorf("%d jobs ran, of %d names; want each of %d once", len(ran()), len(slices.Compact(names)), stormJobs)
	}
	states := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)\s(\w+)\s*$`).FindAllStringSubmatch(h.kubectl("-n", "prow", "get", "prowjobs", "--no-headers"), -1) {
		states[m[1]]++
	}
	if want := map[string]int{"success": stormJobs}; !maps.Equal(states, want) {
		t.Errorf("the resources are %v, want %v", states, want)
	}
	f.byHand()
}

// byHand has the fleet run a job that somebody creates with `prow mkpj`.
func (f *fleet) byHand() {
	f.t.Helper()
	i := slices.Index(f.args, "--config-path")
	out, err := run(f.t.Context(), "", binary(f.t), "mkpj", "--config-path", f.args[i+1], "--job", "by-hand", "--trigger-job", "--fail-with-job", "--kubeconfig", f.Kubeconfig)
	if err != nil || !strings.Contains(out, "\nstate: success\n") {
		f.t.Errorf("mkpj --trigger-job: %v\n%s", err, out)
	}
}
