//go:build bench

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/sqlite"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// figure is one row of docs/benchmarks.md.
type figure struct{ what, got, aim, yardstick string }

// TestBench measures what docs/benchmarks.md shows, and prints its rows. It fails
// only if something does not work, never because it is slow.
func TestBench(t *testing.T) {
	y := yard(t)
	t.Logf("yardsticks: process %s, fsync %s, clone %s", y.process, y.fsync, y.clone)
	rows := []figure{
		binarySize(t), ready(t, y), idle(t), tryOnce(t, y), webhooks(t, y), firstLine(t, y), smallJobs(t, y), jobList(t),
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| what | measured | aim | against the yardstick |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.what, r.got, r.aim, r.yardstick)
	}
	fmt.Fprintf(&b, "\nYardsticks of the same run: `git --version` as a process %s; 4 KiB written and synced to disk %s; "+
		"`git clone` of the benchmark's repository and `true`, one after the other, %s each.\n", y.process.Round(10*time.Microsecond), y.fsync.Round(10*time.Microsecond), y.clone.Round(100*time.Microsecond))
	fmt.Print(b.String())
	if out := os.Getenv("BENCH_OUT"); out != "" {
		writeFile(t, out, b.String())
	}
}

// yardsticks are what the same machine does at the same time without Prow.
type yardsticks struct {
	process, fsync, clone time.Duration
	repo                  string // address of a small repository
}

func yard(t *testing.T) yardsticks {
	var y yardsticks
	y.process = median(t, 21, func() { must0(t, exec.Command("git", "--version").Run()) })
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	must0(t, err)
	defer f.Close()
	block := make([]byte, 4096)
	y.fsync = median(t, 51, func() {
		_, err := f.Write(block)
		must0(t, err)
		must0(t, f.Sync())
	})
	y.repo = gitServer(t)
	dir := t.TempDir()
	n := 0
	y.clone = median(t, 21, func() {
		n++
		to := filepath.Join(dir, fmt.Sprint(n))
		must0(t, exec.Command("git", "clone", "-q", y.repo, to).Run())
		must0(t, exec.Command("true").Run())
	})
	return y
}

// gitServer serves one small repository over HTTP and returns its address.
func gitServer(t *testing.T) string {
	dir := t.TempDir()
	work := filepath.Join(dir, "work")
	for _, args := range [][]string{
		{"init", "-q", "-b", "main", work},
		{"-C", work, "-c", "user.name=b", "-c", "user.email=b@example.com", "commit", "-q", "--allow-empty", "-m", "first"},
		{"clone", "-q", "--bare", work, filepath.Join(dir, "o", "r.git")},
	} {
		if out, err := run(t.Context(), dir, "git", args...); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	srv := httptest.NewServer(git.Handler(dir, func(*http.Request, string, string) ([]string, int) { return nil, http.StatusOK }))
	t.Cleanup(srv.Close)
	return srv.URL + "/o/r.git"
}

func median(t *testing.T, n int, do func()) time.Duration {
	t.Helper()
	all := make([]time.Duration, n)
	for i := range all {
		start := time.Now()
		do()
		all[i] = time.Since(start)
	}
	slices.Sort(all)
	return all[n/2]
}

func ratio(a, b time.Duration) string { return fmt.Sprintf("%.1f×", float64(a)/float64(b)) }

func binarySize(t *testing.T) figure {
	i, err := os.Stat(binary(t))
	must0(t, err)
	return figure{"size of the binary", fmt.Sprintf("%.1f MB", float64(i.Size())/1e6), "under 60 MB", ""}
}

func ready(t *testing.T, y yardsticks) figure {
	took := median(t, 5, func() {
		addr := freeAddr(t)
		p := spawn(t, "http://"+addr, serveArgs(t, addr, t.TempDir())...)
		p.ready(t)
		p.kill()
	})
	return figure{"from start to ready, empty state", took.Round(time.Millisecond).String(), "under 0.5 s", ratio(took, y.process) + " a process"}
}

func idle(t *testing.T) figure {
	addr := freeAddr(t)
	p := spawn(t, "http://"+addr, serveArgs(t, addr, t.TempDir())...)
	defer p.kill()
	p.ready(t)
	time.Sleep(5 * time.Second)
	return figure{"memory, idle", fmt.Sprintf("%.1f MB", float64(p.rss(t))/1e6), "under 60 MB", ""}
}

func tryOnce(t *testing.T, y yardsticks) figure {
	took := median(t, 3, func() {
		out, err := run(t.Context(), "", binary(t), "try", "--once", "--json", "--runner", "process", "--addr", freeAddr(t), "--forge-addr", freeAddr(t))
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
	return figure{"`prow try --once`", took.Round(10 * time.Millisecond).String(), "under 15 s", ratio(took, y.clone) + " a clone"}
}

// webhooks sends 1,000 signed webhooks a second for ten seconds, by the clock and
// not by the answers.
func webhooks(t *testing.T, y yardsticks) figure {
	addr := freeAddr(t)
	p := spawn(t, "http://"+addr, serveArgs(t, addr, t.TempDir())...)
	defer p.kill()
	p.ready(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: 30 * time.Second}
	const rate, seconds = 1000, 10
	took := make([]time.Duration, rate*seconds)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range took {
		due := start.Add(time.Duration(i) * time.Second / rate)
		time.Sleep(time.Until(due))
		wg.Go(func() {
			body := fmt.Appendf(nil, `{"action":"created","issue":{"number":%d,"title":"t","state":"open","user":{"login":"alice"}},"comment":{"id":%d,"body":"nice work","user":{"login":"alice"}},"repository":{"name":"r","full_name":"o/r","owner":{"login":"o"}},"sender":{"login":"alice"}}`, i%200+1, i+1)
			if err := post(t.Context(), client, "http://"+addr+"/hook", fmt.Sprint("bench-", i), "issue_comment", body); err != nil {
				t.Error(err)
			}
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	all := time.Since(start)
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	return figure{"1,000 signed webhooks a second for 10 s, each on disk before its 200",
		fmt.Sprintf("%.0f/s, median %s, p99 %s", float64(len(took))/all.Seconds(), took[len(took)/2].Round(10*time.Microsecond), p99.Round(100*time.Microsecond)),
		"p99 under 50 ms", ratio(p99, y.fsync) + " a sync (p99)"}
}

// smallJobs lets a server find 1,000 jobs that clone, run `true` and upload.
func smallJobs(t *testing.T, y yardsticks) figure {
	data, addr := t.TempDir(), freeAddr(t)
	const n = 1000
	fill(t, data, n, func(i int, j *prow.Job) {
		j.Spec.Refs = &prow.Refs{Org: "o", Repo: "r", BaseRef: "main", CloneURI: y.repo}
		j.Spec.Type = prow.Postsubmit
		j.Spec.Report = false
		j.Spec.DecorationConfig = &prow.DecorationConfig{}
		j.Spec.PodSpec.Containers[0].Command = []string{"sh", "-c", "echo hello > $ARTIFACTS/hello.txt"}
	})
	p := spawn(t, "http://"+addr, serveArgs(t, addr, data)...)
	defer p.kill()
	p.ready(t)
	start := time.Now()
	await(t, 10*time.Minute, "all jobs are done", func() bool {
		return strings.Count(get(t, p.url+"/api/v1/jobs?limit=1"), `"passed":1000`) == 1
	})
	took := time.Since(start)
	return figure{"1,000 small jobs (clone, run, artifacts), process runner", fmt.Sprintf("%.1f a second", n/took.Seconds()), "25 a second",
		ratio(took/n, y.clone) + " a clone, per job"}
}

func jobList(t *testing.T) figure {
	data, addr := t.TempDir(), freeAddr(t)
	const n = 100_000
	fill(t, data, n, func(i int, j *prow.Job) {
		at := metav1.NewTime(prowtest.Epoch.Add(time.Duration(i) * time.Second))
		j.Status.State, j.Status.CompletionTime = prow.Success, &at
		if i%7 == 0 {
			j.Status.State = prow.Failure
		}
		j.Spec.Job = fmt.Sprint("job-", i%400)
		j.Spec.Refs.Pulls[0].Author = fmt.Sprint("author-", i%200)
		j.Status.PrevReportStates = map[string]prow.State{"github-reporter": j.Status.State, "gcsreporter": j.Status.State}
	})
	p := spawn(t, "http://"+addr, serveArgs(t, addr, data)...)
	defer p.kill()
	p.ready(t)
	var size int
	var took []time.Duration
	for _, q := range []string{"/jobs", "/jobs?state=failure", "/jobs?job=job-7", "/jobs?repo=o/r&author=author-7"} {
		took = append(took, median(t, 11, func() { size = max(size, len(get(t, p.url+q))) }))
	}
	return figure{"the job list with 100,000 jobs of 200 authors, slowest of four filters", fmt.Sprintf("%s, %d KB", slices.Max(took).Round(100*time.Microsecond), size/1000), "under 50 ms and 100 KB", ""}
}

// fill puts n jobs into the store of a server that does not run.
func fill(t *testing.T, data string, n int, change func(i int, j *prow.Job)) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(data, "prow.db"))
	must0(t, err)
	defer db.Close()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			j := prowtest.Job(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), func(j *prow.Job) {
				j.Spec.PodSpec = &corev1.PodSpec{Containers: []corev1.Container{{Image: "busybox", Command: []string{"true"}}}}
				change(i, j)
			})
			if err := db.Jobs.Create(t.Context(), j); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
