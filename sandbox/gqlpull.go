package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// subject is an Issue or a PullRequest.
func (q *query) subject(i *issue) *object {
	r := q.st.repos[i.Repo]
	if i.Pull == nil {
		return &object{"Issue", func(name string, a args) (any, bool) { return q.issueField(r, i, name, a) }}
	}
	return &object{"PullRequest", func(name string, a args) (any, bool) {
		if v, ok := q.pullField(r, i, name, a); ok {
			return v, true
		}
		if v, ok := q.pullPeople(r, i, name, a); ok {
			return v, true
		}
		return q.issueField(r, i, name, a)
	}}
}

// issueField is what issues and pull requests share.
func (q *query) issueField(r *repo, i *issue, name string, a args) (any, bool) {
	switch name {
	case "id":
		return nodeID(map[bool]string{true: "PR", false: "I"}[i.Pull != nil], i.ID), true
	case "databaseId", "fullDatabaseId":
		return i.ID, true
	case "number":
		return i.Number, true
	case "title", "titleHTML":
		return i.Title, true
	case "body", "bodyText":
		return i.Body, true
	case "url":
		return q.issueHTML(r, i), true
	case "state":
		return graphState(i), true
	case "stateReason":
		return orNull(strings.ToUpper(i.Reason)), true
	case "closed":
		return i.State == "closed", true
	case "locked":
		return i.Locked, true
	case "activeLockReason":
		return nil, true
	case "createdAt":
		return stamp(i.Created), true
	case "updatedAt":
		return stamp(i.Updated), true
	case "closedAt":
		return stamp(i.Closed), true
	case "author":
		return q.person(q.account(i.Author)), true
	case "authorAssociation":
		return q.association(r, i.Author), true
	case "repository":
		return q.repoObject(r), true
	case "labels":
		return q.listing("LabelConnection", each(i.Labels, func(id int64) *object { return q.labelObject(r)(q.st.labels[id]) }), a), true
	case "assignees":
		return q.listing("UserConnection", each(i.Assignees, func(id int64) *object { return q.person(q.account(id)) }), a), true
	case "milestone":
		return q.milestoneObject(r)(q.st.miles[i.Milestone]), true
	case "comments":
		return q.listing("IssueCommentConnection", each(q.conversation(i), q.commentObject), a), true
	case "reactionGroups":
		return reactionGroups(i.Reactions), true
	case "participants":
		return q.listing("UserConnection", each([]int64{i.Author}, func(id int64) *object { return q.person(q.account(id)) }), a), true
	case "viewerDidAuthor":
		return i.Author == q.userID(), true
	case "viewerCanUpdate", "viewerCanReact":
		return i.Author == q.userID() || q.level(r, q.user) >= triage, true
	case "isPinned":
		return false, true
	case "projectCards", "projectItems", "projectsV2", "timelineItems", "timeline", "closedByPullRequestsReferences", "closingIssuesReferences", "linkedBranches":
		return q.nothing("Connection", a), true
	}
	return nil, false
}

// facts are what git said of a pull request, or nil and a note to ask.
func (q *query) facts(i *issue) *facts {
	e := q.ends(i)
	x, ok := q.git.facts.get([2]string{e.base, e.head})
	if !ok {
		q.needs = append(q.needs, func(ctx context.Context) error {
			_, err := q.git.look(ctx, e.repo, e.base, e.head)
			return err
		})
		return nil
	}
	return x
}

func (q *query) pullField(r *repo, i *issue, name string, a args) (any, bool) {
	p := i.Pull
	switch name {
	case "baseRefName":
		return p.BaseRef, true
	case "baseRefOid":
		return p.BaseSHA, true
	case "headRefName":
		return p.HeadRef, true
	case "headRefOid":
		return p.HeadSHA, true
	case "baseRef":
		return q.ref(r, heads+p.BaseRef), true
	case "headRef":
		if from := q.st.repos[p.HeadRepo]; from != nil {
			return q.ref(from, heads+p.HeadRef), true
		}
		return (*object)(nil), true
	case "baseRepository":
		return q.repoObject(r), true
	case "headRepository":
		if from := q.st.repos[p.HeadRepo]; from != nil {
			return q.repoObject(from), true
		}
		return (*object)(nil), true
	case "isCrossRepository":
		return p.HeadRepo != i.Repo, true
	case "isDraft":
		return p.Draft, true
	case "maintainerCanModify":
		return p.MaintainerEdits, true
	case "merged":
		return !p.Merged.IsZero(), true
	case "mergedAt":
		return stamp(p.Merged), true
	case "mergeCommit":
		if p.MergeSHA == "" {
			return (*object)(nil), true
		}
		return q.commitObject(r, p.MergeSHA), true
	case "potentialMergeCommit", "autoMergeRequest", "mergeQueueEntry", "suggestedActors":
		return nil, true
	case "isInMergeQueue", "isMergeQueueEnabled", "isReadByViewer", "viewerCanEnableAutoMerge", "viewerCanDisableAutoMerge":
		return false, true
	case "mergeable":
		return q.mergeable(i), true
	case "mergeStateStatus":
		if x := q.facts(i); x != nil && i.State == "open" {
			return q.mergeState(i, x), true
		}
		return "UNKNOWN", true
	case "canBeRebased":
		x := q.facts(i)
		return x != nil && i.State == "open" && x.rebaseable, true
	case "additions":
		return p.Additions, true
	case "deletions":
		return p.Deletions, true
	case "changedFiles":
		return p.ChangedFiles, true
	case "commits":
		return q.pullCommits(r, i, a), true
	case "statusCheckRollup":
		return q.rollup(r, p.HeadSHA), true
	case "files":
		return q.pullFileList(i, a), true
	}
	return nil, false
}

func (q *query) mergeable(i *issue) string {
	if i.State != "open" {
		return "UNKNOWN"
	}
	switch x := q.facts(i); {
	case x == nil:
		return "UNKNOWN"
	case x.mergeable:
		return "MERGEABLE"
	}
	return "CONFLICTING"
}

func (q *query) pullPeople(r *repo, i *issue, name string, a args) (any, bool) {
	p := i.Pull
	switch name {
	case "mergedBy":
		return q.person(q.st.accounts[p.MergedBy]), true
	case "headRepositoryOwner":
		return q.person(q.account(p.HeadOwner)), true
	case "reviewDecision":
		return orNull(q.decision(i)), true
	case "reviewRequests":
		var out []*object
		for _, id := range p.Reviewers {
			out = append(out, fixed("ReviewRequest", obj{"requestedReviewer": q.person(q.account(id)), "asCodeOwner": false}))
		}
		for _, id := range p.ReviewTeams {
			if t := q.st.teams[id]; t != nil {
				out = append(out, fixed("ReviewRequest", obj{"requestedReviewer": q.teamObject(t), "asCodeOwner": false}))
			}
		}
		return q.listing("ReviewRequestConnection", out, a), true
	case "reviews":
		return q.listing("PullRequestReviewConnection", each(q.visibleReviews(i, q.userID()), q.reviewObject), a), true
	case "latestReviews", "latestOpinionatedReviews":
		var out []*review
		for _, v := range q.visibleReviews(i, q.userID()) {
			out = append(slices.DeleteFunc(out, func(o *review) bool { return o.Author == v.Author }), v)
		}
		return q.listing("PullRequestReviewConnection", each(out, q.reviewObject), a), true
	case "reviewThreads":
		return q.nothing("PullRequestReviewThreadConnection", a), true
	case "viewerCanMergeAsAdmin":
		return q.level(r, q.user) == admin, true
	}
	return nil, false
}

// pullCommits lists the commits of a pull request.
func (q *query) pullCommits(r *repo, i *issue, a args) *object {
	total := max(i.Pull.Commits, 1)
	if n, ok := a.num("last"); ok && n < total && n <= 4 {
		// Whoever asks for the last few wants the checks of the head.
		return q.listingOf("PullRequestCommitConnection", []*object{q.pullCommit(r, i.Pull.HeadSHA)}, total, args{})
	}
	shas := q.commitIDs(i)
	return q.listingOf("PullRequestCommitConnection", each(shas, func(s string) *object { return q.pullCommit(r, s) }), total, a)
}

func (q *query) pullCommit(r *repo, sha string) *object {
	return fixed("PullRequestCommit", obj{"commit": q.commitObject(r, sha), "id": "PRC_" + sha, "url": q.o.URL + "/" + q.repoPath(r) + "/commit/" + sha})
}

func (q *query) commitObject(r *repo, sha string) *object {
	return &object{"Commit", func(name string, a args) (any, bool) {
		switch name {
		case "id":
			return fmt.Sprintf("C_%d_%s", r.ID, sha), true
		case "oid":
			return sha, true
		case "abbreviatedOid":
			return sha[:7], true
		case "url":
			return q.o.URL + "/" + q.repoPath(r) + "/commit/" + sha, true
		case "statusCheckRollup":
			return q.rollup(r, sha), true
		case "status":
			return q.statusObject(r, sha), true
		case "checkSuites":
			return q.nothing("CheckSuiteConnection", a), true
		case "associatedPullRequests":
			return q.nothing("PullRequestConnection", a), true
		}
		return q.commitText(r, sha, name, a)
	}}
}

func (q *query) statusObject(r *repo, sha string) *object {
	all := q.latest(r.ID, sha)
	if len(all) == 0 {
		return nil
	}
	return fixed("Status", obj{"state": strings.ToUpper(combined(all)), "contexts": each(all, func(s *status) *object { return q.statusContext(s, nil) })})
}

func (q *query) statusContext(s *status, required []string) *object {
	return &object{"StatusContext", func(name string, _ args) (any, bool) {
		switch name {
		case "id":
			return nodeID("SC", s.ID), true
		case "context":
			return s.Context, true
		case "state":
			return strings.ToUpper(s.State), true
		case "description":
			return orNull(s.Text), true
		case "targetUrl":
			return orNull(s.TargetURL), true
		case "avatarUrl":
			return nil, true
		case "createdAt":
			return stamp(s.Created), true
		case "creator":
			return q.person(q.account(s.Creator)), true
		case "isRequired":
			return slices.Contains(required, s.Context), true
		}
		return nil, false
	}}
}

func (q *query) runObject(k *checkRun) *object {
	return &object{"CheckRun", func(name string, _ args) (any, bool) {
		switch name {
		case "id":
			return nodeID("CR", k.ID), true
		case "databaseId":
			return k.ID, true
		case "name":
			return k.Name, true
		case "status":
			return strings.ToUpper(k.Status), true
		case "conclusion":
			return orNull(strings.ToUpper(k.Conclusion)), true
		case "title":
			return orNull(k.Title), true
		case "summary":
			return orNull(k.Summary), true
		case "text":
			return orNull(k.Text), true
		case "startedAt":
			return stamp(k.Started), true
		case "completedAt":
			return stamp(k.Completed), true
		case "detailsUrl", "url", "permalink":
			return k.DetailsURL, true
		case "isRequired":
			return false, true
		case "checkSuite":
			return fixed("CheckSuite", obj{"workflowRun": nil, "app": nil, "id": nodeID("CS", k.ID)}), true
		}
		return nil, false
	}}
}

// rollup is all checks of a commit, null if there are none.
func (q *query) rollup(r *repo, sha string) *object {
	statuses, runs := q.latest(r.ID, sha), q.latestRuns(r.ID, sha)
	if len(statuses)+len(runs) == 0 {
		return nil
	}
	var required []string
	if p := r.Protection[r.DefaultBranch]; p != nil {
		required = p.Contexts
	}
	all := each(runs, q.runObject)
	all = append(all, each(statuses, func(s *status) *object { return q.statusContext(s, required) })...)
	state := "SUCCESS"
	if len(statuses) > 0 {
		state = strings.ToUpper(combined(statuses))
	}
	for _, k := range runs {
		switch {
		case k.Status != "completed" && state == "SUCCESS":
			state = "PENDING"
		case k.Status == "completed" && !slices.Contains([]string{"success", "neutral", "skipped"}, k.Conclusion):
			state = "FAILURE"
		}
	}
	return &object{"StatusCheckRollup", func(name string, a args) (any, bool) {
		switch name {
		case "id":
			return "SCR_" + sha, true
		case "state":
			return state, true
		case "contexts":
			return q.listing("StatusCheckRollupContextConnection", all, a), true
		case "commit":
			return q.commitObject(r, sha), true
		}
		return nil, false
	}}
}

func (q *query) commentObject(c *comment) *object {
	i := q.st.issues[c.Issue]
	r := q.st.repos[i.Repo]
	return &object{"IssueComment", func(name string, _ args) (any, bool) {
		switch name {
		case "id":
			return nodeID("IC", c.ID), true
		case "databaseId":
			return c.ID, true
		case "body", "bodyText":
			return c.Body, true
		case "url":
			return fmt.Sprintf("%s#issuecomment-%d", q.issueHTML(r, i), c.ID), true
		case "author":
			return q.person(q.account(c.Author)), true
		case "authorAssociation":
			return q.association(r, c.Author), true
		case "createdAt", "publishedAt":
			return stamp(c.Created), true
		case "updatedAt":
			return stamp(c.Updated), true
		case "lastEditedAt":
			return nil, true
		case "includesCreatedEdit":
			return !c.Updated.Equal(c.Created), true
		case "isMinimized":
			return false, true
		case "minimizedReason":
			return nil, true
		case "viewerDidAuthor":
			return c.Author == q.userID(), true
		case "reactionGroups":
			return reactionGroups(c.Reactions), true
		}
		return nil, false
	}}
}

func (q *query) reviewObject(v *review) *object {
	i := q.st.issues[v.Issue]
	r := q.st.repos[i.Repo]
	return &object{"PullRequestReview", func(name string, a args) (any, bool) {
		switch name {
		case "id":
			return nodeID("PRR", v.ID), true
		case "databaseId":
			return v.ID, true
		case "state":
			return v.State, true
		case "body":
			return v.Body, true
		case "url":
			return fmt.Sprintf("%s#pullrequestreview-%d", q.issueHTML(r, i), v.ID), true
		case "author":
			return q.person(q.account(v.Author)), true
		case "authorAssociation":
			return q.association(r, v.Author), true
		case "submittedAt", "createdAt", "updatedAt", "publishedAt":
			return stamp(v.Submitted), true
		case "commit":
			return q.commitObject(r, v.SHA), true
		case "includesCreatedEdit":
			return false, true
		case "reactionGroups":
			return reactionGroups(nil), true
		case "comments":
			return q.nothing("PullRequestReviewCommentConnection", a), true
		}
		return nil, false
	}}
}

var graphReactions = map[string]string{"+1": "THUMBS_UP", "-1": "THUMBS_DOWN", "laugh": "LAUGH", "hooray": "HOORAY", "confused": "CONFUSED", "heart": "HEART", "rocket": "ROCKET", "eyes": "EYES"}

func reactionGroups(list []reaction) []*object {
	var out []*object
	for _, w := range reactionWords {
		n := 0
		for _, r := range list {
			if r.Content == w {
				n++
			}
		}
		out = append(out, fixed("ReactionGroup", obj{"content": graphReactions[w], "users": fixed("ReactingUserConnection", obj{"totalCount": n}), "reactors": fixed("ReactorConnection", obj{"totalCount": n})}))
	}
	return out
}
