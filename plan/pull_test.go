package plan_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/inrepo"
	"github.com/prow-ci/prow/plan"
	"github.com/prow-ci/prow/prowtest/world"
)

// hub is a sandbox with org/repo.
func hub(t *testing.T, files map[string]string) *world.World {
	w := world.New(t)
	files["a.go"] = "package a"
	w.Repo("org/repo", files)
	return w
}

func pull(w *world.World, configuration string, id prow.IssueID, c plan.Change) (*plan.Plan, error) {
	t := w.T.(*testing.T)
	t.Helper()
	// A stranger asks, who sees what is public.
	return plan.Pull(t.Context(), load(t, configuration), w.As("stranger"), &inrepo.Source{Git: w.Git}, id, c)
}

func mustPull(w *world.World, configuration string, id prow.IssueID, c plan.Change) *plan.Plan {
	w.T.Helper()
	p, err := pull(w, configuration, id, c)
	if err != nil {
		w.T.Fatal(err)
	}
	return p
}

func TestPull(t *testing.T) {
	t.Parallel()
	w := hub(t, map[string]string{})
	id := w.Pull(repo, "ann", "topic", map[string]string{"docs/x.md": "x"})
	p := mustPull(w, jobs, id, plan.Change{})
	if got := names(p.Run); got != "unit lint docs" || p.Pull != id.Number || p.Branch != "main" || p.Head != w.PullNow(id).HeadSHA || len(p.Waits) > 0 {
		t.Errorf("%s run: %+v", got, p)
	}
	if got := strings.Join(p.Files, " "); got != "docs/x.md" {
		t.Errorf("changed %s", got)
	}
	if got := names(mustPull(w, jobs, id, plan.Change{Push: true}).Run); got != "image site" {
		t.Errorf("once it is merged, %s run", got)
	}
	if err := w.Forge().SetCheck(t.Context(), repo, p.Head, prow.Check{Name: "unit", State: prow.CheckFailure}); err != nil {
		t.Fatal(err)
	}
	if err := w.Forge().SetCheck(t.Context(), repo, p.Head, prow.Check{Name: "lint", State: prow.CheckSuccess}); err != nil {
		t.Fatal(err)
	}
	if got := names(mustPull(w, jobs, id, plan.Change{Comment: "/retest"}).Run); got != "unit docs" {
		t.Errorf("/retest runs %s", got)
	}
	id.Number = 99
	if _, err := pull(w, jobs, id, plan.Change{}); err == nil || !strings.Contains(err.Error(), "there is no pull request org/repo#99, or it is not public") {
		t.Errorf("error %v", err)
	}
}

// A pull request that changes the repository's own jobs is judged by them as they
// will be, if they are permitted.
func TestPullOwnJobs(t *testing.T) {
	t.Parallel()
	w := hub(t, map[string]string{".prow.yaml": "presubmits:\n- {name: before, always_run: true, spec: {containers: [{image: x}]}}\n"})
	id := w.Pull(repo, "ann", "topic", map[string]string{".prow.yaml": "presubmits:\n- {name: after, always_run: true, spec: {containers: [{image: x}]}}\n"})
	p := mustPull(w, ownJobs, id, plan.Change{})
	if got := names(p.Run); got != "unit lint after" || p.InRepo.From != "org/repo#1 merged onto main" {
		t.Errorf("%s run, from %q", got, p.InRepo.From)
	}
	p = mustPull(w, jobs, id, plan.Change{})
	if got := names(p.Run); got != "unit lint" || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "in_repo_config is off for org/repo") {
		t.Errorf("%s run, notes %q", got, p.Notes)
	}
	broken := w.Pull(repo, "bob", "wrong", map[string]string{".prow.yaml": "presubmits:\n- {name: unit, spec: {containers: [{image: x}]}}\n"})
	p = mustPull(w, ownJobs, broken, plan.Change{})
	if got := names(p.Run); got != "unit lint" || !strings.HasPrefix(p.InRepo.Error, ".prow.yaml:2:") {
		t.Errorf("%s run, error %q", got, p.InRepo.Error)
	}
}

// What has to happen first is said.
func TestPullWaits(t *testing.T) {
	t.Parallel()
	w := hub(t, map[string]string{})
	id := w.Pull(repo, "ann", "topic", map[string]string{"a.go": "package b"})
	if err := w.Forge().AddLabel(t.Context(), id, prow.NeedsOKToTest); err != nil {
		t.Fatal(err)
	}
	waits := func(id prow.IssueID, configuration string, c plan.Change) string {
		t.Helper()
		return strings.Join(mustPull(w, configuration, id, c).Waits, "; ")
	}
	equal(t, waits(id, jobs, plan.Change{}), "a member comments /ok-to-test")
	equal(t, waits(id, jobs, plan.Change{Comment: "/ok-to-test"}), "")
	equal(t, waits(id, jobs, plan.Change{Push: true}), "")
	w.Commit(repo, "main", "bob", map[string]string{"a.go": "package c"})
	w.Eventually("the conflict is seen", func() bool { return w.PullNow(id).Mergeable == prow.MergeableNo })
	equal(t, waits(id, ownJobs, plan.Change{}), "its conflicts with main are resolved; a member comments /ok-to-test")
	if got := text(t, mustPull(w, jobs, id, plan.Change{})); !strings.Contains(got, "Would run (3), once its conflicts with main are resolved, and a member comments /ok-to-test:\n") {
		t.Errorf("text\n%s", got)
	}

	w.Commit(prow.Repo{Owner: "ann", Name: "repo"}, "idea", "ann", map[string]string{"b.go": "package b"})
	draft := prow.IssueID{Repo: repo, Number: openDraft(w, "ann:idea")}
	equal(t, waits(draft, jobs, plan.Change{}), "the draft is marked as ready for review")
	equal(t, waits(draft, jobs, plan.Change{Comment: "/test all"}), "")
	closed := "closed"
	if err := w.Forge().Edit(t.Context(), draft, prow.Edit{State: &closed}); err != nil {
		t.Fatal(err)
	}
	equal(t, waits(draft, jobs, plan.Change{Comment: "/test all"}), "the pull request is opened again")
}

// openDraft opens a draft of head to main, and returns its number.
func openDraft(w *world.World, head string) int {
	w.T.Helper()
	body, err := json.Marshal(map[string]any{"title": "An idea", "head": head, "base": "main", "draft": true})
	if err != nil {
		w.T.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.T.Context(), http.MethodPost, w.Hub.API()+"/repos/org/repo/pulls", bytes.NewReader(body))
	if err != nil {
		w.T.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+world.Token("ann"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.T.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct{ Number int }
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || out.Number == 0 {
		w.T.Fatalf("%s: %v", resp.Status, err)
	}
	return out.Number
}
