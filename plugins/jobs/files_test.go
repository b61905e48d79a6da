package jobs

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/inrepo"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/prowtest/world"
)

func callAt(w *world.World, id prow.IssueID) *plugin.Call {
	return &plugin.Call{
		Tools:  plugin.Tools{Forge: w.Forge(), Git: w.Git, InRepo: &inrepo.Source{Git: w.Git}},
		Plugin: "trigger", At: id, Config: &config.Config{Plugins: &config.Plugins{}}, Log: slog.New(slog.DiscardHandler),
	}
}

// A list that GitHub cuts is completed by git.
func TestFilesOfALargeChange(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := w.Repo("o/r", map[string]string{"a": "1\n"})
	files := map[string]string{"zzz/last": "x\n"}
	for i := range prow.ListedFiles {
		files[fmt.Sprintf("many/%04d", i)] = "x\n"
	}
	c := callAt(w, w.Pull(r, "alice", "large", files))
	listed, err := c.Forge.Files(t.Context(), c.At)
	if err != nil || len(listed) != prow.ListedFiles {
		t.Fatalf("the forge lists %d files, %v", len(listed), err)
	}
	x, err := look(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.load(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	all, err := x.files(t.Context(), c)
	if err != nil || len(all) != prow.ListedFiles+1 || !slices.Contains(all, "zzz/last") {
		t.Errorf("%d files, %v", len(all), err)
	}
}

// What a webhook leaves out of a push, git tells.
func TestFilesOfAPush(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := w.Repo("o/r", map[string]string{"a": "1\n"})
	before, err := w.Hub.Head(r, "main")
	if err != nil {
		t.Fatal(err)
	}
	w.Commit(r, "main", "alice", map[string]string{"b": "2\n"})
	after := w.Commit(r, "main", "alice", map[string]string{"c": "3\n"})
	gone, zero := strings.Repeat("1", 40), strings.Repeat("0", 40)
	for _, tt := range []struct {
		e    prow.PushEvent
		want string
	}{
		{prow.PushEvent{Before: before, After: after}, "[listed]"},
		{prow.PushEvent{Before: before, After: after, Truncated: true}, "[b c]"},
		{prow.PushEvent{Before: before, After: after, Forced: true}, "[b c]"},
		{prow.PushEvent{Before: gone, After: after, Forced: true}, "[listed]"},
		{prow.PushEvent{Before: zero, After: after, Created: true, Truncated: true}, "[listed]"},
	} {
		tt.e.Ref, tt.e.Branch, tt.e.Files = "refs/heads/main", "main", []string{"listed"}
		got, err := pushed(t.Context(), callAt(w, prow.IssueID{Repo: r}), tt.e)
		if err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%+v: %v, %v", tt.e, got, err)
		}
	}
}
