package sandbox

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// obj is a JSON object.
type obj map[string]any

// stamp is a time as GitHub writes it; the zero time is null.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// orNull is null for "".
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nodeID(kind string, id int64) string { return fmt.Sprintf("%s_%d", kind, id) }

// ghost stands for people who are gone.
func (f *Forge) account(id int64) *account {
	if a := f.st.accounts[id]; a != nil {
		return a
	}
	return &account{Login: "ghost", Type: "User"}
}

func (f *Forge) showUser(a *account) obj {
	u := f.API() + "/users/" + url.PathEscape(a.Login)
	return obj{
		"login": a.Login, "id": a.ID, "node_id": nodeID("U", a.ID), "avatar_url": f.o.URL + "/-/avatar/" + url.PathEscape(a.Login), "gravatar_id": "",
		"url": u, "html_url": f.o.URL + "/" + a.Login, "followers_url": u + "/followers", "following_url": u + "/following{/other_user}",
		"gists_url": u + "/gists{/gist_id}", "starred_url": u + "/starred{/owner}{/repo}", "subscriptions_url": u + "/subscriptions",
		"organizations_url": u + "/orgs", "repos_url": u + "/repos", "events_url": u + "/events{/privacy}",
		"received_events_url": u + "/received_events", "type": a.Type, "site_admin": a.Admin, "user_view_type": "public",
	}
}

func (f *Forge) showUserID(id int64) any {
	if id == 0 {
		return nil
	}
	return f.showUser(f.account(id))
}

func (f *Forge) showUsers(ids []int64) []any {
	out := []any{}
	for _, id := range ids {
		out = append(out, f.showUserID(id))
	}
	return out
}

func (f *Forge) repoPath(r *repo) string { return f.account(r.Owner).Login + "/" + r.Name }

func (f *Forge) repoAPI(r *repo) string { return f.API() + "/repos/" + f.repoPath(r) }

// showRepo is the repository as anyone sees it. It is part of most answers, so it
// is kept as JSON until the repository changes.
func (f *Forge) showRepo(r *repo) any {
	if r == nil {
		return nil
	}
	if v, ok := f.shown.Load(r.ID); ok {
		return v
	}
	b, err := json.Marshal(f.repoObj(r))
	if err != nil {
		return nil
	}
	f.shown.Store(r.ID, json.RawMessage(b))
	return json.RawMessage(b)
}

func (f *Forge) repoObj(r *repo) obj {
	owner, full := f.account(r.Owner), f.repoPath(r)
	u, html := f.repoAPI(r), f.o.URL+"/"+full
	o := obj{
		"id": r.ID, "node_id": nodeID("R", r.ID), "name": r.Name, "full_name": full, "owner": f.showUser(owner), "private": r.Private,
		"html_url": html, "description": orNull(r.Description), "fork": r.Parent != 0, "url": u,
		"created_at": stamp(r.Created), "updated_at": stamp(r.Updated), "pushed_at": stamp(r.Pushed),
		"git_url": strings.Replace(html, "http", "git", 1) + ".git", "ssh_url": "git@sandbox:" + full + ".git", "clone_url": html + ".git", "svn_url": html,
		"homepage": nil, "size": 0, "stargazers_count": r.Stars, "watchers_count": r.Stars, "language": nil, "has_issues": true, "has_projects": false,
		"has_downloads": true, "has_wiki": false, "has_pages": false, "has_discussions": false, "forks_count": f.forks(r.ID), "mirror_url": nil, "archived": r.Archived,
		"disabled": false, "open_issues_count": f.openIssues(r.ID), "license": nil, "allow_forking": true, "is_template": false,
		"web_commit_signoff_required": false, "topics": []string{}, "visibility": visibility(r), "forks": f.forks(r.ID),
		"open_issues": f.openIssues(r.ID), "watchers": r.Stars, "default_branch": r.DefaultBranch,
		"allow_squash_merge": !r.NoSquash, "allow_merge_commit": !r.NoMerge, "allow_rebase_merge": !r.NoRebase, "allow_auto_merge": false,
		"delete_branch_on_merge": r.DeleteMerged, "allow_update_branch": false, "use_squash_pr_title_as_default": false,
		"squash_merge_commit_message": "COMMIT_MESSAGES", "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
		"merge_commit_message": "PR_TITLE", "merge_commit_title": "MERGE_MESSAGE", "custom_properties": obj{},
	}
	for name, path := range repoURLs {
		o[name] = u + path
	}
	return o
}

// repoURLs are the addresses in each repository.
var repoURLs = map[string]string{
	"forks_url": "/forks", "keys_url": "/keys{/key_id}", "collaborators_url": "/collaborators{/collaborator}", "teams_url": "/teams", "hooks_url": "/hooks",
	"issue_events_url": "/issues/events{/number}", "events_url": "/events", "assignees_url": "/assignees{/user}", "branches_url": "/branches{/branch}",
	"tags_url": "/tags", "blobs_url": "/git/blobs{/sha}", "git_tags_url": "/git/tags{/sha}", "git_refs_url": "/git/refs{/sha}", "trees_url": "/git/trees{/sha}",
	"statuses_url": "/statuses/{sha}", "languages_url": "/languages", "stargazers_url": "/stargazers", "contributors_url": "/contributors",
	"subscribers_url": "/subscribers", "subscription_url": "/subscription", "commits_url": "/commits{/sha}", "git_commits_url": "/git/commits{/sha}",
	"comments_url": "/comments{/number}", "issue_comment_url": "/issues/comments{/number}", "contents_url": "/contents/{+path}",
	"compare_url": "/compare/{base}...{head}", "merges_url": "/merges", "archive_url": "/{archive_format}{/ref}", "downloads_url": "/downloads",
	"issues_url": "/issues{/number}", "pulls_url": "/pulls{/number}", "milestones_url": "/milestones{/number}",
	"notifications_url": "/notifications{?since,all,participating}", "labels_url": "/labels{/name}", "releases_url": "/releases{/id}", "deployments_url": "/deployments",
}

func visibility(r *repo) string {
	if r.Private {
		return "private"
	}
	return "public"
}

func (f *Forge) forks(id int64) int {
	n := 0
	for _, r := range f.st.repos {
		if r.Parent == id {
			n++
		}
	}
	return n
}

func (f *Forge) openIssues(repo int64) int {
	n := 0
	for _, i := range f.st.byRepo[repo] {
		if i.State == "open" {
			n++
		}
	}
	return n
}

func (f *Forge) showLabel(r *repo, l *label) obj {
	return obj{
		"id": l.ID, "node_id": nodeID("LA", l.ID), "url": f.repoAPI(r) + "/labels/" + url.PathEscape(l.Name), "name": l.Name, "color": l.Color,
		"default": false, "description": orNull(l.Description),
	}
}

func (f *Forge) showLabels(r *repo, ids []int64) []any {
	out := []any{}
	for _, id := range ids {
		if l := f.st.labels[id]; l != nil {
			out = append(out, f.showLabel(r, l))
		}
	}
	return out
}

func (f *Forge) showMilestone(r *repo, m *milestone) any {
	if m == nil {
		return nil
	}
	u := fmt.Sprintf("%s/milestones/%d", f.repoAPI(r), m.Number)
	open, closed := 0, 0
	for _, i := range f.st.byRepo[r.ID] {
		if i.Milestone == m.ID {
			if i.State == "open" {
				open++
			} else {
				closed++
			}
		}
	}
	return obj{
		"url": u, "html_url": fmt.Sprintf("%s/%s/milestone/%d", f.o.URL, f.repoPath(r), m.Number), "labels_url": u + "/labels", "id": m.ID,
		"node_id": nodeID("MI", m.ID), "number": m.Number, "title": m.Title, "description": orNull(m.Description), "creator": f.showUserID(m.Creator),
		"open_issues": open, "closed_issues": closed, "state": m.State, "created_at": stamp(m.Created), "updated_at": stamp(m.Updated),
		"due_on": stamp(m.Due), "closed_at": stamp(m.Closed),
	}
}

// association is what GitHub says of an author beside each text.
func (f *Forge) association(r *repo, user int64) string {
	owner := f.account(r.Owner)
	switch {
	case user == owner.ID:
		return "OWNER"
	case owner.Members[user] != "":
		return "MEMBER"
	case r.Collaborators[user] != "":
		return "COLLABORATOR"
	}
	for _, i := range f.st.byRepo[r.ID] {
		if i.Author == user && i.Pull != nil && !i.Pull.Merged.IsZero() {
			return "CONTRIBUTOR"
		}
	}
	return "NONE"
}

// reactions are GitHub's words for them.
var reactionWords = []string{"+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"}

func showReactions(u string, list []reaction) obj {
	o := obj{"url": u + "/reactions", "total_count": len(list)}
	for _, w := range reactionWords {
		o[w] = 0
	}
	for _, r := range list {
		n, _ := o[r.Content].(int)
		o[r.Content] = n + 1
	}
	return o
}

func (f *Forge) showComment(c *comment) obj {
	i := f.st.issues[c.Issue]
	r := f.st.repos[i.Repo]
	u := fmt.Sprintf("%s/issues/comments/%d", f.repoAPI(r), c.ID)
	return obj{
		"id": c.ID, "node_id": nodeID("IC", c.ID), "url": u, "html_url": fmt.Sprintf("%s#issuecomment-%d", f.issueHTML(r, i), c.ID), "body": c.Body,
		"user": f.showUserID(c.Author), "created_at": stamp(c.Created), "updated_at": stamp(c.Updated), "issue_url": fmt.Sprintf("%s/issues/%d", f.repoAPI(r), i.Number),
		"author_association": f.association(r, c.Author), "reactions": showReactions(u, c.Reactions), "performed_via_github_app": nil,
	}
}

func (f *Forge) issueHTML(r *repo, i *issue) string {
	kind := "issues"
	if i.Pull != nil {
		kind = "pull"
	}
	return fmt.Sprintf("%s/%s/%s/%d", f.o.URL, f.repoPath(r), kind, i.Number)
}

// talk counts the comments of the conversation.
func (f *Forge) talk(issue int64) (said, onDiff int) {
	for _, c := range f.st.said[issue] {
		if c.Line == nil {
			said++
		} else {
			onDiff++
		}
	}
	return said, onDiff
}

func (f *Forge) showIssue(i *issue) obj {
	r := f.st.repos[i.Repo]
	u := fmt.Sprintf("%s/issues/%d", f.repoAPI(r), i.Number)
	said, _ := f.talk(i.ID)
	o := obj{
		"url": u, "repository_url": f.repoAPI(r), "labels_url": u + "/labels{/name}", "comments_url": u + "/comments", "events_url": u + "/events",
		"html_url": f.issueHTML(r, i), "id": i.ID, "node_id": nodeID("I", i.ID), "number": i.Number, "title": i.Title, "user": f.showUserID(i.Author),
		"labels": f.showLabels(r, i.Labels), "state": i.State, "locked": i.Locked, "assignee": nil, "assignees": f.showUsers(i.Assignees),
		"milestone": f.showMilestone(r, f.st.miles[i.Milestone]), "comments": said, "created_at": stamp(i.Created), "updated_at": stamp(i.Updated),
		"closed_at": stamp(i.Closed), "author_association": f.association(r, i.Author), "active_lock_reason": nil, "body": orNull(i.Body),
		"reactions": showReactions(u, i.Reactions), "timeline_url": u + "/timeline", "performed_via_github_app": nil, "state_reason": orNull(i.Reason),
		"closed_by": f.showUserID(i.ClosedBy),
	}
	if len(i.Assignees) > 0 {
		o["assignee"] = f.showUserID(i.Assignees[0])
	}
	if p := i.Pull; p != nil {
		api, html := fmt.Sprintf("%s/pulls/%d", f.repoAPI(r), i.Number), f.issueHTML(r, i)
		o["node_id"], o["draft"] = nodeID("PR", i.ID), p.Draft
		o["pull_request"] = obj{"url": api, "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch", "merged_at": stamp(p.Merged)}
	}
	return o
}
