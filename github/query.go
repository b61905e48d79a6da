package github

import (
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// The questions in GitHub's query language, written out: they have names, which
// the generated ones of a client library have not, and a test checks them
// against GitHub's schema.
const (
	issueFields = `id number title body url state createdAt updatedAt
author { login __typename }
repository { name owner { login } }
labels(first: 100) { nodes { name } }
assignees(first: 20) { nodes { login } }
milestone { title }`

	findPulls = `query FindPulls($text: String!, $first: Int!, $after: String) {
search(type: ISSUE, query: $text, first: $first, after: $after) {
issueCount pageInfo { hasNextPage endCursor }
nodes { __typename ... on PullRequest {
` + issueFields + `
baseRefName baseRefOid headRefName headRefOid
headRepository { name owner { login } }
isDraft merged mergeable mergeStateStatus canBeRebased reviewDecision additions deletions
mergeCommit { oid }
mergedBy { login }
commits(last: 4) { totalCount nodes { commit { oid
status { contexts { context state description targetUrl } }
statusCheckRollup { contexts(last: 100) { totalCount nodes { __typename ... on CheckRun { name status conclusion title detailsUrl } } } }
} } }
} } } }`

	findIssues = `query FindIssues($text: String!, $first: Int!, $after: String) {
search(type: ISSUE, query: $text, first: $first, after: $after) {
issueCount pageInfo { hasNextPage endCursor }
nodes { __typename ... on Issue {
` + issueFields + `
} } } }`
)

type nodes[T any] struct {
	TotalCount int `json:"totalCount"`
	Nodes      []T `json:"nodes"`
}

type foundRepo struct {
	Name  string   `json:"name"`
	Owner wireUser `json:"owner"`
}

func (r *foundRepo) id() prow.Repo {
	if r == nil {
		return prow.Repo{}
	}
	return prow.Repo{Owner: r.Owner.Login, Name: r.Name}
}

type foundIssue struct {
	ID        string `json:"id"`
	Number    int    `json:"number"`
	Title     string `json:"title"`
	Body      string `json:"body"`
	URL       string `json:"url"`
	State     string `json:"state"`
	CreatedAt moment `json:"createdAt"`
	UpdatedAt moment `json:"updatedAt"`
	Author    *struct {
		Login string `json:"login"`
		Type  string `json:"__typename"`
	} `json:"author"`
	Repository foundRepo        `json:"repository"`
	Labels     nodes[wireLabel] `json:"labels"`
	Assignees  nodes[wireUser]  `json:"assignees"`
	Milestone  *wireTitled      `json:"milestone"`
}

func (i *foundIssue) issue() prow.Issue {
	out := prow.Issue{
		ID: prow.IssueID{Repo: i.Repository.id(), Number: i.Number}, NodeID: i.ID, Title: i.Title, Body: i.Body, URL: i.URL,
		State: "closed", Labels: labelNames(i.Labels.Nodes), Assignees: logins(i.Assignees.Nodes),
		Created: i.CreatedAt.Time, Updated: i.UpdatedAt.Time,
	}
	if i.State == "OPEN" {
		out.State = "open"
	}
	if i.Author != nil {
		out.Author, out.AuthorIsBot = i.Author.Login, i.Author.Type == "Bot"
		if out.AuthorIsBot && !strings.HasSuffix(out.Author, "[bot]") {
			out.Author += "[bot]" // as everywhere else
		}
	}
	if i.Milestone != nil {
		out.Milestone = i.Milestone.Title
	}
	return out
}

type foundPull struct {
	foundIssue
	BaseRefName      string     `json:"baseRefName"`
	BaseRefOid       string     `json:"baseRefOid"`
	HeadRefName      string     `json:"headRefName"`
	HeadRefOid       string     `json:"headRefOid"`
	HeadRepository   *foundRepo `json:"headRepository"`
	IsDraft          bool       `json:"isDraft"`
	Merged           bool       `json:"merged"`
	Mergeable        string     `json:"mergeable"`
	MergeStateStatus string     `json:"mergeStateStatus"`
	CanBeRebased     bool       `json:"canBeRebased"`
	ReviewDecision   string     `json:"reviewDecision"`
	Additions        int        `json:"additions"`
	Deletions        int        `json:"deletions"`
	MergeCommit      *struct {
		Oid string `json:"oid"`
	} `json:"mergeCommit"`
	MergedBy *wireUser `json:"mergedBy"`
	Commits  nodes[struct {
		Commit foundCommit `json:"commit"`
	}] `json:"commits"`
}

type foundCommit struct {
	Oid    string `json:"oid"`
	Status *struct {
		Contexts []struct {
			Context     string `json:"context"`
			State       string `json:"state"`
			Description string `json:"description"`
			TargetURL   string `json:"targetUrl"`
		} `json:"contexts"`
	} `json:"status"`
	Rollup *struct {
		Contexts nodes[struct {
			Type       string `json:"__typename"`
			Name       string `json:"name"`
			Status     string `json:"status"`
			Conclusion string `json:"conclusion"`
			Title      string `json:"title"`
			DetailsURL string `json:"detailsUrl"`
		}] `json:"contexts"`
	} `json:"statusCheckRollup"`
}

func (p *foundPull) pull() *prow.Pull {
	out := &prow.Pull{
		Issue: p.issue(), Base: p.BaseRefName, BaseSHA: p.BaseRefOid, HeadRef: p.HeadRefName, HeadSHA: p.HeadRefOid,
		HeadRepo: p.HeadRepository.id(), Draft: p.IsDraft, Merged: p.Merged, MergedBy: p.MergedBy.login(),
		CanRebase: p.CanBeRebased, ReviewDecision: p.ReviewDecision,
		Commits: p.Commits.TotalCount, Additions: p.Additions, Deletions: p.Deletions,
	}
	out.IsPull = true
	if p.Merged && p.MergeCommit != nil {
		out.MergeSHA = p.MergeCommit.Oid
	}
	if p.Mergeable != "UNKNOWN" {
		out.Mergeable = prow.Mergeable(p.Mergeable)
	}
	if p.MergeStateStatus != "UNKNOWN" {
		out.MergeState = p.MergeStateStatus
	}
	for i := range p.Commits.Nodes {
		if c := &p.Commits.Nodes[i].Commit; c.Oid == p.HeadRefOid {
			out.Checks = c.checks()
		}
	}
	return out
}

// checks returns what c's statuses and check runs say, nil if GitHub told not
// all of them.
func (c *foundCommit) checks() []prow.Check {
	out := []prow.Check{}
	if c.Status != nil {
		for _, s := range c.Status.Contexts {
			state := prow.CheckState(strings.ToLower(s.State))
			if state == "expected" {
				state = prow.CheckPending
			}
			out = append(out, prow.Check{Name: s.Context, State: state, Text: s.Description, URL: s.TargetURL})
		}
	}
	if c.Rollup == nil {
		return out
	}
	if c.Rollup.Contexts.TotalCount > 100 {
		return nil
	}
	var runs []prow.Check
	for _, r := range c.Rollup.Contexts.Nodes {
		if r.Type == "CheckRun" {
			runs = append(runs, prow.Check{
				Name: r.Name, State: runState(r.Status, r.Conclusion), Text: r.Title, URL: r.DetailsURL, IsRun: true,
			})
		}
	}
	return slices.Concat(out, best(runs))
}
