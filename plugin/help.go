package plugin

import (
	"maps"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Help is what the plugins can do and where; its JSON is what `/plugin-help`
// has always answered.
type Help struct {
	AllRepos            []string
	RepoPlugins         map[string][]string // by selector; "" holds all there are
	RepoExternalPlugins map[string][]string
	PluginHelp          map[string]PluginHelp
	ExternalPluginHelp  map[string]PluginHelp
}

// PluginHelp is the help of one plugin.
type PluginHelp struct {
	Description string
	Config      map[string]string `json:",omitempty"` // in words, by repository; "" is for all
	Snippet     string            `json:",omitempty"`
	Events      []string
	Commands    []CommandHelp
}

// CommandHelp is the help of one command.
type CommandHelp struct {
	Usage       string
	Featured    bool
	Description string
	Examples    []string
	WhoCanUse   string
}

// HelpOf draws up the help of plugins as cfg enables them. repos are all
// repositories, selectors of a whole organisation expanded by the caller; the
// caller also adds what external plugins say of themselves.
func HelpOf(plugins []Plugin, cfg *config.Config, repos []prow.Repo) *Help {
	h := &Help{
		AllRepos:            []string{},
		RepoPlugins:         map[string][]string{"": {}},
		RepoExternalPlugins: map[string][]string{"": {}},
		PluginHelp:          map[string]PluginHelp{},
		ExternalPluginHelp:  map[string]PluginHelp{},
	}
	for _, r := range repos {
		h.AllRepos = append(h.AllRepos, r.String())
	}
	slices.Sort(h.AllRepos)
	h.AllRepos = slices.Compact(h.AllRepos)
	for _, p := range plugins {
		h.RepoPlugins[""] = append(h.RepoPlugins[""], p.Name)
		h.PluginHelp[p.Name] = p.help(cfg, repos)
	}
	slices.Sort(h.RepoPlugins[""])
	for _, selector := range slices.Sorted(maps.Keys(cfg.Plugins.Plugins)) {
		h.RepoPlugins[selector] = cfg.Plugins.Plugins[selector].Plugins
	}
	for selector, list := range cfg.Plugins.ExternalPlugins {
		for _, x := range list {
			h.RepoExternalPlugins[selector] = append(h.RepoExternalPlugins[selector], x.Name)
			h.RepoExternalPlugins[""] = append(h.RepoExternalPlugins[""], x.Name)
		}
	}
	slices.Sort(h.RepoExternalPlugins[""])
	h.RepoExternalPlugins[""] = slices.Compact(h.RepoExternalPlugins[""])
	return h
}

func (p *Plugin) help(cfg *config.Config, repos []prow.Repo) PluginHelp {
	h := PluginHelp{Description: p.Doc, Snippet: p.Snippet, Events: p.Events(), Commands: []CommandHelp{}}
	for i := range p.Commands {
		cmd := &p.Commands[i]
		if cmd.Usage == "" {
			continue // a spelling of the one before it
		}
		h.Commands = append(h.Commands, CommandHelp{cmd.Usage, cmd.Featured, cmd.Doc, cmd.Examples, cmd.Who})
	}
	if p.Help == nil {
		return h
	}
	h.Config = map[string]string{}
	for _, r := range append([]prow.Repo{{}}, repos...) {
		key := ""
		if !r.IsZero() {
			if !slices.Contains(cfg.Plugins.For(r), p.Name) {
				continue
			}
			key = r.String()
		}
		if text := p.Help(cfg, r); text != "" {
			h.Config[key] = text
		}
	}
	return h
}

// Events names the webhooks p reacts to.
func (p *Plugin) Events() []string {
	var out []string
	add := func(is bool, names ...string) {
		if is {
			out = append(out, names...)
		}
	}
	add(p.OnPull != nil, "pull_request")
	add(p.OnReview != nil, "pull_request_review")
	add(p.OnIssue != nil, "issues")
	add(p.OnPush != nil, "push")
	add(p.OnStatus != nil, "status")
	add(p.OnComment != nil || len(p.Commands) > 0, "GenericCommentEvent (any event for user text)")
	return out
}

// Enabled returns those of plugins that cfg enables for r, and the names it
// enables that are none of them.
func Enabled(plugins []Plugin, cfg *config.Config, r prow.Repo) (on []Plugin, unknown []string) {
	for _, name := range cfg.Plugins.For(r) {
		i := slices.IndexFunc(plugins, func(p Plugin) bool { return strings.EqualFold(p.Name, name) })
		if i < 0 {
			unknown = append(unknown, name)
			continue
		}
		if !slices.ContainsFunc(on, func(p Plugin) bool { return p.Name == plugins[i].Name }) {
			on = append(on, plugins[i])
		}
	}
	return on, unknown
}
