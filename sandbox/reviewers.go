package sandbox

import "net/http"

func listReviewers(c *call) (any, error) {
	i, err := c.pull()
	if err != nil {
		return nil, err
	}
	return obj{"users": c.showUsers(i.Pull.Reviewers), "teams": c.showTeams(i.Pull.ReviewTeams)}, nil
}

type reviewersInput struct {
	Reviewers []string
	Teams     []string `json:"team_reviewers"`
}

// reviewers finds people and teams; with strict, all must be fit to review.
func (c *call) reviewers(i *issue, strict bool) (people []*account, teams []*team, err error) {
	var in reviewersInput
	if err := c.decode(&in); err != nil {
		return nil, nil, err
	}
	for _, login := range in.Reviewers {
		a := c.st.logins[lower(login)]
		switch {
		case a == nil || a.Type == "Organization":
			if strict {
				return nil, nil, refuse(http.StatusUnprocessableEntity, "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the %s repository.", c.repoPath(c.repo))
			}
		case strict && a.ID == i.Author:
			return nil, nil, refuse(http.StatusUnprocessableEntity, "Review cannot be requested from pull request author.")
		case strict && !c.collaborator(c.repo, a) && c.level(c.repo, a) <= read:
			return nil, nil, refuse(http.StatusUnprocessableEntity, "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the %s repository.", c.repoPath(c.repo))
		default:
			people = append(people, a)
		}
	}
	for _, s := range in.Teams {
		g := c.teamOf(c.repo.Owner, s)
		if g == nil {
			if strict {
				return nil, nil, refuse(http.StatusUnprocessableEntity, "Could not resolve to a node with the global id of '%s'.", s)
			}
			continue
		}
		teams = append(teams, g)
	}
	return people, teams, nil
}

func postReviewers(c *call, t *tx) (any, error) {
	i, err := c.pull()
	if err != nil {
		return nil, err
	}
	people, teams, err := c.reviewers(i, true)
	if err != nil {
		return nil, err
	}
	for _, a := range people {
		t.askReview(i, c.user, a)
	}
	for _, g := range teams {
		t.askTeam(i, c.user, g)
	}
	return created(c.showPull(i))
}

func deleteReviewers(c *call, t *tx) (any, error) {
	i, err := c.pull()
	if err != nil {
		return nil, err
	}
	people, teams, err := c.reviewers(i, false)
	if err != nil {
		return nil, err
	}
	for _, a := range people {
		t.unaskReview(i, c.user, a)
	}
	for _, g := range teams {
		t.unaskTeam(i, c.user, g)
	}
	return c.showPull(i), nil
}
