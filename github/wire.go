package github

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// The structs of this file are what we read of GitHub's JSON, in answers and in
// webhooks alike. They are few and tolerant: what nobody asks for is not
// decoded, and so cannot be in the way.

// moment is a time that may also come as a number or not at all.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			m.Time = t
		}
		return nil
	}
	var n int64
	if json.Unmarshal(b, &n) == nil && n > 0 {
		m.Time = time.Unix(n, 0).UTC()
	}
	return nil
}

type wireUser struct {
	Login string `json:"login"`
	Name  string `json:"name"`
	Type  string `json:"type"`
}

func (u *wireUser) login() string {
	if u == nil {
		return ""
	}
	return u.Login
}

func (u *wireUser) bot() bool { return u != nil && u.Type == "Bot" }

func logins(users []wireUser) []string {
	out := make([]string, 0, len(users))
	for i := range users {
		out = append(out, users[i].Login)
	}
	return out
}

type wireRepo struct {
	Name          string    `json:"name"`
	Owner         *wireUser `json:"owner"`
	DefaultBranch string    `json:"default_branch"`
	Private       bool      `json:"private"`
	Archived      bool      `json:"archived"`
	HTMLURL       string    `json:"html_url"`
	CloneURL      string    `json:"clone_url"`
	// Absent where the asker may not see the settings: then all are permitted.
	AllowMerge  *bool `json:"allow_merge_commit"`
	AllowSquash *bool `json:"allow_squash_merge"`
	AllowRebase *bool `json:"allow_rebase_merge"`
}

func (r *wireRepo) id() prow.Repo {
	if r == nil {
		return prow.Repo{}
	}
	owner := r.Owner.login()
	if owner == "" && r.Owner != nil {
		owner = r.Owner.Name // pushes spell it so
	}
	return prow.Repo{Owner: owner, Name: r.Name}
}

func (r *wireRepo) repository() *prow.Repository {
	permitted := func(b *bool) bool { return b == nil || *b }
	return &prow.Repository{
		Repo: r.id(), DefaultBranch: r.DefaultBranch, Private: r.Private, Archived: r.Archived,
		URL: r.HTMLURL, CloneURL: r.CloneURL,
		AllowMerge: permitted(r.AllowMerge), AllowSquash: permitted(r.AllowSquash), AllowRebase: permitted(r.AllowRebase),
	}
}

type wireLabel struct {
	Name string `json:"name"`
}

func labelNames(labels []wireLabel) []string {
	out := make([]string, 0, len(labels))
	for _, l := range labels {
		out = append(out, l.Name)
	}
	return out
}

type wireTitled struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
}

type wireIssue struct {
	Number      int             `json:"number"`
	NodeID      string          `json:"node_id"`
	User        *wireUser       `json:"user"`
	Title       string          `json:"title"`
	Body        string          `json:"body"`
	State       string          `json:"state"`
	Labels      []wireLabel     `json:"labels"`
	Assignees   []wireUser      `json:"assignees"`
	Milestone   *wireTitled     `json:"milestone"`
	HTMLURL     string          `json:"html_url"`
	CreatedAt   moment          `json:"created_at"`
	UpdatedAt   moment          `json:"updated_at"`
	PullRequest json.RawMessage `json:"pull_request"`
}

func (i *wireIssue) issue(r prow.Repo) prow.Issue {
	out := prow.Issue{
		ID: prow.IssueID{Repo: r, Number: i.Number}, NodeID: i.NodeID,
		Author: i.User.login(), AuthorIsBot: i.User.bot(), Title: i.Title, Body: i.Body, State: i.State,
		Labels: labelNames(i.Labels), Assignees: logins(i.Assignees),
		IsPull: len(i.PullRequest) > 0 && !bytes.Equal(i.PullRequest, []byte("null")),
		URL:    i.HTMLURL, Created: i.CreatedAt.Time, Updated: i.UpdatedAt.Time,
	}
	if i.Milestone != nil {
		out.Milestone = i.Milestone.Title
	}
	return out
}

type wireEnd struct {
	Ref  string    `json:"ref"`
	SHA  string    `json:"sha"`
	Repo *wireRepo `json:"repo"`
}

type wirePull struct {
	wireIssue
	Base               wireEnd    `json:"base"`
	Head               wireEnd    `json:"head"`
	Draft              bool       `json:"draft"`
	Merged             bool       `json:"merged"`
	MergedAt           *moment    `json:"merged_at"`
	MergeCommitSHA     string     `json:"merge_commit_sha"`
	MergedBy           *wireUser  `json:"merged_by"`
	Mergeable          *bool      `json:"mergeable"`
	MergeableState     string     `json:"mergeable_state"`
	Rebaseable         *bool      `json:"rebaseable"`
	RequestedReviewers []wireUser `json:"requested_reviewers"`
	RequestedTeams     []struct {
		Slug string `json:"slug"`
	} `json:"requested_teams"`
	Commits   int `json:"commits"`
	Additions int `json:"additions"`
	Deletions int `json:"deletions"`
}

// pull returns p as the port has it; a pull request is of its base's repository.
func (p *wirePull) pull(r prow.Repo) *prow.Pull {
	if b := p.Base.Repo.id(); !b.IsZero() && b.Owner != "" {
		r = b
	}
	out := &prow.Pull{
		Issue: p.issue(r),
		Base:  p.Base.Ref, BaseSHA: p.Base.SHA, HeadRef: p.Head.Ref, HeadSHA: p.Head.SHA, HeadRepo: p.Head.Repo.id(),
		Draft: p.Draft, Merged: p.Merged || p.MergedAt != nil && !p.MergedAt.IsZero(), MergedBy: p.MergedBy.login(),
		CanRebase: p.Rebaseable != nil && *p.Rebaseable, Reviewers: logins(p.RequestedReviewers),
		Commits: p.Commits, Additions: p.Additions, Deletions: p.Deletions,
	}
	out.IsPull = true
	if out.Merged {
		out.MergeSHA = p.MergeCommitSHA
	}
	if p.Mergeable != nil {
		out.Mergeable = prow.MergeableNo
		if *p.Mergeable {
			out.Mergeable = prow.MergeableYes
		}
	}
	if s := strings.ToUpper(p.MergeableState); s != "UNKNOWN" {
		out.MergeState = s
	}
	for _, t := range p.RequestedTeams {
		out.ReviewTeams = append(out.ReviewTeams, t.Slug)
	}
	return out
}

type wireComment struct {
	ID        int64     `json:"id"`
	User      *wireUser `json:"user"`
	Body      string    `json:"body"`
	HTMLURL   string    `json:"html_url"`
	CreatedAt moment    `json:"created_at"`
	UpdatedAt moment    `json:"updated_at"`
}

func (c *wireComment) comment() prow.Comment {
	return prow.Comment{
		ID: c.ID, Author: c.User.login(), Body: c.Body, URL: c.HTMLURL,
		Created: c.CreatedAt.Time, Updated: c.UpdatedAt.Time,
	}
}

type wireReview struct {
	ID          int64     `json:"id"`
	User        *wireUser `json:"user"`
	Body        string    `json:"body"`
	State       string    `json:"state"`
	HTMLURL     string    `json:"html_url"`
	CommitID    string    `json:"commit_id"`
	SubmittedAt moment    `json:"submitted_at"`
}

func (r *wireReview) review() prow.Review {
	return prow.Review{
		ID: r.ID, Author: r.User.login(), AuthorBot: r.User.bot(), State: prow.ReviewState(strings.ToLower(r.State)),
		Body: r.Body, URL: r.HTMLURL, SHA: r.CommitID, At: r.SubmittedAt.Time,
	}
}

type wireStatus struct {
	Context     string `json:"context"`
	State       string `json:"state"`
	Description string `json:"description"`
	TargetURL   string `json:"target_url"`
}

func (s *wireStatus) check() prow.Check {
	return prow.Check{Name: s.Context, State: prow.CheckState(s.State), Text: s.Description, URL: s.TargetURL}
}

type wireCheckRun struct {
	Name       string `json:"name"`
	HeadSHA    string `json:"head_sha"`
	Status     string `json:"status"`
	Conclusion string `json:"conclusion"`
	HTMLURL    string `json:"html_url"`
	DetailsURL string `json:"details_url"`
	Output     struct {
		Title string `json:"title"`
	} `json:"output"`
}

func (r *wireCheckRun) check() prow.Check {
	url := r.DetailsURL
	if url == "" {
		url = r.HTMLURL
	}
	return prow.Check{Name: r.Name, State: runState(r.Status, r.Conclusion), Text: r.Output.Title, URL: url, IsRun: true}
}

// runState is what a check run says, in the words of statuses.
func runState(status, conclusion string) prow.CheckState {
	if !strings.EqualFold(status, "completed") {
		return prow.CheckPending
	}
	switch strings.ToLower(conclusion) {
	case "success", "neutral", "skipped":
		return prow.CheckSuccess
	}
	return prow.CheckFailure
}
