package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/prow-ci/prow/config"
)

func pluginChecks() []Check {
	return []Check{
		{
			Name: config.KindUnknownPlugin, Default: true, Always: true, Fatal: true, Plugins: true, Run: unknownPlugins,
			Help: "plugins.yaml enables a plugin that there is not. Always checked.",
		},
		{
			Name: "missing-plugins", Default: true, New: true, Plugins: true, Run: missingPlugins,
			Help: "plugins.yaml enables a plugin of the original that this Prow does not have. It is left out.",
		},
		{
			Name: "validate-owners", Default: true, Plugins: true, Run: validateOwners,
			Help: "A plugin that reads OWNERS files (approve, blunderbuss, rifle, owners-label) is enabled without verify-owners, so a pull request may break the files that it works by.",
		},
		{
			Name: "missing-trigger", Default: true, Plugins: true, Run: missingTrigger,
			Help: "A repository has jobs, but not the plugin trigger that starts them.",
		},
		{
			Name: "validate-label", Default: true, Plugins: true, Run: validateLabel,
			Help: "A label in label.restricted_labels that is empty, or also in label.additional_labels, where anyone may set it.",
		},
		{
			Name: "validate-config-updater-acls", Default: true, Plugins: true, Run: configUpdaterACLs,
			Help: "An entry of allowed_repos or denied_repos in config_updater that is neither an organisation nor a repository.",
		},
	}
}

// original lists the plugins of the original Prow.
func original() []string {
	return []string{
		"approve", "assign", "blockade", "blunderbuss", "branchcleaner", "bugzilla", "buildifier", "cat", "cherry-pick-approved",
		"cherry-pick-unapproved", "cla", "config-updater", "dco", "dog", "golint", "goose", "heart", "help", "hold", "invalidcommitmsg",
		"issue-management", "jira", "label", "lgtm", "lifecycle", "merge-method-comment", "mergecommitblocker", "milestone", "milestoneapplier",
		"milestonestatus", "override", "owners-label", "pony", "project", "project-manager", "release-note", "require-matching-label",
		"retitle", "rifle", "shrug", "sigmention", "size", "skip", "slackevents", "stage", "testfreeze", "trick-or-treat", "trigger", "verify-owners",
		"welcome", "wip", "yuks",
		// Only some builds have these.
		"reward-owners", "transfer-issue",
	}
}

// listed calls f for every plugin of every selector.
func (p *Pass) listed(f func(selector string, i int, plugin string)) {
	for _, k := range keysOf(p.Config.Plugins.Plugins) {
		for i, plugin := range p.Config.Plugins.Plugins[k].Plugins {
			f(k, i, plugin)
		}
	}
}

func unknownPlugins(p *Pass) {
	known := slices.Concat(p.Plugins, original())
	p.listed(func(k string, i int, plugin string) {
		if slices.Contains(known, plugin) {
			return
		}
		hint := config.DidYouMean(plugin, known)
		if p.isExternal(plugin) {
			hint = "it is an external plugin: list it under external_plugins only"
		}
		p.report(p.Config.Plugins.Place(k, i), fmt.Sprintf("there is no plugin %q", plugin), hint)
	})
}

func missingPlugins(p *Pass) {
	if len(p.Plugins) == 0 {
		return
	}
	first, times := map[string]config.Place{}, map[string]int{}
	p.listed(func(k string, i int, plugin string) {
		if !slices.Contains(p.Plugins, plugin) && slices.Contains(original(), plugin) {
			if times[plugin]++; times[plugin] == 1 {
				first[plugin] = p.Config.Plugins.Place(k, i)
			}
		}
	})
	for _, plugin := range keysOf(first) {
		more := ""
		if n := times[plugin] - 1; n > 0 {
			more = fmt.Sprintf("; it is enabled in %s more", plural(n, "place"))
		}
		p.report(first[plugin], fmt.Sprintf("the plugin %s is not in this Prow, so it is left out%s", plugin, more), "its commands and labels will do nothing")
	}
}

// readsOwners lists the plugins that read OWNERS files.
func readsOwners() []string { return []string{"approve", "blunderbuss", "rifle", "owners-label"} }

func validateOwners(p *Pass) {
	for _, k := range keysOf(p.Config.Plugins.Plugins) {
		var readers []string
		at := config.Place{}
		for i, plugin := range p.Config.Plugins.Plugins[k].Plugins {
			if slices.Contains(readsOwners(), plugin) {
				if len(readers) == 0 {
					at = p.Config.Plugins.Place(k, i)
				}
				readers = append(readers, plugin)
			}
		}
		var off []scope
		for _, s := range p.of(k) {
			if !p.enabled("verify-owners", s) {
				off = append(off, s)
			}
		}
		if len(readers) > 0 && len(off) > 0 {
			verb := "reads"
			if len(readers) > 1 {
				verb = "read"
			}
			p.report(at, fmt.Sprintf("%s %s OWNERS files, but verify-owners, which keeps them sound, is not enabled for %s", sentence(readers), verb, names(off)), "enable verify-owners there")
		}
	}
}

func missingTrigger(p *Pass) {
	seen := map[string]bool{}
	for j := range p.jobs {
		if j.Repo == "" || gerrit(j.Repo) || seen[j.Repo] {
			continue
		}
		seen[j.Repo] = true
		if !p.enabled("trigger", parse(j.Repo)) {
			p.report(config.Place{File: j.Source.File}.At(j.Place().Path[:j.depth()]...), fmt.Sprintf("%s has jobs, but the plugin trigger, which starts them, is not enabled for it", j.Repo), "enable trigger for it in plugins.yaml")
		}
	}
}

// depth is how many steps of a job's path lead to the list of its repository.
func (j job) depth() int {
	if j.Own {
		return 1
	}
	return 2
}

// section decodes a section of plugins.yaml as far as a check needs it; one that
// does not decode was reported while loading.
func (p *Pass) section(key string, v any) bool {
	raw, ok := p.Config.Plugins.Sections[key]
	return ok && json.Unmarshal(raw, v) == nil
}

func validateLabel(p *Pass) {
	var section struct {
		Additional []string `json:"additional_labels"`
		Restricted map[string][]struct {
			Label string `json:"label"`
		} `json:"restricted_labels"`
	}
	if !p.section("label", &section) {
		return
	}
	for _, k := range keysOf(section.Restricted) {
		for i, r := range section.Restricted[k] {
			at := p.InPlugins("label", "restricted_labels", k, i, "label")
			switch {
			case r.Label == "":
				p.report(at, "the restricted label has no name", "give label")
			case slices.Contains(section.Additional, r.Label):
				p.report(at, fmt.Sprintf("%q is restricted, but also among additional_labels, so anyone may set it", r.Label), "remove it from one of the two")
			}
		}
	}
}

func configUpdaterACLs(p *Pass) {
	var section struct {
		Maps map[string]struct {
			Allowed []string `json:"allowed_repos"`
			Denied  []string `json:"denied_repos"`
		} `json:"maps"`
	}
	if !p.section("config_updater", &section) {
		return
	}
	for _, glob := range keysOf(section.Maps) {
		m := section.Maps[glob]
		for key, list := range map[string][]string{"allowed_repos": m.Allowed, "denied_repos": m.Denied} {
			for i, entry := range list {
				org, repo, slash := strings.Cut(entry, "/")
				if org == "" || slash && repo == "" || strings.Contains(repo, "/") {
					p.report(p.InPlugins("config_updater", "maps", glob, key, i), fmt.Sprintf("%q is neither an organisation nor a repository", entry), "want owner or owner/name")
				}
			}
		}
	}
}
