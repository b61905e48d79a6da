package plank_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// runAll is plank in a process of its own: it works until all jobs are complete
// and says so.
func runAll(dir string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	h := &house{dir: dir, cfg: &config.Config{Plugins: &config.Plugins{}}}
	h.cfg.Plank.MaxConcurrency = 4
	if err := h.openErr(ctx); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- h.worker().Run(ctx) }()
	no := false
	for {
		counts, err := h.db.Jobs.Count(ctx, prow.JobFilter{Complete: &no})
		if err != nil {
			return err
		}
		if len(counts) == 0 {
			fmt.Println("done")
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("plank ended: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// However often plank is killed, each job runs once, and is told how it ended.
func TestKilledAgainAndAgainEachJobRunsOnce(t *testing.T) {
	t.Parallel()
	const n, kills = 24, 8
	h := build(t)
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprint("j", i))
		h.job(ids[i], "echo "+ids[i]+" >> $SHARED/diary; sleep 0.05", shared(h))
	}
	h.close()
	defer h.open() // the end of the test removes the runs
	for round := range kills + 1 {
		c := exec.CommandContext(t.Context(), os.Args[0], "plank", h.dir)
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if round < kills {
			time.AfterFunc(time.Duration(rand.IntN(200))*time.Millisecond, func() { _ = c.Process.Kill() })
		}
		done := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			done = done || lines.Text() == "done"
		}
		_ = c.Wait() // it may have been killed
		if done {
			break
		}
		if round == kills {
			t.Fatal("it was not killed, and ended before all jobs were complete")
		}
	}
	h.open()
	defer h.close()
	b, err := os.ReadFile(filepath.Join(h.shared(), "diary"))
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for line := range strings.Lines(string(b)) {
		times[strings.TrimSpace(line)]++
	}
	for _, id := range ids {
		// A kill between a run's folder and its first breath costs a revival, but
		// not a second run of the test.
		if j := h.get(id); j.Status.State != prow.Success || times[id] != 1 {
			t.Errorf("%s ran %d times: %+v", id, times[id], j.Status)
		}
	}
}
