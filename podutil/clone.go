package podutil

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/git"
)

// Cloner puts repositories where a test looks for them: at Root/src/<path>.
type Cloner struct {
	Root   string
	Logins []Login
	// SSHKeys are files with private keys; Hosts are known_hosts lines.
	SSHKeys []string
	Hosts   []string
	// Cookies is a file with cookies for git over HTTP.
	Cookies string
	Scratch string          // folder for files of our own; needed for Hosts
	Pauses  []time.Duration // before each further try of a fetch that the network spoiled
	// UserName and UserEmail are written into each clone, and name who merges;
	// both "" for ours.
	UserName  string
	UserEmail string
	Parallel  int // clones at one time; 0 for all
}

// Login is a name and password for all addresses with the scheme and host of URL.
type Login struct {
	URL      string `json:"url"`
	Username string `json:"username,omitempty"`
	Token    string `json:"token"`

	secret string // what must not be seen, if it is not the token
}

// Who is named in the merges made for a test.
const (
	userName  = "ci-robot"
	userEmail = "ci-robot@k8s.io"
)

// Pauses returns the pauses between tries of a fetch.
func Pauses() []time.Duration {
	var out []time.Duration
	for _, s := range []float64{0.1, 0.2, 0.4, 0.8, 2, 5, 10, 15, 30} {
		out = append(out, time.Duration(s*float64(time.Second)))
	}
	return out
}

// ConflictError says that a pull does not merge with what was checked out before
// it: the change is at fault, not the machine.
type ConflictError struct {
	Repo  prow.Repo
	Pull  prow.PullRef
	Onto  string // "main", or "main with #4"
	Files []string
}

func (e *ConflictError) Error() string {
	files := strings.Join(e.Files, ", ")
	if len(e.Files) > 5 {
		files = fmt.Sprintf("%s and %d more", strings.Join(e.Files[:5], ", "), len(e.Files)-5)
	}
	return fmt.Sprintf("#%d does not merge with %s of %s: conflict in %s. Rebase the pull request", e.Pull.Number, e.Onto, e.Repo, files)
}

// Clone clones all refs, side by side, and returns a record of each in the order
// of refs.
func (c *Cloner) Clone(ctx context.Context, refs []prow.Refs) []Record {
	if err := checkPaths(refs); err != nil {
		return failedSetup("check the clone paths", err)
	}
	records := make([]Record, len(refs))
	var wg sync.WaitGroup
	room := make(chan struct{}, cmp.Or(max(c.Parallel, 0), len(refs), 1))
	for i := range refs {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			records[i] = c.one(ctx, refs[i])
		})
	}
	wg.Wait()
	return records
}

func checkPaths(refs []prow.Refs) error {
	seen := map[string]prow.Refs{}
	for _, r := range refs {
		p := filepath.Clean(r.ClonePath())
		if !filepath.IsLocal(p) || p == "." {
			return fmt.Errorf("%s/%s: the clone path %q leads out of the folder for clones", r.Org, r.Repo, r.ClonePath())
		}
		if other, ok := seen[p]; ok {
			return fmt.Errorf("%s/%s and %s/%s are both to be cloned to %s: give one of them a path_alias", other.Org, other.Repo, r.Org, r.Repo, p)
		}
		seen[p] = r
	}
	return nil
}

// one clones one repository.
func (c *Cloner) one(ctx context.Context, refs prow.Refs) Record {
	began := time.Now()
	k := &clone{c: c, refs: refs, dir: filepath.Join(c.Root, "src", filepath.FromSlash(refs.ClonePath())), uri: refs.CloneFrom()}
	k.record.Refs = refs
	if err := k.perform(ctx); err != nil {
		k.record.fail(err)
	}
	k.record.Duration = time.Since(began)
	return k.record
}

// clone is the cloning of one repository.
type clone struct {
	c      *Cloner
	refs   prow.Refs
	dir    string
	uri    string
	env    []string
	token  string
	record Record
	when   int64 // the base was committed, once known
	all    bool  // the pulls came together with the base
}

func (k *clone) perform(ctx context.Context) error {
	if err := k.login(); err != nil {
		return err
	}
	if err := k.init(); err != nil {
		return err
	}
	if err := k.fetch(ctx); err != nil {
		return err
	}
	if err := k.checkout(ctx); err != nil {
		return err
	}
	for i := range k.refs.Pulls {
		if err := k.merge(ctx, i); err != nil {
			return err
		}
	}
	if err := k.submodules(ctx); err != nil {
		return err
	}
	var err error
	k.record.FinalSHA, err = k.head(ctx)
	return err
}

// login prepares the environment of git.
func (k *clone) login() error {
	remote := git.Remote{URL: k.uri}
	login := k.c.login(k.uri)
	if login != nil {
		remote.Username = login.Username
		remote.Token = func(context.Context) (string, error) { return login.Token, nil }
	}
	env, token, err := remote.Login(context.Background()) // nothing is asked, the token is here
	if err != nil {
		return err
	}
	if login != nil && login.secret != "" {
		token = login.secret
	}
	// One file is made sooner, and deleted sooner, than one for each object; and
	// what is thrown away need not survive a power cut.
	env = git.AddConfig(env, "fetch.unpackLimit=1", "core.fsync=none")
	if k.c.Cookies != "" {
		env = git.AddConfig(env, "http.cookieFile="+k.c.Cookies)
	}
	k.env, k.token = env, token
	return k.ssh()
}

// login is that of an address itself, else that of its host, else nil.
func (c *Cloner) login(uri string) *Login {
	for _, fits := range []func(a, b string) bool{strings.EqualFold, sameHost} {
		for i := range c.Logins {
			if fits(c.Logins[i].URL, uri) {
				return &c.Logins[i]
			}
		}
	}
	return nil
}

// ssh lets git log in with the given keys and no other.
func (k *clone) ssh() error {
	if len(k.c.SSHKeys) == 0 && len(k.c.Hosts) == 0 {
		return nil
	}
	command := "ssh -o BatchMode=yes"
	for _, key := range k.c.SSHKeys {
		command += " -o IdentitiesOnly=yes -i " + quote(key)
	}
	if len(k.c.Hosts) > 0 {
		known := filepath.Join(k.c.Scratch, "known_hosts")
		if err := os.WriteFile(known, []byte(strings.Join(k.c.Hosts, "\n")+"\n"), 0o600); err != nil {
			return err
		}
		command += " -o UserKnownHostsFile=" + quote(known)
	} else {
		command += " -o StrictHostKeyChecking=accept-new"
	}
	k.env = append(k.env, "GIT_SSH_COMMAND="+command)
	return nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func sameHost(a, b string) bool {
	cut := func(s string) string {
		scheme, rest, ok := strings.Cut(s, "://")
		if !ok {
			return ""
		}
		host, _, _ := strings.Cut(rest, "/")
		return scheme + "://" + host
	}
	return cut(a) != "" && strings.EqualFold(cut(a), cut(b))
}

// init makes an empty repository, file by file: at a thousand small jobs the
// process that does it counts.
func (k *clone) init() error {
	began := time.Now()
	dir := filepath.Join(k.dir, ".git")
	for _, d := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags", "info"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	config := fmt.Sprintf("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n"+
		"[user]\n\tname = %s\n\temail = %s\n", configValue(cmp.Or(k.c.UserName, userName)), configValue(cmp.Or(k.c.UserEmail, userEmail)))
	for name, text := range map[string]string{"HEAD": "ref: refs/heads/main\n", "config": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	k.record.Commands = append(k.record.Commands, Command{Command: "git init " + k.dir, Duration: time.Since(began)})
	return nil
}

// configValue is a value as git's configuration files quote it.
func configValue(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// head returns the commit that is checked out.
func (k *clone) head(ctx context.Context) (string, error) {
	b, err := os.ReadFile(filepath.Join(k.dir, ".git", "HEAD"))
	if err != nil {
		return "", err
	}
	at := strings.TrimSpace(string(b))
	if ref, ok := strings.CutPrefix(at, "ref: "); ok {
		b, err = os.ReadFile(filepath.Join(k.dir, ".git", filepath.FromSlash(ref)))
		at = strings.TrimSpace(string(b))
	}
	if err != nil || len(at) < 40 { // packed, or something new: git knows
		at, err = k.quiet(ctx, "rev-parse", "HEAD")
	}
	return strings.TrimSpace(at), err
}

// checkout puts the base into the work tree, as the branch of its name.
func (k *clone) checkout(ctx context.Context) error {
	base := k.refs.BaseSHA
	if base == "" {
		base = "FETCH_HEAD"
	}
	if len(k.refs.SparseCheckoutFiles) > 0 {
		args := append([]string{"sparse-checkout", "set", "--no-cone", "--end-of-options"}, k.refs.SparseCheckoutFiles...)
		if _, err := k.git(ctx, args...); err != nil {
			return err
		}
	}
	if k.refs.BaseRef == "" {
		_, err := k.git(ctx, "checkout", "--quiet", "--detach", base)
		return err
	}
	_, err := k.git(ctx, "checkout", "--quiet", "-B", k.refs.BaseRef, base, "--")
	return err
}

// submodules fills in the submodules, if there are any.
func (k *clone) submodules(ctx context.Context) error {
	if k.refs.SkipSubmodules {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(k.dir, ".gitmodules")); err != nil {
		return nil
	}
	// Addresses such as ../other are relative to where the repository came from.
	k.env = git.AddConfig(k.env, "remote.origin.url="+k.uri)
	return k.patiently(ctx, func() error {
		_, err := k.git(ctx, "submodule", "--quiet", "update", "--init", "--recursive")
		return err
	})
}

// commandError is a git command that failed, with what it said.
type commandError struct {
	what   string
	output string
	err    error
}

func (e *commandError) Error() string {
	said := lastWords(e.output)
	if said == "" {
		said = e.err.Error()
	}
	return "git " + e.what + ": " + said
}

func (e *commandError) Unwrap() error { return e.err }

// lastWords is git's own explanation within its output: what was fatal, else an
// error, else what the other side said.
func lastWords(output string) string {
	for _, prefix := range []string{"fatal: ", "error: ", "remote: "} {
		for line := range strings.Lines(output) {
			if after, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok && after != "" {
				return after
			}
		}
	}
	output = strings.TrimSpace(output)
	return output[strings.LastIndexByte(output, '\n')+1:]
}

// git runs a command in the clone and records it.
func (k *clone) git(ctx context.Context, args ...string) (string, error) {
	return k.run(ctx, true, nil, args...)
}

// quiet runs a command that only looks, and records nothing.
func (k *clone) quiet(ctx context.Context, args ...string) (string, error) {
	return k.run(ctx, false, nil, args...)
}

func (k *clone) run(ctx context.Context, record bool, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = k.dir, append(k.env[:len(k.env):len(k.env)], env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{b: &out}, &limited{b: &out}
	if !record {
		cmd.Stderr = nil
	}
	began := time.Now()
	err := cmd.Run()
	text := strings.ToValidUTF8(git.Redact(out.String(), k.token), "\uFFFD")
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if err != nil {
		err = &commandError{args[0], text, err}
	}
	if record {
		c := Command{Command: k.shown(env, args), Output: text, Duration: time.Since(began)}
		if err != nil {
			c.Error = err.Error()
		}
		k.record.Commands = append(k.record.Commands, c)
	}
	return text, err
}

// limited keeps the first megabyte of a command's output.
type limited struct{ b *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := 1<<20 - l.b.Len(); room > 0 {
		l.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// shown is the command as a person could type it.
func (k *clone) shown(env, args []string) string {
	parts := append([]string{"PWD=" + k.dir}, env...)
	parts = append(append(parts, "git"), args...)
	for i, p := range parts {
		if p == "" || strings.ContainsAny(p, " \t\n'\"\\$&;|<>()*?") {
			parts[i] = strconv.Quote(p)
		}
	}
	return git.Redact(strings.Join(parts, " "), k.token)
}
