package sandbox

import (
	"crypto/rand"
	"fmt"
	"slices"
)

// emit owes a webhook to all who asked for this event. fill makes the payload; it
// is only called if somebody did.
func (t *tx) emit(r *repo, actor *account, event, action string, fill func() obj) {
	var body []byte
	guid := ""
	for _, h := range t.hooksFor(r, event) {
		if body == nil {
			p := fill()
			if action != "" {
				p["action"] = action
			}
			t.frame(p, r, actor)
			var err error
			if body, err = encode(p); err != nil {
				t.o.Log.Error("payload not encoded", "event", event, "err", err)
				return
			}
			guid = newGUID()
		}
		t.owed = append(t.owed, &delivery{ID: t.id(), Hook: h.ID, GUID: guid, Event: event, Action: action, Repo: r.ID, Body: body, Created: t.o.Now()})
	}
}

// frame adds what all payloads have.
func (t *tx) frame(p obj, r *repo, actor *account) {
	if p["repository"] == nil {
		p["repository"] = t.showRepo(r)
	}
	if actor != nil {
		p["sender"] = t.showUser(actor)
	}
	if owner := t.account(r.Owner); owner.Type == "Organization" {
		p["organization"] = t.showOrg(owner)
	}
}

func (t *tx) hooksFor(r *repo, event string) []*hook {
	var out []*hook
	for _, h := range t.st.hooks {
		mine := h.Repo == r.ID || h.Repo == 0 && (h.Org == 0 || h.Org == r.Owner)
		if mine && h.Active && (slices.Contains(h.Events, "*") || slices.Contains(h.Events, event)) {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b *hook) int { return int(a.ID - b.ID) })
	return out
}

func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// onIssue tells of a change of an issue or pull request, with what goes beside it.
func (t *tx) onIssue(i *issue, actor *account, action string, more obj) {
	r := t.st.repos[i.Repo]
	event := "issues"
	if i.Pull != nil {
		event = "pull_request"
	}
	t.emit(r, actor, event, action, func() obj {
		p := obj{}
		if i.Pull != nil {
			x, _ := t.git.facts.get([2]string{r.Refs["refs/heads/"+i.Pull.BaseRef], i.Pull.HeadSHA})
			p["number"], p["pull_request"] = i.Number, t.showFullPull(i, x)
		} else {
			p["issue"] = join(t.showIssue(i), obj{"draft": false})
		}
		for k, v := range more {
			p[k] = v
		}
		return p
	})
}

// onComment tells of a comment in the conversation or on the diff.
func (t *tx) onComment(c *comment, actor *account, action string, more obj) {
	i := t.st.issues[c.Issue]
	r := t.st.repos[i.Repo]
	if c.Line != nil {
		t.emit(r, actor, "pull_request_review_comment", action, func() obj {
			return join(obj{"comment": t.showReviewComment(c), "pull_request": t.showPull(i)}, more)
		})
		return
	}
	t.emit(r, actor, "issue_comment", action, func() obj {
		return join(obj{"comment": t.showComment(c), "issue": t.showIssue(i)}, more)
	})
}

func (t *tx) onReview(v *review, actor *account, action string, more obj) {
	i := t.st.issues[v.Issue]
	t.emit(t.st.repos[i.Repo], actor, "pull_request_review", action, func() obj {
		shown := t.showReview(v)
		shown["state"] = lower(v.State)
		return join(obj{"review": shown, "pull_request": t.showPull(i)}, more)
	})
}

func join(a, b obj) obj {
	for k, v := range b {
		a[k] = v
	}
	return a
}

// note adds an entry to the history of an issue.
func (t *tx) note(i *issue, actor *account, e event) {
	e.ID, e.Issue, e.Created = t.id(), i.ID, t.o.Now()
	if actor != nil {
		e.Actor = actor.ID
	}
	t.create(&e)
}

// touch says that i changed now.
func (t *tx) touch(i *issue) {
	i.Updated = t.o.Now()
	t.save(i)
}
