package local_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/local"
	"github.com/prow-ci/prow/prowtest"
)

// remote serves a repository o/r with a base and a pull, as a forge would, and a
// commit that clashes with the pull.
func remote(t testing.TB, serve func(dir string) http.Handler) (refs prow.Refs, clash string) {
	t.Helper()
	root := t.TempDir()
	script := `set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@x GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@x
git init -q --bare -b main o/r.git; git init -q -b main w; cd w
for i in 1 2 3 4 5 6 7 8; do echo $i > f$i; done
git add -A; git commit -qm base; git checkout -q -b pull; echo x > f2; git commit -qam pull
git checkout -q main; echo y > f3; git commit -qam more
git checkout -q -b clash; echo z > f2; git commit -qam clash
git push -q ../o/r.git main pull:refs/pull/1/head clash:refs/pull/2/head
git rev-parse main pull clash`
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ids := strings.Fields(string(out))
	srv := httptest.NewServer(serve(root))
	t.Cleanup(srv.Close)
	return prow.Refs{Org: "o", Repo: "r", BaseRef: "main", BaseSHA: ids[0], CloneURI: srv.URL + "/o/r.git",
		Pulls: []prow.PullRef{{Number: 1, SHA: ids[1], Author: "alice"}}}, ids[2]
}

// backend serves repositories by git's own program: the hands see no package git.
func backend(dir string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		cmd := exec.CommandContext(req.Context(), "git", "upload-pack", "--stateless-rpc", filepath.Join(dir, "o/r.git"))
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		if req.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			cmd.Args = append(cmd.Args[:3], "--advertise-refs", cmd.Args[3])
		}
		cmd.Env = append(os.Environ(), "GIT_PROTOCOL="+req.Header.Get("Git-Protocol"))
		cmd.Stdin, cmd.Stdout = req.Body, w
		_ = cmd.Run() // the client sees what went wrong
	})
}

func checkout(refs prow.Refs) func(*prow.Job) {
	return func(j *prow.Job) {
		j.Spec.Type, j.Spec.Refs = prow.Presubmit, &refs
	}
}

// await waits until a run has ended. The runner itself tells.
func await(b testing.TB, r prow.Runner, id string) prow.Run {
	rc, err := r.Logs(b.Context(), id, "", 0, true)
	if err != nil {
		b.Fatal(err)
	}
	defer rc.Close()
	if _, err := io.Copy(io.Discard, rc); err != nil {
		b.Fatal(err)
	}
	run, err := r.Look(b.Context(), id)
	if err != nil || run.Phase != prow.Ended {
		b.Fatalf("%+v, %v", run, err)
	}
	return run
}

// Small jobs, several at a time: clone over HTTP, run `true`, keep the files.
func BenchmarkJobs(b *testing.B) {
	for _, engine := range []struct {
		name   string
		change func(*local.Options)
	}{
		{"sandboxed", func(*local.Options) {}},
	} {
		for _, cloning := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/cloning=%v", engine.name, cloning), func(b *testing.B) {
				refs, _ := remote(b, backend)
				c := open(b, engine.change)
				work := make(chan int)
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						for i := range work {
							id := fmt.Sprint("j", i)
							change := []func(*prow.Job){prowtest.Script("true"), func(j *prow.Job) { j.Status.BuildID = fmt.Sprint(1000 + i) }}
							if cloning {
								change = append(change, checkout(refs))
							}
							if err := c.Runner.Start(b.Context(), prowtest.Job(id, change...)); err != nil {
								b.Error(err)
								return
							}
							if run := await(b, c.Runner, id); run.Verdict != prow.Success {
								b.Errorf("%+v", run)
							}
							if err := c.Runner.Remove(b.Context(), id); err != nil {
								b.Error(err)
							}
						}
					})
				}
				before := childTime()
				b.ResetTimer()
				for i := range b.N {
					work <- i
				}
				close(work)
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
				b.ReportMetric(float64((childTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms/job")
			})
		}
	}
}

// childTime is the processor time of all processes that have ended.
func childTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// From Start to the first line of the test, on an idle machine.
func BenchmarkFirstLine(b *testing.B) {
	for _, cloning := range []bool{true, false} {
		b.Run(fmt.Sprintf("cloning=%v", cloning), func(b *testing.B) {
			refs, _ := remote(b, backend)
			c := open(b)
			for i := range b.N {
				id := fmt.Sprint("j", i)
				change := []func(*prow.Job){prowtest.Script("echo up; sleep 0.05")}
				if cloning {
					change = append(change, checkout(refs))
				}
				if err := c.Runner.Start(b.Context(), prowtest.Job(id, change...)); err != nil {
					b.Fatal(err)
				}
				rc, err := c.Runner.Logs(b.Context(), id, "", 0, true)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(rc, make([]byte, 3)); err != nil {
					b.Fatal(err)
				}
				rc.Close()
				b.StopTimer()
				await(b, c.Runner, id)
				b.StartTimer()
			}
		})
	}
}
