package config

import (
	"text/template"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Tide configures merging.
type Tide struct {
	// SyncPeriod is the pause between two rounds of merging. Default: 1m
	SyncPeriod *metav1.Duration `json:"sync_period,omitempty"`
	// StatusUpdatePeriod is the pause between two updates of tide's status on pull requests. Default: sync_period
	StatusUpdatePeriod *metav1.Duration `json:"status_update_period,omitempty"`
	// MaxGoroutines is how many branches are looked at at a time. Default: 20
	MaxGoroutines int `json:"max_goroutines,omitempty"`
	// Queries say which pull requests merge by themselves: those that one of them finds.
	Queries []TideQuery `json:"queries,omitempty"`
	// MergeMethods is merge, rebase or squash, by "org", "org/repo", "org/repo@branch", or nested as org, repository and expression for branches. Default: merge Example: {org: {repo: {main: squash}}, other/repo: rebase}
	MergeMethods MergeMethods `json:"merge_method,omitempty"`
	// MergeTemplates make the texts of merge commits, by "org/repo" or "org". Default: those of GitHub
	MergeTemplates map[string]MergeCommitTemplate `json:"merge_commit_template,omitempty"`
	// TargetURL is the address that tide's status links to, for every repository.
	TargetURL string `json:"target_url,omitempty"`
	// TargetURLs are the addresses that tide's status links to, by "org/repo", "org" or "*".
	TargetURLs map[string]string `json:"target_urls,omitempty"`
	// PRStatusBaseURL is the older form of a "*" in pr_status_base_urls.
	PRStatusBaseURL string `json:"pr_status_base_url,omitempty"`
	// PRStatusBaseURLs are addresses of a page that shows pull requests, by "org/repo", "org" and "*"; used where there is no target URL.
	PRStatusBaseURLs map[string]string `json:"pr_status_base_urls,omitempty"`
	// BlockerLabel is the label of issues that stop all merging of their repository or branch.
	BlockerLabel string `json:"blocker_label,omitempty"`
	// SquashLabel is the label of pull requests that are squashed, whatever merge_method says.
	SquashLabel string `json:"squash_label,omitempty"`
	// RebaseLabel is the label of pull requests that are rebased, whatever merge_method says.
	RebaseLabel string `json:"rebase_label,omitempty"`
	// MergeLabel is the label of pull requests that are merged, whatever merge_method says.
	MergeLabel string `json:"merge_label,omitempty"`
	// ContextOptions say which contexts a merge needs.
	ContextOptions TideContextOptions `json:"context_options,omitempty"`
	// BatchSizeLimit is how many pull requests are tested together, by "org/repo", "org" or "*": 0 is no limit, -1 no batches. Default: 0
	BatchSizeLimit map[string]int `json:"batch_size_limit,omitempty"`
	// PrioritizeExistingBatches goes on with a batch that was tested before, by "org/repo", "org" or "*". Default: true
	PrioritizeExistingBatches map[string]bool `json:"prioritize_existing_batches,omitempty"`
	// MergeBlocksPolicy says by "org/repo", "org" or "*" what is done where GitHub blocks a merge: ignore, permit (try, but warn) or block. Default: permit
	MergeBlocksPolicy map[string]string `json:"github_merge_blocks_policy,omitempty"`
	// Priority puts pull requests with certain labels first.
	Priority []TidePriority `json:"priority,omitempty"`
	// DisplayAllQueries has the status tell of every query instead of the nearest. Default: false
	DisplayAllQueries bool `json:"display_all_tide_queries_in_status,omitempty"`
	// Gerrit configures merging on Gerrit.
	Gerrit *TideGerrit `json:"gerrit,omitempty"`
}

// TideQuery says which pull requests merge by themselves.
type TideQuery struct {
	// Orgs are organisations in whose repositories pull requests are looked for.
	Orgs []string `json:"orgs,omitempty"`
	// Repos are repositories in which pull requests are looked for. Example: [org/repo]
	Repos []string `json:"repos,omitempty"`
	// ExcludedRepos are repositories of the organisations that are left out. Example: [org/other]
	ExcludedRepos []string `json:"excludedRepos,omitempty"`
	// Author is the login that the pull request has to be of. Default: anybody
	Author string `json:"author,omitempty"`
	// Labels are labels that the pull request needs; "a,b" needs one of the two. Example: [lgtm, approved]
	Labels []string `json:"labels,omitempty"`
	// MissingLabels are labels that the pull request must not have. Example: [do-not-merge/hold]
	MissingLabels []string `json:"missingLabels,omitempty"`
	// IncludedBranches are the names of branches that are merged into; not with excludedBranches. Default: all
	IncludedBranches []string `json:"includedBranches,omitempty"`
	// ExcludedBranches are the names of branches that are not merged into; not with includedBranches.
	ExcludedBranches []string `json:"excludedBranches,omitempty"`
	// Milestone is the milestone that the pull request needs. Default: any
	Milestone string `json:"milestone,omitempty"`
	// ReviewApprovedRequired wants GitHub to say that the review is approved. Default: false
	ReviewApprovedRequired bool `json:"reviewApprovedRequired,omitempty"`
}

// TidePriority puts pull requests with all these labels first.
type TidePriority struct {
	// Labels are those that a pull request needs to be preferred: all of them.
	Labels []string `json:"labels,omitempty"`
}

// MergeCommitTemplate makes the text of a merge commit.
type MergeCommitTemplate struct {
	// TitleTemplate is a Go template over the pull request. Example: "{{.Title}} (#{{.Number}})"
	TitleTemplate string `json:"title,omitempty"`
	// BodyTemplate is a Go template over the pull request. Example: "{{.Body}}"
	BodyTemplate string `json:"body,omitempty"`

	Title *template.Template `json:"-"`
	Body  *template.Template `json:"-"`
}

// TideContextOptions are context policies at every level.
type TideContextOptions struct {
	TideContextPolicy
	// Orgs are the policies of organisations.
	Orgs map[string]TideOrgContexts `json:"orgs,omitempty"`
}

// TideOrgContexts is the context policy of an organisation.
type TideOrgContexts struct {
	TideContextPolicy
	// Repos are the policies of repositories, by name.
	Repos map[string]TideRepoContexts `json:"repos,omitempty"`
}

// TideRepoContexts is the context policy of a repository.
type TideRepoContexts struct {
	TideContextPolicy
	// Branches are the policies of branches, by name.
	Branches map[string]TideContextPolicy `json:"branches,omitempty"`
}

// TideContextPolicy says which contexts a merge needs. Config.MergeContexts
// gives the merged one of a branch.
type TideContextPolicy struct {
	// SkipUnknownContexts has contexts that nobody named not matter. Default: that of the level above, or false
	SkipUnknownContexts *bool `json:"skip-unknown-contexts,omitempty"`
	// FromBranchProtection requires the contexts that branch-protection requires. Default: that of the level above, or false
	FromBranchProtection *bool `json:"from-branch-protection,omitempty"`
	// OverwritePendingContexts sets pending contexts to success when a batch merges. Default: that of the level above, or false
	OverwritePendingContexts *bool `json:"overwrite-pending-contexts,omitempty"`
	// RequiredContexts have to be there and succeed; those of all levels add up.
	RequiredContexts []string `json:"required-contexts,omitempty"`
	// RequiredIfPresentContexts have to succeed where they are there; those of all levels add up.
	RequiredIfPresentContexts []string `json:"required-if-present-contexts,omitempty"`
	// OptionalContexts do not matter; those of all levels add up.
	OptionalContexts []string `json:"optional-contexts,omitempty"`
	// OptionalRegexContexts are regular expressions for contexts that do not matter; those of all levels add up.
	OptionalRegexContexts []string `json:"optional-regex-contexts,omitempty"`
}

// Query returns q as the forge is asked.
func (q *TideQuery) Query() prow.Query {
	return prow.Query{
		Orgs: q.Orgs, Repos: q.Repos, ExcludedRepos: q.ExcludedRepos, Author: q.Author,
		Labels: q.Labels, MissingLabels: q.MissingLabels, Branches: q.IncludedBranches, NotBranches: q.ExcludedBranches,
		Milestone: q.Milestone, ReviewApproved: q.ReviewApprovedRequired,
	}
}
