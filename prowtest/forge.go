package prowtest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	prow "github.com/prow-ci/prow"
)

// ForgeWorld is a forge with people and one repository, as Forge's tests need
// it, and the hands of other people. The repository belongs to an organisation,
// has the branch main, and nothing else yet.
type ForgeWorld struct {
	Forge prow.Forge // of Self, who may do everything in Repo
	Self  string
	Login string // what Self's writes are signed with, if Self is an App
	Repo  prow.Repo

	Member   string // of the organisation and of Team; may write
	Team     string // a team of the organisation, by slug
	Author   string // may read and open pull requests
	Stranger string // exists, and has nothing to do with Repo

	// As is the forge of another person.
	As func(t *testing.T, login string) prow.Forge
	// Label and Milestone make one in Repo.
	Label, Milestone func(t *testing.T, name string)
	// OpenPull opens a pull request of Author's from a new branch of a fork or of
	// Repo, with these files; Push adds a commit to it, PushBase one to main.
	OpenPull func(t *testing.T, title string, files map[string]string) prow.IssueID
	Push     func(t *testing.T, id prow.IssueID, files map[string]string)
	PushBase func(t *testing.T, files map[string]string)
	Branch   func(t *testing.T, name string, files map[string]string) // of Repo, by Self
	// OpenIssue, Say and Review speak as somebody; Say returns the comment.
	OpenIssue func(t *testing.T, by, title, body string) prow.IssueID
	Say       func(t *testing.T, by string, id prow.IssueID, body string) (comment int64)
	Review    func(t *testing.T, by string, id prow.IssueID, state prow.ReviewState, body string)
	// CheckRun makes a check run; conclusion "" means it still runs.
	CheckRun func(t *testing.T, sha, name, conclusion string)
	// Workflow makes a run of the forge's own CI; conclusion "" means it still
	// runs, action_required that it waits for approval.
	Workflow func(t *testing.T, sha, name, event, conclusion string)
	// Statuses counts the statuses of a context that were ever sent.
	Statuses func(t *testing.T, sha, context string) int
}

func (w *ForgeWorld) signed() string { return cmp.Or(w.Login, w.Self) }

// Forge tests a forge. open returns a new world; each is used by one test.
func Forge(t *testing.T, open func(t *testing.T) *ForgeWorld) {
	for _, c := range []struct {
		promise string
		test    func(t *testing.T, w *ForgeWorld)
	}{
		{"what is absent is fs.ErrNotExist", forgeAbsent},
		{"a repository, its branch and its people", forgeRepository},
		{"what is not permitted is ErrForbidden", forgeForbidden},
		{"one comment a key", forgeComments},
		{"lists are whole and in order", forgePaging},
		{"labels, twice is once", forgeLabels},
		{"people who can be served are", forgePeople},
		{"an edit changes what it names", forgeEdit},
		{"checks, twice is once, and the best run of a name", forgeChecks},
		{"workflows run again, twice is once", forgeWorkflows},
		{"a pull request, its files, commits and reviews", forgePull},
		{"merging pins the head", forgeMerge},
		{"a conflict is not mergeable", forgeConflict},
		{"opening and deleting, twice is once", forgeOpen},
		{"search", forgeSearch},
	} {
		t.Run(c.promise, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

func done(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func forgeAbsent(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	none := prow.IssueID{Repo: w.Repo, Number: 4711}
	nowhere := prow.Repo{Owner: w.Repo.Owner, Name: "no-such-repository"}
	check := func(what string, err error) { t.Helper(); absent(t, what, err) }
	_, err := f.Repository(ctx, nowhere)
	check("Repository", err)
	_, err = f.Branch(ctx, w.Repo, "no-such-branch")
	check("Branch", err)
	_, err = f.Issue(ctx, none)
	check("Issue", err)
	_, err = f.Pull(ctx, none)
	check("Pull", err)
	_, err = f.Files(ctx, none)
	check("Files", err)
	_, err = f.Comments(ctx, none)
	check("Comments", err)
	_, err = f.Reviews(ctx, none)
	check("Reviews", err)
	_, err = f.Labels(ctx, nowhere)
	check("Labels", err)
	_, err = f.Team(ctx, w.Repo.Owner, "no-such-team")
	check("Team", err)
	if w.Login == "" { // an App cannot tell who is absent from who did not install it
		_, err = f.Repositories(ctx, "no-such-owner-at-all")
		check("Repositories", err)
	}
	check("Comment", f.Comment(ctx, none, "k", "b"))
	check("AddLabel", f.AddLabel(ctx, none, "l"))

	done(t, f.RemoveLabel(ctx, none, "l"))
	done(t, f.Uncomment(ctx, none, "k"))
	done(t, f.DeleteComment(ctx, w.Repo, 4711))
	done(t, f.DeleteBranch(ctx, w.Repo, "no-such-branch"))
}

func forgeRepository(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	if self := must[string](t)(f.Self(ctx)); self != w.Self {
		t.Errorf("Self = %q, want %q", self, w.Self)
	}
	r := must[*prow.Repository](t)(f.Repository(ctx, w.Repo))
	if r.Repo != w.Repo || r.DefaultBranch != "main" || r.CloneURL == "" || r.URL == "" || !r.AllowMerge {
		t.Errorf("Repository = %+v", r)
	}
	all := must[[]prow.Repository](t)(f.Repositories(ctx, w.Repo.Owner))
	if !slices.ContainsFunc(all, func(r prow.Repository) bool { return r.Repo == w.Repo }) {
		t.Errorf("Repositories = %+v, without %s", all, w.Repo)
	}
	b := must[*prow.Branch](t)(f.Branch(ctx, w.Repo, "main"))
	if b.Name != "main" || len(b.SHA) != 40 || b.Protected || len(b.Required) != 0 {
		t.Errorf("Branch = %+v", b)
	}
	may := map[string]prow.Permission{w.Member: "write"}
	if w.Login == "" {
		may[w.Self] = "admin" // an App has permissions of another kind
	}
	for login, want := range may {
		if got := must[prow.Permission](t)(f.Permission(ctx, w.Repo, login)); got != want {
			t.Errorf("Permission(%s) = %s, want %s", login, got, want)
		}
	}
	for login, want := range map[string]bool{w.Member: true, w.Stranger: false, "no-such-person-at-all": false} {
		if got := must[bool](t)(f.Collaborator(ctx, w.Repo, login)); got != want {
			t.Errorf("Collaborator(%s) = %v", login, got)
		}
		if got := must[bool](t)(f.Member(ctx, w.Repo.Owner, login)); got != want {
			t.Errorf("Member(%s) = %v", login, got)
		}
	}
	if got := must[[]string](t)(f.Collaborators(ctx, w.Repo)); !slices.Contains(got, w.Member) || slices.Contains(got, w.Stranger) {
		t.Errorf("Collaborators = %v", got)
	}
	if got := must[[]string](t)(f.Team(ctx, w.Repo.Owner, w.Team)); !slices.Equal(got, []string{w.Member}) {
		t.Errorf("Team = %v", got)
	}
	w.Label(t, "kind/bug")
	w.Milestone(t, "v1.1")
	if got := must[[]string](t)(f.Labels(ctx, w.Repo)); !slices.Contains(got, "kind/bug") {
		t.Errorf("Labels = %v", got)
	}
	if got := must[[]string](t)(f.Milestones(ctx, w.Repo)); !slices.Equal(got, []string{"v1.1"}) {
		t.Errorf("Milestones = %v", got)
	}
}

func forgeForbidden(t *testing.T, w *ForgeWorld) {
	ctx := t.Context()
	id := w.OpenPull(t, "one", map[string]string{"a.txt": "a\n"})
	w.Label(t, "l")
	f := w.As(t, w.Stranger)
	p := must[*prow.Pull](t)(f.Pull(ctx, id))
	for what, err := range map[string]error{
		"AddLabel": f.AddLabel(ctx, id, "l"),
		"SetCheck": f.SetCheck(ctx, w.Repo, p.HeadSHA, prow.Check{Name: "c", State: prow.CheckSuccess}),
		"Merge":    f.Merge(ctx, id, prow.MergeHow{Method: prow.MergeCommit, SHA: p.HeadSHA}),
	} {
		if !errors.Is(err, prow.ErrForbidden) && !errors.Is(err, prow.ErrPushForbidden) {
			// A forge may also deny that there is anything to write to.
			absent(t, what+" by a stranger", err)
		}
	}
}

func forgeComments(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	id := w.OpenIssue(t, w.Author, "it leaks", "badly")
	list := func() []prow.Comment { t.Helper(); return must[[]prow.Comment](t)(f.Comments(ctx, id)) }

	w.Say(t, w.Author, id, "not ours <!-- key:1 -->")
	done(t, f.Comment(ctx, id, "key:1", "first"))
	done(t, f.Comment(ctx, id, "key:2", "another key"))
	all := list()
	if len(all) != 3 || all[1].Author != w.signed() || !strings.HasPrefix(all[1].Body, "first") || all[1].URL == "" || all[1].Created.IsZero() {
		t.Fatalf("Comments = %+v", all)
	}
	done(t, f.Comment(ctx, id, "key:1", "first"))
	if again := list(); !slices.Equal(again, all) {
		t.Errorf("an equal comment changed something: %+v", again)
	}
	done(t, f.Comment(ctx, id, "key:1", "second"))
	if again := list(); len(again) != 3 || again[1].ID != all[1].ID || !strings.HasPrefix(again[1].Body, "second") {
		t.Errorf("another body was not an edit: %+v", again)
	}
	w.Say(t, w.Self, id, "a duplicate <!-- key:1 -->")
	done(t, f.Comment(ctx, id, "key:1", "second"))
	if again := list(); len(again) != 3 {
		t.Errorf("a duplicate of ours was kept: %+v", again)
	}
	for range 2 {
		done(t, f.Uncomment(ctx, id, "key:1"))
		if again := list(); len(again) != 2 || again[0].Author != w.Author {
			t.Errorf("Uncomment left %+v", again)
		}
	}
	var saying sync.WaitGroup
	for range 4 {
		saying.Go(func() {
			if err := f.Comment(ctx, id, "key:3", "all at once"); err != nil {
				t.Error(err)
			}
		})
	}
	saying.Wait()
	if again := list(); len(again) != 3 {
		t.Errorf("said by four at one time it is %+v", again)
	}
	done(t, f.Uncomment(ctx, id, "key:3"))
	rocket := w.Say(t, w.Author, id, "to the moon")
	for range 2 {
		done(t, f.React(ctx, w.Repo, rocket, "rocket"))
	}
	for range 2 {
		done(t, f.DeleteComment(ctx, w.Repo, rocket))
	}
	if again := list(); len(again) != 2 {
		t.Errorf("DeleteComment left %+v", again)
	}
}

func forgePaging(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	id := w.OpenIssue(t, w.Author, "long", "")
	const n = 103
	for i := range n {
		w.Say(t, w.Author, id, fmt.Sprint("c", i))
	}
	all := must[[]prow.Comment](t)(f.Comments(ctx, id))
	for i, c := range all {
		if c.Body != fmt.Sprint("c", i) {
			t.Fatalf("comment %d is %q", i, c.Body)
		}
	}
	if len(all) != n {
		t.Errorf("%d comments, want %d", len(all), n)
	}
	w.Label(t, "x")
	for range 52 {
		done(t, f.AddLabel(ctx, id, "x"))
		done(t, f.RemoveLabel(ctx, id, "x"))
	}
	changes := must[[]prow.LabelChange](t)(f.LabelChanges(ctx, id))
	for i, c := range changes {
		if c.Added != (i%2 == 0) || c.Label != "x" || c.By != w.signed() || c.At.IsZero() {
			t.Fatalf("change %d is %+v", i, c)
		}
	}
	if len(changes) != 104 {
		t.Errorf("%d changes, want 104", len(changes))
	}
}

func forgeLabels(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	for _, l := range []string{"lgtm", "do-not-merge/hold", "area/ä b?"} {
		w.Label(t, l)
	}
	id := w.OpenPull(t, "one", map[string]string{"a.txt": "a\n"})
	for range 2 {
		done(t, f.AddLabel(ctx, id, "lgtm", "do-not-merge/hold", "area/ä b?"))
	}
	done(t, f.AddLabel(ctx, id))
	issue := must[*prow.Issue](t)(f.Issue(ctx, id))
	if len(issue.Labels) != 3 || !issue.HasLabel("LGTM") || !issue.IsPull {
		t.Errorf("Issue = %+v", issue)
	}
	for range 2 {
		done(t, f.RemoveLabel(ctx, id, "do-not-merge/hold"))
		done(t, f.RemoveLabel(ctx, id, "area/ä b?"))
	}
	if got := must[*prow.Pull](t)(f.Pull(ctx, id)).Labels; !slices.Equal(got, []string{"lgtm"}) {
		t.Errorf("labels = %v", got)
	}
	if got := must[[]prow.LabelChange](t)(f.LabelChanges(ctx, id)); len(got) != 5 {
		t.Errorf("twice was not once: %+v", got)
	}
}

func forgePeople(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	id := w.OpenPull(t, "one", map[string]string{"a.txt": "a\n"})
	not := func(what string, err error, want ...string) {
		t.Helper()
		var people *prow.PeopleError
		if !errors.As(err, &people) || !slices.Equal(people.Logins, want) {
			t.Errorf("%s = %v, want a PeopleError of %v", what, err, want)
		}
	}
	for range 2 {
		done(t, f.Assign(ctx, id, w.Member))
		not("Assign", f.Assign(ctx, id, "no-such-person-at-all", w.Member), "no-such-person-at-all")
		done(t, f.AskReview(ctx, id, w.Member, w.Repo.Owner+"/"+w.Team))
		not("AskReview", f.AskReview(ctx, id, w.Stranger, w.Member), w.Stranger)
		not("AskReview of the author", f.AskReview(ctx, id, w.Author), w.Author)
	}
	p := must[*prow.Pull](t)(f.Pull(ctx, id))
	if !slices.Equal(p.Assignees, []string{w.Member}) || !slices.Equal(p.Reviewers, []string{w.Member}) || !slices.Equal(p.ReviewTeams, []string{w.Team}) {
		t.Errorf("assignees %v, reviewers %v, teams %v", p.Assignees, p.Reviewers, p.ReviewTeams)
	}
	for range 2 {
		done(t, f.Unassign(ctx, id, w.Member))
		done(t, f.UnaskReview(ctx, id, w.Member, w.Repo.Owner+"/"+w.Team))
	}
	p = must[*prow.Pull](t)(f.Pull(ctx, id))
	if len(p.Assignees)+len(p.Reviewers)+len(p.ReviewTeams) != 0 {
		t.Errorf("left: assignees %v, reviewers %v, teams %v", p.Assignees, p.Reviewers, p.ReviewTeams)
	}
}

func forgeEdit(t *testing.T, w *ForgeWorld) {
	ctx, f := t.Context(), w.Forge
	w.Milestone(t, "v1.1")
	id := w.OpenPull(t, "one", map[string]string{"a.txt": "a\n"})
	before := must[*prow.Issue](t)(f.Issue(ctx, id))
	title, closed, open, v, none := "two", "closed", "open", "v1.1", ""
	for range 2 {
		done(t, f.Edit(ctx, id, prow.Edit{Title: &title, State: &closed, Milestone: &v}))
	}
	i := must[*prow.Issue](t)(f.Issue(ctx, id))
	if i.Title != "two" || i.State != "closed" || i.Milestone != "v1.1" || i.Body != before.Body {
		t.Errorf("Issue = %+v", i)
	}
	done(t, f.Edit(ctx, id, prow.Edit{State: &open, Milestone: &none}))
	done(t, f.Edit(ctx, id, prow.Edit{}))
	i = must[*prow.Issue](t)(f.Issue(ctx, id))
	if i.Title != "two" || i.State != "open" || i.Milestone != "" {
		t.Errorf("Issue = %+v", i)
	}
	unknown := "no such milestone"
	absent(t, "Edit with a milestone", f.Edit(ctx, id, prow.Edit{Milestone: &unknown}))
}
