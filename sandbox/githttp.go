package sandbox

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/prow-ci/prow/git"
)

// services are the ends of git's addresses.
var services = []string{"/info/refs", "/git-upload-pack", "/git-receive-pack"}

func isGit(r *http.Request) bool {
	for _, s := range services {
		if strings.HasSuffix(r.URL.Path, s) && strings.Count(r.URL.Path, "/") == strings.Count(s, "/")+2 {
			return true
		}
	}
	return false
}

// serveGit serves clone, fetch and push.
func (f *Forge) serveGit(w http.ResponseWriter, r *http.Request) {
	name, service := r.URL.Path, ""
	for _, s := range services {
		if n, ok := strings.CutSuffix(name, s); ok {
			name, service = n, s
			break
		}
	}
	pushing := service == "/git-receive-pack" || r.URL.Query().Get("service") == "git-receive-pack"
	user, err := f.who(r)
	if err != nil {
		askPassword(w)
		return
	}
	var id int64
	var may level
	archived := false
	_ = f.read(func() error {
		if rp := f.st.names[lower(strings.TrimSuffix(strings.TrimPrefix(name, "/"), ".git"))]; rp != nil {
			id, may, archived = rp.ID, f.gitLevel(rp, user), rp.Archived
		}
		return nil
	})
	need := read
	if pushing {
		need = push
	}
	switch {
	case (id == 0 || may < need) && user == nil:
		askPassword(w) // as GitHub: whether it exists is not for strangers
	case id == 0 || may < read:
		http.Error(w, "Repository not found.", http.StatusNotFound)
	case may < need:
		http.Error(w, "Permission to "+strings.TrimPrefix(name, "/")+" denied to "+user.Login+".", http.StatusForbidden)
	case pushing && archived:
		http.Error(w, "This repository was archived so it is read-only.", http.StatusForbidden)
	case service == "/git-receive-pack":
		f.receive(w, r, id, user)
	default:
		f.backend(w, r, id, service)
	}
}

// gitLevel is what a user may do with git; Apps take a permission for contents.
func (f *Forge) gitLevel(r *repo, user *account) level {
	l := f.level(r, user)
	switch {
	case user == nil || user.as == nil || user.as.may("contents", "write"):
		return l
	case r.Private && !user.as.may("contents", "read"):
		return none
	}
	return min(l, read)
}

func askPassword(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
	http.Error(w, "Invalid username or token. Password authentication is not supported for Git operations.", http.StatusUnauthorized)
}

// receive takes a push and does what follows from it before the client hears that
// it succeeded.
func (f *Forge) receive(w http.ResponseWriter, r *http.Request, id int64, user *account) {
	body, err := unpacked(r)
	if err != nil {
		http.Error(w, "The push could not be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	head, moves, err := commands(body)
	if err != nil {
		http.Error(w, "The push could not be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	if why := f.mayPush(r.Context(), id, user, moves); why != "" {
		http.Error(w, why, http.StatusForbidden)
		return
	}
	r2 := r.Clone(r.Context())
	r2.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), body), r.Body}
	r2.Header.Del("Content-Encoding")
	held := &held{header: http.Header{}}
	f.backend(held, r2, id, "/git-receive-pack")
	unlock := f.git.lock(id)
	err = f.settle(context.WithoutCancel(r.Context()), id, user)
	unlock()
	if err != nil {
		f.o.Log.Error("push not followed up", "repo", id, "err", err)
	}
	held.send(w)
}

// unpacked is the body as the client meant it.
func unpacked(r *http.Request) (io.Reader, error) {
	if r.Header.Get("Content-Encoding") == "gzip" {
		return gzip.NewReader(r.Body)
	}
	return r.Body, nil
}

// held is an answer kept back. What git says to a push is short.
type held struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (h *held) Header() http.Header         { return h.header }
func (h *held) WriteHeader(code int)        { h.code = code }
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }

func (h *held) send(w http.ResponseWriter) {
	for k, v := range h.header {
		w.Header()[k] = v
	}
	if h.code != 0 {
		w.WriteHeader(h.code)
	}
	_, _ = w.Write(h.body.Bytes())
}

// command is what a push wants of one ref.
type command struct{ old, new, ref string }

// commands reads the list that a push begins with, and returns it raw too.
func commands(body io.Reader) (raw []byte, list []command, err error) {
	const most = 1 << 20
	for len(raw) < most {
		var size [4]byte
		if _, err := io.ReadFull(body, size[:]); err != nil {
			return nil, nil, errors.New("it ends before its list of commands does")
		}
		raw = append(raw, size[:]...)
		n, err := strconv.ParseUint(string(size[:]), 16, 16)
		if err != nil || n > 0 && n < 4 {
			return nil, nil, errors.New("not a list of commands")
		}
		if n == 0 {
			return raw, list, nil
		}
		line := make([]byte, n-4)
		if _, err := io.ReadFull(body, line); err != nil {
			return nil, nil, err
		}
		raw = append(raw, line...)
		text, _, _ := strings.Cut(string(line), "\x00")
		if w := strings.Fields(text); len(w) == 3 {
			list = append(list, command{w[0], w[1], w[2]})
		}
	}
	return nil, nil, errors.New("more than a megabyte of refs")
}

// mayPush asks the protection of the branches.
func (f *Forge) mayPush(ctx context.Context, id int64, user *account, moves []command) (why string) {
	_ = f.read(func() error {
		r := f.st.repos[id]
		for _, m := range moves {
			branch, ok := strings.CutPrefix(m.ref, heads)
			p := r.Protection[branch]
			if !ok || p == nil || f.level(r, user) == admin && !p.Admins {
				continue
			}
			switch {
			case p.Restricted && !f.listed(r, p, user):
				why = "You're not authorized to push to the protected branch " + branch + "."
			case m.new == zero && !p.Deletions:
				why = "Cannot delete the protected branch " + branch + "."
			case p.HasReviews:
				why = "Changes of the protected branch " + branch + " must be made through a pull request."
			case p.HasChecks && len(p.Contexts) > 0 && !f.green(r, p, m.new):
				why = "Required status checks of the protected branch " + branch + " are not met by " + m.new + "."
			}
		}
		return nil
	})
	return why
}

// green reports whether a commit has all that p requires.
func (f *Forge) green(r *repo, p *protection, sha string) bool {
	return len(f.unmet(&issue{Repo: r.ID, Pull: &pull{HeadSHA: sha}}, p)) == 0
}

// backend runs git's own server.
func (f *Forge) backend(w http.ResponseWriter, r *http.Request, id int64, service string) {
	r2 := r.Clone(r.Context())
	r2.URL.Path = "/" + strconv.FormatInt(id, 10) + ".git" + service
	git.Handler(f.git.dir, func(*http.Request, string, string) ([]string, int) { return nil, http.StatusOK }).ServeHTTP(w, r2)
}
