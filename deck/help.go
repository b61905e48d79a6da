package deck

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

type commandsView struct {
	Repo     string        `json:"repo,omitempty"`
	Repos    []string      `json:"repos"`
	Commands []commandLine `json:"commands"`
	Tests    []string      `json:"tests"` // what starts this repository's jobs
}

func (v commandsView) head() head { return head{Title: "Commands", Section: "plugins"} }

// commandLine is one thing that can be said.
type commandLine struct {
	Plugin   string   `json:"plugin"`
	Name     string   `json:"name"`
	Usage    string   `json:"usage"`
	Doc      string   `json:"doc"`
	Who      string   `json:"who"`
	Where    string   `json:"where"` // anywhere, pull requests, issues
	Examples []string `json:"examples"`
	Featured bool     `json:"featured,omitempty"`
}

func (s *Server) commands(r *http.Request) (view, error) {
	v := commandsView{Repo: r.URL.Query().Get("repo"), Commands: []commandLine{}, Tests: []string{}}
	on, err := s.enabled(v.Repo)
	if err != nil {
		return nil, err
	}
	cfg := s.Config()
	v.Repos = s.knownRepos(cfg)
	for _, p := range s.Plugins {
		if v.Repo != "" && !slices.Contains(on, p.Name) {
			continue
		}
		for _, c := range p.Commands {
			v.Commands = append(v.Commands, commandOf(p.Name, c))
		}
	}
	slices.SortStableFunc(v.Commands, func(a, b commandLine) int {
		if a.Featured != b.Featured {
			if a.Featured {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Name, b.Name)
	})
	if cfg != nil && v.Repo != "" {
		for _, p := range cfg.PresubmitsStatic[v.Repo] {
			if !p.Hidden || s.ShowHidden {
				v.Tests = append(v.Tests, p.RerunCommand)
			}
		}
	}
	return v, nil
}

func commandOf(name string, c plugin.Command) commandLine {
	l := commandLine{name, c.Name, cmp.Or(c.Usage, "/"+c.Name), c.Doc, cmp.Or(c.Who, "Anyone"), "anywhere", c.Examples, c.Featured}
	if l.Examples == nil {
		l.Examples = []string{}
	}
	switch c.Where {
	case plugin.Pulls:
		l.Where = "pull requests"
	case plugin.Issues:
		l.Where = "issues"
	}
	return l
}

// enabled lists the plugins of repo; "" is none in particular.
func (s *Server) enabled(repo string) ([]string, error) {
	if repo == "" {
		return nil, nil
	}
	id, err := prow.ParseRepo(repo)
	if err != nil {
		return nil, badRequest("repo=%s names no repository.", "Write it as owner/name.", repo)
	}
	if cfg := s.Config(); cfg != nil && s.shownRepo(id) {
		return cfg.Plugins.For(id), nil
	}
	return nil, nil
}

// knownRepos lists the repositories that the configuration names.
func (s *Server) knownRepos(cfg *config.Config) []string {
	out := []string{}
	if cfg == nil {
		return out
	}
	add := func(name string) {
		if id, err := prow.ParseRepo(name); err == nil && s.shownRepo(id) {
			out = append(out, name)
		}
	}
	for r := range cfg.PresubmitsStatic {
		add(r)
	}
	for r := range cfg.PostsubmitsStatic {
		add(r)
	}
	for r := range cfg.Plugins.Plugins {
		add(r)
	}
	for _, q := range cfg.Tide.Queries {
		for _, r := range q.Repos {
			add(r)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

type pluginsView struct {
	Repo    string       `json:"repo,omitempty"`
	Repos   []string     `json:"repos"`
	Plugins []pluginLine `json:"plugins"`
}

func (v pluginsView) head() head { return head{Title: "Plugins", Section: "plugins"} }

// pluginLine is a plugin, and where it is on.
type pluginLine struct {
	Name     string        `json:"name"`
	Doc      string        `json:"doc"`
	On       []string      `json:"on"` // owners and repositories
	Commands []commandLine `json:"commands"`
	Events   []string      `json:"events"`
	Help     string        `json:"help,omitempty"` // how it is configured for the repository asked about
	Snippet  string        `json:"snippet,omitempty"`
	External bool          `json:"external,omitempty"`
}

func (s *Server) plugins(r *http.Request) (view, error) {
	v := pluginsView{Repo: r.URL.Query().Get("repo"), Plugins: []pluginLine{}}
	on, err := s.enabled(v.Repo)
	if err != nil {
		return nil, err
	}
	cfg := s.Config()
	v.Repos = s.knownRepos(cfg)
	for _, p := range s.Plugins {
		if v.Repo != "" && !slices.Contains(on, p.Name) {
			continue
		}
		l := pluginLine{Name: p.Name, Doc: p.Doc, On: s.where(cfg, p.Name), Commands: []commandLine{}, Events: events(p), Snippet: p.Snippet}
		for _, c := range p.Commands {
			l.Commands = append(l.Commands, commandOf(p.Name, c))
		}
		if p.Help != nil && cfg != nil {
			id, _ := prow.ParseRepo(v.Repo)
			l.Help = p.Help(cfg, id)
		}
		v.Plugins = append(v.Plugins, l)
	}
	if cfg != nil {
		v.Plugins = append(v.Plugins, s.external(cfg, v.Repo)...)
	}
	return v, nil
}

// where lists the owners and repositories for which a plugin is on.
func (s *Server) where(cfg *config.Config, name string) []string {
	out := []string{}
	if cfg == nil {
		return out
	}
	for at, p := range cfg.Plugins.Plugins {
		id, err := prow.ParseRepo(at)
		if slices.Contains(p.Plugins, name) && (err != nil || s.shownRepo(id)) {
			out = append(out, at)
		}
	}
	slices.Sort(out)
	return out
}

func (s *Server) external(cfg *config.Config, repo string) []pluginLine {
	by := map[string]*pluginLine{}
	for at, list := range cfg.Plugins.ExternalPlugins {
		owner, _, _ := strings.Cut(repo, "/")
		if repo != "" && at != repo && at != owner {
			continue
		}
		for _, e := range list {
			if by[e.Name] == nil {
				by[e.Name] = &pluginLine{Name: e.Name, Doc: "A plugin outside of this process.", External: true, Commands: []commandLine{}, Events: slices.Clone(e.Events), On: []string{}}
			}
			by[e.Name].On = append(by[e.Name].On, at)
		}
	}
	out := []pluginLine{}
	for _, l := range by {
		if l.Events == nil {
			l.Events = []string{"all"}
		}
		slices.Sort(l.On)
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b pluginLine) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func events(p plugin.Plugin) []string {
	out := []string{}
	for _, e := range []struct {
		name string
		on   bool
	}{
		{"comment", p.OnComment != nil || len(p.Commands) > 0}, {"pull_request", p.OnPull != nil}, {"review", p.OnReview != nil},
		{"issue", p.OnIssue != nil}, {"push", p.OnPush != nil}, {"status", p.OnStatus != nil},
	} {
		if e.on {
			out = append(out, e.name)
		}
	}
	return out
}
