package sandbox

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// perform runs one mutation; show makes its payload while the state is held.
func (q *query) perform(ctx context.Context, name string, in args) (show func() *object, err error) {
	switch name {
	case "createPullRequest":
		return q.createPull(ctx, in)
	case "createIssue":
		return q.createIssue(ctx, in)
	case "mergePullRequest":
		return q.mergePull(ctx, in)
	case "addPullRequestReview":
		return q.addReviewTo(ctx, in)
	case "addComment":
		return q.addComment(ctx, in)
	}
	do, ok := map[string]func(t *tx, i *issue, in args) error{
		"updatePullRequest": q.update, "updateIssue": q.update, "requestReviews": q.requestReviews,
		"closePullRequest": q.close, "closeIssue": q.close, "reopenPullRequest": q.reopen, "reopenIssue": q.reopen,
		"markPullRequestReadyForReview": func(t *tx, i *issue, _ args) error { return q.draft(t, i, false) },
		"convertPullRequestToDraft":     func(t *tx, i *issue, _ args) error { return q.draft(t, i, true) },
		"addLabelsToLabelable":          q.labels(true), "removeLabelsFromLabelable": q.labels(false),
		"addAssigneesToAssignable": q.assignees(true), "removeAssigneesFromAssignable": q.assignees(false),
	}[name]
	if !ok {
		return nil, refuse(http.StatusUnprocessableEntity, "Field '%s' doesn't exist on type 'Mutation'", name)
	}
	i, err := q.target(in)
	if err != nil {
		return nil, err
	}
	if err := q.write(ctx, func(t *tx) error { return do(t, i, in) }); err != nil {
		return nil, err
	}
	return q.payload(name, i), nil
}

// idOf takes the number out of a node id.
func idOf(node string) int64 {
	_, num, _ := strings.Cut(node, "_")
	n, _ := strconv.ParseInt(num, 10, 64)
	return n
}

// target is the issue or pull request that an input names, whatever the field is
// called.
func (q *query) target(in args) (i *issue, err error) {
	for _, key := range []string{"pullRequestId", "issueId", "subjectId", "id", "labelableId", "assignableId"} {
		if id := in.str(key); id != "" {
			err = q.read(func() error {
				i = q.st.issues[idOf(id)]
				if i == nil || q.level(q.st.repos[i.Repo], q.user) < read {
					return refuse(http.StatusNotFound, "Could not resolve to a node with the global id of '%s'.", id)
				}
				return nil
			})
			return i, err
		}
	}
	return nil, refuse(http.StatusUnprocessableEntity, "The input names no issue or pull request.")
}

func (q *query) payload(name string, i *issue) func() *object {
	return func() *object {
		s := q.subject(i)
		return fixed(strings.ToUpper(name[:1])+name[1:]+"Payload", obj{"pullRequest": s, "issue": s, "labelable": s, "assignable": s, "subject": s, "clientMutationId": nil, "actor": q.person(q.user)})
	}
}

func (q *query) repoByNode(in args) (r *repo, err error) {
	err = q.read(func() error {
		r = q.st.repos[idOf(in.str("repositoryId"))]
		if r == nil || q.level(r, q.user) < read {
			return refuse(http.StatusNotFound, "Could not resolve to a node with the global id of '%s'.", in.str("repositoryId"))
		}
		return nil
	})
	return r, err
}

func (q *query) createPull(ctx context.Context, in args) (func() *object, error) {
	r, err := q.repoByNode(in)
	if err != nil {
		return nil, err
	}
	draft, _ := in["draft"].(bool)
	maintainer, said := in["maintainerCanModify"].(bool)
	i, err := q.openPull(ctx, r, q.user, newPull{head: in.str("headRefName"), base: in.str("baseRefName"), title: in.str("title"), body: in.str("body"), draft: draft, maintainer: maintainer || !said})
	if err != nil {
		return nil, err
	}
	return q.payload("createPullRequest", i), nil
}

func (q *query) createIssue(ctx context.Context, in args) (func() *object, error) {
	r, err := q.repoByNode(in)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.str("title")) == "" {
		return nil, invalid("Issue", "title", "missing_field")
	}
	if err := checkBody("Issue", in.str("body")); err != nil {
		return nil, err
	}
	var i *issue
	err = q.write(ctx, func(t *tx) error {
		i = t.openIssue(r, q.user, in.str("title"), in.str("body"), nil)
		t.onIssue(i, q.user, "opened", nil)
		return q.dress(t, i, in)
	})
	return q.payload("createIssue", i), err
}

// dress sets labels, people and milestone where an input has them and the caller
// may.
func (q *query) dress(t *tx, i *issue, in args) error {
	if t.level(t.st.repos[i.Repo], q.user) < triage {
		return nil
	}
	if _, ok := in["labelIds"]; ok {
		var labels []*label
		for _, id := range in.strs("labelIds") {
			if l := t.st.labels[idOf(id)]; l != nil {
				labels = append(labels, l)
			}
		}
		t.setLabels(i, q.user, labels)
	}
	for _, id := range in.strs("assigneeIds") {
		if a := t.st.accounts[idOf(id)]; a != nil && t.assignable(i, a) {
			t.assign(i, q.user, a)
		}
	}
	if id := in.str("milestoneId"); id != "" {
		t.setMilestone(i, q.user, t.st.miles[idOf(id)])
	}
	return nil
}

// mine refuses those who neither wrote i nor may sort it.
func (q *query) mine(i *issue) error {
	if i.Author == q.userID() || q.level(q.st.repos[i.Repo], q.user) >= triage {
		return nil
	}
	return refuse(http.StatusForbidden, "%s does not have the correct permissions to execute this mutation", q.user.Login)
}

func (q *query) update(t *tx, i *issue, in args) error {
	if err := q.mine(i); err != nil {
		return err
	}
	var e edited
	for key, to := range map[string]**string{"title": &e.title, "body": &e.body, "baseRefName": &e.base} {
		if s, ok := in[key].(string); ok {
			*to = &s
		}
	}
	if e.body != nil {
		if err := checkBody("Issue", *e.body); err != nil {
			return err
		}
	}
	if e.base != nil && t.st.repos[i.Repo].Refs[heads+*e.base] == "" {
		return invalid("PullRequest", "base", "invalid")
	}
	t.retext(i, q.user, e)
	return q.dress(t, i, in)
}

func (q *query) close(t *tx, i *issue, in args) error {
	if err := q.mine(i); err != nil {
		return err
	}
	t.close(i, q.user, lower(in.str("stateReason")))
	return nil
}

func (q *query) reopen(t *tx, i *issue, _ args) error {
	if err := q.mine(i); err != nil {
		return err
	}
	if i.Pull != nil {
		if err := t.mayReopen(i); err != nil {
			return err
		}
	}
	t.reopen(i, q.user)
	return nil
}

func (q *query) draft(t *tx, i *issue, on bool) error {
	if err := q.mine(i); err != nil {
		return err
	}
	t.setDraft(i, q.user, on)
	return nil
}

// setDraft makes a pull request a draft, or ready for review.
func (t *tx) setDraft(i *issue, actor *account, on bool) {
	if i.Pull == nil || i.Pull.Draft == on {
		return
	}
	i.Pull.Draft = on
	t.touch(i)
	action, kind := "ready_for_review", "ready_for_review"
	if on {
		action, kind = "converted_to_draft", "convert_to_draft"
	}
	t.note(i, actor, event{Kind: kind})
	t.onIssue(i, actor, action, nil)
}

func (q *query) labels(add bool) func(t *tx, i *issue, in args) error {
	return func(t *tx, i *issue, in args) error {
		if t.level(t.st.repos[i.Repo], q.user) < triage {
			return refuse(http.StatusForbidden, "%s does not have the correct permissions to execute this mutation", q.user.Login)
		}
		for _, id := range in.strs("labelIds") {
			if l := t.st.labels[idOf(id)]; l != nil && add {
				t.addLabel(i, q.user, l)
			} else if l != nil {
				t.removeLabel(i, q.user, l)
			}
		}
		return nil
	}
}

func (q *query) assignees(add bool) func(t *tx, i *issue, in args) error {
	return func(t *tx, i *issue, in args) error {
		if t.level(t.st.repos[i.Repo], q.user) < triage {
			return refuse(http.StatusForbidden, "%s does not have the correct permissions to execute this mutation", q.user.Login)
		}
		for _, id := range in.strs("assigneeIds") {
			if a := t.st.accounts[idOf(id)]; a != nil && add && t.assignable(i, a) {
				t.assign(i, q.user, a)
			} else if a != nil && !add {
				t.unassign(i, q.user, a)
			}
		}
		return nil
	}
}

func (q *query) requestReviews(t *tx, i *issue, in args) error {
	if i.Pull == nil || t.level(t.st.repos[i.Repo], q.user) < triage {
		return refuse(http.StatusForbidden, "%s does not have the correct permissions to execute this mutation", q.user.Login)
	}
	for _, id := range in.strs("userIds") {
		if a := t.st.accounts[idOf(id)]; a != nil && a.ID != i.Author {
			t.askReview(i, q.user, a)
		}
	}
	for _, id := range in.strs("teamIds") {
		if g := t.st.teams[idOf(id)]; g != nil {
			t.askTeam(i, q.user, g)
		}
	}
	return nil
}

func (q *query) mergePull(ctx context.Context, in args) (func() *object, error) {
	i, err := q.target(in)
	if err != nil {
		return nil, err
	}
	m := mergeInput{Method: lower(in.str("mergeMethod")), SHA: in.str("expectedHeadOid")}
	if s, ok := in["commitHeadline"].(string); ok {
		m.Title = &s
	}
	if s, ok := in["commitBody"].(string); ok {
		m.Body = &s
	}
	if _, err := q.merge(ctx, i, q.user, m); err != nil {
		return nil, err
	}
	return q.payload("mergePullRequest", i), nil
}

func (q *query) addReviewTo(ctx context.Context, in args) (func() *object, error) {
	i, err := q.target(in)
	if err != nil {
		return nil, err
	}
	if i.Pull == nil {
		return nil, notFound()
	}
	var e ends
	_ = q.read(func() error { e = q.ends(i); return nil })
	v, err := q.addReview(ctx, e, q.user, reviewInput{Event: in.str("event"), Body: in.str("body")})
	if err != nil {
		return nil, err
	}
	return func() *object {
		return fixed("AddPullRequestReviewPayload", obj{"pullRequestReview": q.reviewObject(v), "clientMutationId": nil})
	}, nil
}

func (q *query) addComment(ctx context.Context, in args) (func() *object, error) {
	i, err := q.target(in)
	if err != nil {
		return nil, err
	}
	body := in.str("body")
	if strings.TrimSpace(body) == "" {
		return nil, refuse(http.StatusUnprocessableEntity, "Body cannot be blank")
	}
	if err := checkBody("IssueComment", body); err != nil {
		return nil, err
	}
	var c *comment
	if err := q.write(ctx, func(t *tx) error {
		if i.Locked && t.level(t.st.repos[i.Repo], q.user) < push {
			return refuse(http.StatusForbidden, "Unable to create comment because issue is locked.")
		}
		c = t.say(i, q.user, body)
		return nil
	}); err != nil {
		return nil, err
	}
	return func() *object {
		edge := fixed("IssueCommentEdge", obj{"node": q.commentObject(c), "cursor": "c1"})
		return fixed("AddCommentPayload", obj{"commentEdge": edge, "subject": q.subject(i), "clientMutationId": nil})
	}, nil
}
