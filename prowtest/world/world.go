// Package world joins what stories are played on: a running sandbox, clients of
// it, and mirrors of its repositories.
//
// Takes: a test. Gives: a world that ends with it. Woken by: nobody.
package world

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/sandbox"
)

// Bot is the login that Prow acts by in each world. It administers everything.
const Bot = "prow-bot"

// World is a sandbox at work. Its builders fail the test where they cannot build.
type World struct {
	T    testing.TB
	Hub  *sandbox.Forge
	URL  string
	Git  *git.Store
	Log  *slog.Logger
	dir  string
	mu   sync.Mutex
	hubs map[string]*github.Forge
}

// Setup is how a world's sandbox starts.
type Setup struct {
	sandbox.Options
	Wrap   func(http.Handler) http.Handler // around the sandbox; nil: nothing
	Listen net.Listener                    // nil: some port that only this machine reaches
}

// Option changes the setup.
type Option func(*Setup)

// At lets the sandbox live by a clock of the test.
func At(now prow.Clock) Option { return func(o *Setup) { o.Now = now } }

// On makes the sandbox listen on l.
func On(l net.Listener) Option { return func(o *Setup) { o.Listen = l } }

// Faults let things go wrong; each is written as for sandbox.ParseFault.
func Faults(t testing.TB, faults ...string) Option {
	return func(o *Setup) {
		for _, s := range faults {
			f, err := sandbox.ParseFault(s)
			if err != nil {
				t.Fatal(err)
			}
			o.Faults = append(o.Faults, f)
		}
	}
}

// New starts a sandbox with one user, Bot.
func New(t testing.TB, options ...Option) *World {
	t.Helper()
	w := &World{T: t, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), dir: t.TempDir(), hubs: map[string]*github.Forge{}}
	o := Setup{Options: sandbox.Options{Dir: w.dir + "/hub", Log: w.Log, Retry: true}}
	for _, change := range options {
		change(&o)
	}
	srv := httptest.NewUnstartedServer(nil)
	if o.Listen != nil {
		_ = srv.Listener.Close()
		srv.Listener = o.Listen
	}
	w.URL = "http://" + srv.Listener.Addr().String()
	o.URL = w.URL
	w.Hub = must(sandbox.Open(t.Context(), o.Options))(t)
	srv.Config.Handler = w.Hub
	if o.Wrap != nil {
		srv.Config.Handler = o.Wrap(w.Hub)
	}
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		if err := w.Hub.Close(); err != nil {
			t.Errorf("close the sandbox: %v", err)
		}
	})
	w.Git = &git.Store{Dir: w.dir + "/mirrors", Remote: func(r prow.Repo) git.Remote {
		return git.Remote{URL: w.Hub.CloneURL(r), Username: "x-access-token", Token: func(context.Context) (string, error) { return Token(Bot), nil }}
	}}
	t.Cleanup(func() {
		if err := w.Git.Close(); err != nil {
			t.Errorf("close the mirrors: %v", err)
		}
	})
	w.Users(Bot)
	w.do(w.Hub.SetAdmin(t.Context(), Bot))
	return w
}

// Token is what login's clients show.
func Token(login string) string { return "token-of-" + login }

// Users makes users.
func (w *World) Users(logins ...string) {
	w.T.Helper()
	for _, l := range logins {
		w.do(w.Hub.CreateUser(w.T.Context(), l, Token(l)))
	}
}

// As returns the client of a user, who is made if need be.
func (w *World) As(login string) *github.Forge {
	w.T.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.hubs[login]; f != nil {
		return f
	}
	w.Users(login)
	f := must(github.New(github.Options{
		BaseURL: w.Hub.API(), GraphQLURL: w.URL + "/graphql", Log: w.Log,
		Token: func(context.Context) (string, error) { return Token(login), nil },
	}))(w.T)
	w.hubs[login] = f
	return f
}

// Forge is the client Prow works with.
func (w *World) Forge() *github.Forge { return w.As(Bot) }

// Org makes an organisation with members, who may read its repositories.
func (w *World) Org(name string, members ...string) {
	w.T.Helper()
	w.Users(members...)
	w.do(w.Hub.CreateOrg(w.T.Context(), name))
	for _, m := range members {
		w.do(w.Hub.AddMember(w.T.Context(), name, m, "member"))
	}
}

// Repo makes the repository "owner/name" with a first commit of files. An owner who
// is not there becomes an organisation.
func (w *World) Repo(name string, files map[string]string) prow.Repo {
	w.T.Helper()
	r := must(prow.ParseRepo(name))(w.T)
	if w.Hub.CreateRepo(w.T.Context(), r, files, sandbox.RepoOptions{By: Bot}) != nil {
		w.Org(r.Owner)
		w.do(w.Hub.CreateRepo(w.T.Context(), r, files, sandbox.RepoOptions{By: Bot}))
	}
	return r
}

// Commit puts a commit of files on a branch and returns its id.
func (w *World) Commit(r prow.Repo, branch, by string, files map[string]string) string {
	w.T.Helper()
	w.Users(by)
	return must(w.Hub.Commit(w.T.Context(), r, branch, by, "Change "+branch, files))(w.T)
}

// Pull opens a pull request of files to main, from the author's fork.
func (w *World) Pull(r prow.Repo, author, branch string, files map[string]string) prow.IssueID {
	w.T.Helper()
	w.Users(author)
	fork := must(w.Hub.Fork(w.T.Context(), r, author))(w.T)
	w.Commit(fork, branch, author, files)
	return must(w.Hub.OpenPull(w.T.Context(), author, prow.NewPull{Repo: r, Head: author + ":" + branch, Base: "main", Title: "Change " + branch}))(w.T)
}

// Issue opens an issue.
func (w *World) Issue(r prow.Repo, by, title, body string) prow.IssueID {
	w.T.Helper()
	w.Users(by)
	return must(w.Hub.OpenIssue(w.T.Context(), r, by, title, body))(w.T)
}

// Say comments.
func (w *World) Say(id prow.IssueID, by, body string) {
	w.T.Helper()
	w.Users(by)
	w.do(w.Hub.Comment(w.T.Context(), id, by, body))
}

// Review submits a review; event is APPROVE, REQUEST_CHANGES or COMMENT.
func (w *World) Review(id prow.IssueID, by, event, body string) {
	w.T.Helper()
	w.Users(by)
	w.do(w.Hub.Review(w.T.Context(), id, by, event, body))
}

// PullNow looks at a pull request.
func (w *World) PullNow(id prow.IssueID) *prow.Pull {
	w.T.Helper()
	return must(w.Forge().Pull(w.T.Context(), id))(w.T)
}

// Eventually calls ok until it is true, or fails the test after a generous time: on
// a busy machine slowness is no defect.
func (w *World) Eventually(what string, ok func() bool) {
	w.T.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	w.T.Fatalf("never happened: %s", what)
}

func (w *World) do(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

func must[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
