package config

import (
	"regexp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Gerrit configures how Gerrit is looked at.
type Gerrit struct {
	// TickInterval is the pause between two looks at Gerrit. Default: 1m
	TickInterval *metav1.Duration `json:"tick_interval,omitempty"`
	// RateLimit is how many changes one query asks for. Default: 5
	RateLimit int `json:"ratelimit,omitempty"`
	// DeckURL is the address of deck, for links in messages. Example: https://prow.example.com/
	DeckURL string `json:"deck_url,omitempty"`
	// OrgReposConfig lists the Gerrit hosts and their repositories.
	OrgReposConfig []GerritRepos `json:"org_repos_config,omitempty"`
	// AllowedPresubmitTriggerText is a regular expression: comments that it does not match are not looked at. Default: every comment
	AllowedPresubmitTriggerText string `json:"allowed_presubmit_trigger_re,omitempty"`

	AllowedPresubmitTrigger *regexp.Regexp `json:"-"` // nil allows all
}

// GerritRepos are repositories of one Gerrit host.
type GerritRepos struct {
	// Org is the host, with its scheme. Example: https://foo-review.googlesource.com
	Org string `json:"org,omitempty"`
	// Repos are the names of repositories on the host.
	Repos []string `json:"repos,omitempty"`
	// OptOutHelp leaves out the message that explains commands. Default: false
	OptOutHelp bool `json:"opt_out_help,omitempty"`
	// Filters limit what is looked at.
	Filters *GerritFilters `json:"filters,omitempty"`
}

// GerritFilters limit which changes are looked at.
type GerritFilters struct {
	// Branches are the branches whose changes are looked at. Default: all
	Branches []string `json:"branches,omitempty"`
	// ExcludedBranches are branches whose changes are not looked at.
	ExcludedBranches []string `json:"excluded_branches,omitempty"`
	// OptInByDefault looks at changes whose authors did not ask for it. Default: false
	OptInByDefault bool `json:"opt_in_by_default,omitempty"`
}

// TideGerrit configures merging on Gerrit.
type TideGerrit struct {
	// Queries lists the Gerrit hosts and repositories whose changes are merged.
	Queries []GerritRepos `json:"queries,omitempty"`
	// RateLimit is how many changes one query asks for. Default: 5
	RateLimit int `json:"ratelimit,omitempty"`
}

func (g *Gerrit) complete(at spot, res regexps) {
	pause(at.at("tick_interval"), &g.TickInterval, time.Minute)
	positive(at.at("ratelimit"), &g.RateLimit, 5)
	checkURL(at.at("deck_url"), g.DeckURL)
	g.OrgReposConfig = completeGerritRepos(at.at("org_repos_config"), g.OrgReposConfig)
	if g.AllowedPresubmitTriggerText != "" {
		g.AllowedPresubmitTrigger = res.compile(at.at("allowed_presubmit_trigger_re"), g.AllowedPresubmitTriggerText)
	}
}

func (g *TideGerrit) complete(at spot) {
	positive(at.at("ratelimit"), &g.RateLimit, 5)
	g.Queries = completeGerritRepos(at.at("queries"), g.Queries)
}

// completeGerritRepos checks hosts, and drops slashes at their ends.
func completeGerritRepos(at spot, list []GerritRepos) []GerritRepos {
	out := make([]GerritRepos, 0, len(list))
	for i, r := range list {
		at := at.at(i)
		if !strings.HasPrefix(r.Org, "https://") && !strings.HasPrefix(r.Org, "http://") {
			at.at("org").warn(KindNoEffect, "is no address of a host", "write it with its scheme, for example https://foo-review.googlesource.com")
		}
		r.Org = strings.TrimRight(r.Org, "/")
		if len(r.Repos) == 0 {
			at.warn(KindNoEffect, "lists no repositories", "name them under repos")
		}
		out = append(out, r)
	}
	return out
}
