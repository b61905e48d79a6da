package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/owners"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/prowtest/world"
)

// call makes a call of plugin `test` about e on a world.
func call(w *world.World, cfg *config.Config, e prow.Event) *plugin.Call {
	return &plugin.Call{
		Tools:  plugin.Tools{Forge: w.Forge(), Git: w.Git, Owners: &plugin.Owners{Git: w.Git, Forge: w.Forge()}, Now: time.Now},
		Plugin: "test", Event: e, At: e.Where(), Config: cfg, Log: slog.New(slog.DiscardHandler),
	}
}

func conf(sections map[string]string) *config.Config {
	p := &config.Plugins{Sections: map[string]json.RawMessage{}}
	for k, v := range sections {
		p.Sections[k] = json.RawMessage(v)
	}
	return &config.Config{Plugins: p}
}

// said is a comment by bob.
func said(id prow.IssueID, delivery, body string) prow.CommentEvent {
	return prow.CommentEvent{
		Header: prow.Header{At: id, ID: delivery, Kind: "issue_comment", By: "bob", Action: prow.Created},
		Body:   body, URL: "https://forge/o/r/issues/1#c7",
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := w.Repo("o/r", nil)
	id := w.Issue(r, "alice", "An issue", "")
	cfg := conf(nil)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	nasty := "/label x\r\n```\n/hold\n```\n<!-- test:note -->\n<details>Git tree hash: abc</details>\n@alice"
	for range 2 { // twice is once
		c := call(w, cfg, said(id, "guid-1", nasty))
		must(c.Reply(t.Context(), "first answer"))
		must(c.Reply(t.Context(), "second answer"))
		must(c.Reply(t.Context(), "first answer"))
		must(c.Say(t.Context(), "something for everybody"))
		must(c.Note(t.Context(), "note", "a note"))
		must(c.Keep(t.Context(), "kept", "[MACHINE] text"))
	}
	c := call(w, conf(map[string]string{"replies": `{"commands_url": "https://commands", "report_url": "https://report"}`}), said(id, "guid--2>", "/x"))
	must(c.Reply(t.Context(), "another delivery"))
	must(c.Note(t.Context(), "note", "the note says something else"))
	text := ""
	all, err := w.Forge().Comments(t.Context(), id)
	must(err)
	for _, x := range all {
		text += x.Body + "\n=====\n"
		if len(plugin.Lines(x.Body)) > 0 {
			t.Errorf("the bot gives itself commands: %s", x.Body)
		}
	}
	golden(t, "testdata/replies.golden", text)
	must(c.Unnote(t.Context(), "note"))
	must(c.Prune(t.Context(), func(x prow.Comment) bool { return strings.HasPrefix(x.Body, "[MACHINE]") }))
	if all, err = w.Forge().Comments(t.Context(), id); err != nil || len(all) != 3 {
		t.Errorf("%d comments are left, %v", len(all), err)
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s", file, got)
	}
}

func TestLongTextsAreCut(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	id := w.Issue(w.Repo("o/r", nil), "alice", "An issue", "")
	c := call(w, conf(nil), said(id, "guid", strings.Repeat("é<\n", 1<<20)))
	if err := c.Reply(t.Context(), strings.Repeat("<é>", 1<<20)); err != nil {
		t.Fatal(err)
	}
	all, err := w.Forge().Comments(t.Context(), id)
	if err != nil || len(all) != 1 || len([]rune(all[0].Body)) > 65_536 {
		t.Errorf("%d comments, %v", len(all), err)
	}
}

func TestTrusted(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Org("o", "member")
	w.Org("p", "friend")
	r := w.Repo("o/r", nil)
	w.Users("collab", "stranger", "app[bot]", "other[bot]")
	if err := w.Hub.AddCollaborator(t.Context(), r, "collab", "read"); err != nil {
		t.Fatal(err)
	}
	open := conf(nil)
	strict := conf(map[string]string{"triggers": `[{"repos":["o"],"trusted_apps":["none"]},{"repos":["o/r"],"only_org_members":true,"trusted_apps":["App"],"trusted_org":"p"}]`})
	for _, tt := range []struct {
		cfg   *config.Config
		login string
		why   string // "": trusted
	}{
		{open, world.Bot, ""},
		{open, "member", ""},
		{open, "Collab", ""},
		{open, "stranger", "stranger is not a member of o or a collaborator of o/r"},
		{open, "app[bot]", "app[bot] is not a member of o, a collaborator of o/r or a trusted app"},
		{strict, "collab", "collab is not a member of o or a member of p"},
		{strict, "friend", ""},
		{strict, "app[bot]", ""},
		{strict, "other[bot]", "other[bot] is not a member of o, a trusted app or a member of p"},
	} {
		c := call(w, tt.cfg, said(prow.IssueID{Repo: r, Number: 1}, "guid", ""))
		ok, why, err := plugin.Trusted(t.Context(), c, tt.login)
		if err != nil || ok != (tt.why == "") || why != tt.why {
			t.Errorf("%s: %v, %q, %v; want %q", tt.login, ok, why, err, tt.why)
		}
	}
}

// failing is a forge whose list of collaborators breaks when told to.
type failing struct {
	prow.ForgeReader
	err error
}

func (f *failing) Collaborators(ctx context.Context, r prow.Repo) ([]string, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.ForgeReader.Collaborators(ctx, r)
}

func TestOwnersAt(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := w.Repo("o/r", map[string]string{
		"OWNERS": "approvers: [ann, gone]\n", "OWNERS_ALIASES": "aliases: {x: [y]}\n",
		"vendor/a/b/OWNERS": "approvers: [ben]\n", "secret/OWNERS": "approvers: [ben]\n", "a.md": "---\napprovers: [ben]\n---\n",
	})
	w.Users("ann", "ben")
	for _, who := range []string{"ann", "ben"} {
		if err := w.Hub.AddCollaborator(t.Context(), r, who, "read"); err != nil {
			t.Fatal(err)
		}
	}
	forge := &failing{ForgeReader: w.Forge()}
	at := &plugin.Owners{Git: w.Git, Forge: forge}
	cfg := conf(nil)
	ask := func(rev, file string) string {
		t.Helper()
		o, err := at.At(t.Context(), cfg, r, rev)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(o.Who(owners.Approvers, file))
	}
	first, err := w.Hub.Head(r, "main")
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"x": "[ann]", "vendor/a/b/x": "[ann]", "secret/x": "[ann ben]", "a.md": "[ann]"} {
		if got := ask("main", file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
	w.Commit(r, "main", world.Bot, map[string]string{"OWNERS": "approvers: [ben]\n"})
	if got := ask("main", "x") + ask(first, "x"); got != "[ben][ann]" {
		t.Errorf("after a change: %s", got)
	}
	cfg.Plugins.Owners = config.Owners{MDYAMLRepos: []string{"o"}}
	cfg.OwnersDirDenylist = &config.OwnersDirDenylist{Repos: map[string][]string{"o/r": {"^secret$"}}, IgnorePreconfiguredDefaults: true}
	if got := ask(first, "a.md") + ask(first, "secret/x") + ask(first, "vendor/a/b/x"); got != "[ann ben][ann][ann ben]" {
		t.Errorf("with other options: %s", got)
	}
	forge.err = errors.New("down")
	if got := ask(first, "x"); got != "[ann]" {
		t.Errorf("with the last good list of collaborators: %s", got)
	}
	blind := &plugin.Owners{Git: w.Git, Forge: forge}
	if _, err := blind.At(t.Context(), cfg, r, first); err == nil {
		t.Error("without collaborators everybody counts")
	}
	forge.err = prow.ErrForbidden
	if _, err := blind.At(t.Context(), cfg, r, first); err == nil || !regexp.MustCompile("skip_collaborators").MatchString(err.Error()) {
		t.Errorf("the error does not help: %v", err)
	}
	cfg.Plugins.Owners.SkipCollaborators = []string{"o/r"}
	at = blind
	if got := ask(first, "x"); got != "[ann gone]" {
		t.Errorf("with skip_collaborators: %s", got)
	}
	if _, err := at.At(t.Context(), cfg, r, "nowhere"); err == nil {
		t.Error("a branch that is not there has owners")
	}
}
