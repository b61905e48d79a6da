package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// call is one run of the git binary.
type call struct {
	dir    string // GIT_DIR
	args   []string
	env    []string
	stdin  io.Reader
	secret string // never to be seen in an error
}

// Error is a git command that failed, with git's own words.
type Error struct {
	Command string // "fetch", "merge-tree", …
	Code    int    // exit status; -1 if it was killed or did not start
	Stderr  string // its end, credentials taken out
	err     error
}

func (e *Error) Error() string {
	text := "git " + e.Command + ": "
	if words := e.words(); words != "" {
		return text + words
	}
	return text + e.err.Error()
}

func (e *Error) Unwrap() error { return e.err }

// words is the first line that says what is wrong, else the last.
func (e *Error) words() string {
	var last string
	for line := range strings.Lines(e.Stderr) {
		line = strings.TrimSpace(line)
		for _, prefix := range []string{"fatal: ", "error: "} {
			if after, ok := strings.CutPrefix(line, prefix); ok {
				return after
			}
		}
		if line != "" {
			last = line
		}
	}
	return last
}

// run runs git and returns its output.
func run(ctx context.Context, c call) ([]byte, error) {
	var out bytes.Buffer
	err := stream(ctx, c, &out)
	return out.Bytes(), err
}

// stream runs git and writes its output to out. When ctx ends, git and all it
// started are killed.
func stream(ctx context.Context, c call, out io.Writer) error {
	cmd := command(ctx, c.args...)
	cmd.Env = append(cmd.Env, c.env...)
	if c.dir != "" {
		cmd.Env = append(cmd.Env, "GIT_DIR="+c.dir)
	}
	errs := &tail{max: 8 << 10}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.stdin, out, errs
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("git %s: %w", c.args[0], context.Cause(ctx))
	}
	code := -1
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	return &Error{Command: c.args[0], Code: code, Stderr: Redact(errs.String(), c.secret), err: err}
}

// command prepares git in its own process group, in an environment in which
// only we configure it.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = Environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Environ returns the environment git runs in: neither the system's nor the
// user's configuration counts, nothing is asked on a terminal, no hook runs,
// nothing is collected behind our back, and messages are in English.
func Environ(config ...string) []string {
	env := []string{
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
		"HOME=" + os.DevNull, // no ~/.netrc either
		"LC_ALL=C",
	}
	for _, key := range []string{
		"PATH", "TMPDIR", "SSH_AUTH_SOCK", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
	} {
		if v, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+v)
		}
	}
	return append(env, Config(append([]string{
		"core.hooksPath=" + os.DevNull, "gc.auto=0",
		// What is fetched appears at once, as a pack. Unpacked, a commit would be there
		// before its files: to others meanwhile, and for ever if git is killed.
		"fetch.unpackLimit=1",
		"maintenance.auto=false", "safe.directory=*", "core.quotePath=false",
		"protocol.version=2", "http.lowSpeedLimit=1000", "http.lowSpeedTime=60", "advice.detachedHead=false",
	}, config...)...)...)
}

// Config returns the variables that configure git as `-c key=value` would,
// without showing the values to every user of the machine.
func Config(keyValues ...string) []string {
	env := []string{"GIT_CONFIG_COUNT=" + strconv.Itoa(len(keyValues))}
	for i, kv := range keyValues {
		key, value, _ := strings.Cut(kv, "=")
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, value))
	}
	return env
}

// helper answers git's question for a password from its environment.
const helper = `!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$PROW_GIT_USERNAME" "$PROW_GIT_TOKEN"; }; f`

// Login returns the environment in which git can log in at r, and there alone,
// and the token that it carries, "" if there is none.
func (r Remote) Login(ctx context.Context) (env []string, token string, err error) {
	if r.Token == nil {
		return Environ(), "", nil
	}
	token, err = r.Token(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("token for %s: %w", r.Place(), err)
	}
	u, err := url.Parse(r.URL)
	if token == "" || err != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return Environ(), token, nil
	}
	user := r.Username
	if user == "" {
		user = "x-access-token"
	}
	return append(Environ("credential."+u.Scheme+"://"+u.Host+".helper="+helper),
		"PROW_GIT_USERNAME="+user, "PROW_GIT_TOKEN="+token), token, nil
}

// Place returns the address without a password that may be in it.
func (r Remote) Place() string {
	if u, err := url.Parse(r.URL); err == nil {
		return u.Redacted()
	}
	return r.URL
}

// Redact takes a secret, and passwords in addresses, out of git's words.
func Redact(text, secret string) string {
	if secret != "" {
		text = strings.ReplaceAll(text, secret, "CENSORED")
	}
	for from := 0; ; {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			return text
		}
		start := from + i + 3
		end := start + strings.IndexAny(text[start:]+" ", "/ \t\n'\"")
		if at := strings.LastIndexByte(text[start:end], '@'); at >= 0 {
			text = text[:start] + "CENSORED" + text[start+at:]
		}
		from = start
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	max int
	b   []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - t.max; over > 0 {
		t.b = t.b[over:]
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }

// AddConfig adds to the configuration that Environ, Login or Config put into env.
func AddConfig(env []string, keyValues ...string) []string {
	out := env[:len(env):len(env)]
	n := 0
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "GIT_CONFIG_COUNT="); ok {
			n, _ = strconv.Atoi(v)
		}
	}
	for i, kv := range keyValues {
		key, value, _ := strings.Cut(kv, "=")
		out = append(out, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", n+i, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", n+i, value))
	}
	return append(out, "GIT_CONFIG_COUNT="+strconv.Itoa(n+len(keyValues)))
}
