package hook

import (
	"cmp"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

// Worker accepts webhooks (ServeHTTP) and handles them (Run). The fields without
// a word on their zero value have to be set.
type Worker struct {
	Inbox   prow.Inbox
	Journal prow.Journal // nil: no story is kept
	Plugins []plugin.Plugin
	Tools   plugin.Tools
	Config  func() *config.Config
	// Secrets is called for each request, so secrets may change.
	Secrets func() Secrets
	// Parse turns a webhook into events, none if nobody cares.
	Parse func(event, id string, body []byte) ([]prow.Event, error)
	// Seen hears of each event before the plugins do; nil hears nothing.
	Seen func(prow.Event)
	Log  *slog.Logger
	Now  prow.Clock

	Only     Filter        // which repositories; the zero value lets all pass
	Client   *http.Client  // for external plugins; nil is a plain one
	Metrics  *Metrics      // nil counts nothing
	Parallel int           // deliveries handled at one time; 0 is 8
	Tries    int           // before a delivery is given up; 0 is 10
	Pause    time.Duration // before the second try, then doubled; 0 is one second
	Timeout  time.Duration // of one plugin's work on one delivery; 0 is 10 minutes
	Patience time.Duration // with an external plugin that is slow to answer; 0 is 30 seconds
	Grace    time.Duration // for running handlers once Run is told to end; 0 is 20 seconds

	accepting atomic.Int32 // requests under way
	slow      sync.Map     // addresses of external plugins that did not answer in time
	warned    sync.Map     // unknown plugin names, by configuration
	expanded  expanded     // repositories of organisations, for the help
}

// maxPause bounds the pause between two tries.
const maxPause = 5 * time.Minute

func (w *Worker) parallel() int        { return cmp.Or(w.Parallel, 8) }
func (w *Worker) tries() int           { return cmp.Or(w.Tries, 10) }
func (w *Worker) grace() time.Duration { return cmp.Or(w.Grace, 20*time.Second) }

func (w *Worker) timeout() time.Duration { return cmp.Or(w.Timeout, 10*time.Minute) }

// backoff is the pause after the given number of tries.
func (w *Worker) backoff(tries int) time.Duration {
	pause := cmp.Or(w.Pause, time.Second)
	for range tries - 1 {
		if pause *= 2; pause >= maxPause {
			return maxPause
		}
	}
	return pause
}

// Filter says which repositories this instance serves.
type Filter struct {
	EnabledOrgs, EnabledRepos   []string // if any is given, only these
	DisabledOrgs, DisabledRepos []string // never these
}

// Permits reports whether events of r are handled.
func (f *Filter) Permits(r prow.Repo) bool {
	in := func(list []string, s string) bool {
		for _, l := range list {
			if l == s {
				return true
			}
		}
		return false
	}
	if in(f.DisabledOrgs, r.Owner) || in(f.DisabledRepos, r.String()) {
		return false
	}
	open := len(f.EnabledOrgs)+len(f.EnabledRepos) == 0
	return open || in(f.EnabledOrgs, r.Owner) || in(f.EnabledRepos, r.String())
}
