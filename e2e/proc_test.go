//go:build bench || chaos || acceptance || kubernetes

package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is bin/prow, which the Makefile builds before these tests.
func binary(t testing.TB) string {
	t.Helper()
	p, err := filepath.Abs("../bin/prow")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%v; run `make build` first", err)
	}
	return p
}

// freeAddr returns a loopback address that was free a moment ago.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// proc is a prow that was started as a user would.
type proc struct {
	cmd  *exec.Cmd
	url  string
	log  *lockedBuffer
	done chan struct{}
}

// lockedBuffer keeps the last of what a process says.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > 1<<20 {
		l.b.Reset()
	}
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// spawn starts prow with args; url is where its pages will be.
func spawn(t testing.TB, url string, args ...string) *proc {
	t.Helper()
	p := &proc{cmd: exec.Command(binary(t), args...), url: url, log: &lockedBuffer{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	dieWithUs(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	return p
}

// serveArgs are the flags of a server with an empty folder and a small
// configuration; more are added.
func serveArgs(t testing.TB, addr, data string, more ...string) []string {
	dir := t.TempDir()
	args := []string{
		"serve", "--addr", addr, "--data", data, "--runner", "process", "--log-level", "error",
		"--config-path", writeFile(t, filepath.Join(dir, "config.yaml"), "prowjob_namespace: prow\n"),
		"--plugin-config", writeFile(t, filepath.Join(dir, "plugins.yaml"), "plugins:\n  o/r:\n    plugins: [hold, lgtm, size, trigger, wip]\n"),
		"--github-token-path", writeFile(t, filepath.Join(dir, "token"), "t"),
		"--hmac-secret-file", writeFile(t, filepath.Join(dir, "hmac"), hmacSecret),
	}
	if !slices.Contains(more, "--github-endpoint") {
		more = append(more, "--github-endpoint", "http://127.0.0.1:1")
	}
	return append(args, more...)
}

// ready waits until the process says that it is, and returns how long that took.
func (p *proc) ready(t testing.TB) time.Duration {
	t.Helper()
	start := time.Now()
	for time.Since(start) < 3*time.Minute {
		res, err := http.Get(p.url + "/healthz/ready")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(start)
			}
		}
		select {
		case <-p.done:
			t.Fatalf("prow ended: %s", p.log)
		case <-time.After(2 * time.Millisecond):
		}
	}
	t.Fatalf("prow did not get ready: %s", p.log)
	return 0
}

// kill ends the process as a power cut would.
func (p *proc) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// stop asks the process to end, and waits.
func (p *proc) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.kill()
	}
}

// rss returns the resident memory of the process, in bytes.
func (p *proc) rss(t testing.TB) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// await waits until ok, and fails with what it waited for after limit.
func await(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never happened within %s: %s", limit, what)
}

func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// get returns what is at an address, which has to answer with 200.
func get(t testing.TB, url string) string {
	t.Helper()
	res, err := http.Get(url)
	must0(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must0(t, err)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s\n%s", url, res.Status, b)
	}
	return string(b)
}

// sign is the signature that GitHub would give a webhook.
func sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(hmacSecret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// post delivers a webhook that is as it should be.
func post(ctx context.Context, c *http.Client, url, id, event string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-GitHub-Event", event)
	req.Header.Set("X-GitHub-Delivery", id)
	req.Header.Set("X-Hub-Signature-256", sign(body))
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("delivery %s: %s: %s", id, res.Status, text)
	}
	return nil
}

const hmacSecret = "a secret of the tests"

func must0(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, _ error) T { return v }
