package sandbox

import (
	"slices"
	"strings"
	"time"
)

func lower(s string) string { return strings.ToLower(s) }

// maxText is how many characters GitHub takes in a body.
const maxText = 65536

func checkBody(resource, body string) error {
	if len(body) > maxText && len([]rune(body)) > maxText {
		return invalid(resource, "body", "custom", "body is too long (maximum is 65536 characters)")
	}
	return nil
}

// openIssue numbers and files an issue or, with p, a pull request.
func (t *tx) openIssue(r *repo, actor *account, title, body string, p *pull) *issue {
	now := t.o.Now()
	r.Numbers++
	i := &issue{ID: t.id(), Repo: r.ID, Number: r.Numbers, Author: actor.ID, Title: title, Body: body, State: "open", Created: now, Updated: now, Pull: p}
	t.save(r)
	t.create(i)
	return i
}

// close closes i; nothing happens to what is closed.
func (t *tx) close(i *issue, actor *account, reason string) {
	if i.State == "closed" {
		return
	}
	i.State, i.Closed, i.ClosedBy = "closed", t.o.Now(), actor.ID
	if i.Pull == nil {
		if i.Reason = reason; reason == "" {
			i.Reason = "completed"
		}
	}
	t.touch(i)
	t.note(i, actor, event{Kind: "closed"})
	t.onIssue(i, actor, "closed", nil)
}

func (t *tx) reopen(i *issue, actor *account) {
	if i.State == "open" {
		return
	}
	i.State, i.Closed, i.ClosedBy = "open", time.Time{}, 0
	if i.Pull == nil {
		i.Reason = "reopened"
	}
	t.touch(i)
	t.note(i, actor, event{Kind: "reopened"})
	t.onIssue(i, actor, "reopened", nil)
}

// label finds a label of r by name, whatever its case.
func (r *repo) label(name string) *label {
	for _, l := range r.Labels {
		if strings.EqualFold(l.Name, name) {
			return l
		}
	}
	return nil
}

// needLabel finds or makes a label.
func (t *tx) needLabel(r *repo, name string) *label {
	if l := r.label(name); l != nil {
		return l
	}
	return t.newLabel(r, name, "ededed", "")
}

func (t *tx) newLabel(r *repo, name, color, text string) *label {
	l := &label{ID: t.id(), Name: name, Color: color, Description: text}
	r.Labels = append(slices.Clone(r.Labels), l)
	t.st.labels[l.ID] = l
	t.save(r)
	return l
}

// addLabel puts a label on i, which may have it already.
func (t *tx) addLabel(i *issue, actor *account, l *label) {
	if slices.Contains(i.Labels, l.ID) {
		return
	}
	i.Labels = append(slices.Clone(i.Labels), l.ID)
	t.touch(i)
	copied := *l
	t.note(i, actor, event{Kind: "labeled", Label: &copied})
	t.onIssue(i, actor, "labeled", obj{"label": t.showLabel(t.st.repos[i.Repo], l)})
}

func (t *tx) removeLabel(i *issue, actor *account, l *label) {
	if !slices.Contains(i.Labels, l.ID) {
		return
	}
	i.Labels = without(i.Labels, l.ID)
	t.touch(i)
	copied := *l
	t.note(i, actor, event{Kind: "unlabeled", Label: &copied})
	t.onIssue(i, actor, "unlabeled", obj{"label": t.showLabel(t.st.repos[i.Repo], l)})
}

// setLabels leaves exactly these.
func (t *tx) setLabels(i *issue, actor *account, labels []*label) {
	for _, id := range slices.Clone(i.Labels) {
		if l := t.st.labels[id]; l != nil && !slices.Contains(labels, l) {
			t.removeLabel(i, actor, l)
		}
	}
	for _, l := range labels {
		t.addLabel(i, actor, l)
	}
}

func (t *tx) assign(i *issue, actor *account, who *account) {
	if slices.Contains(i.Assignees, who.ID) {
		return
	}
	i.Assignees = append(slices.Clone(i.Assignees), who.ID)
	t.touch(i)
	t.note(i, actor, event{Kind: "assigned", Who: who.ID})
	t.onIssue(i, actor, "assigned", obj{"assignee": t.showUser(who)})
}

func (t *tx) unassign(i *issue, actor *account, who *account) {
	if !slices.Contains(i.Assignees, who.ID) {
		return
	}
	i.Assignees = without(i.Assignees, who.ID)
	t.touch(i)
	t.note(i, actor, event{Kind: "unassigned", Who: who.ID})
	t.onIssue(i, actor, "unassigned", obj{"assignee": t.showUser(who)})
}

// assignable reports whether GitHub lets someone be assigned: they belong to the
// repository, or they are part of the conversation.
func (t *tx) assignable(i *issue, who *account) bool {
	r := t.st.repos[i.Repo]
	if t.collaborator(r, who) || t.account(r.Owner).Members[who.ID] != "" || t.level(r, who) > read || i.Author == who.ID {
		return true
	}
	return slices.ContainsFunc(t.st.said[i.ID], func(c *comment) bool { return c.Author == who.ID })
}

func (t *tx) say(i *issue, actor *account, body string) *comment {
	now := t.o.Now()
	c := &comment{ID: t.id(), Issue: i.ID, Author: actor.ID, Body: body, Created: now, Updated: now}
	t.create(c)
	t.touch(i)
	t.onComment(c, actor, "created", nil)
	return c
}

// rewrite edits a comment.
func (t *tx) rewrite(c *comment, actor *account, body string) {
	old := c.Body
	c.Body, c.Updated = body, t.o.Now()
	t.save(c)
	t.onComment(c, actor, "edited", obj{"changes": obj{"body": obj{"from": old}}})
}

func (t *tx) unsay(c *comment, actor *account) {
	t.onComment(c, actor, "deleted", nil)
	t.remove(c)
}

func (t *tx) askReview(i *issue, actor, who *account) {
	p := i.Pull
	if slices.Contains(p.Reviewers, who.ID) {
		return
	}
	p.Reviewers = append(slices.Clone(p.Reviewers), who.ID)
	t.touch(i)
	t.note(i, actor, event{Kind: "review_requested", Who: who.ID})
	t.onIssue(i, actor, "review_requested", obj{"requested_reviewer": t.showUser(who)})
}

func (t *tx) unaskReview(i *issue, actor, who *account) {
	p := i.Pull
	if !slices.Contains(p.Reviewers, who.ID) {
		return
	}
	p.Reviewers = without(p.Reviewers, who.ID)
	t.touch(i)
	t.note(i, actor, event{Kind: "review_request_removed", Who: who.ID})
	t.onIssue(i, actor, "review_request_removed", obj{"requested_reviewer": t.showUser(who)})
}

func (t *tx) askTeam(i *issue, actor *account, who *team) {
	p := i.Pull
	if slices.Contains(p.ReviewTeams, who.ID) {
		return
	}
	p.ReviewTeams = append(slices.Clone(p.ReviewTeams), who.ID)
	t.touch(i)
	t.note(i, actor, event{Kind: "review_requested", Team: who.ID})
	t.onIssue(i, actor, "review_requested", obj{"requested_team": t.showTeam(who)})
}

func (t *tx) unaskTeam(i *issue, actor *account, who *team) {
	p := i.Pull
	if !slices.Contains(p.ReviewTeams, who.ID) {
		return
	}
	p.ReviewTeams = without(p.ReviewTeams, who.ID)
	t.touch(i)
	t.note(i, actor, event{Kind: "review_request_removed", Team: who.ID})
	t.onIssue(i, actor, "review_request_removed", obj{"requested_team": t.showTeam(who)})
}

// opinion files a review that was submitted; who was asked no longer is.
func (t *tx) opinion(i *issue, v *review, actor *account) {
	v.Submitted = t.o.Now()
	t.save(v)
	t.touch(i)
	i.Pull.Reviewers = without(i.Pull.Reviewers, v.Author)
	t.onReview(v, actor, "submitted", nil)
}

func (t *tx) dismiss(v *review, actor *account) {
	v.State = "DISMISSED"
	t.save(v)
	i := t.st.issues[v.Issue]
	t.touch(i)
	t.note(i, actor, event{Kind: "review_dismissed", Who: v.Author})
	t.onReview(v, actor, "dismissed", nil)
}

func (t *tx) dismissAll(i *issue, actor *account) {
	for _, v := range t.st.reviews[i.ID] {
		if v.State == "APPROVED" {
			t.dismiss(v, actor)
		}
	}
}

// edited are the fields that an edit changed, as the webhook tells them.
type edited struct{ title, body, base *string }

// retext changes title and body.
func (t *tx) retext(i *issue, actor *account, e edited) {
	changes := obj{}
	if e.title != nil && *e.title != i.Title {
		changes["title"] = obj{"from": i.Title}
		t.note(i, actor, event{Kind: "renamed", From: i.Title, To: *e.title})
		i.Title = *e.title
	}
	if e.body != nil && *e.body != i.Body {
		changes["body"] = obj{"from": i.Body}
		i.Body = *e.body
	}
	if e.base != nil && *e.base != i.Pull.BaseRef {
		changes["base"] = obj{"ref": obj{"from": i.Pull.BaseRef}, "sha": obj{"from": i.Pull.BaseSHA}}
		t.note(i, actor, event{Kind: "base_ref_changed", From: i.Pull.BaseRef, To: *e.base})
		i.Pull.BaseRef = *e.base
		i.Pull.BaseSHA = t.st.repos[i.Repo].Refs["refs/heads/"+*e.base]
	}
	if len(changes) > 0 {
		t.touch(i)
		t.onIssue(i, actor, "edited", obj{"changes": changes})
	}
}

func (t *tx) setMilestone(i *issue, actor *account, m *milestone) {
	var id int64
	if m != nil {
		id = m.ID
	}
	if id == i.Milestone {
		return
	}
	old := t.st.miles[i.Milestone]
	i.Milestone = id
	t.touch(i)
	r := t.st.repos[i.Repo]
	if old != nil {
		t.note(i, actor, event{Kind: "demilestoned", Title: old.Title})
		t.onIssue(i, actor, "demilestoned", obj{"milestone": t.showMilestone(r, old)})
	}
	if m != nil {
		t.note(i, actor, event{Kind: "milestoned", Title: m.Title})
		t.onIssue(i, actor, "milestoned", obj{"milestone": t.showMilestone(r, m)})
	}
}
