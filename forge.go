package prow

import (
	"fmt"
	"strings"
	"time"
)

type (
	// Repository is what the forge knows of a repository.
	Repository struct {
		Repo          Repo
		DefaultBranch string
		Private       bool
		Archived      bool
		URL           string // to look at
		CloneURL      string
		AllowMerge    bool // methods the settings permit
		AllowSquash   bool
		AllowRebase   bool
	}
	// Branch is a branch and its protection.
	Branch struct {
		Name      string
		SHA       string
		Protected bool
		Required  []string // contexts that protection or rulesets require
	}
	// Issue is an issue, or the part of a pull request that is like one.
	Issue struct {
		ID          IssueID
		NodeID      string
		Author      string
		AuthorIsBot bool
		Title       string
		Body        string
		State       string // open or closed
		Labels      []string
		Assignees   []string
		Milestone   string
		IsPull      bool
		URL         string
		Created     time.Time
		Updated     time.Time
	}
	// Pull is a pull request.
	Pull struct {
		Issue
		Base, BaseSHA  string // branch, and its head as the forge remembers it for this pull request
		HeadRef        string
		HeadSHA        string
		HeadRepo       Repo // zero if the fork is gone
		Draft          bool
		Merged         bool
		MergeSHA       string // of the merge commit, if Merged
		MergedBy       string
		Mergeable      Mergeable
		MergeState     string   // GitHub's mergeStateStatus in upper case: CLEAN, BLOCKED, …; "" unknown
		CanRebase      bool     // meaningful where Mergeable is known
		ReviewDecision string   // APPROVED, CHANGES_REQUESTED, REVIEW_REQUIRED or ""
		Reviewers      []string // whose review is asked for
		ReviewTeams    []string // slugs
		Commits        int      // how many
		Additions      int
		Deletions      int
		// Checks of HeadSHA; only FindPulls fills it, and nil there means
		// that the checks have to be asked for.
		Checks []Check
	}
	// Mergeable is what the forge says of a conflict with the base.
	Mergeable string
	// File is one changed file of a pull request.
	File struct {
		Name      string
		OldName   string // if renamed
		Status    string // added, modified, removed, renamed, …
		Additions int
		Deletions int
		Patch     string
	}
	// Commit is one commit of a pull request.
	Commit struct {
		SHA     string
		Tree    string
		Message string
		Author  string // login, "" if the forge knows nobody by the mail address
		Parents int
	}
	// Comment is one comment on an issue or pull request, or on a diff.
	Comment struct {
		ID      int64
		Author  string
		Body    string
		URL     string
		Created time.Time
		Updated time.Time
	}
	// Review is one review of a pull request.
	Review struct {
		ID        int64
		Author    string
		AuthorBot bool
		State     ReviewState
		Body      string
		URL       string
		SHA       string
		At        time.Time
	}
	// ReviewState is GitHub's word for a review, in lower case.
	ReviewState string
	// LabelChange is one entry of an issue's history.
	LabelChange struct {
		Label string
		Added bool
		By    string
		At    time.Time
	}
	// Permission is what someone may do in a repository, GitHub's word: none,
	// read, triage, write, maintain, admin.
	Permission string
	// Edit is a change of an issue or pull request; nil leaves as is.
	// Milestone "" removes it. State is open or closed.
	Edit struct{ Title, Body, State, Milestone *string }
	// MergeHow says how to merge. SHA is the head that was tested; another
	// head is not merged.
	MergeHow struct {
		Method MergeMethod
		SHA    string
		Title  string // of the merge commit; "" is the forge's default
		Body   string
	}
	// MergeMethod is merge, squash or rebase.
	MergeMethod string
	// NewPull is a pull request to open. Head is "branch" or "owner:branch".
	NewPull struct {
		Repo                    Repo
		Head, Base, Title, Body string
	}
	// WorkflowRun is a run of the forge's own CI for a commit, begun by an event:
	// push, pull_request, ….
	WorkflowRun struct {
		ID         int64
		Name       string
		Event      string
		Status     string
		Conclusion string
	}
)

// ListedFiles is how many files of a pull request a forge lists; git knows them all.
const ListedFiles = 3000

// ChangedNames are the names of changed files; a renamed one has both.
func ChangedNames(files []File) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Name)
		if f.OldName != "" {
			out = append(out, f.OldName)
		}
	}
	return out
}

// The values of Mergeable.
const (
	MergeableUnknown Mergeable = ""
	MergeableYes     Mergeable = "MERGEABLE"
	MergeableNo      Mergeable = "CONFLICTING"
)

// The values of ReviewState.
const (
	ReviewApproved  ReviewState = "approved"
	ReviewChanges   ReviewState = "changes_requested"
	ReviewComment   ReviewState = "commented"
	ReviewDismissed ReviewState = "dismissed"
	ReviewPending   ReviewState = "pending"
)

// The values of MergeMethod.
const (
	MergeCommit MergeMethod = "merge"
	MergeSquash MergeMethod = "squash"
	MergeRebase MergeMethod = "rebase"
)

// HasLabel reports whether i carries label, whatever its case.
func (i *Issue) HasLabel(label string) bool {
	for _, l := range i.Labels {
		if strings.EqualFold(l, label) {
			return true
		}
	}
	return false
}

// Ref returns p as a job's refs name it.
func (p *Pull) Ref() PullRef {
	return PullRef{
		Number: p.ID.Number, Author: p.Author, SHA: p.HeadSHA, Title: p.Title, HeadRef: p.HeadRef,
		Link: p.URL, CommitLink: fmt.Sprintf("%s/commits/%s", p.URL, p.HeadSHA),
		AuthorLink: strings.TrimSuffix(p.URL, fmt.Sprintf("/%s/pull/%d", p.ID.Repo, p.ID.Number)) + "/" + p.Author,
	}
}

// NormLogin is how logins are compared: lower case, without a leading @.
func NormLogin(s string) string {
	return strings.ToLower(strings.TrimPrefix(strings.TrimSpace(s), "@"))
}

// Query finds issues or pull requests. The zero value of a field asks nothing.
type Query struct {
	Issues         bool   // issues instead of pull requests
	State          string // open (default), closed, merged, all
	Orgs           []string
	Repos          []string // owner/name
	ExcludedRepos  []string
	Author         string
	Labels         []string // all of these; a comma inside one means or
	MissingLabels  []string
	Branches       []string // any of these base branches
	NotBranches    []string
	Milestone      string
	ReviewApproved bool
	SHA            string // a commit of the pull request
	UpdatedFrom    time.Time
	UpdatedTo      time.Time
}

// String returns q in GitHub's search language.
func (q Query) String() string {
	var t []string
	add := func(key string, values ...string) {
		for _, v := range values {
			t = append(t, fmt.Sprintf("%s:%q", key, v))
		}
	}
	if q.Issues {
		t = append(t, "is:issue")
	} else {
		t = append(t, "is:pr")
	}
	switch q.State {
	case "", "open":
		t = append(t, "state:open", "archived:false")
	case "closed":
		t = append(t, "state:closed")
	case "merged":
		t = append(t, "is:merged")
	}
	if q.Author != "" {
		add("author", q.Author)
	}
	add("-base", q.NotBranches...)
	add("base", q.Branches...)
	for _, l := range q.Labels {
		var alternatives []string
		for a := range strings.SplitSeq(l, ",") {
			alternatives = append(alternatives, fmt.Sprintf("%q", a))
		}
		t = append(t, "label:"+strings.Join(alternatives, ","))
	}
	add("-label", q.MissingLabels...)
	if q.Milestone != "" {
		add("milestone", q.Milestone)
	}
	if q.ReviewApproved {
		t = append(t, "review:approved")
	}
	add("org", q.Orgs...)
	add("repo", q.Repos...)
	add("-repo", q.ExcludedRepos...)
	if !q.UpdatedFrom.IsZero() || !q.UpdatedTo.IsZero() {
		from, to := "*", "*"
		if !q.UpdatedFrom.IsZero() {
			from = q.UpdatedFrom.UTC().Format(time.RFC3339)
		}
		if !q.UpdatedTo.IsZero() {
			to = q.UpdatedTo.UTC().Format(time.RFC3339)
		}
		t = append(t, "updated:"+from+".."+to)
	}
	if q.SHA != "" {
		t = append(t, q.SHA)
	}
	return strings.Join(t, " ")
}
