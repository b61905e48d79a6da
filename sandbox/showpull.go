package sandbox

import (
	"fmt"
	"strings"
)

// showEnd is the base or head of a pull request.
func (f *Forge) showEnd(r *repo, owner int64, ref, sha string) obj {
	login := f.account(owner).Login
	return obj{"label": login + ":" + ref, "ref": ref, "sha": sha, "user": f.showUserID(owner), "repo": f.showRepo(r)}
}

// showPull is a pull request as lists show it.
func (f *Forge) showPull(i *issue) obj {
	r, p := f.st.repos[i.Repo], i.Pull
	u, html := fmt.Sprintf("%s/pulls/%d", f.repoAPI(r), i.Number), f.issueHTML(r, i)
	iu := fmt.Sprintf("%s/issues/%d", f.repoAPI(r), i.Number)
	o := obj{
		"url": u, "id": i.ID, "node_id": nodeID("PR", i.ID), "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch", "issue_url": iu,
		"number": i.Number, "state": i.State, "locked": i.Locked, "title": i.Title, "user": f.showUserID(i.Author), "body": orNull(i.Body),
		"created_at": stamp(i.Created), "updated_at": stamp(i.Updated), "closed_at": stamp(i.Closed), "merged_at": stamp(p.Merged),
		"merge_commit_sha": orNull(p.MergeSHA), "assignee": nil, "assignees": f.showUsers(i.Assignees), "requested_reviewers": f.showUsers(p.Reviewers),
		"requested_teams": f.showTeams(p.ReviewTeams), "labels": f.showLabels(r, i.Labels), "milestone": f.showMilestone(r, f.st.miles[i.Milestone]),
		"draft": p.Draft, "commits_url": u + "/commits", "review_comments_url": u + "/comments",
		"review_comment_url": f.repoAPI(r) + "/pulls/comments{/number}", "comments_url": iu + "/comments", "statuses_url": f.repoAPI(r) + "/statuses/" + p.HeadSHA,
		"head": f.showEnd(f.st.repos[p.HeadRepo], p.HeadOwner, p.HeadRef, p.HeadSHA), "base": f.showEnd(r, r.Owner, p.BaseRef, p.BaseSHA),
		"author_association": f.association(r, i.Author), "auto_merge": nil, "active_lock_reason": nil,
		"_links": obj{
			"self": href(u), "html": href(html), "issue": href(iu), "comments": href(iu + "/comments"), "review_comments": href(u + "/comments"),
			"review_comment": href(f.repoAPI(r) + "/pulls/comments{/number}"), "commits": href(u + "/commits"), "statuses": href(f.repoAPI(r) + "/statuses/" + p.HeadSHA),
		},
	}
	if len(i.Assignees) > 0 {
		o["assignee"] = f.showUserID(i.Assignees[0])
	}
	return o
}

func href(u string) obj { return obj{"href": u} }

// showFullPull adds what only a single pull request and webhooks tell. Without
// facts, mergeability is not known yet.
func (f *Forge) showFullPull(i *issue, x *facts) obj {
	o, p := f.showPull(i), i.Pull
	said, onDiff := f.talk(i.ID)
	for k, v := range (obj{
		"merged": !p.Merged.IsZero(), "merged_by": f.showUserID(p.MergedBy), "comments": said, "review_comments": onDiff,
		"maintainer_can_modify": p.MaintainerEdits, "commits": p.Commits, "additions": p.Additions, "deletions": p.Deletions,
		"changed_files": p.ChangedFiles, "mergeable": nil, "rebaseable": nil, "mergeable_state": "unknown",
	}) {
		o[k] = v
	}
	if x != nil && i.State == "open" {
		o["mergeable"], o["rebaseable"] = x.mergeable, x.rebaseable
		o["mergeable_state"] = strings.ToLower(f.mergeState(i, x))
	}
	return o
}

func (f *Forge) showTeams(ids []int64) []any {
	out := []any{}
	for _, id := range ids {
		if t := f.st.teams[id]; t != nil {
			out = append(out, f.showTeam(t))
		}
	}
	return out
}

func (f *Forge) showTeam(t *team) obj {
	org := f.account(t.Org)
	u := fmt.Sprintf("%s/organizations/%d/team/%d", f.API(), t.Org, t.ID)
	return obj{
		"id": t.ID, "node_id": nodeID("T", t.ID), "name": t.Name, "slug": t.Slug, "description": orNull(t.Description), "privacy": "closed",
		"notification_setting": "notifications_enabled", "permission": "pull", "url": u, "html_url": f.o.URL + "/orgs/" + org.Login + "/teams/" + t.Slug,
		"members_url": u + "/members{/member}", "repositories_url": u + "/repos", "parent": nil, "type": "organization", "organization_id": t.Org,
	}
}

func (f *Forge) showReview(v *review) obj {
	i := f.st.issues[v.Issue]
	r := f.st.repos[i.Repo]
	u, html := fmt.Sprintf("%s/pulls/%d", f.repoAPI(r), i.Number), fmt.Sprintf("%s#pullrequestreview-%d", f.issueHTML(r, i), v.ID)
	o := obj{
		"id": v.ID, "node_id": nodeID("PRR", v.ID), "user": f.showUserID(v.Author), "body": v.Body, "state": v.State, "html_url": html,
		"pull_request_url": u, "author_association": f.association(r, v.Author), "_links": obj{"html": href(html), "pull_request": href(u)},
		"commit_id": v.SHA,
	}
	if !v.Submitted.IsZero() {
		o["submitted_at"] = stamp(v.Submitted)
	}
	return o
}

func (f *Forge) showReviewComment(c *comment) obj {
	i := f.st.issues[c.Issue]
	r, l := f.st.repos[i.Repo], c.Line
	pu, u := fmt.Sprintf("%s/pulls/%d", f.repoAPI(r), i.Number), fmt.Sprintf("%s/pulls/comments/%d", f.repoAPI(r), c.ID)
	html := fmt.Sprintf("%s#discussion_r%d", f.issueHTML(r, i), c.ID)
	o := obj{
		"id": c.ID, "node_id": nodeID("PRRC", c.ID), "url": u, "pull_request_review_id": l.Review, "diff_hunk": l.Hunk, "path": l.Path,
		"commit_id": l.SHA, "original_commit_id": l.SHA, "user": f.showUserID(c.Author), "body": c.Body, "created_at": stamp(c.Created),
		"updated_at": stamp(c.Updated), "html_url": html, "pull_request_url": pu, "author_association": f.association(r, c.Author),
		"_links":    obj{"self": href(u), "html": href(html), "pull_request": href(pu)},
		"reactions": showReactions(u, c.Reactions), "side": l.Side, "subject_type": "line",
		"line": l.Line, "original_line": l.Line, "position": max(l.Position, 1), "original_position": max(l.Position, 1),
		"start_line": nil, "original_start_line": nil, "start_side": nil,
	}
	if l.StartLine > 0 {
		o["start_line"], o["original_start_line"], o["start_side"] = l.StartLine, l.StartLine, l.StartSide
	}
	if l.WholeFile {
		o["subject_type"] = "file"
		delete(o, "line")
		delete(o, "original_line")
	}
	if l.InReplyTo != 0 {
		o["in_reply_to_id"] = l.InReplyTo
	}
	return o
}
