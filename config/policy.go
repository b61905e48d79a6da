package config

// BranchProtection is the desired protection of branches, at every level.
type BranchProtection struct {
	Policy
	// ProtectTested protects branches because there are presubmits for them. Default: false
	ProtectTested *bool `json:"protect-tested-repos,omitempty"`
	// Orgs are the policies of organisations.
	Orgs map[string]ProtectedOrg `json:"orgs,omitempty"`
	// AllowDisabledPolicies permits settings beside protect: false. Default: false
	AllowDisabledPolicies *bool `json:"allow_disabled_policies,omitempty"`
	// AllowDisabledJobPolicies permits protect: false where there are required jobs. Default: false
	AllowDisabledJobPolicies *bool `json:"allow_disabled_job_policies,omitempty"`
	// ProtectReposWithOptionalJobs counts optional jobs as presubmits, too. Default: false
	ProtectReposWithOptionalJobs *bool `json:"protect_repos_with_optional_jobs,omitempty"`
}

// ProtectedOrg is the policy of an organisation.
type ProtectedOrg struct {
	Policy
	// Repos are the policies of repositories, by name.
	Repos map[string]ProtectedRepo `json:"repos,omitempty"`
}

// ProtectedRepo is the policy of a repository.
type ProtectedRepo struct {
	Policy
	// Branches are the policies of branches, by name.
	Branches map[string]ProtectedBranch `json:"branches,omitempty"`
}

// ProtectedBranch is the policy of a branch.
type ProtectedBranch struct{ Policy }

// Policy is what branch protection wants; nil inherits.
type Policy struct {
	// Unmanaged leaves the branches alone. Default: that of the level above
	Unmanaged *bool `json:"unmanaged,omitempty"`
	// Protect says whether the branches are protected. Default: that of the level above
	Protect *bool `json:"protect,omitempty"`
	// RequiredStatusChecks names contexts that have to succeed; those of required jobs are added.
	RequiredStatusChecks *ContextPolicy `json:"required_status_checks,omitempty"`
	// Admins has the rules hold for administrators, too. Default: that of the level above
	Admins *bool `json:"enforce_admins,omitempty"`
	// Restrictions limit who may push.
	Restrictions *Restrictions `json:"restrictions,omitempty"`
	// RequireManuallyTriggeredJobs requires jobs that only run when asked for, too. Default: that of the level above
	RequireManuallyTriggeredJobs *bool `json:"require_manually_triggered_jobs,omitempty"`
	// RequiredPullRequestReviews says who has to review.
	RequiredPullRequestReviews *ReviewPolicy `json:"required_pull_request_reviews,omitempty"`
	// RequiredLinearHistory forbids merge commits. Default: that of the level above
	RequiredLinearHistory *bool `json:"required_linear_history,omitempty"`
	// AllowForcePushes permits pushes that rewrite history. Default: that of the level above
	AllowForcePushes *bool `json:"allow_force_pushes,omitempty"`
	// AllowDeletions permits that the branches are deleted. Default: that of the level above
	AllowDeletions *bool `json:"allow_deletions,omitempty"`
	// RequireSignedCommits wants every commit signed. Default: that of the level above
	RequireSignedCommits *bool `json:"require_signed_commits,omitempty"`
	// Include are regular expressions: only branches that one of them matches are protected; not with exclude.
	Include []string `json:"include,omitempty"`
	// Exclude are regular expressions: branches that one of them matches are left alone; not with include.
	Exclude []string `json:"exclude,omitempty"`
}

// ContextPolicy names required contexts.
type ContextPolicy struct {
	// Contexts have to succeed; those of all levels add up.
	Contexts []string `json:"contexts,omitempty"`
	// Strict wants branches to be up to date before they merge; tide does not need it. Default: that of the level above
	Strict *bool `json:"strict,omitempty"`
}

// Restrictions limit who may push.
type Restrictions struct {
	// Apps are slugs of GitHub Apps.
	Apps []string `json:"apps,omitempty"`
	// Users are logins.
	Users []string `json:"users,omitempty"`
	// Teams are slugs of teams.
	Teams []string `json:"teams,omitempty"`
}

// ReviewPolicy limits who must review.
type ReviewPolicy struct {
	// DismissalRestrictions limit who may dismiss reviews.
	DismissalRestrictions *Restrictions `json:"dismissal_restrictions,omitempty"`
	// DismissStale dismisses approvals when there are new commits. Default: that of the level above
	DismissStale *bool `json:"dismiss_stale_reviews,omitempty"`
	// RequireOwners wants the approval of code owners. Default: that of the level above
	RequireOwners *bool `json:"require_code_owner_reviews,omitempty"`
	// Approvals is how many have to approve; without it no review is required. Default: that of the level above
	Approvals *int `json:"required_approving_review_count,omitempty"`
	// BypassRestrictions name who need no review.
	BypassRestrictions *Restrictions `json:"bypass_pull_request_allowances,omitempty"`
}
