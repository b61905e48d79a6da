package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/sqlite"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	switch os.Getenv("SQLITE_TEST") {
	case "write":
		writeForEver(os.Getenv("SQLITE_PATH"))
	case "full":
		fillUp(os.Getenv("SQLITE_PATH"))
	default:
		os.Exit(m.Run())
	}
}

func child(t *testing.T, what, path string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), "SQLITE_TEST="+what, "SQLITE_PATH="+path)
	c.Stderr = os.Stderr
	return c
}

// writeForEver writes all kinds of things and prints each that is promised.
func writeForEver(path string) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	say := func(err error, format string, args ...any) {
		if err != nil {
			panic(err)
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	run := time.Now().UnixNano()
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprint(run, "-", worker, "-", i)
				_, err := db.Inbox.Accept(ctx, &prow.Delivery{ID: id, Event: "push", Received: time.Now(), Body: []byte(id)})
				say(err, "delivery %s", id)
				err = db.Jobs.Create(ctx, prowtest.Job(id))
				say(err, "job %s triggered", id)
				_, err = db.Jobs.Update(ctx, id, func(j *prow.Job) error { return j.Advance(prow.Pending, time.Now(), "started") })
				say(err, "job %s pending", id)
				say(db.Memory.Save(ctx, id, []byte(id)), "memory %s", id)
			}
		}()
	}
	select {}
}

func TestWhatWasPromisedSurvivesSIGKILL(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "prow.db")
	order := map[prow.State]int{prow.Triggered: 1, prow.Pending: 2}
	promised := map[string]prow.State{}
	var deliveries, memory []string
	for round := range 5 {
		c := child(t, "write", path)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			f := strings.Fields(lines.Text())
			switch f[0] {
			case "delivery":
				deliveries = append(deliveries, f[1])
			case "memory":
				memory = append(memory, f[1])
			case "job":
				if s := prow.State(f[2]); order[s] > order[promised[f[1]]] {
					promised[f[1]] = s
				}
			}
			if n == 150+70*round {
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = c.Wait() // it was killed
	}
	db := openAt(t, path)
	for _, id := range deliveries {
		if d, err := db.Inbox.Delivery(t.Context(), id); err != nil || string(d.Body) != id {
			t.Errorf("delivery %s: %v", id, err)
		}
	}
	for _, id := range memory {
		if b, err := db.Memory.Load(t.Context(), id); err != nil || string(b) != id {
			t.Errorf("memory %s: %v", id, err)
		}
	}
	for id, state := range promised {
		j, err := db.Jobs.Get(t.Context(), id)
		if err != nil || order[j.Status.State] < order[state] {
			t.Errorf("job %s was %s: %v", id, state, err)
		}
	}
	jobs, err := db.Jobs.List(t.Context(), prow.JobFilter{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[prow.State]int{}
	for _, j := range jobs {
		want[j.Status.State]++
	}
	got, err := db.Jobs.Count(t.Context(), prow.JobFilter{})
	if err != nil || got[prow.Triggered] != want[prow.Triggered] || got[prow.Pending] != want[prow.Pending] {
		t.Errorf("the counts say %v, the list %v (%v)", got, want, err)
	}
	if len(promised) < 100 {
		t.Errorf("only %d jobs were promised: the test shows little", len(promised))
	}
}

// fillUp writes until the disk is full, and says what it got and what it heard.
func fillUp(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		panic(err)
	}
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		j := prowtest.Job(fmt.Sprint("j", i), func(j *prow.Job) { j.Status.Description = strings.Repeat("long ", 2000) })
		if err := db.Jobs.Create(ctx, j); err != nil {
			fmt.Println("error", err)
			break
		}
		fmt.Println("job", j.Name)
	}
	_, err = db.Jobs.Get(ctx, "j0")
	fmt.Println("read", err)
	os.Exit(0)
}

func TestAFullDiskIsOneClearErrorAndHalvesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "prow.db")
	out, err := child(t, "full", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	db := openAt(t, path)
	n := 0
	for line := range strings.Lines(string(out)) {
		what, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch what {
		case "job":
			n++
			if _, err := db.Jobs.Get(t.Context(), rest); err != nil {
				t.Error(err)
			}
		case "error":
			if !strings.Contains(rest, "disk") || !strings.Contains(rest, "create job") {
				t.Errorf("the error says %q", rest)
			}
		case "read":
			if rest != "<nil>" {
				t.Errorf("reading when the disk is full: %s", rest)
			}
		}
	}
	jobs, err := db.Jobs.List(t.Context(), prow.JobFilter{})
	if err != nil || len(jobs) < n || len(jobs) > n+1 || n == 0 {
		t.Errorf("%d jobs are there, %d were promised: %v", len(jobs), n, err)
	}
	if err := db.Jobs.Create(t.Context(), prowtest.Job("after")); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

func TestFilesThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	write := func(t *testing.T, name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name string
		path func(t *testing.T) string
		want string
	}{
		{"garbage", func(t *testing.T) string { return write(t, "x.db", strings.Repeat("not a database ", 999)) }, "not a database"},
		{"a folder that is not there", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none", "x.db") }, "create the folder first"},
		{"a folder in its place", func(t *testing.T) string { return t.TempDir() }, "check the permissions"},
		{"a newer Prow's", func(t *testing.T) string { return alter(t, "PRAGMA user_version = 99") }, "a newer Prow wrote it (schema 99"},
		{"another program's", func(t *testing.T) string { return alter(t, "PRAGMA application_id = 7") }, "another program"},
		{"in use", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "x.db")
			openAt(t, path)
			return path
		}, "in use by another process"},
		{"cut short", func(t *testing.T) string {
			path := alter(t, "PRAGMA journal_mode = delete")
			if err := os.Truncate(path, 12_345); err != nil {
				t.Fatal(err)
			}
			return path
		}, "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := c.path(t)
			db, err := sqlite.Open(t.Context(), path)
			if err == nil {
				_ = db.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open = %v; want the path and %q", err, c.want)
			}
		})
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	db := open(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range db.Jobs.Watch(t.Context()) {
			continue
		}
	}()
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	<-ended
	if err := db.Jobs.Create(t.Context(), prowtest.Job("a")); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Create after Close = %v", err)
	}
	if _, err := db.Jobs.Get(t.Context(), "a"); err == nil {
		t.Error("Get after Close worked")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := open(t).Jobs.Create(ctx, prowtest.Job("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("Create with a context that ended = %v", err)
	}
}
