package git

import (
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Handler serves the bare repositories below dir over git's smart HTTP, with
// protocol version 2, streaming both ways: dir/o/r.git as /o/r.git and as /o/r.
// repo is "o/r", whatever the address said, and is clean: it never leads outside
// dir. allow is asked before each service ("git-upload-pack" or
// "git-receive-pack"); status 0 or 200 lets it pass, another is answered (401 with
// a question for a password). env is added to the environment, for hooks; keys of
// GIT_CONFIG_* are ours.
func Handler(dir string, allow func(req *http.Request, repo, service string) (env []string, status int)) http.Handler {
	return &server{dir: dir, allow: allow, greetings: map[string]greeting{}}
}

type server struct {
	dir   string
	allow func(req *http.Request, repo, service string) ([]string, int)

	mu        sync.Mutex
	greetings map[string]greeting // by directory of the repository
}

// greeting is what upload-pack says first in protocol version 2. It depends on the
// repository's configuration alone, so it is not asked for each time.
type greeting struct {
	changed time.Time // of the configuration
	text    []byte
}

const maxGreetings = 10_000

func (s *server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	repo, service, advertise, ok := parsePath(req)
	if !ok {
		http.NotFound(w, req)
		return
	}
	env, status := s.allow(req, repo, service)
	if status != 0 && status != http.StatusOK {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	bare := filepath.Join(s.dir, filepath.FromSlash(repo)+".git")
	if i, err := os.Stat(filepath.Join(bare, "HEAD")); err != nil || i.IsDir() {
		http.NotFound(w, req)
		return
	}
	x := exchange{w, req, bare, service, env}
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	switch {
	case !advertise:
		x.serve()
	case service == "git-upload-pack" && strings.Contains(req.Header.Get("Git-Protocol"), "version=2"):
		s.greet(x)
	default:
		x.advertise()
	}
}

// greet answers the first request of protocol version 2.
func (s *server) greet(x exchange) {
	i, err := os.Stat(filepath.Join(x.bare, "config"))
	if err != nil {
		x.advertise()
		return
	}
	s.mu.Lock()
	g, ok := s.greetings[x.bare]
	s.mu.Unlock()
	if !ok || !g.changed.Equal(i.ModTime()) {
		cmd := x.command("--advertise-refs")
		if g.text, err = cmd.Output(); err != nil {
			http.Error(x.w, "git upload-pack failed", http.StatusInternalServerError)
			return
		}
		g.changed = i.ModTime()
		s.mu.Lock()
		if len(s.greetings) >= maxGreetings {
			clear(s.greetings)
		}
		s.greetings[x.bare] = g
		s.mu.Unlock()
	}
	x.w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	_, _ = x.w.Write(g.text) // a client that went away is its own business
}

// parsePath takes "/o/r.git/info/refs?service=git-upload-pack" and
// "/o/r.git/git-upload-pack" apart.
func parsePath(req *http.Request) (repo, service string, advertise, ok bool) {
	p := strings.TrimPrefix(req.URL.Path, "/")
	if before, found := strings.CutSuffix(p, "/info/refs"); found && req.Method == http.MethodGet {
		repo, service, advertise = before, req.URL.Query().Get("service"), true
	} else if req.Method == http.MethodPost {
		i := strings.LastIndexByte(p, '/')
		if i < 0 || req.Header.Get("Content-Type") != "application/x-"+p[i+1:]+"-request" {
			return "", "", false, false
		}
		repo, service = p[:i], p[i+1:]
	}
	repo = strings.TrimSuffix(repo, ".git")
	known := service == "git-upload-pack" || service == "git-receive-pack"
	clean := repo != "" && path.Clean("/"+repo) == "/"+repo && !strings.ContainsAny(repo, "\x00\\")
	return repo, service, advertise, known && clean
}

// exchange is one request to one service of one repository.
type exchange struct {
	w       http.ResponseWriter
	req     *http.Request
	bare    string
	service string
	env     []string
}

func (x exchange) advertise() {
	x.w.Header().Set("Content-Type", "application/x-"+x.service+"-advertisement")
	line := "# service=" + x.service + "\n"
	_, _ = io.WriteString(x.w, packetLine(line)+"0000") // a client that went away is its own business
	x.run(nil, "--advertise-refs")
}

func packetLine(s string) string {
	const digits = "0123456789abcdef"
	n := len(s) + 4
	return string([]byte{digits[n>>12&15], digits[n>>8&15], digits[n>>4&15], digits[n&15]}) + s
}

func (x exchange) serve() {
	var body io.Reader = x.req.Body
	if x.req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			http.Error(x.w, "the body is not gzip, as its header says", http.StatusBadRequest)
			return
		}
		body = z
	}
	x.w.Header().Set("Content-Type", "application/x-"+x.service+"-result")
	x.run(body)
}

// command prepares the service.
func (x exchange) command(flags ...string) *exec.Cmd {
	args := append([]string{strings.TrimPrefix(x.service, "git-"), "--stateless-rpc"}, flags...)
	cmd := command(x.req.Context(), append(args, x.bare)...)
	// Hooks of these repositories are the owner's, unlike those of a mirror.
	cmd.Env = append(cmd.Env, Config("gc.auto=0", "receive.autogc=false", "safe.directory=*", "uploadpack.allowAnySHA1InWant=true",
		"uploadpack.allowFilter=true", "core.quotePath=false")...)
	cmd.Env = append(cmd.Env, x.env...)
	if v := x.req.Header.Get("Git-Protocol"); v != "" && !strings.ContainsAny(v, "\x00\n") {
		cmd.Env = append(cmd.Env, "GIT_PROTOCOL="+v)
	}
	return cmd
}

// run lets git speak. Its faults are for the client, to whom git itself tells
// them inside the protocol.
func (x exchange) run(body io.Reader, flags ...string) {
	cmd := x.command(flags...)
	control := http.NewResponseController(x.w)
	_ = control.EnableFullDuplex() // where it cannot be, git reads before it writes anyhow
	out := &flushed{w: x.w, flush: control.Flush}
	cmd.Stdin, cmd.Stdout = body, out
	if err := cmd.Run(); err != nil && !out.wrote {
		x.w.WriteHeader(http.StatusInternalServerError)
	}
}

// flushed sends each write at once: git's progress is for now.
type flushed struct {
	w     io.Writer
	flush func() error
	wrote bool
}

func (f *flushed) Write(p []byte) (int, error) {
	f.wrote = true
	n, err := f.w.Write(p)
	if err == nil {
		_ = f.flush() // the next write tells of a client that went away
	}
	return n, err
}
