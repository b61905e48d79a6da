// Package plugin is the contract between hook and the plugins.
//
// A plugin is a value: its name, its commands, its handlers, and the sections
// of plugins.yaml that it owns. hook finds the lines in a comment, calls what
// matches, and draws the help pages from the same value. Handlers may be called
// again for the same event (after a crash, or when another try is needed), so
// whatever they do must be done once when done twice: the port's writes are,
// and comments are keyed.
package plugin

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"sync"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/inrepo"
)

// Plugin is one chat-ops behaviour, as a value. Nil handlers are not called.
type Plugin struct {
	Name     string // as in plugins.yaml
	Doc      string // a sentence or two for the help page
	Commands []Command

	OnComment func(ctx context.Context, c *Call, e prow.CommentEvent) error // every one, with or without commands
	OnPull    func(ctx context.Context, c *Call, e prow.PullEvent) error
	OnReview  func(ctx context.Context, c *Call, e prow.ReviewEvent) error
	OnIssue   func(ctx context.Context, c *Call, e prow.IssueEvent) error
	OnPush    func(ctx context.Context, c *Call, e prow.PushEvent) error
	OnStatus  func(ctx context.Context, c *Call, e prow.StatusEvent) error

	Sections []AnySection // keys of plugins.yaml that it owns
	// Help says in words how the plugin is configured for r; nil or "" says
	// nothing.
	Help func(cfg *config.Config, r prow.Repo) string
	// Snippet is an example of its configuration, YAML.
	Snippet string
}

// Command is a line "/name args" at the first column of a comment. All the
// lines of one comment that belong to a command come in one call of Run, in
// their order; commands are run in the order of Plugin.Commands.
type Command struct {
	Name    string   // without slash
	Aliases []string // other spellings of Name
	// Args must match the whole text after the name, trimmed. Nil: nothing may
	// follow.
	Args          *regexp.Regexp
	CaseSensitive bool // of the name; Args has its own (?i)
	Edited        bool // also in comments that were edited; otherwise only Created
	Closed        bool // also on closed issues and pull requests
	Where         Where
	Run           func(ctx context.Context, c *Call, e prow.CommentEvent, lines []Line) error

	// For the help page.
	Usage    string // "/hold [cancel]"
	Doc      string
	Who      string // "Anyone", "Collaborators", …
	Examples []string
	Featured bool
}

// Where says on what a command works.
type Where int

// The values of Where.
const (
	Anywhere Where = iota
	Pulls
	Issues
)

// Tools is what hook lends every plugin.
type Tools struct {
	Forge  prow.Forge
	Jobs   prow.Jobs
	Memory prow.Memory
	Git    *git.Store
	InRepo *inrepo.Source
	Owners *Owners
	Now    prow.Clock
	// Plugins lists all there are, for those that have to know the commands of
	// others.
	Plugins []Plugin
}

// Call is what a plugin may touch while it handles one event.
type Call struct {
	Tools
	Plugin string // whose call this is
	Event  prow.Event
	At     prow.IssueID
	Config *config.Config
	Log    *slog.Logger

	mu   sync.Mutex
	did  []string
	said map[string][]string // answers given, see Reply
	own  *[]prow.Comment     // see Own
}

// Did notes an effect, one sentence, for the page of deliveries and the story of
// the pull request. hook notes the writes to the forge by itself.
func (c *Call) Did(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.did = append(c.did, fmt.Sprintf(format, args...))
}

// Done returns what was noted with Did.
func (c *Call) Done() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.did...)
}
