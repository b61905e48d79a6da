package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/crier"
	"github.com/prow-ci/prow/deck"
	"github.com/prow-ci/prow/hook"
	"github.com/prow-ci/prow/horologium"
	"github.com/prow-ci/prow/jenkins"
	"github.com/prow-ci/prow/plank"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/scheduler"
	"github.com/prow-ci/prow/sinker"
	"github.com/prow-ci/prow/tide"
)

// join wires the components that are to run, and the addresses.
func (s *Server) join() error {
	current, now, db := s.live.Current, s.o.Now, s.state
	merges := tide.NewMetrics()
	s.metrics.MustRegister(merges.Collectors()...)
	merger := &tide.Worker{
		Forge: s.forge, Jobs: db.Jobs, Git: s.mirrors, InRepo: s.inrepo, Memory: db.Memory, Journal: db.Journal,
		Config: current, Now: now, Log: s.log("tide"), Metrics: merges,
	}
	receiver := &hook.Worker{
		Inbox: db.Inbox, Journal: db.Journal, Plugins: s.plugins, Config: current, Secrets: s.secrets(), Parse: s.client.ParseEvents,
		Log: s.log("hook"), Now: now, Metrics: hook.NewMetrics(s.metrics), Only: s.o.Filter,
		Tools: plugin.Tools{
			Forge: s.forge, Jobs: db.Jobs, Memory: db.Memory, Git: s.mirrors, InRepo: s.inrepo,
			Owners: &plugin.Owners{Git: s.mirrors, Forge: s.forge}, Now: now, Plugins: s.plugins,
		},
	}
	if s.o.runs("tide") && s.o.Cluster == nil {
		receiver.Seen = merger.Wake
	}
	starter := &horologium.Worker{Jobs: db.Jobs, Memory: db.Memory, Config: current, Changes: s.live.Watch, Now: now, Log: s.log("horologium")}
	runner := &plank.Worker{
		Jobs: db.Jobs, Runner: s.state.Runner, Journal: db.Journal, Config: current, URL: s.runURL, Now: now, Log: s.log("plank"),
		Node: s.o.Node, Limit: s.o.MaxJobs, Cluster: s.chooser(), Workers: s.state.starts,
		Metrics: registered(s.metrics, plank.NewMetrics()),
	}
	reporter := &crier.Worker{
		Jobs: db.Jobs, Forge: s.forge, Artifacts: s.state.Artifacts, Buckets: s.state.buckets, Pods: s.state.Pods, Memory: db.Memory, Journal: db.Journal, Config: current, Now: now,
		Log: s.log("crier"), Metrics: registered(s.metrics, crier.NewMetrics()),
	}
	sweeper := &sinker.Worker{
		Jobs: db.Jobs, Runner: s.state.Runner, Inbox: db.Inbox, Memory: db.Memory, Config: current, Now: now, Log: s.log("sinker"),
		Metrics: registered(s.metrics, sinker.NewMetrics()),
	}
	if s.o.runs("sinker") && s.o.Paths.JobConfig != "" {
		s.metrics.MustRegister(config.SizeOf(s.o.Paths.JobConfig))
	}
	elsewhere, err := s.elsewhere(&plank.BuildIDs{Node: s.o.Node + "-elsewhere", Now: now})
	if err != nil {
		return err
	}
	for _, p := range append([]part{
		{name: "hook", run: receiver.Run}, {name: "horologium", run: starter.Run}, {name: "plank", run: s.withStatusFile(runner.Run)},
		{name: "crier", run: reporter.Run}, {name: "sinker", run: sweeper.Run}, {name: "tide", run: merger.Run},
	}, elsewhere...) {
		if !s.o.runs(p.name) {
			continue
		}
		if s.state.lead != nil && slices.Contains(singletons, p.name) {
			p.run = s.state.lead(p.name, s.leaseOf(p.name), p.run)
		}
		if p.agent != "" {
			p.run = s.onceNeeded(p.agent, p.run)
		}
		s.parts = append(s.parts, p)
	}
	if s.o.runs("tide") && s.o.Cluster != nil {
		s.parts = append(s.parts, part{name: "relay", run: s.relay(merger)})
	}
	s.address(receiver, merger)
	return nil
}

// chooser chooses clusters, where there are several.
func (s *Server) chooser() func(context.Context, *prow.Job) string {
	if s.o.Cluster == nil {
		return nil
	}
	c := &scheduler.Scheduler{Config: s.live.Current, HTTP: &http.Client{Transport: http.DefaultTransport}, Log: s.log("scheduler"), Now: s.o.Now}
	return c.Cluster
}

func (s *Server) log(component string) *slog.Logger { return s.o.Log.With("component", component) }

// address says what answers where.
func (s *Server) address(receiver *hook.Worker, merger *tide.Worker) {
	mux := http.NewServeMux()
	if s.o.runs("hook") {
		mux.Handle(s.o.WebhookPath, receiver)
		mux.HandleFunc("/plugin-help", receiver.PluginHelp)
	}
	mux.Handle("/metrics", s.metrics.handler())
	ok := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "OK") }
	mux.HandleFunc("/healthz", ok)
	// Everything is opened before the listener is served: who gets an answer
	// talks to a server that is ready.
	mux.HandleFunc("/healthz/ready", func(w http.ResponseWriter, r *http.Request) {
		if s.state.healthy != nil {
			if err := s.state.healthy(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		ok(w, r)
	})
	if s.jenkins != nil && s.o.runs(jenkinsComponent) {
		mux.Handle("/job/", &jenkins.Logs{Jobs: s.state.Jobs, Jenkins: s.jenkins, Log: s.log(jenkinsComponent)})
	}
	if s.o.runs("deck") {
		s.board = s.deck(receiver)
		mux.Handle("/", s.board)
	}
	s.handler = mux
}

// runURL is where a run is looked at: the configured address, or deck's.
func (s *Server) runURL(j *prow.Job) string {
	if u := s.live.Current().JobURL(j); u != "" {
		return u
	}
	return s.o.URL + "/run/" + j.Name
}

// deck makes the pages.
func (s *Server) deck(receiver *hook.Worker) *deck.Server {
	started := s.o.Now()
	return &deck.Server{
		Jobs: s.state.Jobs, Runner: s.agents(), Pods: s.state.Pods, Artifacts: s.state.Artifacts, Buckets: s.state.buckets, Inbox: s.state.Inbox, Memory: s.state.Memory, Journal: s.state.Journal,
		Forge: s.forge, Config: s.live.Current, Stale: s.stale, Plugins: s.plugins, Help: http.HandlerFunc(receiver.PluginHelp),
		System: func() deck.System { return s.system(started) }, May: s.may, Now: s.o.Now, Log: s.log("deck"),
	}
}

func (s *Server) stale() *deck.Stale {
	old := s.live.Stale()
	if old == nil {
		return nil
	}
	return &deck.Stale{Since: old.Since, Problems: old.Problems}
}

func (s *Server) system(started time.Time) deck.System {
	sys := deck.System{Version: s.o.Version, Started: started}
	running := map[string]bool{"deck": s.o.runs("deck")}
	for _, p := range s.parts {
		running[p.name] = true
	}
	for _, name := range componentNames {
		state := "off"
		if running[name] {
			state = "running"
		}
		sys.Components = append(sys.Components, deck.Component{Name: name, State: state, Since: started})
	}
	sys.Facts = append(slices.Concat(s.state.facts, s.state.build.facts()),
		deck.Fact{Name: "Forge", Text: s.o.ForgeURL},
		deck.Fact{Name: "Configuration", Text: filepath.ToSlash(s.o.Paths.Config)},
	)
	for _, b := range s.client.Budget() {
		sys.Facts = append(sys.Facts, deck.Fact{Name: strings.TrimRight("Forge budget, "+b.Resource+" "+b.Owner, " "),
			Text: fmt.Sprintf("%d of %d left until %s", b.Remaining, b.Limit, b.Reset.UTC().Format("15:04 MST"))})
	}
	return sys
}

// secrets parses the HMAC file again when its content changes. A file that cannot
// be read or understood lets nothing in: the gate stays closed.
func (s *Server) secrets() func() hook.Secrets {
	var mu sync.Mutex
	var read time.Time
	var text string
	var parsed hook.Secrets
	return func() hook.Secrets {
		mu.Lock()
		defer mu.Unlock()
		if now := s.o.Now(); now.Sub(read) < time.Second {
			return parsed
		}
		read = s.o.Now()
		b, err := s.o.Secrets()
		if err == nil && (string(b) != text || text == "") {
			text = string(b)
			parsed, err = hook.ParseSecrets(b)
		}
		if err != nil {
			s.log("hook").Error("webhook secrets cannot be used; no webhook is accepted", "error", err)
			text, parsed = "", hook.Secrets{}
		}
		return parsed
	}
}
