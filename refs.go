package prow

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Refs is what a job checks out: a base, and pulls merged onto it in order.
type Refs struct {
	Org                 string    `json:"org"`
	Repo                string    `json:"repo"`
	RepoLink            string    `json:"repo_link,omitempty"`
	BaseRef             string    `json:"base_ref,omitempty"`
	BaseSHA             string    `json:"base_sha,omitempty"`
	BaseLink            string    `json:"base_link,omitempty"`
	Pulls               []PullRef `json:"pulls,omitempty"`
	PathAlias           string    `json:"path_alias,omitempty"`
	WorkDir             bool      `json:"workdir,omitempty"`
	Auxiliary           bool      `json:"auxiliary,omitempty"`
	CloneURI            string    `json:"clone_uri,omitempty"`
	SkipSubmodules      bool      `json:"skip_submodules,omitempty"`
	CloneDepth          int       `json:"clone_depth,omitempty"`
	SkipFetchHead       bool      `json:"skip_fetch_head,omitempty"`
	BloblessFetch       *bool     `json:"blobless_fetch,omitempty"`
	SparseCheckoutFiles []string  `json:"sparse_checkout_files,omitempty"`
}

// PullRef is one pull request at one commit.
type PullRef struct {
	Number     int    `json:"number"`
	Author     string `json:"author"`
	SHA        string `json:"sha"`
	Title      string `json:"title,omitempty"`
	Ref        string `json:"ref,omitempty"`      // git ref to fetch, e.g. refs/changes/…; empty: pull/N/head
	HeadRef    string `json:"head_ref,omitempty"` // source branch
	Link       string `json:"link,omitempty"`
	CommitLink string `json:"commit_link,omitempty"`
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
