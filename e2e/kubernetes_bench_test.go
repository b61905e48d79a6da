//go:build kubernetes && bench && linux

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/podspec"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/cluster"
	"github.com/prow-ci/prow/prowtest/world"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestBenchKubernetes measures the section of docs/benchmarks.md about Kubernetes:
// bin/prow, all of it in one process, on an API server and an etcd that share the
// machine with it. There is no node: pods are created, and nobody runs them.
func TestBenchKubernetes(t *testing.T) {
	c, err := cluster.Start(t.Context(), filepath.Join(t.TempDir(), "k"))
	must0(t, err)
	t.Cleanup(c.Stop)
	must0(t, c.Apply(t.Context(), kube.CRD))
	must0(t, c.Apply(t.Context(), kube.StateCRD))
	for _, ns := range []string{"prow", "prow-jobs"} {
		must(c.Kubectl(t.Context(), nil, "create", "namespace", ns))
	}
	b := &kubeBench{t: t, Cluster: c, bucket: t.TempDir(), pods: map[string]time.Time{}}
	b.watch()
	b.world()
	yard := b.plain(500)
	rows := []figure{b.reaction()}
	rows = append(rows, b.thousand(yard)...)
	rows = append(rows, b.twentyThousand()...)
	rows = append(rows, b.failover())
	var out strings.Builder
	fmt.Fprintf(&out, "| what | measured | aim | against the yardstick |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", r.what, r.got, r.aim, r.yardstick)
	}
	fmt.Fprintf(&out, "\nThe yardstick: a client that knows beforehand what to write, and does only that: the pod of such a job and the first status, "+
		"40 at a time, %.0f jobs a second.\n", yard)
	fmt.Print(out.String())
	if name := os.Getenv("BENCH_OUT"); name != "" {
		writeFile(t, name, out.String())
	}
}

type kubeBench struct {
	t *testing.T
	*cluster.Cluster
	bucket string
	w      *world.World
	id     prow.IssueID
	args   []string
	p      *proc

	mu   sync.Mutex
	pods map[string]time.Time // when the watch told of each, by name
}

// watch notes when each pod is created, again from where it was if the API server
// ends the watch, as it does with one that is slow.
func (b *kubeBench) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	b.t.Cleanup(cancel)
	go func() {
		for version := "0"; ctx.Err() == nil; {
			version = b.watchFrom(ctx, version)
		}
	}()
}

func (b *kubeBench) watchFrom(ctx context.Context, version string) string {
	stream, err := b.Stream(ctx, "/api/v1/namespaces/prow-jobs/pods?watch=1&resourceVersion="+version, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
	if err != nil {
		time.Sleep(10 * time.Millisecond)
		return version
	}
	defer stream.Close()
	for s := json.NewDecoder(bufio.NewReaderSize(stream, 1<<20)); ; {
		var e struct {
			Type   string
			Object metav1.PartialObjectMetadata
		}
		if s.Decode(&e) != nil || e.Type == "ERROR" {
			return version
		}
		version = e.Object.ResourceVersion
		if e.Type == "ADDED" {
			b.mu.Lock()
			b.pods[e.Object.Name] = time.Now()
			b.mu.Unlock()
		}
	}
}

func (b *kubeBench) created(name string) (at time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok = b.pods[name]
	return at, ok
}

// count counts the pods whose names begin so.
func (b *kubeBench) count(prefix string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.pods {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

// world starts a forge with a pull request, and Prow.
func (b *kubeBench) world() {
	b.w = world.New(b.t)
	b.w.Org("o", "alice")
	repo := b.w.Repo("o/r", map[string]string{"README.md": "bench\n"})
	dir, addr := b.t.TempDir(), freeAddr(b.t)
	must0(b.t, b.w.Hub.SetHook(b.t.Context(), "http://"+addr+"/hook", hmacSecret))
	b.args = []string{
		"serve", "--runner", "kubernetes", "--kubeconfig", b.Kubeconfig, "--log-level", "info",
		"--config-path", writeFile(b.t, filepath.Join(dir, "config.yaml"), `
prowjob_namespace: prow
pod_namespace: prow-jobs
presubmits:
  o/r:
  - name: probe
    spec: {containers: [{image: busybox, command: ["true"]}]}
`),
		"--plugin-config", writeFile(b.t, filepath.Join(dir, "plugins.yaml"), "plugins:\n  o/r:\n    plugins: [trigger]\n"),
		"--github-token-path", writeFile(b.t, filepath.Join(dir, "token"), world.Token(world.Bot)),
		"--hmac-secret-file", writeFile(b.t, filepath.Join(dir, "hmac"), hmacSecret),
		"--github-endpoint", b.w.Hub.API(), "--github-graphql-endpoint", b.w.URL + "/graphql", "--github-host", b.w.URL,
	}
	b.p = b.start(addr)
	b.id = b.w.Pull(repo, "alice", "topic", map[string]string{"x": "y"})
}

func (b *kubeBench) start(addr string) *proc {
	p := spawn(b.t, "http://"+addr, append(slices.Clone(b.args), "--addr", addr, "--data", b.t.TempDir())...)
	b.t.Cleanup(func() {
		p.kill()
		if s := p.log.String(); b.t.Failed() {
			b.t.Logf("prow said:\n%s", s[max(0, len(s)-4000):])
		}
	})
	p.ready(b.t)
	return p
}

// usual is a decorated job of a busy installation whose files lie in a folder.
func (b *kubeBench) usual(name string, n int, state prow.State) *prow.Job {
	return prowtest.Job(name, prowtest.Usual(n, false), func(j *prow.Job) {
		now := metav1.NewTime(time.Now())
		j.Spec.Type, j.Spec.Refs, j.Spec.Report = prow.Periodic, nil, false
		j.Spec.Namespace = "prow-jobs"
		j.Spec.DecorationConfig.GCSConfiguration.Bucket = b.bucket
		j.Status = prow.Status{State: state, StartTime: now}
		if state.Final() {
			j.Status.BuildID, j.Status.PodName, j.Status.PendingTime, j.Status.CompletionTime = fmt.Sprint(1900000000000000000+n), name, &now, &now
			j.Status.PrevReportStates = map[string]prow.State{"github-reporter": state, "gcsreporter": state, "gcsk8sreporter": state}
		}
	})
}

// post creates something by an API path.
func (b *kubeBench) post(method, path string, v any, header ...string) {
	body, err := json.Marshal(v)
	if err == nil {
		_, err = b.Do(b.t.Context(), method, path, strings.NewReader(string(body)), append(header, "Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")...)
	}
	if err != nil {
		b.t.Error(err)
	}
}

const jobsPath = "/apis/prow.k8s.io/v1/namespaces/prow/prowjobs"

func (b *kubeBench) create(j *prow.Job) {
	j.APIVersion, j.Kind, j.Namespace, j.ResourceVersion = prow.APIVersion, prow.Kind, "prow", ""
	b.post(http.MethodPost, jobsPath, j, "Content-Type: application/json")
}

// spread does n things, so many at a time, and returns how long that took.
func spread(n, atOnce int, do func(i int)) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	for w := range atOnce {
		wg.Go(func() {
			for i := w; i < n; i += atOnce {
				do(i)
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// plain does the API server's part of starting n jobs and nothing else, in a
// namespace that nobody watches, and returns how many a second that makes.
func (b *kubeBench) plain(n int) float64 {
	must(b.Kubectl(b.t.Context(), nil, "create", "namespace", "plain"))
	path := strings.Replace(jobsPath, "/prow/", "/plain/", 1)
	jobs := make([]*prow.Job, n)
	spread(n, 40, func(i int) {
		jobs[i] = b.usual(fmt.Sprint("plain-", i), i, prow.Triggered)
		jobs[i].APIVersion, jobs[i].Kind, jobs[i].Namespace = prow.APIVersion, prow.Kind, "plain"
		b.post(http.MethodPost, path, jobs[i], "Content-Type: application/json")
	})
	took := spread(n, 40, func(i int) {
		j := jobs[i]
		pod, err := podspec.Decorate(&prow.Job{ObjectMeta: j.ObjectMeta, Spec: j.Spec, Status: prow.Status{BuildID: "1"}}, podspec.Options{})
		must0(b.t, err)
		pod.APIVersion, pod.Kind, pod.Namespace = "v1", "Pod", "plain"
		b.post(http.MethodPost, "/api/v1/namespaces/plain/pods", pod, "Content-Type: application/json")
		b.post(http.MethodPatch, path+"/"+j.Name, map[string]any{"status": prow.Status{State: prow.Pending, BuildID: "1"}}, "Content-Type: application/merge-patch+json")
	})
	return float64(n) / took.Seconds()
}

// reaction is from the comment `/test` to the pod.
func (b *kubeBench) reaction() figure {
	var took []time.Duration
	for i := range 31 {
		before := b.count("")
		start := time.Now()
		b.w.Say(b.id, "alice", fmt.Sprintf("/test probe\n\nround %d", i))
		await(b.t, time.Minute, "its pod", func() bool { return b.count("") > before })
		var last time.Time
		b.mu.Lock()
		for _, at := range b.pods {
			if at.After(last) {
				last = at
			}
		}
		b.mu.Unlock()
		took = append(took, last.Sub(start))
	}
	took = took[1:] // the first one makes the mirror
	slices.Sort(took)
	return figure{"from the comment `/test` to its pod: webhook kept, jobs decided, ProwJob, pod", took[len(took)/2].Round(time.Millisecond).String() + " median", "under 100 ms", ""}
}

// requests is how many the API server has answered, of each kind, without watches.
func (b *kubeBench) requests() map[string]int {
	text, err := b.Do(b.t.Context(), http.MethodGet, "/metrics", nil)
	must0(b.t, err)
	out := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^apiserver_request_total\{.*resource="(\w+)".*verb="(\w+)".*\} (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		if n, err := strconv.ParseFloat(m[3], 64); err == nil && m[2] != "WATCH" {
			out[m[2]+" "+m[1]] += int(n)
		}
	}
	return out
}

// thousand is from 1,000 ProwJobs that are suddenly there to 1,000 pods: Prow is
// held while they are created.
func (b *kubeBench) thousand(yard float64) []figure {
	const n = 1000
	before := b.requests()
	must0(b.t, b.p.cmd.Process.Signal(syscall.SIGSTOP))
	created := spread(n, 40, func(i int) { b.create(b.usual(fmt.Sprint("many-", i), i, prow.Triggered)) })
	start := time.Now()
	must0(b.t, b.p.cmd.Process.Signal(syscall.SIGCONT))
	await(b.t, 5*time.Minute, "all pods", func() bool { return b.count("many-") == n })
	took := time.Since(start)
	await(b.t, time.Minute, "all are pending", func() bool {
		return strings.Contains(get(b.t, b.p.url+"/api/v1/jobs?limit=1&job=pull-component-*"), fmt.Sprintf(`"running":%d`, n))
	})
	sum := -n // what this test asked for
	for kind, k := range b.requests() {
		if d := k - before[kind]; d > 0 && regexp.MustCompile(`prowjobs|prowstates|pods`).MatchString(kind) {
			b.t.Logf("%s: %d", kind, d)
			sum += d
		}
	}
	b.t.Logf("1,000 ProwJobs created in %s, pods in %s", created, took)
	rate := n / took.Seconds()
	return []figure{
		{"from 1,000 ProwJobs that are suddenly there to 1,000 pods", fmt.Sprintf("%.0f jobs a second", rate), "100 a second", fmt.Sprintf("%.2f of it", rate/yard)},
		{"requests to the API server for each of these jobs, until its status says that it runs", fmt.Sprintf("%.2f", float64(sum)/n), "at most 5", ""},
	}
}

// twentyThousand is the memory of the process when there are 20,000 ProwJobs, 1,000
// of them running: of the one that saw them come, and of one that starts anew.
func (b *kubeBench) twentyThousand() []figure {
	took := spread(19_000, 20, func(i int) { b.create(b.usual(fmt.Sprint("old-", i), i, prow.Success)) })
	b.t.Logf("19,000 finished ProwJobs created in %s", took)
	await(b.t, 5*time.Minute, "all are seen", func() bool {
		return strings.Contains(get(b.t, b.p.url+"/api/v1/jobs?limit=1"), `"passed":19000`)
	})
	time.Sleep(15 * time.Second) // what was used for reading them is given back
	saw := b.p.rss(b.t)
	b.p.kill()
	start := time.Now()
	b.p = b.start(strings.TrimPrefix(b.p.url, "http://"))
	ready := time.Since(start)
	time.Sleep(15 * time.Second)
	const quiet = 20 * time.Second
	before := b.requests()
	time.Sleep(quiet)
	sum := 0
	for kind, k := range b.requests() {
		if d := k - before[kind]; d > 0 && regexp.MustCompile(`prowjobs|prowstates|pods|leases`).MatchString(kind) {
			b.t.Logf("while nothing happens, %s: %d", kind, d)
			sum += d
		}
	}
	return []figure{
		{"memory of the process with 20,000 ProwJobs, 1,000 of them running", fmt.Sprintf("%d MB (%d MB when it has just started)", saw>>20, b.p.rss(b.t)>>20), "under 150 MB", ""},
		{"from start to ready with them", ready.Round(100 * time.Millisecond).String(), "", ""},
		{"requests to the API server a second while nothing happens, of all of it", fmt.Sprintf("%.1f", float64(sum)/quiet.Seconds()), "", ""},
	}
}

// failover is from the kill of the leader to the next pod, the worst of three.
func (b *kubeBench) failover() figure {
	second := b.start(freeAddr(b.t))
	var worst time.Duration
	for i := range 3 {
		name := fmt.Sprint("failover-", i)
		b.p.kill()
		start := time.Now()
		b.create(b.usual(name, i, prow.Triggered))
		await(b.t, time.Minute, "the other starts it", func() bool { _, ok := b.created(name); return ok })
		at, _ := b.created(name)
		worst = max(worst, at.Sub(start))
		b.p, second = second, b.start(freeAddr(b.t))
	}
	return figure{"from the kill of the process that leads to the next pod, started by another (worst of three)", worst.Round(100 * time.Millisecond).String(), "under 10 s", ""}
}
