package sandbox

import (
	"context"
	"strings"
)

// What git alone knows is not read while the state is held: a walk that needs it
// notes what, and the walk is made again when it is there.

// need is something to ask git before the next walk.
type need func(ctx context.Context) error

// commitIDs are the commits of a pull request, oldest first; before git was asked,
// the head alone.
func (q *query) commitIDs(i *issue) []string {
	out := []string{}
	for _, c := range q.commitsOf(i) {
		out = append(out, c.sha)
	}
	if len(out) == 0 {
		return []string{i.Pull.HeadSHA}
	}
	return out
}

func (q *query) commitsOf(i *issue) []commit {
	e := q.ends(i)
	key := [2]string{e.base, e.head}
	if list, ok := q.git.logs.get(key); ok {
		return list
	}
	q.needs = append(q.needs, func(ctx context.Context) error {
		mb, err := q.mergeBase(ctx, e)
		if err != nil {
			return err
		}
		list, err := q.git.log(ctx, e.repo, false, "--reverse", "--topo-order", "-250", mb+".."+e.head)
		if err == nil {
			q.git.logs.put(key, list)
		}
		return err
	})
	return nil
}

// commitText answers the fields that are inside a commit.
func (q *query) commitText(r *repo, sha, name string, a args) (any, bool) {
	known := map[string]any{"message": "", "messageHeadline": "", "messageBody": "", "authoredDate": nil, "committedDate": nil, "pushedDate": nil, "author": nil, "committer": nil,
		"authors": nil, "parents": nil, "tree": nil, "additions": 0, "deletions": 0, "changedFiles": 0}
	zero, ok := known[name]
	if !ok {
		return nil, false
	}
	c, ok := q.git.commits.get(sha)
	if !ok {
		q.needs = append(q.needs, func(ctx context.Context) error {
			_, err := q.knownCommit(ctx, r.ID, sha)
			return err
		})
		return zero, true
	}
	head, body, _ := strings.Cut(c.message, "\n")
	switch name {
	case "message":
		return c.message, true
	case "messageHeadline":
		return head, true
	case "messageBody":
		return strings.TrimSpace(body), true
	case "authoredDate":
		return stamp(c.author.when), true
	case "committedDate":
		return stamp(c.committer.when), true
	case "author":
		return q.signer(c.author), true
	case "committer":
		return q.signer(c.committer), true
	case "authors":
		return q.listing("GitActorConnection", []*object{q.signer(c.author)}, a), true
	case "parents":
		return q.listing("CommitConnection", each(c.parents, func(s string) *object { return q.commitObject(r, s) }), a), true
	case "tree":
		return fixed("Tree", obj{"oid": c.tree, "id": "T_" + c.tree}), true
	}
	return zero, true
}

func (q *query) signer(p person) *object {
	var who *object
	if a := q.st.emails[lower(p.email)]; a != nil {
		who = q.person(a)
	}
	return fixed("GitActor", obj{"name": p.name, "email": p.email, "date": stamp(p.when), "user": who})
}

// pullFileList lists changed files.
func (q *query) pullFileList(i *issue, a args) *object {
	e := q.ends(i)
	key := [2]string{e.base + "..." + e.head, ""}
	files, ok := q.git.diffs.get(key)
	if !ok {
		q.needs = append(q.needs, func(ctx context.Context) error {
			list, err := q.pullFiles(ctx, e)
			if err == nil {
				q.git.diffs.put(key, list)
			}
			return err
		})
	}
	return q.listing("PullRequestChangedFileConnection", each(files, func(f file) *object {
		kind := map[string]string{"added": "ADDED", "removed": "DELETED", "renamed": "RENAMED"}[f.status]
		if kind == "" {
			kind = "MODIFIED"
		}
		return fixed("PullRequestChangedFile", obj{"path": f.name, "additions": f.additions, "deletions": f.deletions, "changeType": kind, "viewerViewedState": "UNVIEWED"})
	}), a)
}
