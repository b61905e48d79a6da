// Package server is the house: it joins the parts of Prow in one process.
//
// Takes: options from a door. Gives: a running Prow, all of it or the components
// that --only names, with the same wiring; the trial with a forge of its own; one
// run of one job. Woken by: being started.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/deck"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/inrepo"
	"github.com/prow-ci/prow/jenkins"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/plugins/gate"
	"github.com/prow-ci/prow/plugins/jobs"
	"github.com/prow-ci/prow/plugins/review"
	"github.com/prow-ci/prow/plugins/triage"
	"golang.org/x/sync/errgroup"
)

// Server is Prow in one process.
type Server struct {
	o       Options
	state   *state
	live    *config.Live
	forge   prow.Forge
	client  *github.Forge
	mirrors *git.Store
	inrepo  *inrepo.Source
	plugins []plugin.Plugin
	metrics *metrics
	parts   []part
	board   *deck.Server    // nil unless deck runs
	jenkins *jenkins.Client // nil: there is none
	handler http.Handler
}

// part is one worker.
type part struct {
	name  string
	run   func(context.Context) error
	agent string // it waits for a job of this agent; "" begins at once
}

// Plugins lists every plugin there is.
func Plugins() []plugin.Plugin {
	var all []plugin.Plugin
	for _, group := range [][]plugin.Plugin{gate.All(), review.All(), jobs.All(), triage.All()} {
		all = append(all, group...)
	}
	return all
}

// New opens the state in o.Data, reads the configuration and joins the parts.
// Nothing runs yet. Close ends it.
func New(ctx context.Context, o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Server{o: o, plugins: Plugins(), metrics: newMetrics(o.Version)}
	// The first reading of the configuration makes more garbage than all that follows.
	usual := debug.SetGCPercent(400)
	var err error
	s.live, err = config.Open(ctx, o.Paths, o.Log, func(c *config.Config) error { return plugin.CheckSections(s.plugins, c) })
	debug.SetGCPercent(usual)
	if err != nil {
		return nil, fmt.Errorf("configuration:\n%w", err)
	}
	s.metrics.MustRegister(s.live.Metrics()...)
	open := s.openLocal
	if o.Cluster != nil {
		open = s.openCluster
	}
	if s.state, err = open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.reach(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.join(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// reach makes the hands that touch the forge.
func (s *Server) reach() error {
	o := s.o
	var err error
	s.client, err = github.New(github.Options{
		BaseURL: o.ForgeAPI, GraphQLURL: o.ForgeGraphQL, Token: o.Token, App: o.App, UserAgent: "prow/" + o.Version, Log: o.Log, Now: o.Now,
	})
	if err != nil {
		return err
	}
	s.forge = s.client
	if o.DryRun {
		s.forge = dryRun{s.client, o.Log}
	}
	s.mirrors = &git.Store{Dir: filepath.Join(o.Data, "git"), Remote: func(r prow.Repo) git.Remote {
		return git.Remote{URL: o.ForgeURL + "/" + r.String() + ".git", Username: o.GitUser, Token: s.tokenOf(r.Owner)}
	}}
	s.inrepo = &inrepo.Source{Git: s.mirrors}
	return nil
}

// login hands the forge's token to the clones of jobs, where that is wanted, and
// to no other address.
func (s *Server) login() func(ctx context.Context, url string) (string, string, error) {
	if !s.o.CloneWithToken {
		return nil
	}
	return func(ctx context.Context, url string) (string, string, error) {
		rest, ours := strings.CutPrefix(url, s.o.ForgeURL+"/")
		if !ours {
			return "", "", nil
		}
		owner, _, _ := strings.Cut(rest, "/")
		token, err := s.client.Token(ctx, owner)
		return s.o.GitUser, token, err
	}
}

// tokenOf returns what git logs in with at the repositories of owner.
func (s *Server) tokenOf(owner string) func(ctx context.Context) (string, error) {
	return func(ctx context.Context) (string, error) { return s.client.Token(ctx, owner) }
}

// Serve runs Prow until ctx is done.
func Serve(ctx context.Context, o Options) error {
	s, err := New(ctx, o)
	if err != nil {
		return err
	}
	defer s.Close()
	ln, err := listen(ctx, s.o.Addr)
	if err != nil {
		return err
	}
	s.o.Log.InfoContext(ctx, "prow is up", "pages", s.o.URL, "webhooks", s.o.URL+s.o.WebhookPath, "data", s.o.Data)
	return s.Run(ctx, ln)
}

// listen takes an address, or says in one sentence why not.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address, or end what uses it", addr, err)
	}
	return ln, nil
}

// Run serves on ln and runs the workers until ctx is done or one of them cannot
// go on.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveHTTP(ctx, ln, s.handler, s.o.Log) })
	for _, p := range s.parts {
		g.Go(func() error {
			if err := p.run(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// serveHTTP serves until ctx is done, then lets requests under way end.
func serveHTTP(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// Streams end with the server, not after it.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-done
	return err
}

// Close gives back what New opened.
func (s *Server) Close() error {
	var errs []error
	if s.mirrors != nil {
		errs = append(errs, s.mirrors.Close())
	}
	if s.state != nil {
		errs = append(errs, s.state.Close())
	}
	return errors.Join(errs...)
}
