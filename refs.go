package prow

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Refs is what a job checks out: a base, and pulls merged onto it in order.
type Refs struct {
	// Org is the organisation.
	Org string `json:"org"`
	// Repo is the repository.
	Repo string `json:"repo"`
	// RepoLink is the address of the repository's page.
	RepoLink string `json:"repo_link,omitempty"`
	// BaseRef is the branch.
	BaseRef string `json:"base_ref,omitempty"`
	// BaseSHA is the commit of the branch. Default: its newest
	BaseSHA string `json:"base_sha,omitempty"`
	// BaseLink is the address of the base commit's page.
	BaseLink string `json:"base_link,omitempty"`
	// Pulls are pull requests to merge into the branch.
	Pulls []PullRef `json:"pulls,omitempty"`
	// PathAlias is where below src the code is cloned to. Default: github.com/org/repo
	PathAlias string `json:"path_alias,omitempty"`
	// WorkDir makes this clone the directory that the test runs in. Default: false
	WorkDir bool `json:"workdir,omitempty"`
	// Auxiliary leaves the repository out when the version of a job is looked for. Default: false
	Auxiliary bool `json:"auxiliary,omitempty"`
	// CloneURI is the address the code is cloned from. Default: https://github.com/org/repo.git
	CloneURI string `json:"clone_uri,omitempty"`
	// SkipSubmodules leaves submodules out. Default: false
	SkipSubmodules bool `json:"skip_submodules,omitempty"`
	// CloneDepth is how many commits are fetched; 0 is all. Default: 0
	CloneDepth int `json:"clone_depth,omitempty"`
	// SkipFetchHead fetches the base branch only, not all branches and tags. Default: false
	SkipFetchHead bool `json:"skip_fetch_head,omitempty"`
	// BloblessFetch fetches files only when they are needed. Default: that of decoration
	BloblessFetch *bool `json:"blobless_fetch,omitempty"`
	// SparseCheckoutFiles are patterns: only these files are checked out. Default: all
	SparseCheckoutFiles []string `json:"sparse_checkout_files,omitempty"`
}

// PullRef is one pull request at one commit.
type PullRef struct {
	// Number is the number of the pull request.
	Number int `json:"number"`
	// Author is the login of who opened it.
	Author string `json:"author"`
	// SHA is its newest commit.
	SHA string `json:"sha"`
	// Title is its title.
	Title string `json:"title,omitempty"`
	// Ref is the git ref to fetch, such as refs/changes/01/1/1. Default: pull/N/head
	Ref string `json:"ref,omitempty"`
	// HeadRef is the branch it comes from.
	HeadRef string `json:"head_ref,omitempty"`
	// Link is the address of its page.
	Link string `json:"link,omitempty"`
	// CommitLink is the address of the commit's page.
	CommitLink string `json:"commit_link,omitempty"`
	// AuthorLink is the address of the author's page.
	AuthorLink string `json:"author_link,omitempty"`
}

// RepoID returns the repository of r.
func (r *Refs) RepoID() Repo { return Repo{r.Org, r.Repo} }

// String is the text form of refs that PULL_REFS, started.json and
// `clonerefs --repo` carry: base_ref[:base_sha][,number:sha[:ref]]…
func (r Refs) String() string {
	var b strings.Builder
	b.WriteString(r.BaseRef)
	if r.BaseSHA != "" {
		b.WriteString(":" + r.BaseSHA)
	}
	for _, p := range r.Pulls {
		fmt.Fprintf(&b, ",%d:%s", p.Number, p.SHA)
		if p.Ref != "" {
			b.WriteString(":" + p.Ref)
		}
	}
	return b.String()
}

// Key says which change r is about, whatever its commits: two incomplete
// presubmits of one job with equal keys supersede each other.
func (r Refs) Key() string {
	numbers := make([]int, 0, len(r.Pulls))
	for _, p := range r.Pulls {
		numbers = append(numbers, p.Number)
	}
	slices.Sort(numbers)
	return fmt.Sprintf("%s/%s@%s %v", r.Org, r.Repo, r.BaseRef, numbers)
}

// ClonePath returns where r is checked out, below <root>/src.
func (r Refs) ClonePath() string {
	switch {
	case r.PathAlias != "":
		return r.PathAlias
	case r.RepoLink != "":
		_, after, ok := strings.Cut(r.RepoLink, "://")
		if !ok {
			after = r.RepoLink
		}
		return after
	}
	return path.Join("github.com", r.Org, r.Repo)
}

// CloneFrom returns the address r is cloned from.
func (r Refs) CloneFrom() string {
	switch {
	case r.CloneURI != "":
		return r.CloneURI
	case r.RepoLink != "":
		return r.RepoLink + ".git"
	}
	return fmt.Sprintf("https://github.com/%s/%s.git", r.Org, r.Repo)
}
