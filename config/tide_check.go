package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// Policies of github_merge_blocks_policy: what tide does when GitHub says that
// a merge is blocked.
const (
	BlocksIgnore = "ignore" // do not look
	BlocksPermit = "permit" // try to merge, but warn
	BlocksBlock  = "block"  // keep out
)

func (t *Tide) complete(at spot, defaults []ProwJobDefaultEntry, res regexps) {
	pause(at.at("sync_period"), &t.SyncPeriod, time.Minute)
	pause(at.at("status_update_period"), &t.StatusUpdatePeriod, t.SyncPeriod.Duration)
	positive(at.at("max_goroutines"), &t.MaxGoroutines, 20)
	for i := range t.Queries {
		t.Queries[i].check(at.at("queries", i))
	}
	t.Queries = mergeQueries(t.Queries, (&shared{defaults: defaults}).tenants)
	t.MergeMethods.res = res
	t.MergeMethods.check(at.at("merge_method"), res)
	t.templates(at.at("merge_commit_template"))
	t.addresses(at)
	for _, k := range keysOf(t.MergeBlocksPolicy) {
		if v := t.MergeBlocksPolicy[k]; v != BlocksIgnore && v != BlocksPermit && v != BlocksBlock {
			at.at("github_merge_blocks_policy", k).hinted(fmt.Sprintf("%q is not a policy", v), "want ignore, permit or block")
		}
	}
	for _, k := range keysOf(t.BatchSizeLimit) {
		if n := t.BatchSizeLimit[k]; n < -1 {
			at.at("batch_size_limit", k).hinted(fmt.Sprintf("is %d", n), "want a number of pull requests, 0 for no limit, or -1 for no batches")
		}
	}
	t.ContextOptions.check(at.at("context_options"), res)
	if t.Gerrit != nil {
		g := *t.Gerrit
		g.complete(at.at("gerrit"))
		t.Gerrit = &g
	}
}

func (t *Tide) templates(at spot) {
	out := map[string]MergeCommitTemplate{}
	for _, k := range keysOf(t.MergeTemplates) {
		m := t.MergeTemplates[k]
		if k == "*" {
			at.at(k).hinted(`"*" is not possible here`, "name an organisation or a repository")
		}
		m.Title, m.Body = nil, nil
		if m.TitleTemplate != "" {
			m.Title = parseTemplate(at.at(k, "title"), m.TitleTemplate)
		}
		if m.BodyTemplate != "" {
			m.Body = parseTemplate(at.at(k, "body"), m.BodyTemplate)
		}
		out[k] = m
	}
	t.MergeTemplates = out
}

// addresses folds the single addresses into the maps.
func (t *Tide) addresses(at spot) {
	fold := func(key, one string, many map[string]string) map[string]string {
		checkURL(at.at(key), one)
		if one == "" {
			return many
		}
		if len(many) > 0 {
			at.at(key).hinted("goes not together with "+key+"s", "keep one of the two")
		}
		return map[string]string{"*": one}
	}
	if t.PRStatusBaseURL != "" {
		at.at("pr_status_base_url").warn(KindDeprecated, "is an older form", `write pr_status_base_urls: {"*": …}`)
	}
	if t.TargetURL != "" {
		at.at("target_url").warn(KindDeprecated, "is an older form", `write target_urls: {"*": …}`)
	}
	t.TargetURLs = fold("target_url", t.TargetURL, t.TargetURLs)
	if _, ok := t.PRStatusBaseURLs["*"]; len(t.PRStatusBaseURLs) > 0 && !ok {
		at.at("pr_status_base_urls").hinted(`has no "*"`, "say what holds for all other repositories")
	}
	t.PRStatusBaseURLs = fold("pr_status_base_url", t.PRStatusBaseURL, t.PRStatusBaseURLs)
	for key, m := range map[string]map[string]string{"target_urls": t.TargetURLs, "pr_status_base_urls": t.PRStatusBaseURLs} {
		for _, k := range keysOf(m) {
			checkURL(at.at(key, k), m[k])
		}
	}
}

func (q *TideQuery) check(at spot) {
	if len(q.Orgs)+len(q.Repos) == 0 {
		at.hinted("names no organisation and no repository", "give orgs or repos")
	}
	owner := func(repo string) string { o, _, _ := strings.Cut(repo, "/"); return o }
	for i, o := range q.Orgs {
		if o == "" || strings.Contains(o, "/") {
			at.at("orgs", i).hinted(fmt.Sprintf("%q is not an organisation", o), "repositories go under repos")
		}
	}
	isRepo := func(s string) bool { r, err := prow.ParseRepo(s); return err == nil && r.String() == s }
	for i, r := range q.Repos {
		switch {
		case !isRepo(r):
			at.at("repos", i).wrong(fmt.Sprintf("%q is not a repository; want owner/name", r))
		case slices.Contains(q.Orgs, owner(r)):
			at.at("repos", i).hinted(fmt.Sprintf("%q belongs to an organisation of this query", r), "remove it: orgs has it")
		}
	}
	for i, r := range q.ExcludedRepos {
		switch {
		case !isRepo(r):
			at.at("excludedRepos", i).wrong(fmt.Sprintf("%q is not a repository; want owner/name", r))
		case !slices.Contains(q.Orgs, owner(r)):
			at.at("excludedRepos", i).hinted(fmt.Sprintf("%q belongs to no organisation of this query", r), "there is nothing to exclude it from")
		}
	}
	for i, l := range q.MissingLabels {
		if slices.Contains(q.Labels, l) {
			at.at("missingLabels", i).wrong(fmt.Sprintf("label %q is both required and forbidden", l))
		}
	}
	if len(q.IncludedBranches) > 0 && len(q.ExcludedBranches) > 0 {
		at.at("excludedBranches").hinted("goes not together with includedBranches", "keep one of the two")
	}
	for key, list := range map[string][]string{
		"orgs": q.Orgs, "repos": q.Repos, "excludedRepos": q.ExcludedRepos, "labels": q.Labels, "missingLabels": q.MissingLabels,
		"includedBranches": q.IncludedBranches, "excludedBranches": q.ExcludedBranches,
	} {
		for i, v := range list {
			if slices.Contains(list[:i], v) {
				at.at(key, i).wrong(fmt.Sprintf("%q is there twice", v))
			}
		}
	}
}

// Matches reports whether q asks for pull requests of r.
func (q *TideQuery) Matches(r prow.Repo) bool {
	if slices.Contains(q.Repos, r.String()) {
		return true
	}
	return slices.Contains(q.Orgs, r.Owner) && !slices.Contains(q.ExcludedRepos, r.String())
}

// mergeQueries joins queries that differ in nothing but where they look, and
// sorts them. tenants tells whose the jobs there are: what different tenants own
// stays apart.
func mergeQueries(in []TideQuery, tenants func(*TideQuery) []string) []TideQuery {
	byKey := map[string]*TideQuery{}
	for _, q := range in {
		for _, l := range []*[]string{&q.Labels, &q.MissingLabels, &q.IncludedBranches, &q.ExcludedBranches} {
			*l = slices.Sorted(slices.Values(*l))
		}
		key := fmt.Sprintf("%q %q %q %q %q %q %t %q", q.Author, q.Labels, q.MissingLabels, q.IncludedBranches, q.ExcludedBranches, q.Milestone, q.ReviewApprovedRequired, tenants(&q))
		have, ok := byKey[key]
		if !ok {
			have = &q
			byKey[key] = have
		} else {
			have.Orgs = slices.Concat(have.Orgs, q.Orgs)
			have.Repos = slices.Concat(have.Repos, q.Repos)
			have.ExcludedRepos = slices.Concat(have.ExcludedRepos, q.ExcludedRepos)
		}
	}
	out := make([]TideQuery, 0, len(byKey))
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		q := *byKey[key]
		for _, l := range []*[]string{&q.Orgs, &q.Repos, &q.ExcludedRepos} {
			*l = slices.Compact(slices.Sorted(slices.Values(*l)))
		}
		out = append(out, q)
	}
	return out
}

// tenants returns whose the jobs are where q looks, sorted.
func (s *shared) tenants(q *TideQuery) []string {
	if len(s.defaults) == 0 {
		return nil
	}
	var out []string
	for _, where := range slices.Concat(q.Orgs, q.Repos) {
		out = append(out, s.jobDefault(nil, where, DefaultCluster).TenantID)
	}
	return union(out, nil)
}

// QueriesFor returns the queries that ask for pull requests of r.
func (t *Tide) QueriesFor(r prow.Repo) []TideQuery {
	var out []TideQuery
	for _, q := range t.Queries {
		if q.Matches(r) {
			out = append(out, q)
		}
	}
	return out
}

// BatchLimit returns how many pull requests of r are tested together: 0 is no
// limit, -1 is no batches.
func (t *Tide) BatchLimit(r prow.Repo) int {
	n, _ := byRepo(t.BatchSizeLimit, r)
	return n
}

// PrioritizeBatches reports whether a batch that was tested is gone on with, even
// if another would be better.
func (t *Tide) PrioritizeBatches(r prow.Repo) bool {
	v, ok := byRepo(t.PrioritizeExistingBatches, r)
	return v || !ok
}

// MergeBlocks returns one of BlocksIgnore, BlocksPermit and BlocksBlock.
func (t *Tide) MergeBlocks(r prow.Repo) string {
	v, _ := byRepo(t.MergeBlocksPolicy, r)
	return cmp.Or(v, BlocksPermit)
}

// Template returns the templates of merge commits of r; nil members are the
// forge's own.
func (t *Tide) Template(r prow.Repo) MergeCommitTemplate {
	m, _ := byRepo(t.MergeTemplates, r)
	return m
}

// TargetURLFor returns the address that tide's status links to, or "".
func (t *Tide) TargetURLFor(r prow.Repo) string {
	u, _ := byRepo(t.TargetURLs, r)
	return u
}

// PRStatusURLFor returns the address of the dashboard of pull requests, which
// gets a query; for where TargetURLFor is "".
func (t *Tide) PRStatusURLFor(r prow.Repo) string {
	u, _ := byRepo(t.PRStatusBaseURLs, r)
	return u
}
