package sandbox

import (
	"net/http"
	"net/url"
	"strings"
)

func protectionRoutes() []route {
	const one = "/repos/{owner}/{repo}/branches/{branch}/protection"
	return []route{
		{"GET " + one, admin, reading(getProtection)},
		{"PUT " + one, admin, writing(putProtection)},
		{"DELETE " + one, admin, writing(deleteProtection)},
		{"GET " + one + "/required_status_checks", admin, reading(getRequiredChecks)},
		{"GET /repos/{owner}/{repo}/rules/branches/{branch}", read, reading(func(*call) (any, error) { return []any{}, nil })},
		{"GET /repos/{owner}/{repo}/rulesets", read, reading(func(*call) (any, error) { return []any{}, nil })},
	}
}

type protectionInput struct {
	Checks *struct {
		Strict   bool
		Contexts []string
		Checks   []struct{ Context string }
	} `json:"required_status_checks"`
	Admins  *bool `json:"enforce_admins"`
	Reviews *struct {
		Count        int  `json:"required_approving_review_count"`
		DismissStale bool `json:"dismiss_stale_reviews"`
		CodeOwners   bool `json:"require_code_owner_reviews"`
	} `json:"required_pull_request_reviews"`
	Restrictions *struct{ Users, Teams []string }
	Linear       bool  `json:"required_linear_history"`
	ForcePushes  *bool `json:"allow_force_pushes"`
	Deletions    bool  `json:"allow_deletions"`
	Conversation bool  `json:"required_conversation_resolution"`
}

func (c *call) branchName() (string, error) {
	b := c.path("branch")
	if c.repo.Refs[heads+b] == "" {
		return "", refuse(http.StatusNotFound, "Branch not found")
	}
	return b, nil
}

func (c *call) protection() (*protection, error) {
	b, err := c.branchName()
	if err != nil {
		return nil, err
	}
	if p := c.repo.Protection[b]; p != nil {
		return p, nil
	}
	return nil, refuse(http.StatusNotFound, "Branch not protected")
}

func (c *call) showChecks(p *protection, u string) obj {
	return obj{"url": u + "/required_status_checks", "strict": p.Strict, "contexts": list(p.Contexts), "contexts_url": u + "/required_status_checks/contexts", "checks": checksOf(p)}
}

func (c *call) showProtection(p *protection) obj {
	u := c.repoAPI(c.repo) + "/branches/" + url.PathEscape(c.path("branch")) + "/protection"
	on := func(b bool) obj { return obj{"enabled": b} }
	o := obj{
		"url": u, "enforce_admins": obj{"url": u + "/enforce_admins", "enabled": p.Admins}, "required_linear_history": on(p.Linear), "allow_force_pushes": on(p.ForcePushes),
		"allow_deletions": on(p.Deletions), "block_creations": on(false), "required_conversation_resolution": on(p.Conversations), "lock_branch": on(false),
		"allow_fork_syncing": on(false), "required_signatures": obj{"url": u + "/required_signatures", "enabled": false},
	}
	if p.HasChecks {
		o["required_status_checks"] = c.showChecks(p, u)
	}
	if p.HasReviews {
		o["required_pull_request_reviews"] = obj{"url": u + "/required_pull_request_reviews", "dismiss_stale_reviews": p.DismissStale,
			"require_code_owner_reviews": p.CodeOwners, "required_approving_review_count": p.Reviews, "require_last_push_approval": false}
	}
	if p.Restricted {
		users, teams := []any{}, []any{}
		for _, l := range p.Users {
			if a := c.st.logins[lower(l)]; a != nil {
				users = append(users, c.showUser(a))
			}
		}
		for _, s := range p.Teams {
			if t := c.teamOf(c.repo.Owner, s); t != nil {
				teams = append(teams, c.showTeam(t))
			}
		}
		o["restrictions"] = obj{"url": u + "/restrictions", "users_url": u + "/restrictions/users", "teams_url": u + "/restrictions/teams", "apps_url": u + "/restrictions/apps",
			"users": users, "teams": teams, "apps": []any{}}
	}
	return o
}

func getProtection(c *call) (any, error) {
	p, err := c.protection()
	if err != nil {
		return nil, err
	}
	return c.showProtection(p), nil
}

func getRequiredChecks(c *call) (any, error) {
	p, err := c.protection()
	if err != nil {
		return nil, err
	}
	if !p.HasChecks {
		return nil, refuse(http.StatusNotFound, "Required status checks not enabled")
	}
	return c.showChecks(p, c.repoAPI(c.repo)+"/branches/"+url.PathEscape(c.path("branch"))+"/protection"), nil
}

func putProtection(c *call, t *tx) (any, error) {
	b, err := c.branchName()
	if err != nil {
		return nil, err
	}
	var in protectionInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	p := &protection{Linear: in.Linear, Deletions: in.Deletions, Conversations: in.Conversation, Admins: in.Admins != nil && *in.Admins, ForcePushes: in.ForcePushes != nil && *in.ForcePushes}
	if k := in.Checks; k != nil {
		p.HasChecks, p.Strict, p.Contexts = true, k.Strict, k.Contexts
		for _, x := range k.Checks {
			p.Contexts = append(p.Contexts, x.Context)
		}
	}
	if v := in.Reviews; v != nil {
		p.HasReviews, p.Reviews, p.DismissStale, p.CodeOwners = true, v.Count, v.DismissStale, v.CodeOwners
	}
	if r := in.Restrictions; r != nil {
		p.Restricted, p.Users, p.Teams = true, r.Users, r.Teams
	}
	t.protect(c.repo, b, p)
	return c.showProtection(p), nil
}

// protect sets the protection of a branch; nil takes it away.
func (t *tx) protect(r *repo, branch string, p *protection) {
	if p == nil {
		delete(r.Protection, branch)
	} else {
		r.Protection[branch] = p
	}
	t.save(r)
}

func deleteProtection(c *call, t *tx) (any, error) {
	if _, err := c.protection(); err != nil {
		return nil, err
	}
	t.protect(c.repo, strings.TrimSpace(c.path("branch")), nil)
	return noContent()
}
