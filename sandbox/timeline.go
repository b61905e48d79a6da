package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// showEvent is one entry of the history.
func (c *call) showEvent(e *event) obj {
	o := obj{
		"id": e.ID, "node_id": nodeID("EV", e.ID), "url": fmt.Sprintf("%s/issues/events/%d", c.repoAPI(c.repo), e.ID), "actor": c.showUserID(e.Actor),
		"event": e.Kind, "commit_id": orNull(e.SHA), "commit_url": nil, "created_at": stamp(e.Created), "performed_via_github_app": nil,
	}
	if e.SHA != "" {
		o["commit_url"] = c.repoAPI(c.repo) + "/commits/" + e.SHA
	}
	if e.Label != nil {
		o["label"] = obj{"name": e.Label.Name, "color": e.Label.Color}
	}
	switch e.Kind {
	case "assigned", "unassigned":
		o["assignee"], o["assigner"] = c.showUserID(e.Who), c.showUserID(e.Actor)
	case "review_requested", "review_request_removed":
		o["review_requester"] = c.showUserID(e.Actor)
		if e.Who != 0 {
			o["requested_reviewer"] = c.showUserID(e.Who)
		}
		if t := c.st.teams[e.Team]; t != nil {
			o["requested_team"] = c.showTeam(t)
		}
	case "renamed":
		o["rename"] = obj{"from": e.From, "to": e.To}
	case "milestoned", "demilestoned":
		o["milestone"] = obj{"title": e.Title}
	}
	return o
}

func listEvents(c *call) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	return paged(c, c.st.events[i.ID], func(e *event) any { return c.showEvent(e) })
}

// listTimeline mixes events, comments and reviews.
func listTimeline(c *call) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	type entry struct {
		at   time.Time
		id   int64
		show func() any
	}
	var all []entry
	for _, e := range c.st.events[i.ID] {
		all = append(all, entry{e.Created, e.ID, func() any { return c.showEvent(e) }})
	}
	for _, x := range c.conversation(i) {
		all = append(all, entry{x.Created, x.ID, func() any {
			return join(c.showComment(x), obj{"event": "commented", "actor": c.showUserID(x.Author)})
		}})
	}
	for _, v := range c.visibleReviews(i, c.userID()) {
		all = append(all, entry{v.Submitted, v.ID, func() any { return join(c.showReview(v), obj{"event": "reviewed"}) }})
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
	return paged(c, all, func(e entry) any { return e.show() })
}
