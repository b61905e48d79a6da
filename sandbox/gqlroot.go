package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// root is the type Query.
func (q *query) root(name string, a args) (any, bool) {
	switch name {
	case "repository":
		r := q.st.names[lower(a.str("owner")+"/"+a.str("name"))]
		if r == nil || q.level(r, q.user) < read {
			q.fail("NOT_FOUND", "Could not resolve to a Repository with the name '%s/%s'.", a.str("owner"), a.str("name"))
			return (*object)(nil), true
		}
		return q.repoObject(r), true
	case "search":
		return q.found(a), true
	case "viewer":
		return q.person(q.user), true
	case "user", "organization", "repositoryOwner":
		x := q.st.logins[lower(a.str("login"))]
		if x == nil || name == "user" && x.Type == "Organization" || name == "organization" && x.Type != "Organization" {
			kind := map[string]string{"user": "a User", "organization": "an Organization", "repositoryOwner": "a RepositoryOwner"}[name]
			q.fail("NOT_FOUND", "Could not resolve to %s with the login of '%s'.", kind, a.str("login"))
			return (*object)(nil), true
		}
		return q.person(x), true
	case "node":
		return q.node(a.str("id")), true
	case "nodes":
		return each(a.strs("ids"), q.node), true
	case "rateLimit":
		left, reset := q.rate.spend(q.userID(), 0)
		return fixed("RateLimit", obj{"limit": q.rate.limit, "cost": 1, "remaining": max(left, 0), "used": q.rate.limit - left, "resetAt": stamp(reset), "nodeCount": 0}), true
	case "__type":
		return q.introspect(a.str("name")), true
	}
	return nil, false
}

func (q *query) found(a args) *object {
	text := a.str("query")
	switch a.str("type") {
	case "REPOSITORY":
		return q.listing("SearchResultItemConnection", each(q.reposWhere(func(r *repo) bool { return true }), q.repoObject), a)
	case "USER":
		return q.nothing("SearchResultItemConnection", a)
	}
	all := q.search(text, q.user)
	return q.listingOf("SearchResultItemConnection", each(all[:min(len(all), mostFound)], q.subject), len(all), a)
}

// node finds what a node id names.
func (q *query) node(id string) *object {
	kind, num, _ := strings.Cut(id, "_")
	n, _ := strconv.ParseInt(num, 10, 64)
	switch kind {
	case "I", "PR":
		if i := q.st.issues[n]; i != nil && q.level(q.st.repos[i.Repo], q.user) >= read {
			return q.subject(i)
		}
	case "R":
		if r := q.st.repos[n]; r != nil && q.level(r, q.user) >= read {
			return q.repoObject(r)
		}
	case "U", "O":
		if x := q.st.accounts[n]; x != nil {
			return q.person(x)
		}
	}
	q.fail("NOT_FOUND", "Could not resolve to a node with the global id of '%s'.", id)
	return nil
}

// introspect tells clients which fields a type has, as far as they ask before they
// use them.
func (q *query) introspect(kind string) *object {
	names := map[string][]string{
		"PullRequest": {"reviewDecision", "statusCheckRollup", "isInMergeQueue", "isMergeQueueEnabled", "isDraft"},
		"Issue":       {"stateReason"},
		"Repository":  {"autoMergeAllowed", "pullRequestTemplates", "visibility", "issueTemplates"},
		"IssueTemplate": {
			"body", "name", "title",
		},
		"CommitStatusContextStateCount": {}, "StatusCheckRollupContextConnection": {"nodes", "pageInfo", "totalCount"},
		"WorkflowRun": {"event"},
	}[kind]
	field := func(n string) *object { return fixed("__Field", obj{"name": n}) }
	return fixed("__Type", obj{"name": kind, "fields": each(names, field), "inputFields": []*object{}, "enumValues": []*object{}})
}

// person is a User, Bot or Organization.
func (q *query) person(x *account) *object {
	if x == nil {
		return nil
	}
	return &object{x.Type, func(name string, a args) (any, bool) { return q.personField(x, name, a) }}
}

func (q *query) personField(x *account, name string, a args) (any, bool) {
	switch name {
	case "id":
		return nodeID(map[bool]string{true: "O", false: "U"}[x.Type == "Organization"], x.ID), true
	case "databaseId":
		return x.ID, true
	case "login":
		return strings.TrimSuffix(x.Login, "[bot]"), true // as GitHub does; the type tells
	case "name", "bio", "company", "location":
		return orNull(map[bool]string{true: x.Name}[name == "name"]), true
	case "email":
		return x.Email, true
	case "url":
		return q.o.URL + "/" + x.Login, true
	case "resourcePath":
		return "/" + x.Login, true
	case "avatarUrl":
		return q.o.URL + "/-/avatar/" + x.Login, true
	case "createdAt":
		return stamp(x.Created), true
	case "isViewer":
		return x.ID == q.userID(), true
	case "viewerCanCreateRepositories", "viewerCanAdminister":
		return x.ID == q.userID() || x.Members[q.userID()] == "admin", true
	case "repositories":
		return q.listing("RepositoryConnection", each(q.reposWhere(func(r *repo) bool { return r.Owner == x.ID }), q.repoObject), a), true
	case "repository":
		r := q.st.names[lower(x.Login+"/"+a.str("name"))]
		if r == nil || q.level(r, q.user) < read {
			return (*object)(nil), true
		}
		return q.repoObject(r), true
	case "organizations":
		var orgs []*account
		for _, o := range q.st.accounts {
			if o.Members[x.ID] != "" {
				orgs = append(orgs, o)
			}
		}
		slices.SortFunc(orgs, func(a, b *account) int { return int(a.ID - b.ID) })
		return q.listing("OrganizationConnection", each(orgs, q.person), a), true
	case "teams":
		return q.listing("TeamConnection", each(q.teamsOf(x.ID), q.teamObject), a), true
	case "team":
		if t := q.teamOf(x.ID, a.str("slug")); t != nil {
			return q.teamObject(t), true
		}
		return (*object)(nil), true
	case "projects", "projectsV2":
		return q.nothing("ProjectConnection", a), true
	case "membersWithRole":
		return q.listing("OrganizationMemberConnection", each(q.people(x.Members, ""), q.person), a), true
	}
	return nil, false
}

func (q *query) teamObject(t *team) *object {
	return &object{"Team", func(name string, a args) (any, bool) {
		switch name {
		case "id":
			return nodeID("T", t.ID), true
		case "name":
			return t.Name, true
		case "slug":
			return t.Slug, true
		case "organization":
			return q.person(q.account(t.Org)), true
		case "members":
			return q.listing("TeamMemberConnection", each(q.people(t.Members, ""), q.person), a), true
		}
		return nil, false
	}}
}

func (q *query) repoObject(r *repo) *object {
	return &object{"Repository", func(name string, a args) (any, bool) {
		if v, ok := q.repoScalar(r, name); ok {
			return v, true
		}
		return q.repoList(r, name, a)
	}}
}

func (q *query) repoScalar(r *repo, name string) (any, bool) {
	switch name {
	case "id":
		return nodeID("R", r.ID), true
	case "databaseId":
		return r.ID, true
	case "name":
		return r.Name, true
	case "nameWithOwner":
		return q.repoPath(r), true
	case "owner":
		return q.person(q.account(r.Owner)), true
	case "description", "homepageUrl":
		return orNull(map[bool]string{true: r.Description}[name == "description"]), true
	case "url":
		return q.o.URL + "/" + q.repoPath(r), true
	case "sshUrl":
		return "git@sandbox:" + q.repoPath(r) + ".git", true
	case "isPrivate":
		return r.Private, true
	case "visibility":
		return strings.ToUpper(visibility(r)), true
	case "isArchived":
		return r.Archived, true
	case "isFork":
		return r.Parent != 0, true
	case "isEmpty":
		return len(r.Refs) == 0, true
	case "isTemplate", "isMirror", "isDisabled", "isLocked", "hasWikiEnabled", "hasProjectsEnabled", "isInOrganization", "autoMergeAllowed", "hasDiscussionsEnabled":
		return false, true
	case "hasIssuesEnabled", "viewerCanSubscribe":
		return true, true
	case "mergeCommitAllowed":
		return !r.NoMerge, true
	case "squashMergeAllowed":
		return !r.NoSquash, true
	case "rebaseMergeAllowed":
		return !r.NoRebase, true
	case "deleteBranchOnMerge":
		return r.DeleteMerged, true
	case "viewerPermission":
		if l := q.level(r, q.user); l > none {
			return strings.ToUpper(l.String()), true
		}
		return nil, true
	case "viewerCanAdminister":
		return q.level(r, q.user) == admin, true
	case "viewerDefaultCommitEmail":
		return q.user.Email, true
	case "viewerDefaultMergeMethod":
		return "MERGE", true
	case "createdAt":
		return stamp(r.Created), true
	case "updatedAt":
		return stamp(r.Updated), true
	case "pushedAt":
		return stamp(r.Pushed), true
	case "stargazerCount", "forkCount", "diskUsage":
		return 0, true
	case "parent":
		if up := q.st.repos[r.Parent]; up != nil && q.level(up, q.user) >= read {
			return q.repoObject(up), true
		}
		return (*object)(nil), true
	case "defaultBranchRef":
		return q.ref(r, heads+r.DefaultBranch), true
	case "primaryLanguage", "licenseInfo", "latestRelease", "codeOfConduct", "mergeQueue", "templateRepository":
		return nil, true
	case "issueTemplates", "pullRequestTemplates", "contactLinks":
		return []*object{}, true
	}
	return nil, false
}

func (q *query) repoList(r *repo, name string, a args) (any, bool) {
	switch name {
	case "ref":
		ref := a.str("qualifiedName")
		if !strings.HasPrefix(ref, "refs/") {
			ref = heads + ref
		}
		return q.ref(r, ref), true
	case "refs":
		var out []*object
		prefix := a.str("refPrefix")
		for _, n := range named(r.Refs, prefix) {
			if strings.Contains(n, a.str("query")) {
				out = append(out, q.ref(r, prefix+n))
			}
		}
		return q.listing("RefConnection", out, a), true
	case "pullRequest", "issue", "issueOrPullRequest":
		n, _ := a.num("number")
		i := q.st.numbers[numberID{r.ID, n}]
		if i == nil || name == "pullRequest" && i.Pull == nil || name == "issue" && i.Pull != nil {
			kind := map[string]string{"pullRequest": "a PullRequest", "issue": "an Issue", "issueOrPullRequest": "an issue or pull request"}[name]
			q.fail("NOT_FOUND", "Could not resolve to %s with the number of %d.", kind, n)
			return (*object)(nil), true
		}
		return q.subject(i), true
	case "pullRequests":
		return q.listing("PullRequestConnection", each(q.subjects(r, true, a), q.subject), a), true
	case "issues":
		return q.listing("IssueConnection", each(q.subjects(r, false, a), q.subject), a), true
	case "labels":
		list := slices.Clone(r.Labels)
		if s := lower(a.str("query")); s != "" {
			list = slices.DeleteFunc(list, func(l *label) bool { return !strings.Contains(lower(l.Name+" "+l.Description), s) })
		}
		return q.listing("LabelConnection", each(list, q.labelObject(r)), a), true
	case "label":
		if l := r.label(a.str("name")); l != nil {
			return q.labelObject(r)(l), true
		}
		return (*object)(nil), true
	case "milestones":
		return q.listing("MilestoneConnection", each(r.Milestones, q.milestoneObject(r)), a), true
	case "assignableUsers", "mentionableUsers", "collaborators":
		q.repo = r
		return q.listing("UserConnection", each(q.candidates(), q.person), a), true
	case "forks", "projects", "projectsV2", "releases", "repositoryTopics", "languages", "watchers", "stargazers", "discussionCategories", "branchProtectionRules", "rulesets":
		return q.nothing("Connection", a), true
	case "object":
		return (*object)(nil), true
	}
	return nil, false
}

// subjects lists issues or pull requests with the filters both know.
func (q *query) subjects(r *repo, pulls bool, a args) []*issue {
	var out []*issue
	states, labels := a.strs("states"), a.strs("labels")
	filter, _ := a["filterBy"].(map[string]any)
	f := args(filter)
	if s := f.strs("states"); s != nil {
		states = s
	}
	labels = append(labels, f.strs("labels")...)
	for _, i := range q.st.byRepo[r.ID] {
		if (i.Pull != nil) != pulls || len(states) > 0 && !slices.Contains(states, graphState(i)) {
			continue
		}
		if pulls && (a.str("baseRefName") != "" && i.Pull.BaseRef != a.str("baseRefName") || a.str("headRefName") != "" && i.Pull.HeadRef != a.str("headRefName")) {
			continue
		}
		if len(labels) > 0 && !slices.ContainsFunc(labels, func(l string) bool { return q.hasLabel(i, l) }) {
			continue
		}
		if s := f.str("assignee"); s != "" && !q.named(s, i.Assignees) {
			continue
		}
		if s := f.str("createdBy"); s != "" && !q.named(s, []int64{i.Author}) {
			continue
		}
		if s := f.str("mentioned"); s != "" && !q.fitsOne(r, i, "mentions", s) {
			continue
		}
		out = append(out, i)
	}
	order, _ := a["orderBy"].(map[string]any)
	o := args(order)
	direction := "asc"
	if o.str("direction") == "DESC" {
		direction = "desc"
	}
	by := "created"
	if o.str("field") == "UPDATED_AT" {
		by = "updated"
	}
	sortIssues(out, by, direction)
	return out
}

func graphState(i *issue) string {
	if i.Pull != nil && !i.Pull.Merged.IsZero() {
		return "MERGED"
	}
	return strings.ToUpper(i.State)
}

func (q *query) ref(r *repo, full string) *object {
	sha := r.Refs[full]
	if sha == "" {
		return nil
	}
	prefix := heads
	if strings.HasPrefix(full, tags) {
		prefix = tags
	}
	return &object{"Ref", func(name string, a args) (any, bool) {
		switch name {
		case "id":
			return fmt.Sprintf("REF_%d_%s", r.ID, full), true
		case "name":
			return strings.TrimPrefix(full, prefix), true
		case "prefix":
			return prefix, true
		case "target":
			return q.commitObject(r, sha), true
		case "repository":
			return q.repoObject(r), true
		case "branchProtectionRule":
			p := r.Protection[strings.TrimPrefix(full, heads)]
			if p == nil {
				return (*object)(nil), true
			}
			return fixed("BranchProtectionRule", obj{"requiresStrictStatusChecks": p.Strict, "requiredApprovingReviewCount": p.Reviews, "requiresApprovingReviews": p.HasReviews,
				"requiredStatusCheckContexts": list(p.Contexts), "requiresStatusChecks": p.HasChecks}), true
		case "associatedPullRequests":
			return q.nothing("PullRequestConnection", a), true
		}
		return nil, false
	}}
}

func (q *query) labelObject(r *repo) func(*label) *object {
	return func(l *label) *object {
		return &object{"Label", func(name string, _ args) (any, bool) {
			switch name {
			case "id":
				return nodeID("LA", l.ID), true
			case "name":
				return l.Name, true
			case "color":
				return l.Color, true
			case "description":
				return l.Description, true
			case "isDefault":
				return false, true
			case "url":
				return q.o.URL + "/" + q.repoPath(r) + "/labels/" + escapePath(l.Name), true
			case "createdAt", "updatedAt":
				return stamp(r.Created), true
			}
			return nil, false
		}}
	}
}

func (q *query) milestoneObject(*repo) func(*milestone) *object {
	return func(m *milestone) *object {
		if m == nil {
			return nil
		}
		return fixed("Milestone", obj{"id": nodeID("MI", m.ID), "number": m.Number, "title": m.Title, "description": orNull(m.Description),
			"dueOn": stamp(m.Due), "state": strings.ToUpper(m.State), "createdAt": stamp(m.Created), "progressPercentage": 0})
	}
}
