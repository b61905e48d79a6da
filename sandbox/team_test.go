package sandbox_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/prow-ci/prow/prowtest/world"
)

// A hook of an organisation hears of all its repositories, and a fault can put
// deliveries out of order without losing one.
func TestOrgHooks(t *testing.T) {
	t.Parallel()
	r := open(t, world.Faults(t, "WEBHOOK issues reorder"))
	e := listen(t)
	r.Org("org", "ann")
	at := r.Repo("org/r", map[string]string{"a": "b"})
	other := r.Repo("elsewhere/r", map[string]string{"a": "b"})
	r.no("ann", "GET", "/orgs/org/hooks", nil, 403, "admin of this organization")
	r.no("", "GET", "/orgs/org/hooks", nil, 401, "Requires authentication")
	e.setDown(true)
	hook := r.ok(world.Bot, "POST", "/orgs/org/hooks", map[string]any{"events": []string{"issues"}, "config": map[string]string{"url": e.URL, "content_type": "json", "secret": "s3cret"}}).get("id")
	for n := range 6 {
		r.Issue(at, "ann", fmt.Sprint("issue ", n), "")
	}
	r.Issue(other, "ann", "unheard", "")
	e.setDown(false)
	r.Eventually("all is delivered", idle(r.World))
	if got := e.all(); len(got) != 7 || slices.Index(got, "ping") < 0 {
		t.Errorf("heard %v", got)
	}
	if ids := slices.Compact(slices.Sorted(slices.Values(e.ids))); len(ids) != 7 {
		t.Errorf("%d different deliveries, want 7", len(ids))
	}
	if len(e.bad) > 0 {
		t.Errorf("unfit deliveries: %v", e.bad)
	}
	r.want(r.ok(world.Bot, "GET", fmt.Sprintf("/orgs/org/hooks/%.0f/deliveries", hook), nil).len(), 7)
	r.ok(world.Bot, "GET", fmt.Sprintf("/orgs/org/hooks/%.0f", hook), nil)
	r.ok(world.Bot, "GET", "/orgs/org/hooks", nil)
}

// Teams are made, asked for reviews, and give access.
func TestTeams(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Org("org", "ann", "ben")
	at := r.Repo("org/r", map[string]string{"a": "b"})
	r.no("ann", "POST", "/orgs/org/teams", `{"name":"x"}`, 403, "admin of this organization")
	r.ok(world.Bot, "POST", "/orgs/org/teams", `{"name":"Write Rs","description":"d"}`)
	r.no(world.Bot, "POST", "/orgs/org/teams", `{"name":"write-rs"}`, 422, "already_exists")
	r.ok(world.Bot, "PUT", "/orgs/org/teams/write-rs/memberships/ben", `{"role":"maintainer"}`)
	r.want(r.ok("ann", "GET", "/orgs/org/teams/write-rs/memberships/ben", nil).get("role"), "maintainer")
	r.ok(world.Bot, "PUT", "/orgs/org/teams/write-rs/repos/org/r", `{"permission":"push"}`)
	r.want(r.ok("ann", "GET", "/orgs/org/teams/write-rs/repos", nil).get("0.name"), "r")
	r.want(r.ok("ben", "GET", "/repos/org/r/teams", nil).get("0.slug"), "write-rs")
	r.Pull(at, "zoe", "topic", map[string]string{"a": "c"})
	r.no("ben", "POST", "/repos/org/r/pulls/1/requested_reviewers", `{"team_reviewers":["none"]}`, 422, "Could not resolve")
	r.want(r.ok("ben", "POST", "/repos/org/r/pulls/1/requested_reviewers", `{"team_reviewers":["write-rs"]}`).get("requested_teams.0.slug"), "write-rs")
	r.want(r.ok("ben", "DELETE", "/repos/org/r/pulls/1/requested_reviewers", `{"team_reviewers":["write-rs"]}`).get("requested_teams.0"), nil)
	r.want(r.do(world.Bot, "DELETE", "/orgs/org/teams/write-rs/memberships/ben", nil).code, 204)
	r.no("ben", "PUT", "/repos/org/r/pulls/1/merge", nil, 403, "push access")
	r.want(r.do(world.Bot, "DELETE", "/orgs/org/members/ben", nil).code, 204)
	r.want(r.do(world.Bot, "DELETE", "/orgs/org/teams/write-rs", nil).code, 204)
	r.no("ann", "GET", "/orgs/org/teams/write-rs", nil, 404, "Not Found")
}

// The base is merged into the head on demand.
func TestUpdateBranch(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	r.Commit(at, "topic", "bob", map[string]string{"b": "b"})
	r.ok("bob", "POST", pulls, `{"title":"t","head":"topic","base":"main"}`)
	base := r.Commit(at, "main", "alice", map[string]string{"c": "c"})
	r.no("bob", "PUT", pulls+"/1/update-branch", `{"expected_head_sha":"x"}`, 422, "expected head sha")
	r.ok("bob", "PUT", pulls+"/1/update-branch", nil)
	head := r.ok("", "GET", "/repos/alice/r/commits/topic", nil)
	r.want(head.get("parents.1.sha"), base)
	r.want(r.ok("", "GET", pulls+"/1", nil).get("head.sha"), head.get("sha"))
}
