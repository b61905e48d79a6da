package config

import (
	"reflect"
	"strings"
)

// mergeShard adds a shard of the main file to main. Only what may be sharded is
// taken; anything else is a problem, and so is what two files set.
func mergeShard(main, shard *ProwConfig, at spot) {
	twice := func(at spot) {
		at.hinted("is set in another file too", "a value may be set in one file only")
	}
	mergeProtection(&main.BranchProtection, &shard.BranchProtection, at.at("branch-protection"), twice)
	for _, k := range keysOf(shard.SlackReporterConfigs) {
		if _, ok := main.SlackReporterConfigs[k]; ok {
			twice(at.at("slack_reporter_configs", k))
			continue
		}
		if main.SlackReporterConfigs == nil {
			main.SlackReporterConfigs = map[string]SlackReporter{}
		}
		main.SlackReporterConfigs[k] = shard.SlackReporterConfigs[k]
	}
	main.Tide.Queries = append(main.Tide.Queries, shard.Tide.Queries...)
	for _, k := range keysOf(shard.Tide.MergeMethods.entries) {
		if _, ok := main.Tide.MergeMethods.entries[k]; ok {
			twice(at.at("tide", "merge_method", k))
			continue
		}
		if main.Tide.MergeMethods.entries == nil {
			main.Tide.MergeMethods.entries = map[string]methods{}
		}
		main.Tide.MergeMethods.entries[k] = shard.Tide.MergeMethods.entries[k]
	}
	rest := *shard
	rest.BranchProtection, rest.SlackReporterConfigs = BranchProtection{}, nil
	rest.Tide.Queries, rest.Tide.MergeMethods = nil, MergeMethods{}
	tide := rest.Tide
	rest.Tide = Tide{}
	const where = "a shard may set branch-protection, slack_reporter_configs, tide.queries and tide.merge_method"
	for _, key := range setKeys(reflect.ValueOf(rest)) {
		at.at(key).hinted("is not for shards", where)
	}
	for _, key := range setKeys(reflect.ValueOf(tide)) {
		at.at("tide", key).hinted("is not for shards", where)
	}
}

// setKeys lists the keys of the fields of a struct that are set.
func setKeys(v reflect.Value) []string {
	var out []string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" && !v.Field(i).IsZero() {
			out = append(out, name)
		}
	}
	return out
}

func mergeProtection(main, shard *BranchProtection, at spot, twice func(spot)) {
	policy := func(at spot, to *Policy, from Policy) {
		switch {
		case reflect.DeepEqual(from, Policy{}):
		case reflect.DeepEqual(*to, Policy{}):
			*to = from
		default:
			twice(at)
		}
	}
	flag := func(key string, to **bool, from *bool) {
		if from != nil && *to != nil {
			twice(at.at(key))
			return
		}
		over(to, from)
	}
	policy(at, &main.Policy, shard.Policy)
	flag("protect-tested-repos", &main.ProtectTested, shard.ProtectTested)
	flag("allow_disabled_policies", &main.AllowDisabledPolicies, shard.AllowDisabledPolicies)
	flag("allow_disabled_job_policies", &main.AllowDisabledJobPolicies, shard.AllowDisabledJobPolicies)
	flag("protect_repos_with_optional_jobs", &main.ProtectReposWithOptionalJobs, shard.ProtectReposWithOptionalJobs)
	if main.Orgs == nil {
		main.Orgs = map[string]ProtectedOrg{}
	}
	for _, name := range keysOf(shard.Orgs) {
		org, more, at := main.Orgs[name], shard.Orgs[name], at.at("orgs", name)
		policy(at, &org.Policy, more.Policy)
		if org.Repos == nil {
			org.Repos = map[string]ProtectedRepo{}
		}
		for _, name := range keysOf(more.Repos) {
			from := more.Repos[name]
			repo, at := org.Repos[name], at.at("repos", name)
			policy(at, &repo.Policy, from.Policy)
			if repo.Branches == nil {
				repo.Branches = map[string]ProtectedBranch{}
			}
			for _, b := range keysOf(from.Branches) {
				branch := repo.Branches[b]
				policy(at.at("branches", b), &branch.Policy, from.Branches[b].Policy)
				repo.Branches[b] = branch
			}
			org.Repos[name] = repo
		}
		main.Orgs[name] = org
	}
}
