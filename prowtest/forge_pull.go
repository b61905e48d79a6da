package prowtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
)

func forgeChecks(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	id := w.OpenPull(t, "one", map[string]string{"a.txt": "a\n"})
	sha := must[*prow.Pull](t)(f.Pull(ctx, id)).HeadSHA
	if got := must[[]prow.Check](t)(f.Checks(ctx, w.Repo, sha)); len(got) != 0 {
		t.Fatalf("Checks = %+v of nothing", got)
	}
	unit := prow.Check{Name: "unit", State: prow.CheckPending, Text: "Running.", URL: "http://prow/1"}
	for range 3 {
		done(t, f.SetCheck(ctx, w.Repo, sha, unit))
	}
	if n := w.Statuses(t, sha, "unit"); n != 1 {
		t.Errorf("the same check three times is %d statuses", n)
	}
	unit.State, unit.Text = prow.CheckSuccess, prow.WithBase("Job succeeded.", strings.Repeat("b", 40))
	done(t, f.SetCheck(ctx, w.Repo, sha, unit))
	done(t, f.SetCheck(ctx, w.Repo, sha, prow.Check{Name: "other", State: prow.CheckFailure}))
	w.CheckRun(t, sha, "build", "failure")
	w.CheckRun(t, sha, "build", "neutral")
	w.CheckRun(t, sha, "lint", "timed_out")
	w.CheckRun(t, sha, "lint", "")
	w.CheckRun(t, sha, "docs", "cancelled")
	wantChecks(t, must[[]prow.Check](t)(f.Checks(ctx, w.Repo, sha)))
	got := must[[]prow.Check](t)(f.Checks(ctx, w.Repo, sha))
	i := slices.IndexFunc(got, func(c prow.Check) bool { return c.Name == "unit" })
	if i < 0 || got[i].BaseSHA() != strings.Repeat("b", 40) || got[i].URL != "http://prow/1" {
		t.Errorf("Checks = %+v", got)
	}
	for _, p := range gathered(t, f.FindPulls(ctx, prow.Query{Repos: []string{w.Repo.String()}})) {
		if p.Checks == nil {
			p.Checks = must[[]prow.Check](t)(f.Checks(ctx, w.Repo, p.HeadSHA))
		}
		wantChecks(t, p.Checks)
	}
	w.Push(t, id, map[string]string{"b.txt": "b\n"})
	for _, p := range gathered(t, f.FindPulls(ctx, prow.Query{Repos: []string{w.Repo.String()}})) {
		if p.HeadSHA == sha || len(p.Checks) != 0 {
			t.Errorf("after a push: head %s, checks %+v", p.HeadSHA, p.Checks)
		}
	}
}

func wantChecks(t *testing.T, got []prow.Check) {
	t.Helper()
	var names []string
	for _, c := range got {
		names = append(names, fmt.Sprint(c.Name, " ", c.State, " ", c.IsRun))
	}
	slices.Sort(names)
	if want := []string{"build success true", "docs failure true", "lint pending true", "other failure false", "unit success false"}; !slices.Equal(names, want) {
		t.Errorf("checks %q, want %q", names, want)
	}
}

func forgeWorkflows(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	id := w.OpenPull(t, "one", map[string]string{"a.txt": "a\n"})
	sha := must[*prow.Pull](t)(f.Pull(ctx, id)).HeadSHA
	list := func() []prow.WorkflowRun {
		t.Helper()
		return must[[]prow.WorkflowRun](t)(f.WorkflowRuns(ctx, w.Repo, sha))
	}
	if got := list(); len(got) != 0 {
		t.Fatalf("WorkflowRuns = %+v of nothing", got)
	}
	w.Workflow(t, sha, "lint", "pull_request", "failure")
	w.Workflow(t, sha, "docs", "pull_request_target", "action_required")
	w.Workflow(t, sha, "build", "push", "")
	w.Workflow(t, sha, "done", "pull_request", "success")
	w.Workflow(t, must[*prow.Branch](t)(f.Branch(ctx, w.Repo, "main")).SHA, "elsewhere", "push", "failure")
	stand := func() []string {
		t.Helper()
		var out []string
		for _, r := range list() {
			out = append(out, strings.TrimSpace(fmt.Sprint(r.Name, " ", r.Event, " ", r.Status, " ", r.Conclusion)))
		}
		return out
	}
	first := []string{"lint pull_request completed failure", "docs pull_request_target completed action_required", "build push in_progress", "done pull_request completed success"}
	if got := stand(); !slices.Equal(got, first) {
		t.Fatalf("WorkflowRuns = %q, want %q", got, first)
	}
	runs := list()
	if err := w.As(t, w.Stranger).RerunWorkflow(ctx, w.Repo, runs[0]); !errors.Is(err, prow.ErrForbidden) {
		absent(t, "RerunWorkflow by a stranger", err)
	}
	if err := f.RerunWorkflow(ctx, w.Repo, runs[3]); !errors.Is(err, prow.ErrForbidden) {
		t.Errorf("RerunWorkflow of one that nothing failed in = %v, want ErrForbidden", err)
	}
	for range 2 {
		for _, r := range runs[:3] {
			done(t, f.RerunWorkflow(ctx, w.Repo, r))
		}
	}
	again := stand()
	if len(again) != 4 || again[0] == first[0] || again[1] == first[1] || again[2] != first[2] || again[3] != first[3] {
		t.Errorf("after running them again: %q", again)
	}
	for _, c := range must[[]prow.Check](t)(f.Checks(ctx, w.Repo, sha)) {
		if c.Name == "lint" && c.State != prow.CheckPending {
			t.Errorf("the check of what runs again is %+v", c)
		}
	}
	absent(t, "RerunWorkflow of none", f.RerunWorkflow(ctx, w.Repo, prow.WorkflowRun{ID: 1, Status: "completed", Conclusion: "failure"}))
}

func forgePull(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	main := must[*prow.Branch](t)(f.Branch(ctx, w.Repo, "main"))
	id := w.OpenPull(t, "one", map[string]string{"dir/a.txt": "a\nb\n"})
	w.Push(t, id, map[string]string{"b.txt": "b\n"})
	p := must[*prow.Pull](t)(f.Pull(ctx, id))
	if p.ID != id || p.Author != w.Author || p.Title != "one" || p.State != "open" || !p.IsPull || p.Base != "main" || p.BaseSHA != main.SHA ||
		len(p.HeadSHA) != 40 || p.HeadRef == "" || p.HeadRepo.IsZero() || p.Merged || p.Draft || p.Commits != 2 || p.URL == "" {
		t.Errorf("Pull = %+v", p)
	}
	files := must[[]prow.File](t)(f.Files(ctx, id))
	if len(files) != 2 || files[0].Name != "b.txt" || files[1].Name != "dir/a.txt" || files[1].Additions != 2 || files[1].Status != "added" || files[1].Patch == "" {
		t.Errorf("Files = %+v", files)
	}
	commits := must[[]prow.Commit](t)(f.Commits(ctx, id))
	if len(commits) != 2 || commits[1].SHA != p.HeadSHA || commits[0].Parents != 1 || len(commits[0].Tree) != 40 || commits[0].Message == "" {
		t.Errorf("Commits = %+v", commits)
	}
	w.Review(t, w.Member, id, prow.ReviewChanges, "no")
	w.Review(t, w.Member, id, prow.ReviewApproved, "yes")
	reviews := must[[]prow.Review](t)(f.Reviews(ctx, id))
	if len(reviews) != 2 || reviews[0].State != prow.ReviewChanges || reviews[1].State != prow.ReviewApproved ||
		reviews[1].Author != w.Member || reviews[1].Body != "yes" || reviews[1].SHA != p.HeadSHA || reviews[1].At.IsZero() {
		t.Errorf("Reviews = %+v", reviews)
	}
	if got := must[[]prow.Comment](t)(f.ReviewComments(ctx, id)); len(got) != 0 {
		t.Errorf("ReviewComments = %+v", got)
	}
}

func forgeMerge(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	id := w.OpenPull(t, "one", map[string]string{"a.txt": "a\n"})
	old := must[*prow.Pull](t)(f.Pull(ctx, id)).HeadSHA
	w.Push(t, id, map[string]string{"b.txt": "b\n"})
	if err := f.Merge(ctx, id, prow.MergeHow{Method: prow.MergeSquash, SHA: old}); !errors.Is(err, prow.ErrHeadMoved) {
		t.Fatalf("Merge of an old head = %v, want ErrHeadMoved", err)
	}
	p := must[*prow.Pull](t)(f.Pull(ctx, id))
	how := prow.MergeHow{Method: prow.MergeSquash, SHA: p.HeadSHA, Title: "One (#1)", Body: "the body"}
	for range 2 {
		done(t, f.Merge(ctx, id, how))
	}
	p = must[*prow.Pull](t)(f.Pull(ctx, id))
	main := must[*prow.Branch](t)(f.Branch(ctx, w.Repo, "main"))
	if !p.Merged || p.State != "closed" || p.MergeSHA != main.SHA || p.MergedBy != w.signed() {
		t.Errorf("Pull = %+v, main is at %s", p, main.SHA)
	}
	if err := f.Merge(ctx, id, prow.MergeHow{Method: prow.MergeSquash, SHA: old}); err == nil {
		t.Errorf("Merge of what was merged at another head is no error")
	}
	for _, method := range []prow.MergeMethod{prow.MergeCommit, prow.MergeRebase} {
		id := w.OpenPull(t, string(method), map[string]string{string(method) + ".txt": "x\n"})
		p := must[*prow.Pull](t)(f.Pull(ctx, id))
		done(t, f.Merge(ctx, id, prow.MergeHow{Method: method, SHA: p.HeadSHA}))
	}
}

func forgeConflict(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	id := w.OpenPull(t, "one", map[string]string{"a.txt": "mine\n"})
	w.PushBase(t, map[string]string{"a.txt": "yours\n"})
	var p *prow.Pull
	eventually(t, "the conflict is known", func() bool {
		p = must[*prow.Pull](t)(f.Pull(ctx, id))
		return p.Mergeable == prow.MergeableNo
	})
	err := f.Merge(ctx, id, prow.MergeHow{Method: prow.MergeCommit, SHA: p.HeadSHA})
	if !errors.Is(err, prow.ErrNotMergeable) {
		t.Errorf("Merge of a conflict = %v, want ErrNotMergeable", err)
	}
}

func forgeOpen(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	w.Branch(t, "feature/x", map[string]string{"x.txt": "x\n"})
	p := prow.NewPull{Repo: w.Repo, Head: "feature/x", Base: "main", Title: "by a robot", Body: "beep"}
	first := must[prow.IssueID](t)(f.OpenPull(ctx, p))
	if again := must[prow.IssueID](t)(f.OpenPull(ctx, p)); again != first || first.Repo != w.Repo || first.Number == 0 {
		t.Errorf("OpenPull twice is %s and %s", first, again)
	}
	if got := must[*prow.Pull](t)(f.Pull(ctx, first)); got.Title != p.Title || got.Body != p.Body || got.HeadRef != p.Head || got.Author != w.signed() {
		t.Errorf("Pull = %+v", got)
	}
	for range 2 {
		done(t, f.DeleteBranch(ctx, w.Repo, "feature/x"))
		_, err := f.Branch(ctx, w.Repo, "feature/x")
		absent(t, "Branch that was deleted", err)
	}
}

func forgeSearch(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	for _, l := range []string{"lgtm", "approved", "hold"} {
		w.Label(t, l)
	}
	var ids []prow.IssueID
	for i := range 4 {
		ids = append(ids, w.OpenPull(t, fmt.Sprint("p", i), map[string]string{fmt.Sprint(i): "x\n"}))
	}
	issue := w.OpenIssue(t, w.Author, "an issue", "text")
	done(t, f.AddLabel(ctx, ids[0], "lgtm", "approved"))
	done(t, f.AddLabel(ctx, ids[1], "lgtm", "approved", "hold"))
	done(t, f.AddLabel(ctx, ids[2], "lgtm"))
	done(t, f.AddLabel(ctx, issue, "hold"))
	closed := "closed"
	done(t, f.Edit(ctx, ids[3], prow.Edit{State: &closed}))

	repos := []string{w.Repo.String()}
	for _, c := range []struct {
		q    prow.Query
		want []string
	}{
		{prow.Query{Repos: repos}, []string{"p0", "p1", "p2"}},
		{prow.Query{Orgs: []string{w.Repo.Owner}}, []string{"p0", "p1", "p2"}},
		{prow.Query{Repos: repos, Labels: []string{"lgtm", "approved"}, MissingLabels: []string{"hold"}}, []string{"p0"}},
		{prow.Query{Repos: repos, Labels: []string{"approved,hold"}}, []string{"p0", "p1"}},
		{prow.Query{Repos: repos, Author: w.Author, Branches: []string{"main"}}, []string{"p0", "p1", "p2"}},
		{prow.Query{Repos: repos, NotBranches: []string{"main"}}, nil},
		{prow.Query{Repos: repos, State: "closed"}, []string{"p3"}},
	} {
		eventually(t, fmt.Sprintf("%q finds %q", c.q, c.want), func() bool {
			var got []string
			for _, p := range gathered(t, f.FindPulls(ctx, c.q)) {
				got = append(got, p.Title)
				if !p.IsPull || p.HeadSHA == "" || p.Base != "main" || p.ID.Repo != w.Repo || p.Author != w.Author {
					t.Fatalf("FindPulls yields %+v", p)
				}
			}
			slices.Sort(got)
			return slices.Equal(got, c.want)
		})
	}
	found := gathered(t, f.FindIssues(ctx, prow.Query{Repos: repos, Labels: []string{"hold"}}))
	if len(found) != 1 || found[0].ID != issue || found[0].Title != "an issue" || found[0].IsPull || found[0].Body != "text" {
		t.Errorf("FindIssues = %+v", found)
	}
	for range f.FindPulls(ctx, prow.Query{Repos: repos}) {
		break // a search may be left early
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range f.FindPulls(stopped, prow.Query{Repos: repos}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a search that was called off says %v", err)
		}
	}
}

func gathered[T any](t *testing.T, found iter.Seq2[*T, error]) []*T {
	t.Helper()
	var out []*T
	for v, err := range found {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}
