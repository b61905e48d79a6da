package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
)

const pulls = "/repos/alice/r/pulls"

// pullFrom opens a pull request of dave's fork with a change of dir/a.txt.
func pullFrom(r *rest, at prow.Repo, branch, text string) prow.IssueID {
	r.t.Helper()
	return r.Pull(at, "dave", branch, map[string]string{"dir/a.txt": text})
}

func TestPullRequest(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	pullFrom(r, at, "topic", "one\n2\nthree\n")
	r.no("dave", "POST", pulls, `{"title":"t","head":"dave:topic","base":"main"}`, 422, "already exists for dave:topic")
	r.no("dave", "POST", pulls, `{"title":"t","head":"dave:none","base":"main"}`, 422, `"field":"head"`)
	r.no("dave", "POST", pulls, `{"title":"t","head":"dave:main","base":"main"}`, 422, "No commits between main and main")
	r.no("dave", "POST", pulls, `{"head":"dave:topic","base":"main"}`, 422, "missing_field")
	p := r.ok("", "GET", pulls+"/1", nil)
	for path, want := range map[string]any{
		"mergeable": true, "rebaseable": true, "mergeable_state": "clean", "commits": 1, "additions": 1, "deletions": 1, "changed_files": 1, "head.label": "dave:topic",
		"head.repo.full_name": "dave/r", "base.ref": "main", "merged": false, "user.login": "dave", "maintainer_can_modify": true,
	} {
		if got := p.get(path); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
	f := r.ok("", "GET", pulls+"/1/files", nil)
	r.want(f.get("0.patch"), "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three")
	r.want(r.ok("", "GET", pulls+"/1/commits", nil).get("0.author.login"), "dave")
	r.want(strings.Contains(r.do("", "GET", pulls+"/1", nil, "Accept", "application/vnd.github.v3.diff").text, "+2\n"), true)
	r.want(strings.Contains(r.do("", "GET", r.URL+"/alice/r/pull/1.patch", nil).text, "Subject: [PATCH]"), true)
	r.want(r.ok("", "GET", pulls+"?head=dave:topic&base=main", nil).len(), 1)
	r.want(r.ok("", "GET", pulls+"?base=other", nil).len(), 0)

	r.Commit(at, "main", "alice", map[string]string{"dir/a.txt": "one\nzwei\nthree\n"})
	p = r.ok("", "GET", pulls+"/1", nil)
	r.want(p.get("mergeable"), false)
	r.want(p.get("mergeable_state"), "dirty")
	r.no("bob", "PUT", pulls+"/1/merge", nil, 405, "Pull Request is not mergeable")

	r.ok("dave", "PATCH", pulls+"/1", `{"state":"closed"}`)
	r.Commit(prow.Repo{Owner: "dave", Name: "r"}, "topic", "dave", map[string]string{"z": "z"})
	r.no("dave", "PATCH", pulls+"/1", `{"state":"open"}`, 422, "force-pushed or recreated")
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"merge", "squash", "rebase"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r, at := town(t)
			id := pullFrom(r, at, "topic", "one\n2\nthree\n")
			r.Commit(prow.Repo{Owner: "dave", Name: "r"}, "topic", "dave", map[string]string{"b.txt": "b\n"})
			before := r.Commit(at, "main", "alice", map[string]string{"c.txt": "c\n"})
			sha := r.PullNow(id).HeadSHA
			r.no("carol", "PUT", pulls+"/1/merge", nil, 403, "push access")
			r.no("bob", "PUT", pulls+"/1/merge", `{"sha":"0000000000000000000000000000000000000000"}`, 409, "Head branch was modified. Review and try the merge again.")
			got := r.ok("bob", "PUT", pulls+"/1/merge", fmt.Sprintf(`{"sha":%q,"merge_method":%q}`, sha, method))
			merged := fmt.Sprint(got.get("sha"))
			if head, err := r.Hub.Head(at, "main"); err != nil || head != merged {
				t.Fatalf("main = %s, %v; want %s", head, err, merged)
			}
			c := r.ok("", "GET", "/repos/alice/r/commits/main", nil)
			log := r.ok("", "GET", "/repos/alice/r/commits", nil)
			switch method {
			case "merge":
				r.want(c.get("parents.0.sha"), before)
				r.want(c.get("parents.1.sha"), sha)
				r.want(c.get("commit.message"), "Merge pull request #1 from dave/topic\n\nChange topic")
			case "squash":
				r.want(c.get("parents.1"), nil)
				r.want(c.get("commit.message"), "Change topic (#1)\n\n* Change topic\n\n* Change topic")
				r.want(log.len(), 3)
			case "rebase":
				r.want(c.get("parents.1"), nil)
				r.want(log.get("2.sha"), before)
				r.want(c.get("committer.login"), "bob")
				r.want(c.get("author.login"), "dave")
			}
			files := r.ok("", "GET", "/repos/alice/r/git/trees/main", nil)
			r.want(fmt.Sprint(files.get("tree.0.path"), files.get("tree.1.path"), files.get("tree.2.path")), "README.mdb.txtc.txt")
			p := r.ok("", "GET", pulls+"/1", nil)
			r.want(p.get("merged_by.login"), "bob")
			r.want(p.get("merge_commit_sha"), merged)
			r.want(r.do("", "GET", pulls+"/1/merge", nil).code, 204)
			r.want(r.ok("", "GET", pulls+"/1/files", nil).len(), 2)
			r.no("bob", "PUT", pulls+"/1/merge", nil, 405, "Pull Request is not mergeable")
			r.no("dave", "PATCH", "/repos/alice/r/issues/1", `{"state":"open"}`, 422, "was merged")
		})
	}
}

func TestMergeSettings(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	pullFrom(r, at, "topic", "x\n")
	r.ok("alice", "PATCH", "/repos/alice/r", `{"allow_merge_commit":false,"allow_rebase_merge":false}`)
	r.no("bob", "PUT", pulls+"/1/merge", `{}`, 405, "Merge commits are not allowed on this repository")
	r.no("bob", "PUT", pulls+"/1/merge", `{"merge_method":"rebase"}`, 405, "Rebase merges are not allowed")
	r.no("bob", "PUT", pulls+"/1/merge", `{"merge_method":"octopus"}`, 422, "merge_method")
	r.ok("bob", "PUT", pulls+"/1/merge", `{"merge_method":"squash","commit_title":"Mine","commit_message":""}`)
	r.want(r.ok("", "GET", "/repos/alice/r/commits/main", nil).get("commit.message"), "Mine")
}

func TestProtection(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	id := pullFrom(r, at, "topic", "x\n")
	sha := r.PullNow(id).HeadSHA
	const p = "/repos/alice/r/branches/main/protection"
	r.no("alice", "GET", p, nil, 404, "Branch not protected")
	r.no("bob", "GET", p, nil, 403, "admin")
	got := r.ok("alice", "PUT", p, `{"required_status_checks":{"strict":false,"contexts":["unit","lint"]},"enforce_admins":true,
		"required_pull_request_reviews":{"required_approving_review_count":1,"dismiss_stale_reviews":true},"restrictions":null}`)
	r.want(got.get("required_status_checks.contexts.1"), "lint")
	r.want(r.ok("", "GET", "/repos/alice/r/branches/main", nil).get("protection.required_status_checks.contexts.0"), "unit")
	merge := func(as string, code int, words string) {
		t.Helper()
		r.no(as, "PUT", pulls+"/1/merge", nil, code, words)
	}
	status := func(context, state string) {
		t.Helper()
		r.ok("bob", "POST", "/repos/alice/r/statuses/"+sha, map[string]string{"state": state, "context": context, "description": "d"})
	}
	merge("alice", 405, "2 of 2 required status checks are not satisfied: 2 expected.")
	status("unit", "success")
	merge("bob", 405, `Required status check \"lint\" is expected.`)
	status("lint", "failure")
	merge("bob", 405, `Required status check \"lint\" is failing.`)
	status("lint", "success")
	merge("bob", 405, "At least 1 approving review is required")
	r.want(r.ok("", "GET", pulls+"/1", nil).get("mergeable_state"), "blocked")
	r.no("dave", "POST", pulls+"/1/reviews", `{"event":"APPROVE"}`, 422, "your own pull request")
	r.ok("bob", "POST", pulls+"/1/reviews", `{"event":"REQUEST_CHANGES","body":"no"}`)
	merge("bob", 405, "Changes have been requested")
	r.ok("bob", "POST", pulls+"/1/reviews", `{"event":"APPROVE"}`)
	r.want(r.ok("", "GET", pulls+"/1", nil).get("mergeable_state"), "clean")
	r.want(r.ok("bob", "GET", "/search/issues?q=review:approved", nil).get("total_count"), 1)
	sha = r.Commit(prow.Repo{Owner: "dave", Name: "r"}, "topic", "dave", map[string]string{"z": "z"})
	r.want(r.ok("", "GET", pulls+"/1/reviews", nil).get("1.state"), "DISMISSED")
	status("unit", "success")
	status("lint", "success")
	r.ok("bob", "POST", pulls+"/1/reviews", `{"event":"APPROVE"}`)
	r.ok("bob", "PUT", pulls+"/1/merge", nil)
	r.no("bob", "PATCH", "/repos/alice/r/git/refs/heads/main", map[string]any{"sha": sha, "force": true}, 422, "pull request")
	r.want(r.do("alice", "DELETE", p, nil).code, 204)
}

func TestReviews(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	pullFrom(r, at, "topic", "one\n2\nthree\n")
	one := pulls + "/1"
	r.no("carol", "POST", one+"/requested_reviewers", `{"reviewers":["nobody"]}`, 422, "not a collaborator")
	r.no("carol", "POST", one+"/requested_reviewers", `{"reviewers":["dave"]}`, 422, "pull request author")
	r.want(r.ok("carol", "POST", one+"/requested_reviewers", `{"reviewers":["bob"]}`).get("requested_reviewers.0.login"), "bob")
	r.want(r.ok("", "GET", one+"/requested_reviewers", nil).get("users.0.login"), "bob")
	r.no("bob", "POST", one+"/reviews", `{"event":"COMMENT"}`, 422, "cannot be blank")
	r.no("bob", "POST", one+"/reviews", `{"event":"COMMENT","comments":[{"path":"dir/a.txt","line":99,"body":"x"}]}`, 422, "must be part of the diff")
	r.no("bob", "POST", one+"/reviews", `{"event":"COMMENT","comments":[{"path":"none","line":1,"body":"x"}]}`, 422, "path is invalid")
	id := r.ok("bob", "POST", one+"/reviews", `{"body":"later","comments":[{"path":"dir/a.txt","line":2,"body":"why?"}]}`).get("id")
	r.want(r.ok("carol", "GET", one+"/reviews", nil).len(), 0)
	r.want(r.ok("carol", "GET", one+"/comments", nil).len(), 0)
	r.want(r.ok("bob", "POST", fmt.Sprintf("%s/reviews/%.0f/events", one, id), `{"event":"COMMENT"}`).get("state"), "COMMENTED")
	c := r.ok("carol", "GET", one+"/comments", nil)
	r.want(c.get("0.diff_hunk"), "@@ -1,3 +1,3 @@\n one\n-two\n+2")
	r.want(r.ok("", "GET", one+"/requested_reviewers", nil).get("users.0"), nil)
	up := c.get("0.id")
	r.want(r.ok("dave", "POST", fmt.Sprintf("%s/comments/%.0f/replies", one, up), `{"body":"because"}`).get("in_reply_to_id"), up)
	r.ok("dave", "POST", one+"/comments", `{"body":"here","path":"dir/a.txt","line":2,"side":"LEFT","commit_id":"x"}`)
	r.ok("bob", "PATCH", fmt.Sprintf("/repos/alice/r/pulls/comments/%.0f", up), `{"body":"why so?"}`)
	ok := r.ok("bob", "POST", one+"/reviews", `{"event":"APPROVE","body":"fine"}`).get("id")
	r.no("dave", "PUT", fmt.Sprintf("%s/reviews/%.0f/dismissals", one, ok), `{"message":"m"}`, 403, "write")
	r.want(r.ok("bob", "PUT", fmt.Sprintf("%s/reviews/%.0f/dismissals", one, ok), `{"message":"m"}`).get("state"), "DISMISSED")
	r.want(r.ok("bob", "PUT", fmt.Sprintf("%s/reviews/%.0f", one, ok), `{"body":"was fine"}`).get("body"), "was fine")
}

func TestChecks(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	sha, err := r.Hub.Head(at, "main")
	if err != nil {
		t.Fatal(err)
	}
	const s = "/repos/alice/r/statuses/"
	r.no("dave", "POST", s+sha, `{"state":"success"}`, 403, "write")
	r.no("bob", "POST", s+sha, `{"state":"great"}`, 422, "not included in the list")
	r.no("bob", "POST", s+strings.Repeat("0", 40), `{"state":"success"}`, 422, "No commit found for SHA")
	r.no("bob", "POST", s+sha, map[string]string{"state": "success", "description": strings.Repeat("x", 141)}, 422, "too long")
	r.want(r.ok("", "GET", "/repos/alice/r/commits/main/status", nil).get("state"), "pending")
	for _, c := range []string{"a pending", "b success", "a success", "b failure", "b success"} {
		name, state, _ := strings.Cut(c, " ")
		r.ok("bob", "POST", s+sha, map[string]string{"state": state, "context": name, "target_url": "http://x/1"})
	}
	got := r.ok("", "GET", "/repos/alice/r/commits/main/status", nil)
	r.want(got.get("state"), "success")
	r.want(got.get("total_count"), 2)
	r.want(r.ok("", "GET", "/repos/alice/r/commits/main/statuses?per_page=2", nil).get("1.state"), "failure")
	run := r.ok("bob", "POST", "/repos/alice/r/check-runs", map[string]any{"name": "run", "head_sha": sha, "status": "in_progress"}).get("id")
	r.want(r.ok("bob", "PATCH", fmt.Sprintf("/repos/alice/r/check-runs/%.0f", run), `{"conclusion":"success","output":{"title":"t","summary":"s"}}`).get("status"), "completed")
	r.no("bob", "PATCH", fmt.Sprintf("/repos/alice/r/check-runs/%.0f", run), `{"conclusion":"great"}`, 422, "conclusion")
	r.want(r.ok("", "GET", "/repos/alice/r/commits/main/check-runs", nil).get("check_runs.0.output.title"), "t")
	r.want(r.ok("", "GET", "/repos/alice/r/actions/runs?head_sha="+sha, nil).get("total_count"), 0)
}

func TestWorkflowRuns(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	one := pullFrom(r, at, "topic", "x\n")
	sha := r.PullNow(one).HeadSHA
	ids := map[string]string{}
	for name, conclusion := range map[string]string{"waits": "action_required", "failed": "failure", "passed": "success", "runs": ""} {
		id, err := r.Hub.RunWorkflow(t.Context(), at, "bob", sha, prow.WorkflowRun{Name: name, Event: "pull_request", Conclusion: conclusion})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = fmt.Sprint("/repos/alice/r/actions/runs/", id)
	}
	const list = "/repos/alice/r/actions/runs"
	for query, want := range map[string]int{
		"": 4, "?head_sha=" + sha: 4, "?head_sha=" + strings.Repeat("0", 40): 0, "?status=completed": 3, "?status=failure": 1,
		"?event=push": 0, "?branch=topic": 4, "?actor=bob&per_page=1": 4, "?actor=carol": 0,
	} {
		if got := r.ok("", "GET", list+query, nil).get("total_count"); got != float64(want) {
			t.Errorf("%s: %v runs, want %d", query, got, want)
		}
	}
	r.no("dave", "POST", ids["failed"]+"/rerun-failed-jobs", nil, 403, "write")
	r.no("bob", "POST", list+"/1/rerun", nil, 404, "Not Found")
	r.no("bob", "POST", ids["runs"]+"/rerun", nil, 403, "already running")
	r.no("bob", "POST", ids["passed"]+"/rerun-failed-jobs", nil, 403, "no failed jobs")
	r.no("bob", "POST", ids["waits"]+"/rerun", nil, 403, "waiting for approval")
	r.no("bob", "POST", ids["failed"]+"/approve", nil, 403, "already been approved")
	r.ok("bob", "POST", ids["waits"]+"/approve", nil)
	r.ok("bob", "POST", ids["passed"]+"/rerun", nil)
	r.ok("carol", "GET", ids["failed"], nil)
	r.ok("bob", "POST", ids["failed"]+"/rerun-failed-jobs", nil)
	got := r.ok("", "GET", ids["failed"], nil)
	r.want(got.get("status"), "queued")
	r.want(got.get("conclusion"), nil)
	r.want(got.get("run_attempt"), 2)
	r.want(r.ok("", "GET", ids["waits"], nil).get("run_attempt"), 1)
	r.want(r.ok("", "GET", "/repos/alice/r/commits/"+sha+"/check-runs?check_name=failed", nil).get("check_runs.0.status"), "queued")
	r.want(r.ok("", "GET", "/repos/alice/r/commits/"+sha+"/check-runs?filter=all&check_name=failed", nil).get("total_count"), 2)
	if _, err := r.Hub.RunWorkflow(t.Context(), at, "bob", sha, prow.WorkflowRun{Name: "x", Conclusion: "great"}); err == nil {
		t.Error("a conclusion that there is not")
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	one := pullFrom(r, at, "topic", "x\n")
	r.Issue(at, "bob", `A "quoted" trouble`, "with text")
	other := r.Repo("dave/second", map[string]string{"a": "b"})
	r.Issue(other, "dave", "Elsewhere", "")
	if err := r.Hub.Label(t.Context(), one, "bob", "needs help", "lgtm"); err != nil {
		t.Fatal(err)
	}
	sha := r.PullNow(one).HeadSHA
	for q, want := range map[string]int{
		"is:pr": 1, "is:issue": 2, "type:pr state:open": 1, "": 3, "repo:alice/r": 2, "repo:alice/r repo:dave/second": 3, "-repo:alice/r": 1, "user:dave": 1, "org:alice": 2,
		`label:"needs help"`: 1, `label:lgtm,none`: 1, "label:none": 0, `label:lgtm label:none`: 0, "is:pr -label:lgtm": 0, "-label:lgtm": 2, "author:bob": 1, "author:bob author:dave": 3,
		"base:main": 1, "base:main base:x": 1, `-base:"main"`: 2, "head:topic": 1, sha: 1, sha[:10]: 1, "trouble": 1, "TROUBLE with": 1, `"quoted"`: 1, "nothing": 0, "updated:>=2020-01-01": 3,
		"updated:2007-01-01..2008-01-01": 0, "updated:*..2100-01-01T00:00:00Z": 3, "archived:false": 3, "archived:true": 0, "draft:false": 1, "no:label": 2, "review:approved": 0, "review:none": 1,
		"author:@me": 2, "is:merged": 0, "-is:merged is:pr": 1, "status:pending": 1,
	} {
		if got := len(r.Hub.Search(q, "dave")); got != want {
			t.Errorf("%q found %d, want %d", q, got, want)
		}
	}
}

func FuzzSearch(f *testing.F) {
	w := world.New(f)
	w.Issue(w.Repo("o/r", map[string]string{"a": "b"}), "alice", "title", "body")
	for _, s := range []string{"", `label:"a b","c" -x:y "`, `\`, "is:", "updated:..", `"\`, "-", ":x", "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, q string) { w.Hub.Search(q, "alice") })
}
