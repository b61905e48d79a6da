package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/local"
	"golang.org/x/sync/errgroup"
)

// TryOptions say how the trial is played.
type TryOptions struct {
	Once      bool
	JSON      bool
	Data      string // "": a temporary folder, gone afterwards
	Addr      string
	ForgeAddr string
	Repo      string // an existing git repository to bring in
	Engine    string
	Faults    []string

	Cluster *ClusterOptions // jobs are resources and pods there; nil: on this machine
	Pods    PodOptions      // what pods need of the trial's configuration
	Self    []string
	Version string
	Out     io.Writer
	Log     *slog.Logger
	Now     prow.Clock
}

// PodOptions say what pods of a trial are made of and where their files go.
type PodOptions struct {
	Utilities string // image of the utilities
	Bucket    string // address, as s3://name
	Secret    string // in the pods' namespace, with the credentials of an S3 bucket; "" for none
}

// Try runs a forge and all of Prow, plays a change through, and stays up until ctx
// is done, unless Once.
func Try(ctx context.Context, o TryOptions) (err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	begun := o.Now()
	if o.Data == "" {
		if o.Data, err = os.MkdirTemp("", "prow-try-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Data)) }()
	} else if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return err
	}
	if o.Data, err = filepath.Abs(o.Data); err != nil {
		return err
	}
	pages, err := listen(ctx, o.Addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	defer pages.Close()
	forge, err := listen(ctx, o.ForgeAddr)
	if err != nil {
		return fmt.Errorf("--forge-addr: %w", err)
	}
	defer forge.Close()

	ctx, end := context.WithCancel(ctx)
	defer end()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer end()
		return try(ctx, &o, pages, forge, begun)
	})
	if err := g.Wait(); err != nil && !(errors.Is(err, context.Canceled) && !o.Once) {
		return err
	}
	return nil
}

func try(ctx context.Context, o *TryOptions, pages, forge net.Listener, begun time.Time) error {
	engine, note := tryEngine(ctx, o.Engine)
	if o.Cluster != nil {
		note = "run as pods of the Kubernetes cluster (as asked)"
	}
	t, err := openTrial(ctx, o, "http://"+forge.Addr().String(), "http://"+pages.Addr().String())
	if err != nil {
		return err
	}
	defer t.forge.Close()
	paths, err := t.configure()
	if err != nil {
		return err
	}
	s, err := New(ctx, Options{
		Data: filepath.Join(o.Data, "prow"), Addr: pages.Addr().String(), Paths: paths, Engine: engine, Cluster: o.Cluster,
		ForgeAPI: t.url + "/api/v3", ForgeGraphQL: t.url + "/api/graphql", ForgeURL: t.url, GitUser: bot,
		Token:   func(context.Context) (string, error) { return t.tokens[bot], nil },
		Secrets: func() ([]byte, error) { return []byte(t.secret), nil },
		Self:    o.Self, Version: o.Version, Log: o.Log, Now: o.Now,
	})
	if err != nil {
		return err
	}
	defer s.Close()
	st := &story{trial: t, jobs: s.state.Jobs, memory: s.state.Memory, out: o.Out, json: o.JSON, now: o.Now, started: begun}

	ctx, end := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	defer g.Wait() //nolint:errcheck // what failed is returned by the story, which it ended
	defer end()
	g.Go(func() error { return t.forge.Serve(ctx, forge) })
	g.Go(func() error { return s.Run(ctx, pages) })
	if sock, err := listenUnix(ctx, filepath.Join(o.Data, "forge.sock")); err == nil {
		g.Go(func() error { return t.forge.Serve(ctx, sock) })
	}
	if !o.JSON {
		fmt.Fprintf(o.Out, "Prow    %s\nForge   %s\nJobs    %s\nState   %s\n\n", t.pages, t.url, note, o.Data)
	}
	st.tell("ready", t.pages, "the forge and all of Prow are up")
	what := "created"
	if t.found {
		what = "found again"
	}
	st.tell("repository", t.url+"/"+t.repo.String(), "repository %s %s, with its webhook to Prow", t.repo, what)
	if err := st.play(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			err = errors.Join(err, cause)
		}
		return err
	}
	if o.Once {
		return nil
	}
	t.invite(o)
	<-ctx.Done()
	return ctx.Err()
}

// tryEngine chooses how jobs run, and says so in a sentence.
func tryEngine(ctx context.Context, engine string) (string, string) {
	if engine != "" && engine != "auto" {
		return engine, "run as " + engine + " (as asked)"
	}
	engine, why := local.Detect(ctx)
	return engine, why
}

func listenUnix(ctx context.Context, name string) (net.Listener, error) {
	_ = os.Remove(name) // of a process that was killed
	return (&net.ListenConfig{}).Listen(ctx, "unix", name)
}

// invite says what can be done by hand now.
func (t *trial) invite(o *TryOptions) {
	if o.JSON {
		return
	}
	fmt.Fprintf(o.Out, `
It is yours now. Open a pull request with git:

    git clone %s
    cd %s && git switch -c my-change    # change something, commit
    git push -u origin my-change        # then open it: %s/%s/compare/my-change

or with gh:

    gh config set http_unix_socket %s
    GH_TOKEN=%s gh pr create -R %s --fill

Comment as bob (/lgtm) and carol (/approve) on the forge's pages: %s
Watch it on Prow's: %s
Ctrl-C ends it.
`, t.cloneURL("alice"), t.repo.Name, t.url, t.repo, filepath.Join(o.Data, "forge.sock"), t.tokens["alice"], t.repo, t.url, t.pages)
}
