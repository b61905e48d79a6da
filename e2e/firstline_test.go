//go:build bench

package e2e

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/client"
	"github.com/prow-ci/prow/prowtest/world"
)

// firstLine takes the time from the moment someone says `/test probe` to the first
// line of the test's output: comment, webhook, plugin, job, clone and process are
// all in it. The test prints the time itself.
func firstLine(t *testing.T, y yardsticks) figure {
	w := world.New(t)
	w.Org("o", "alice")
	repo := w.Repo("o/r", map[string]string{"README.md": "bench\n"})
	addr, dir := freeAddr(t), t.TempDir()
	must0(t, w.Hub.SetHook(t.Context(), "http://"+addr+"/hook", hmacSecret))
	p := spawn(t, "http://"+addr, "serve", "--addr", addr, "--data", t.TempDir(), "--runner", "process", "--log-level", "error",
		"--config-path", writeFile(t, filepath.Join(dir, "config.yaml"), `
presubmits:
  o/r:
  - name: probe
    spec: {containers: [{image: busybox, command: [date, +%s%N]}]}
`),
		"--plugin-config", writeFile(t, filepath.Join(dir, "plugins.yaml"), "plugins:\n  o/r:\n    plugins: [trigger]\n"),
		"--github-token-path", writeFile(t, filepath.Join(dir, "token"), world.Token(world.Bot)),
		"--hmac-secret-file", writeFile(t, filepath.Join(dir, "hmac"), hmacSecret),
		"--github-endpoint", w.Hub.API(), "--github-graphql-endpoint", w.URL+"/graphql", "--github-host", w.URL)
	defer p.kill()
	p.ready(t)
	id := w.Pull(repo, "alice", "topic", map[string]string{"x": "y"})
	api := &client.Client{URL: p.url}
	var took []time.Duration
	for i := range 21 {
		said := time.Now()
		w.Say(id, "alice", fmt.Sprintf("/test probe\n\nround %d", i))
		j := nthJob(t, api, i+1)
		took = append(took, time.Unix(0, printed(t, api, j.ID)).Sub(said))
	}
	took = took[1:] // the first one makes the mirror
	slices.Sort(took)
	mid := took[len(took)/2]
	return figure{"from the comment `/test` to the test's first line of output, process runner", mid.Round(time.Millisecond).String() + " median",
		"under 200 ms", ratio(mid, y.clone) + " a clone"}
}

func nthJob(t *testing.T, api *client.Client, n int) client.Job {
	var jobs []client.Job
	await(t, time.Minute, fmt.Sprintf("job %d has ended", n), func() bool {
		l, err := api.Jobs(t.Context(), client.Filter{Job: "probe"})
		if err == nil {
			jobs = l.Jobs
		}
		return len(jobs) == n && jobs[0].Done()
	})
	if jobs[0].State != prow.Success {
		t.Fatalf("the probe ended in %s: %s", jobs[0].State, jobs[0].Why)
	}
	return jobs[0]
}

// printed reads the time that the test wrote as its first line.
func printed(t *testing.T, api *client.Client, id string) int64 {
	log, err := api.Log(t.Context(), id, "", 0, true)
	must0(t, err)
	defer log.Close()
	text, err := io.ReadAll(log)
	must0(t, err)
	for line := range strings.Lines(string(text)) {
		if n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64); err == nil {
			return n
		}
	}
	t.Fatalf("no time in the log: %q", text)
	return 0
}
