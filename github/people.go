package github

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Permission asks what login may do in r.
func (f *Forge) Permission(ctx context.Context, r prow.Repo, login string) (prow.Permission, error) {
	var w struct {
		Permission string `json:"permission"`
		RoleName   string `json:"role_name"`
	}
	if err := f.get(ctx, at(r, "collaborators", login, "permission"), &w); err != nil {
		return "", err
	}
	switch w.RoleName { // finer, but a role may have a name of its own
	case "none", "read", "triage", "write", "maintain", "admin":
		return prow.Permission(w.RoleName), nil
	}
	return prow.Permission(w.Permission), nil
}

// Collaborator asks whether login is a collaborator of r.
func (f *Forge) Collaborator(ctx context.Context, r prow.Repo, login string) (bool, error) {
	return f.whether(ctx, at(r, "collaborators", login))
}

// Member asks whether login is a member of org; only public members are known
// to who is no member.
func (f *Forge) Member(ctx context.Context, org, login string) (bool, error) {
	return f.whether(ctx, path("orgs", org, "members", login))
}

// whether asks a question whose answer is yes, or 404.
func (f *Forge) whether(ctx context.Context, path string) (bool, error) {
	err := f.get(ctx, path, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Collaborators lists the logins of all who may do something in r.
func (f *Forge) Collaborators(ctx context.Context, r prow.Repo) ([]string, error) {
	return collect(ctx, f, at(r, "collaborators"), (*wireUser).login)
}

// Team lists the logins of a team, named by slug or name.
func (f *Forge) Team(ctx context.Context, org, team string) ([]string, error) {
	slug := strings.ReplaceAll(strings.ToLower(team), " ", "-")
	members, err := collect(ctx, f, path("orgs", org, "teams", slug, "members"), (*wireUser).login)
	if !errors.Is(err, fs.ErrNotExist) {
		return members, err
	}
	type wireTeam struct {
		Name string `json:"name"`
		Slug string `json:"slug"`
	}
	teams, listErr := listOf[wireTeam](ctx, f, path("orgs", org, "teams"))
	if listErr != nil {
		return nil, listErr
	}
	for _, t := range teams {
		if strings.EqualFold(t.Name, team) && t.Slug != slug {
			return collect(ctx, f, path("orgs", org, "teams", t.Slug, "members"), (*wireUser).login)
		}
	}
	return nil, err
}

// Assign assigns people; those that GitHub leaves out are in a *prow.PeopleError.
func (f *Forge) Assign(ctx context.Context, id prow.IssueID, logins ...string) error {
	return f.assignees(ctx, http.MethodPost, id, logins, true)
}

// Unassign takes people off.
func (f *Forge) Unassign(ctx context.Context, id prow.IssueID, logins ...string) error {
	return f.assignees(ctx, http.MethodDelete, id, logins, false)
}

func (f *Forge) assignees(ctx context.Context, method string, id prow.IssueID, people []string, want bool) error {
	if len(people) == 0 {
		return nil
	}
	var w wireIssue
	_, err := f.do(ctx, method, at(id.Repo, "issues", id.Number, "assignees"), map[string][]string{"assignees": people}, &w)
	if status(err) == http.StatusUnprocessableEntity && len(people) > 1 {
		// Some GitHubs refuse all for the sake of one.
		return f.eachOf(people, func(one string) error { return f.assignees(ctx, method, id, []string{one}, want) })
	}
	if status(err) == http.StatusUnprocessableEntity {
		return &prow.PeopleError{Logins: people}
	}
	if err != nil {
		return err
	}
	var not []string
	for _, p := range people {
		is := slices.ContainsFunc(w.Assignees, func(u wireUser) bool { return prow.NormLogin(u.Login) == prow.NormLogin(p) })
		if is != want {
			not = append(not, p)
		}
	}
	if len(not) > 0 {
		return &prow.PeopleError{Logins: not}
	}
	return nil
}

// AskReview asks people, and teams as "org/team", for a review.
func (f *Forge) AskReview(ctx context.Context, id prow.IssueID, reviewers ...string) error {
	return f.reviewers(ctx, http.MethodPost, id, reviewers)
}

// UnaskReview takes the question back.
func (f *Forge) UnaskReview(ctx context.Context, id prow.IssueID, reviewers ...string) error {
	return f.reviewers(ctx, http.MethodDelete, id, reviewers)
}

func (f *Forge) reviewers(ctx context.Context, method string, id prow.IssueID, who []string) error {
	if len(who) == 0 {
		return nil
	}
	people, teams := []string{}, []string{}
	for _, w := range who {
		if _, team, ok := strings.Cut(w, "/"); ok {
			teams = append(teams, team)
		} else {
			people = append(people, w)
		}
	}
	body := map[string][]string{"reviewers": people, "team_reviewers": teams}
	_, err := f.do(ctx, method, at(id.Repo, "pulls", id.Number, "requested_reviewers"), body, nil)
	switch {
	case status(err) != http.StatusUnprocessableEntity:
		return err
	case len(who) == 1:
		return &prow.PeopleError{Logins: who}
	}
	// GitHub refuses all for the sake of one.
	return f.eachOf(who, func(one string) error { return f.reviewers(ctx, method, id, []string{one}) })
}

// eachOf does what could not be done for all at once for each, and gathers those
// for whom it cannot be done.
func (f *Forge) eachOf(who []string, do func(string) error) error {
	var not []string
	for _, one := range who {
		var people *prow.PeopleError
		switch err := do(one); {
		case errors.As(err, &people):
			not = append(not, people.Logins...)
		case err != nil:
			return err
		}
	}
	if len(not) > 0 {
		return &prow.PeopleError{Logins: not}
	}
	return nil
}
