package schema

// area is a page of docs/config.
type area struct {
	file, title, intro string
	// keys are what the page shows: "kind:path" of keys, "kind:" for the plain
	// values at the top of a file.
	keys []string
}

// areas lists the pages, in the order of the index.
func areas() []area {
	return []area{
		{"jobs.md", "Jobs", `Jobs stand in the files that ` + "`--job-config-path`" + ` names, or in config.yaml. A presubmit tests a
pull request, a postsubmit a branch after a push, and a periodic runs by the clock. What is shared by jobs comes from presets
and from the [decoration](decoration.md) defaults of [plank](plank.md).`,
			[]string{"jobs:presubmits", "jobs:postsubmits", "jobs:periodics", "jobs:presets", "jobs:decorate_all_jobs"}},
		{"in-repo.md", "Jobs in the tested repository", `A repository may bring its own jobs, in ` + "`.prow.yaml` or in files of the folder `.prow`" + `, if
` + "`in_repo_config`" + ` in config.yaml enables it. They are those of [jobs.md](jobs.md), without the level that names the repository,
and they may run in the allowed clusters only.`,
			[]string{"config:in_repo_config", "prow-yaml:"}},
		{"decoration.md", "Decoration", `A decorated job's code is cloned for it, its log and artifacts are uploaded, and its time is limited.
A job's own ` + "`decoration_config`" + ` lies over the entries of ` + "`plank.default_decoration_config_entries`" + ` that match the job, in their order; what is
set above wins key by key.`,
			[]string{"jobs:presubmits.decoration_config"}},
		{"config.md", "config.yaml", `The main file. Its sections with pages of their own: [plank](plank.md), [sinker](sinker.md), [deck](deck.md), [tide](tide.md),
[branch-protection](branch-protection.md), [in_repo_config](in-repo.md) and the [reporters](reporters.md); [jobs](jobs.md) may stand in it, too.
Files that ` + "`--supplemental-prow-config-dir`" + ` finds add to it.`,
			[]string{"config:", "config:github", "config:horologium", "config:prowjob_default_entries", "config:owners_dir_denylist",
				"config:managed_webhooks", "config:push_gateway", "config:scheduler", "config:moonraker", "config:pipeline", "config:jenkins_operators",
				"config:gerrit", "config:pubsub_triggers", "config:gangway"}},
		{"plank.md", "Section plank", "How jobs run: limits, defaults, and the addresses of their results.", []string{"config:plank"}},
		{"sinker.md", "Section sinker", "How long finished jobs and their pods are kept.", []string{"config:sinker"}},
		{"deck.md", "Section deck", "The pages: looks, who may rerun jobs, and what is shown of a run's files (spyglass).", []string{"config:deck"}},
		{"tide.md", "Section tide", "What merges by itself, how, and what has to pass. [docs/merging.md](../merging.md) tells how tide works.", []string{"config:tide"}},
		{"branch-protection.md", "Section branch-protection", `The protection of branches that the forge is given. What is set for a branch lies over its repository,
that over its organisation, and that over the top; lists are joined.`, []string{"config:branch-protection"}},
		{"reporters.md", "Reporters", "How results are told on the forge and in Slack.", []string{"config:github_reporter", "config:slack_reporter_configs"}},
		{"plugins.md", "plugins.yaml", `Which plugins work where, and the options of each. [docs/plugins.md](../plugins.md) lists the commands of the plugins.
Files that ` + "`--supplemental-plugin-config-dir`" + ` finds add to it.`, []string{"plugins:*"}},
	}
}

// homes says where a shape is told of that several pages use: a page, and a heading
// in it.
func homes() map[string]string {
	return map[string]string{
		"Presubmit": "jobs.md#presubmits", "Postsubmit": "jobs.md#postsubmits", "Periodic": "jobs.md#periodics", "Preset": "jobs.md#presets",
		"Refs": "jobs.md#presubmitsextra_refs", "RerunAuthConfig": "jobs.md#presubmitsrerun_auth_config",
		"ProwJobDefault": "jobs.md#presubmitsprowjob_defaults", "ReporterConfig": "jobs.md#presubmitsreporter_config",
		"DecorationConfig": "decoration.md", "Plank": "plank.md", "Sinker": "sinker.md", "Deck": "deck.md", "Tide": "tide.md",
		"BranchProtection": "branch-protection.md", "InRepoConfig": "in-repo.md#in_repo_config",
		"GitHubReporter": "reporters.md#github_reporter", "SlackReporter": "reporters.md#slack_reporter_configs",
	}
}
