package sandbox_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
)

// town is a sandbox with alice, who owns o/r's fork-free twin alice/r, bob who may
// write to it, carol who may triage, and dave, a stranger.
func town(t *testing.T, options ...world.Option) (*rest, prow.Repo) {
	t.Helper()
	r := open(t, options...)
	r.Users("alice", "bob", "carol", "dave")
	at := r.Repo("alice/r", map[string]string{"README.md": "hello\n", "dir/a.txt": "one\ntwo\nthree\n"})
	for login, p := range map[string]prow.Permission{"bob": "write", "carol": "triage"} {
		if err := r.Hub.AddCollaborator(t.Context(), at, login, p); err != nil {
			t.Fatal(err)
		}
	}
	return r, at
}

func TestWhoMayWhat(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	r.Issue(at, "dave", "It breaks", "")
	const issue = "/repos/alice/r/issues/1"
	r.no("nobody", "GET", "/user", nil, 401, "Bad credentials")
	r.no("", "GET", "/user", nil, 401, "Requires authentication")
	r.ok("", "GET", "/repos/alice/r", nil)
	r.no("", "POST", issue+"/comments", `{"body":"x"}`, 401, "Requires authentication")
	r.ok("dave", "POST", issue+"/comments", `{"body":"x"}`)
	r.no("dave", "POST", issue+"/labels", `["bug"]`, 403, "triage")
	r.ok("carol", "POST", issue+"/labels", `["bug"]`)
	r.no("carol", "PUT", "/repos/alice/r/contents/x", `{"message":"m","content":"eA=="}`, 403, "write")
	r.no("bob", "POST", "/repos/alice/r/hooks", `{"config":{"url":"http://x"}}`, 403, "admin")
	r.no("bob", "PUT", "/repos/alice/r/collaborators/dave", `{}`, 403, "admin")
	r.want(r.ok("bob", "GET", "/repos/alice/r/collaborators/carol/permission", nil).get("role_name"), "triage")
	r.want(r.ok("bob", "GET", "/repos/alice/r/collaborators/dave/permission", nil).get("permission"), "read")
	r.want(r.ok("alice", "GET", "/repos/alice/r/collaborators", nil).len(), 3)
	r.ok("alice", "PATCH", "/repos/alice/r", `{"private":true}`)
	r.no("dave", "GET", "/repos/alice/r", nil, 404, "Not Found")
	r.no("", "GET", "/repos/alice/r/issues", nil, 404, "Not Found")
	r.ok("carol", "GET", "/repos/alice/r", nil)
	r.want(r.ok("dave", "GET", "/search/issues?q=breaks", nil).get("total_count"), 0)
	r.want(r.ok("carol", "GET", "/search/issues?q=breaks", nil).get("total_count"), 1)
	r.ok("alice", "PATCH", "/repos/alice/r", `{"archived":true}`)
	r.no("bob", "POST", issue+"/comments", `{"body":"x"}`, 403, "archived")
}

func TestIssues(t *testing.T) {
	t.Parallel()
	r, _ := town(t)
	const all = "/repos/alice/r/issues"
	r.no("dave", "POST", all, `{}`, 422, "missing_field")
	r.no("dave", "POST", all, `{"title":5}`, 422, "")
	r.no("dave", "POST", all, `{"title":`, 400, "Problems parsing JSON")
	r.no("dave", "POST", all, map[string]string{"title": "x", "body": strings.Repeat("x", 2<<20)}, 422, "too long")
	r.ok("alice", "POST", "/repos/alice/r/milestones", `{"title":"v1","description":"first"}`)
	got := r.ok("alice", "POST", all, `{"title":"t","body":"b","labels":["bug",{"name":"two"}],"assignees":["bob"],"milestone":1}`)
	r.want(got.get("labels.1.name"), "two")
	r.want(got.get("assignee.login"), "bob")
	r.want(got.get("milestone.title"), "v1")
	one := all + "/1"
	r.ok("alice", "PATCH", one, `{"state":"closed","state_reason":"not_planned"}`)
	r.want(r.ok("", "GET", one, nil).get("state_reason"), "not_planned")
	r.want(r.ok("", "GET", all, nil).len(), 0)
	r.want(r.ok("", "GET", all+"?state=all&labels=bug,two&assignee=bob&milestone=1", nil).len(), 1)
	r.ok("alice", "PATCH", one, `{"state":"open","milestone":null,"title":"T"}`)
	r.no("dave", "PATCH", one, `{"title":"mine"}`, 403, "triage")
	r.no("carol", "DELETE", one+"/labels/none", nil, 404, "Label does not exist")
	r.ok("carol", "DELETE", one+"/labels/BUG", nil)
	r.ok("carol", "PUT", one+"/labels", `{"labels":["three"]}`)
	r.ok("carol", "POST", one+"/assignees", `{"assignees":["dave","alice"]}`)
	r.want(r.ok("", "GET", one, nil).get("assignees.1.login"), "alice")
	r.want(r.ok("", "GET", one, nil).get("assignees.2"), nil)
	var kinds []any
	for n := range 12 {
		kinds = append(kinds, r.ok("", "GET", one+"/events", nil).get(fmt.Sprint(n, ".event")))
	}
	r.want(kinds, "[milestoned labeled labeled assigned closed renamed demilestoned reopened unlabeled unlabeled labeled assigned]")
	r.want(r.ok("", "GET", one+"/timeline", nil).get("0.actor.login"), "alice")
	r.ok("alice", "PUT", one+"/lock", nil)
	r.no("dave", "POST", one+"/comments", `{"body":"x"}`, 403, "locked")
}

func TestComments(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	r.Issue(at, "dave", "t", "")
	const all = "/repos/alice/r/issues/1/comments"
	r.no("dave", "POST", all, `{"body":" "}`, 422, "blank")
	id := r.ok("dave", "POST", all, `{"body":"<b>&\u0000\u001b[31m"}`).get("id")
	one := fmt.Sprintf("/repos/alice/r/issues/comments/%.0f", id)
	r.no("carol", "PATCH", one, `{"body":"y"}`, 403, "")
	r.want(r.ok("dave", "PATCH", one, `{"body":"y"}`).get("body"), "y")
	r.want(r.ok("carol", "POST", one+"/reactions", `{"content":"+1"}`).code, 201)
	r.want(r.ok("carol", "POST", one+"/reactions", `{"content":"+1"}`).code, 200)
	r.no("carol", "POST", one+"/reactions", `{"content":"meh"}`, 422, "invalid")
	r.want(r.ok("", "GET", one, nil).get("reactions.+1"), 1)
	for n := range 104 {
		r.Say(prow.IssueID{Repo: at, Number: 1}, "bob", fmt.Sprint("comment ", n))
	}
	page := r.ok("", "GET", all+"?per_page=50", nil)
	r.want(page.len(), 50)
	if l := page.header.Get("Link"); !strings.Contains(l, `page=2&per_page=50>; rel="next"`) || !strings.Contains(l, `page=3&per_page=50>; rel="last"`) {
		t.Errorf("Link = %s", l)
	}
	r.want(r.ok("", "GET", all+"?per_page=50&page=3", nil).len(), 5)
	r.want(r.ok("", "GET", all+"?per_page=50&page=9", nil).len(), 0)
	r.want(r.ok("bob", "DELETE", one, nil).code, 204)
	r.no("", "GET", one, nil, 404, "Not Found")
}

func TestConditionalRequestsAndBudget(t *testing.T) {
	t.Parallel()
	r, at := town(t, func(s *world.Setup) { s.RateLimit = 20 })
	first := r.ok("dave", "GET", "/repos/alice/r", nil)
	tag := first.header.Get("ETag")
	again := r.do("dave", "GET", "/repos/alice/r", nil, "If-None-Match", tag)
	r.want(again.code, 304)
	r.want(again.text, "")
	r.want(first.header.Get("X-RateLimit-Remaining"), "19")
	r.Issue(at, "bob", "t", "")
	if again = r.do("dave", "GET", "/repos/alice/r", nil, "If-None-Match", tag); again.code != 200 || again.header.Get("ETag") == tag {
		t.Errorf("after a change: %d", again.code)
	}
	r.want(r.ok("dave", "GET", "/rate_limit", nil).get("resources.core.limit"), 20)
	for range 20 {
		again = r.do("dave", "GET", "/repos/alice/r", nil)
	}
	if again.code != 403 || again.header.Get("X-RateLimit-Remaining") != "0" || !strings.Contains(again.text, "rate limit exceeded") {
		t.Errorf("over the limit: %d %s", again.code, again.text)
	}
	r.want(r.do("bob", "GET", "/repos/alice/r", nil).code, 200)
}

func TestFilesAndCommits(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	const c = "/repos/alice/r/contents/"
	got := r.ok("", "GET", c+"dir/a.txt", nil)
	text, _ := base64.StdEncoding.DecodeString(strings.ReplaceAll(fmt.Sprint(got.get("content")), "\n", ""))
	r.want(string(text), "one\ntwo\nthree\n")
	r.want(r.ok("", "GET", c+"dir", nil).get("0.path"), "dir/a.txt")
	r.no("", "GET", c+"none", nil, 404, "Not Found")
	r.no("bob", "PUT", c+"dir/a.txt", `{"message":"m","content":"eA=="}`, 422, "sha")
	r.no("bob", "PUT", c+"dir/a.txt", `{"message":"m","content":"eA==","sha":"0000000000000000000000000000000000000000"}`, 409, "does not match")
	r.no("bob", "PUT", c+"a/../../b", `{"message":"m","content":"eA=="}`, 422, "malformed")
	r.want(r.ok("bob", "PUT", c+"new%20file.txt", `{"message":"Add it","content":"eA=="}`).get("content.path"), "new file.txt")
	log := r.ok("", "GET", "/repos/alice/r/commits?per_page=1", nil)
	r.want(log.get("0.commit.message"), "Add it")
	r.want(log.get("0.author.login"), "bob")
	sha := fmt.Sprint(log.get("0.sha"))
	one := r.ok("", "GET", "/repos/alice/r/commits/"+sha, nil)
	r.want(one.get("files.0.filename"), "new file.txt")
	r.want(one.get("stats.additions"), 1)
	r.no("", "GET", "/repos/alice/r/commits/none", nil, 422, "No commit found")
	r.no("", "GET", "/repos/alice/r/commits/--output=x", nil, 422, "")
	r.ok("bob", "POST", "/repos/alice/r/git/refs", map[string]string{"ref": "refs/heads/old", "sha": fmt.Sprint(one.get("parents.0.sha"))})
	r.no("bob", "POST", "/repos/alice/r/git/refs", map[string]string{"ref": "refs/heads/a b", "sha": sha}, 422, "not a valid")
	cmp := r.ok("", "GET", "/repos/alice/r/compare/old...main", nil)
	r.want(cmp.get("status"), "ahead")
	r.want(cmp.get("ahead_by"), 1)
	r.want(r.ok("", "GET", "/repos/alice/r/git/trees/main?recursive=1", nil).get("tree.0.path"), "README.md")
	r.want(r.ok("", "GET", "/repos/alice/r/git/ref/heads/old", nil).get("object.type"), "commit")
	r.ok("bob", "DELETE", "/repos/alice/r/git/refs/heads/old", nil)
	r.no("", "GET", "/repos/alice/r/branches/old", nil, 404, "Branch not found")
	r.want(r.ok("", "GET", "/repos/alice/r/branches/main", nil).get("commit.sha"), sha)
	if head, err := r.Git.Repo(at).Head(t.Context(), "main"); err != nil || head != sha {
		t.Errorf("git sees %s, %v; want %s", head, err, sha)
	}
}

func TestOrganisation(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Org("org", "ann", "ben")
	r.Users("out")
	r.Repo("org/r", map[string]string{"a": "b"})
	if err := r.Hub.AddTeam(t.Context(), "org", "Core Team", "ann"); err != nil {
		t.Fatal(err)
	}
	r.want(r.ok("", "GET", "/orgs/org/members", nil).len(), 2)
	r.want(r.do("ann", "GET", "/orgs/org/members/ben", nil).code, 204)
	r.want(r.do("ann", "GET", "/orgs/org/members/out", nil).code, 404)
	r.want(r.ok("ann", "GET", "/orgs/org/teams/core-team/members", nil).get("0.login"), "ann")
	r.want(r.ok("ann", "GET", "/orgs/org/teams", nil).get("0.name"), "Core Team")
	r.no("ann", "PUT", "/orgs/org/teams/core-team/repos/org/r", `{"permission":"push"}`, 403, "admin of this organization")
	r.want(r.do(world.Bot, "PUT", "/orgs/org/teams/core-team/repos/org/r", `{"permission":"push"}`).code, 204)
	r.want(r.ok("ann", "GET", "/repos/org/r/collaborators/ann/permission", nil).get("permission"), "write")
	r.want(r.ok("ann", "GET", "/repos/org/r/collaborators/ben/permission", nil).get("permission"), "read")
	r.want(r.ok(world.Bot, "PUT", "/orgs/org/memberships/out", `{"role":"admin"}`).get("role"), "admin")
	r.want(r.ok("out", "GET", "/user/orgs", nil).get("0.login"), "org")
	r.want(r.ok("out", "POST", "/orgs/org/repos", `{"name":"second","auto_init":true}`).get("full_name"), "org/second")
	r.no("out", "POST", "/orgs/org/repos", `{"name":"../x"}`, 422, "name can only contain")
	r.no("out", "POST", "/orgs/org/repos", `{"name":"second"}`, 422, "already exists")
	r.want(r.ok("", "GET", "/orgs/org/repos", nil).len(), 2)
	r.ok("ann", "POST", "/repos/org/second/forks", `{}`)
	r.want(r.ok("", "GET", "/repos/ann/second", nil).get("parent.full_name"), "org/second")
	r.ok("out", "DELETE", "/repos/org/second", nil)
	r.no("out", "GET", "/repos/org/second", nil, 404, "Not Found")
	r.ok("ann", "GET", "/users/ann", nil)
	r.ok("ann", "GET", "/orgs/org", nil)
	r.ok("ann", "GET", "/orgs/org/memberships/ann", nil)
	r.ok("ann", "GET", "/orgs/org/teams/core-team", nil)
	r.ok("ann", "GET", "/user", nil)
}
