// Package story plays scripts that say what a person would do and see, on a
// sandbox with hook and real plugins behind it.
//
// Takes: a txtar file; its comment is the script, its files are configuration
// (config.yaml, plugins.yaml), contents of repositories (dir/name), and faults, a
// line each as sandbox.ParseFault reads them. Gives: a test. Woken by: nobody.
//
// A line of a script is a command and its arguments; 'quotes' hold an argument
// together, \n in them begins a line (\r is there too), # begins a comment. After each command that
// changes something the story waits until every webhook is handled.
//
//	repo o/r dir                      make a repository of the files below dir/
//	org o alice bob                   members of an organisation
//	team o reviewers alice            a team
//	collaborator o/r write bob        a permission
//	labelset o/r kind/bug 'a b'       labels that exist
//	required o/r main unit            contexts that protection requires
//	pull o/r#1 by alice [from dir] [title T] [body B] [onto branch]
//	issue o/r#1 by alice 'title' ['body']
//	comment o/r#1 by bob 'text'
//	flood o/r#1 by bob 100 'text'     a comment that says it so often, a line each
//	review o/r#1 by bob approve|changes|comment 'text'
//	label o/r#1 by bob name           add a label
//	unlabel o/r#1 by bob name
//	edit o/r#1 by alice title|body|state 'value'
//	push o/r#1 by alice from dir      a commit on the pull request's branch
//	amend o/r#1 by alice 'message'    another commit with the same content
//	commit o/r main by alice from dir a commit on a branch
//	state o/r#1 unit failure 'text'   a status of the head
//	workflow o/r#1 lint pull_request [failure]
//	                                  a run of the forge's own CI for the head, and how it ended
//	finish unit success               end the unfinished jobs of that name
//	api alice PATCH /repos/o/r '{…}'  any call of the REST API
//	again [event action]              handle the last command's webhooks, or all of
//	                                  that kind, once more
//
//	labels|people|comments|checks|workflows o/r#1, givers o/r#1 LABEL, jobs [name], deliveries
//	                                  print something, one a line
//	[!] stdout 'pattern'              the last print has (not) a line that matches
//	lines N                           it has that many lines
//	count N 'pattern'                 that many matches
//	cmp file                          it is that file of the archive
package story

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/hook"
	"github.com/prow-ci/prow/inrepo"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sqlite"
	"github.com/rogpeppe/go-internal/txtar"
)

const secret = "s3cret"

// Run plays every *.txtar file of dir, each as a test of its own.
func Run(t *testing.T, dir string, plugins ...plugin.Plugin) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in %s (%v)", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			open(t, a, plugins).play(file, string(a.Comment))
		})
	}
}

// story is a script that is being played.
type story struct {
	*testing.T
	*world.World
	clock  *clock            // of the sandbox
	files  map[string]string // of the archive
	db     *sqlite.DB
	hook   *hook.Worker
	repos  map[prow.Repo]bool
	seen   map[string]bool // deliveries before the last command
	stdout string
}

// clock goes on by a minute with each command, so that what happens in one story
// happens in another in the same order.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Minute)
}

func open(t *testing.T, a *txtar.Archive, plugins []plugin.Plugin) *story {
	t.Helper()
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	clock, tries, faults := &clock{at: prowtest.Epoch}, 1, []string(nil)
	for line := range strings.Lines(files["faults"]) {
		// an error is a finding, unless things go wrong on purpose
		faults, tries = append(faults, strings.TrimSpace(line)), 0
	}
	w := world.New(t, world.At(clock.now), world.Faults(t, faults...))
	s := &story{T: t, World: w, clock: clock, files: files, repos: map[prow.Repo]bool{}, seen: map[string]bool{}}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	s.db = db
	t.Cleanup(func() { db.Close() })
	cfg := s.config(plugins)
	secrets, err := hook.ParseSecrets([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	forge := w.Forge()
	s.hook = &hook.Worker{
		Inbox: db.Inbox, Journal: db.Journal, Plugins: plugins, Parse: github.ParseEvents, Log: w.Log, Now: time.Now,
		Config: func() *config.Config { return cfg }, Secrets: func() hook.Secrets { return secrets },
		Tools: plugin.Tools{
			Forge: forge, Jobs: db.Jobs, Memory: db.Memory, Git: w.Git, InRepo: &inrepo.Source{Git: w.Git},
			Owners: &plugin.Owners{Git: w.Git, Forge: forge}, Now: time.Now, Plugins: plugins,
		},
		Tries: tries, Pause: time.Millisecond,
	}
	s.run()
	return s
}

// run lets hook work until the test ends.
func (s *story) run() {
	srv := httptest.NewServer(s.hook)
	s.Cleanup(srv.Close)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	done := make(chan struct{})
	go func() { defer close(done); _ = s.hook.Run(ctx) }()
	s.Cleanup(func() { cancel(); <-done })
	s.must(s.Hub.SetHook(s.Context(), srv.URL, secret))
}

// config loads config.yaml and plugins.yaml. Without a list there, all plugins are
// on for the organisation o.
func (s *story) config(plugins []plugin.Plugin) *config.Config {
	dir := s.TempDir()
	text := s.files["plugins.yaml"]
	if !strings.Contains("\n"+text, "\nplugins:") {
		text += "\nplugins:\n  o:\n    plugins:\n"
		for _, p := range plugins {
			text += "    - " + p.Name + "\n"
		}
	}
	s.must(os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(s.files["config.yaml"]), 0o600))
	s.must(os.WriteFile(filepath.Join(dir, "plugins.yaml"), []byte(text), 0o600))
	cfg, err := config.Load(config.Paths{Config: filepath.Join(dir, "config.yaml"), PluginConfig: filepath.Join(dir, "plugins.yaml")})
	s.must(err)
	s.must(plugin.CheckSections(plugins, cfg))
	return cfg
}

func (s *story) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// play obeys the script line by line.
func (s *story) play(file, script string) {
	n := 0
	for line := range strings.Lines(script) {
		n++
		words, err := split(line)
		if err == nil && len(words) > 0 {
			err = s.obey(words)
		}
		if err != nil {
			s.Fatalf("%s:%d: %s: %v\nlast print:\n%s", file, n, strings.TrimSpace(line), err, s.stdout)
		}
	}
}

// split cuts a line into words.
func split(line string) ([]string, error) {
	var out []string
	var word strings.Builder
	quoted, open := false, false
	for _, r := range strings.TrimSpace(line) + " " {
		switch {
		case r == '\'':
			quoted, open = !quoted, true
		case quoted || r != ' ' && r != '\t' && (r != '#' || open):
			word.WriteRune(r)
			open = true
		case r == '#':
			return out, nil
		case open:
			out = append(out, strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(word.String()))
			word.Reset()
			open = false
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is open")
	}
	return out, nil
}

func (s *story) obey(words []string) error {
	not := words[0] == "!"
	if not {
		words = words[1:]
	}
	name, args := words[0], words[1:]
	if check, ok := checks()[name]; ok {
		return check(s, not, args)
	}
	if not {
		return fmt.Errorf("! goes with stdout only")
	}
	if print, ok := prints()[name]; ok {
		out, err := print(s, args)
		s.stdout = out
		return err
	}
	act, ok := acts()[name]
	if !ok {
		return fmt.Errorf("unknown command %s", name)
	}
	if name != "again" {
		s.remember()
	}
	s.clock.tick()
	if err := act(s, args); err != nil {
		return err
	}
	return s.settle()
}

// remember notes the deliveries there are.
func (s *story) remember() {
	all, err := s.db.Inbox.Deliveries(s.Context(), prow.DeliveryFilter{})
	s.must(err)
	for _, d := range all {
		s.seen[d.ID] = true
	}
}

// settle waits until every webhook is sent and handled, those caused by handling
// others too.
func (s *story) settle() error {
	quiet := 0
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(8 * time.Millisecond) {
		busy, err := s.busy()
		switch {
		case err != nil:
			return err
		case busy:
			quiet = 0
		case quiet == 1: // a handler may have written between the two looks
			return s.complain()
		default:
			quiet++
		}
	}
	return fmt.Errorf("webhooks never came to rest")
}

func (s *story) busy() (bool, error) {
	idle, err := s.Hub.Idle(s.Context())
	for _, state := range []prow.DeliveryState{prow.DeliveryWaiting, prow.DeliveryClaimed} {
		if err != nil || !idle {
			return true, err
		}
		var some []*prow.Delivery
		some, err = s.db.Inbox.Deliveries(s.Context(), prow.DeliveryFilter{State: state, Limit: 1})
		idle = len(some) == 0
	}
	return !idle, err
}

// complain returns an error if a webhook could not be handled.
func (s *story) complain() error {
	all, err := s.db.Inbox.Deliveries(s.Context(), prow.DeliveryFilter{})
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.State == prow.DeliveryDead {
			return fmt.Errorf("webhook %s %s was not handled: %s", d.Event, d.Action, d.Error)
		}
		for _, r := range d.Results {
			if r.Error != "" {
				return fmt.Errorf("webhook %s %s: plugin %s failed: %s", d.Event, d.Action, r.Plugin, r.Error)
			}
		}
	}
	return nil
}
