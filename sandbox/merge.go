package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

type mergeInput struct {
	Title  *string `json:"commit_title"`
	Body   *string `json:"commit_message"`
	SHA    string  `json:"sha"`
	Method string  `json:"merge_method"`
}

func notAllowed(format string, args ...any) error {
	return refuse(http.StatusMethodNotAllowed, format, args...)
}

func putMerge(c *call) (any, error) {
	var in mergeInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var i *issue
	if err := c.read(func() (err error) { i, err = c.pull(); return err }); err != nil {
		return nil, err
	}
	sha, err := c.merge(c.r.Context(), i, c.user, in)
	if err != nil {
		return nil, err
	}
	return obj{"sha": sha, "merged": true, "message": "Pull Request successfully merged"}, nil
}

// merge merges a pull request into its base, and answers the commit.
func (f *Forge) merge(ctx context.Context, i *issue, actor *account, in mergeInput) (string, error) {
	if in.Method == "" {
		in.Method = "merge"
	}
	defer f.git.lock(i.Repo)()
	var e ends
	if err := f.read(func() error {
		e = f.ends(i)
		return f.mayMerge(i, actor, in)
	}); err != nil {
		return "", err
	}
	x, err := f.git.look(ctx, e.repo, e.base, e.head)
	if err != nil {
		return "", err
	}
	if err := f.read(func() error { return f.protected(i, actor, x) }); err != nil {
		return "", err
	}
	if !x.mergeable {
		return "", notAllowed("Pull Request is not mergeable")
	}
	sha, err := f.mergeCommit(ctx, e, x, actor, in)
	if errors.Is(err, errConflict) {
		return "", notAllowed("This branch can't be rebased")
	}
	if err != nil {
		return "", err
	}
	if err := f.announce(ctx, i, &merging{sha, actor.ID}); err != nil {
		return "", err
	}
	if err := f.git.move(ctx, e.repo, heads+e.baseRef, sha, e.base); err != nil {
		if exitCode(err) != 0 { // a push came first
			err = notAllowed("Base branch was modified. Review and try the merge again.")
		}
		return "", errors.Join(err, f.announce(ctx, i, nil))
	}
	if err := f.settle(context.WithoutCancel(ctx), e.repo, actor); err != nil {
		return "", err
	}
	if f.snapshot(f.repoOf(i)).DeleteMerged && e.headRepo == e.repo {
		if err := f.git.move(ctx, e.repo, heads+e.headRef, zero, ""); err == nil {
			return sha, f.settle(ctx, e.repo, actor)
		}
	}
	return sha, nil
}

// announce writes down which commit is going to merge i; nil takes it back.
func (f *Forge) announce(ctx context.Context, i *issue, m *merging) error {
	return f.write(ctx, func(t *tx) error {
		i.Pull.Merging = m
		t.save(i)
		return nil
	})
}

func (f *Forge) repoOf(i *issue) *repo {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.st.repos[i.Repo]
}

// mayMerge says no where git need not be asked.
func (f *Forge) mayMerge(i *issue, actor *account, in mergeInput) error {
	r, p := f.st.repos[i.Repo], i.Pull
	switch {
	case in.Method != "merge" && in.Method != "squash" && in.Method != "rebase":
		return invalid("PullRequest", "merge_method", "invalid")
	case !p.Merged.IsZero() || i.State != "open":
		return notAllowed("Pull Request is not mergeable")
	case p.Draft:
		return notAllowed("Pull Request is still a draft")
	case f.level(r, actor) < push:
		return refuse(http.StatusForbidden, "Must have push access to Repository.")
	case in.SHA != "" && in.SHA != p.HeadSHA:
		return refuse(http.StatusConflict, "Head branch was modified. Review and try the merge again.")
	case in.Method == "merge" && r.NoMerge:
		return notAllowed("Merge commits are not allowed on this repository.")
	case in.Method == "squash" && r.NoSquash:
		return notAllowed("Squash merges are not allowed on this repository.")
	case in.Method == "rebase" && r.NoRebase:
		return notAllowed("Rebase merges are not allowed on this repository.")
	}
	if pr := r.Protection[p.BaseRef]; pr != nil && pr.Linear && in.Method == "merge" {
		return notAllowed("Merge commits are not allowed on this repository.")
	}
	return nil
}

// mergeCommit makes what the base branch will point to.
func (f *Forge) mergeCommit(ctx context.Context, e ends, x *facts, actor *account, in mergeInput) (string, error) {
	me := f.person(actor)
	hub := person{"GitHub", "noreply@github.com", me.when}
	title, body := fmt.Sprintf("Merge pull request #%d from %s/%s", e.number, e.headOwner, e.headRef), e.title
	switch in.Method {
	case "rebase":
		return f.git.rebase(ctx, e.repo, e.base, e.head, me)
	case "squash":
		commits, err := f.git.log(ctx, e.repo, false, "--reverse", "--topo-order", x.mergeBase+".."+e.head)
		if err != nil {
			return "", err
		}
		title, body = squashText(e, commits)
	}
	if in.Title != nil && *in.Title != "" {
		title = *in.Title
	}
	if in.Body != nil {
		body = *in.Body
	}
	text := title + "\n"
	if body != "" {
		text += "\n" + body + "\n"
	}
	parents := []string{e.base}
	if in.Method == "merge" {
		parents = append(parents, e.head)
	} else if a := f.authorOf(e); a != nil {
		me = f.person(a)
	}
	return f.git.commitTree(ctx, e.repo, me, hub, text, x.tree, parents...)
}

// authorOf is who opened the pull request: a squashed commit is theirs.
func (f *Forge) authorOf(e ends) *account {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.st.accounts[f.st.issues[e.id].Author]
}

func squashText(e ends, commits []commit) (title, body string) {
	title = fmt.Sprintf("%s (#%d)", e.title, e.number)
	if len(commits) == 1 {
		subject, rest, _ := strings.Cut(commits[0].message, "\n")
		return fmt.Sprintf("%s (#%d)", subject, e.number), strings.TrimSpace(rest)
	}
	var b strings.Builder
	for _, c := range commits {
		b.WriteString("* " + c.message + "\n\n")
	}
	return title, strings.TrimSpace(b.String())
}

// mergeState is GitHub's summary: DIRTY, DRAFT, BLOCKED, BEHIND, UNSTABLE, CLEAN.
func (f *Forge) mergeState(i *issue, x *facts) string {
	r, p := f.st.repos[i.Repo], i.Pull
	pr := r.Protection[p.BaseRef]
	switch {
	case !x.mergeable:
		return "DIRTY"
	case p.Draft:
		return "DRAFT"
	case pr != nil && pr.Strict && x.behind:
		return "BEHIND"
	case pr != nil && (len(f.unmet(i, pr)) > 0 || f.lacksReviews(i, pr) != ""):
		return "BLOCKED"
	}
	for _, s := range f.latest(r.ID, p.HeadSHA) {
		if s.State != "success" {
			return "UNSTABLE"
		}
	}
	for _, c := range f.latestRuns(r.ID, p.HeadSHA) {
		if c.Status != "completed" || !slices.Contains([]string{"success", "neutral", "skipped"}, c.Conclusion) {
			return "UNSTABLE"
		}
	}
	return "CLEAN"
}

// protected says why the protection of the base refuses the merge.
func (f *Forge) protected(i *issue, actor *account, x *facts) error {
	r, p := f.st.repos[i.Repo], i.Pull
	pr := r.Protection[p.BaseRef]
	if pr == nil || f.level(r, actor) == admin && !pr.Admins {
		return nil
	}
	if pr.Restricted && !f.listed(r, pr, actor) {
		return notAllowed("You're not authorized to push to this branch. Visit https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches/about-protected-branches for more information.")
	}
	if pr.Strict && x.behind {
		return notAllowed("Head branch is out of date. Review and try the merge again.")
	}
	if unmet := f.unmet(i, pr); len(unmet) == 1 {
		return notAllowed("Required status check %q is %s.", unmet[0].context, unmet[0].how)
	} else if len(unmet) > 1 {
		hows := map[string]int{}
		for _, u := range unmet {
			hows[u.how]++
		}
		var parts []string
		for _, how := range []string{"expected", "pending", "failing"} {
			if n := hows[how]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, how))
			}
		}
		return notAllowed("%d of %d required status checks are not satisfied: %s.", len(unmet), len(pr.Contexts), strings.Join(parts, ", "))
	}
	if why := f.lacksReviews(i, pr); why != "" {
		return notAllowed("%s", why)
	}
	return nil
}

func (f *Forge) listed(r *repo, pr *protection, who *account) bool {
	if slices.ContainsFunc(pr.Users, func(l string) bool { return strings.EqualFold(l, who.Login) }) {
		return true
	}
	return slices.ContainsFunc(pr.Teams, func(s string) bool {
		t := f.teamOf(r.Owner, s)
		return t != nil && t.Members[who.ID] != ""
	})
}

type unmet struct{ context, how string }

// unmet lists the required contexts that are not green.
func (f *Forge) unmet(i *issue, pr *protection) []unmet {
	var out []unmet
	for _, want := range pr.Contexts {
		how := "expected"
		for _, s := range f.latest(i.Repo, i.Pull.HeadSHA) {
			if s.Context == want {
				how = map[string]string{"success": "", "pending": "pending"}[s.State]
				if s.State == "failure" || s.State == "error" {
					how = "failing"
				}
			}
		}
		for _, c := range f.latestRuns(i.Repo, i.Pull.HeadSHA) {
			if c.Name != want {
				continue
			}
			switch {
			case c.Status != "completed":
				how = "pending"
			case slices.Contains([]string{"success", "neutral", "skipped"}, c.Conclusion):
				how = ""
			default:
				how = "failing"
			}
		}
		if how != "" {
			out = append(out, unmet{want, how})
		}
	}
	return out
}

// opinions are the newest approving or refusing review of each person who may write.
func (f *Forge) opinions(i *issue) map[int64]*review {
	out := map[int64]*review{}
	for _, v := range f.st.reviews[i.ID] {
		switch v.State {
		case "APPROVED", "CHANGES_REQUESTED":
			out[v.Author] = v
		case "DISMISSED":
			if old := out[v.Author]; old == nil || old.ID < v.ID {
				delete(out, v.Author)
			}
		}
	}
	return out
}

// decision is GitHub's reviewDecision, "" where reviews are not required.
func (f *Forge) decision(i *issue) string {
	pr := f.st.repos[i.Repo].Protection[i.Pull.BaseRef]
	yes := 0
	no := false
	for who, v := range f.opinions(i) {
		if f.level(f.st.repos[i.Repo], f.account(who)) < push {
			continue
		}
		if v.State == "APPROVED" {
			yes++
		} else {
			no = true
		}
	}
	switch {
	case no:
		return "CHANGES_REQUESTED"
	case yes > 0 && (pr == nil || yes >= pr.Reviews):
		return "APPROVED"
	case pr != nil && pr.HasReviews:
		return "REVIEW_REQUIRED"
	}
	return ""
}

func (f *Forge) lacksReviews(i *issue, pr *protection) string {
	if !pr.HasReviews {
		return ""
	}
	switch f.decision(i) {
	case "APPROVED":
		return ""
	case "CHANGES_REQUESTED":
		return "Changes have been requested by reviewers with write access."
	}
	return fmt.Sprintf("At least %d approving review is required by reviewers with write access.", max(pr.Reviews, 1))
}
