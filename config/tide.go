package config

import (
	"text/template"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Tide configures merging.
type Tide struct {
	SyncPeriod                *metav1.Duration               `json:"sync_period,omitempty"`          // default 1m
	StatusUpdatePeriod        *metav1.Duration               `json:"status_update_period,omitempty"` // default SyncPeriod
	MaxGoroutines             int                            `json:"max_goroutines,omitempty"`       // default 20
	Queries                   []TideQuery                    `json:"queries,omitempty"`
	MergeMethods              MergeMethods                   `json:"merge_method,omitempty"`
	MergeTemplates            map[string]MergeCommitTemplate `json:"merge_commit_template,omitempty"`
	TargetURL                 string                         `json:"target_url,omitempty"`
	TargetURLs                map[string]string              `json:"target_urls,omitempty"`
	PRStatusBaseURL           string                         `json:"pr_status_base_url,omitempty"`
	PRStatusBaseURLs          map[string]string              `json:"pr_status_base_urls,omitempty"`
	BlockerLabel              string                         `json:"blocker_label,omitempty"`
	SquashLabel               string                         `json:"squash_label,omitempty"`
	RebaseLabel               string                         `json:"rebase_label,omitempty"`
	MergeLabel                string                         `json:"merge_label,omitempty"`
	ContextOptions            TideContextOptions             `json:"context_options,omitempty"`
	BatchSizeLimit            map[string]int                 `json:"batch_size_limit,omitempty"`
	PrioritizeExistingBatches map[string]bool                `json:"prioritize_existing_batches,omitempty"`
	MergeBlocksPolicy         map[string]string              `json:"github_merge_blocks_policy,omitempty"` // ignore, permit, block
	Priority                  []TidePriority                 `json:"priority,omitempty"`
	DisplayAllQueries         bool                           `json:"display_all_tide_queries_in_status,omitempty"`
	Gerrit                    any                            `json:"gerrit,omitempty"`
}

// TideQuery says which pull requests merge by themselves.
type TideQuery struct {
	Orgs                   []string `json:"orgs,omitempty"`
	Repos                  []string `json:"repos,omitempty"`
	ExcludedRepos          []string `json:"excludedRepos,omitempty"`
	Author                 string   `json:"author,omitempty"`
	Labels                 []string `json:"labels,omitempty"`
	MissingLabels          []string `json:"missingLabels,omitempty"`
	IncludedBranches       []string `json:"includedBranches,omitempty"`
	ExcludedBranches       []string `json:"excludedBranches,omitempty"`
	Milestone              string   `json:"milestone,omitempty"`
	ReviewApprovedRequired bool     `json:"reviewApprovedRequired,omitempty"`
}

// TidePriority puts pull requests with all these labels first.
type TidePriority struct {
	Labels []string `json:"labels,omitempty"`
}

// MergeCommitTemplate makes the text of a merge commit.
type MergeCommitTemplate struct {
	TitleTemplate string `json:"title,omitempty"`
	BodyTemplate  string `json:"body,omitempty"`

	Title *template.Template `json:"-"`
	Body  *template.Template `json:"-"`
}

// TideContextOptions are context policies at every level.
type TideContextOptions struct {
	TideContextPolicy
	Orgs map[string]struct {
		TideContextPolicy
		Repos map[string]struct {
			TideContextPolicy
			Branches map[string]TideContextPolicy `json:"branches,omitempty"`
		} `json:"repos,omitempty"`
	} `json:"orgs,omitempty"`
}

// TideContextPolicy says which contexts a merge needs. Config.ContextPolicy
// gives the merged one of a branch.
type TideContextPolicy struct {
	SkipUnknownContexts       *bool    `json:"skip-unknown-contexts,omitempty"`
	FromBranchProtection      *bool    `json:"from-branch-protection,omitempty"`
	OverwritePendingContexts  *bool    `json:"overwrite-pending-contexts,omitempty"`
	RequiredContexts          []string `json:"required-contexts,omitempty"`
	RequiredIfPresentContexts []string `json:"required-if-present-contexts,omitempty"`
	OptionalContexts          []string `json:"optional-contexts,omitempty"`
	OptionalRegexContexts     []string `json:"optional-regex-contexts,omitempty"`
}

// Query returns q as the forge is asked.
func (q *TideQuery) Query() prow.Query {
	return prow.Query{
		Orgs: q.Orgs, Repos: q.Repos, ExcludedRepos: q.ExcludedRepos, Author: q.Author,
		Labels: q.Labels, MissingLabels: q.MissingLabels, Branches: q.IncludedBranches, NotBranches: q.ExcludedBranches,
		Milestone: q.Milestone, ReviewApproved: q.ReviewApprovedRequired,
	}
}
