// Package deck shows what Prow does: pages for people, the same as JSON for
// programs, and the addresses that older dashboards had.
//
// Takes: requests. Gives: HTML, JSON, logs, artifacts, streams of changes; it
// writes only a rerun (a new job), an abort (Job.Advance) and the replay of a
// delivery. Woken by: readers; Jobs.Watch, Runner.Watch and Inbox.Watch tell it when
// to nudge them to look again, and of the pod of a run that somebody looks at it asks
// the cluster every few seconds.
package deck

import (
	"compress/gzip"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

// Server is the whole of deck, an http.Handler. Set the fields before its first
// request and leave them alone afterwards.
type Server struct {
	Jobs      prow.Jobs
	Runner    prow.Runner // nil: running jobs have no log
	Pods      prow.Pods   // nil: runs are no pods
	Artifacts prow.Artifacts
	Buckets   bool       // names in Artifacts are those of prow.Place, not of prow.Dir
	Inbox     prow.Inbox // nil: no page of deliveries
	Memory    prow.Memory
	Journal   prow.Journal
	Forge     prow.ForgeReader // nil: pages show what Prow itself knows
	Config    func() *config.Config
	Stale     func() *Stale // nil, or returning nil: the newest configuration is in force
	Plugins   []plugin.Plugin
	System    func() System // nil: the page shows the configuration alone
	// Help answers /plugin-help.js; nil answers with an empty object.
	Help http.Handler
	// May says who asks, and whether they may do action to j. The actions are
	// "rerun", "abort" and "replay"; j is nil for the last. A refusal is shown
	// word for word. A nil May forbids everything.
	May func(r *http.Request, action string, j *prow.Job) (user string, err error)
	// ShowHidden shows hidden jobs and repositories like all others.
	ShowHidden bool
	Now        prow.Clock
	Log        *slog.Logger

	once     sync.Once
	handler  http.Handler
	pages    map[string]*pageTemplate
	live     hub
	logs     logIndexes
	zippers  sync.Pool
	assets   string // fingerprint of the static files
	forge    forgeCache
	acts     selfCache
	counts   counted
	results  testsCache
	heard    heardPods
	closing  context.Context
	closeAll context.CancelFunc
}

// Stale says that a newer configuration was refused.
type Stale = config.Stale

// System is what the page of the system shows.
type System struct {
	Version    string      `json:"version"`
	Started    time.Time   `json:"started"`
	Components []Component `json:"components"`
	Facts      []Fact      `json:"facts"`
}

// Component is one worker, and how it does.
type Component struct {
	Name  string    `json:"name"`
	State string    `json:"state"` // running, waiting, failed, off
	Text  string    `json:"text,omitempty"`
	Since time.Time `json:"since"`
}

// Fact is something worth knowing about an installation: the size of its
// store, what the forge still allows.
type Fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// ServeHTTP answers everything.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.start()
	s.handler.ServeHTTP(w, r)
}

// Close ends the streams that readers hold open. Give it to
// http.Server.RegisterOnShutdown.
func (s *Server) Close() {
	s.start()
	s.closeAll()
}

func (s *Server) start() {
	s.once.Do(func() {
		s.closing, s.closeAll = context.WithCancel(context.Background())
		s.zippers.New = func() any { w, _ := gzip.NewWriterLevel(nil, 4); return w }
		s.pages = parsePages()
		s.assets = fingerprint()
		s.live.server = s
		s.handler = s.guard(s.routes())
	})
}
