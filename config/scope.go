package config

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
)

// Shard is a supplemental file, and what it is about.
type Shard struct {
	File string
	// Folder leads from the folder of the command line to the file's own; empty
	// is the former itself.
	Folder []string
	Orgs   []string // sorted, as Repos is
	Repos  []string
	Global bool // it speaks of more than organisations and repositories
}

// Shards lists the supplemental files of the main file and of plugins.yaml.
func (x *Inspection) Shards(p Paths) []Shard {
	var out []Shard
	for _, s := range x.in.extra {
		f := &scope{}
		f.prow(&s.value.(*shardFile).ProwConfig)
		out = append(out, f.shard(s.name, p.Supplemental))
	}
	for _, s := range x.in.pluginExtra {
		f := &scope{}
		f.plugins(s.value.(*pluginFile))
		out = append(out, f.shard(s.name, p.SupplementalPlugins))
	}
	return out
}

// scope gathers what a file is about.
type scope struct {
	orgs, repos []string
	global      bool
}

func (s *scope) shard(file string, dirs []string) Shard {
	out := Shard{File: file, Orgs: union(s.orgs, nil), Repos: union(s.repos, nil), Global: s.global}
	for _, dir := range dirs {
		rel, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			continue
		}
		if rel != "." {
			out.Folder = strings.Split(filepath.ToSlash(rel), "/")
		}
		break
	}
	return out
}

// add takes a selector: an organisation, a repository, or "*".
func (s *scope) add(selectors ...string) {
	for _, k := range selectors {
		switch {
		case k == "*" || k == "":
			s.global = true
		case strings.Contains(k, "/"):
			s.repos = append(s.repos, k)
		default:
			s.orgs = append(s.orgs, k)
		}
	}
}

func (s *scope) prow(c *ProwConfig) {
	bp := c.BranchProtection
	for name, org := range bp.Orgs {
		if !reflect.DeepEqual(org.Policy, Policy{}) {
			s.add(name)
		}
		for repo := range org.Repos {
			s.add(name + "/" + repo)
		}
	}
	bp.Orgs = nil
	for k := range c.SlackReporterConfigs {
		s.add(k)
	}
	for _, q := range c.Tide.Queries {
		s.add(q.Orgs...)
		s.add(q.Repos...)
	}
	for k, m := range c.Tide.MergeMethods.entries {
		repo, _, _ := strings.Cut(k, "@")
		if m.below == nil || strings.Contains(k, "/") {
			s.add(repo)
			continue
		}
		for name := range m.below {
			if name == "*" {
				s.add(k)
			} else {
				s.add(k + "/" + name)
			}
		}
	}
	rest := *c
	rest.BranchProtection, rest.SlackReporterConfigs, rest.Tide.Queries, rest.Tide.MergeMethods = bp, nil, nil, MergeMethods{}
	s.global = s.global || !reflect.DeepEqual(rest, ProwConfig{})
}

func (s *scope) plugins(f *pluginFile) {
	for k := range f.Plugins {
		s.add(k)
	}
	for k := range f.ExternalPlugins {
		s.add(k)
	}
	s.global = s.global || f.Owners != nil
	for k, raw := range f.Rest {
		switch k {
		case "approve", "lgtm", "triggers", "welcome":
			var list []struct {
				Repos []string `json:"repos"`
			}
			_ = json.Unmarshal(raw, &list) // of another type: loading says so
			for _, e := range list {
				s.add(e.Repos...)
			}
		case "label":
			var label map[string]json.RawMessage
			var restricted map[string]any
			_ = json.Unmarshal(raw, &label)
			_ = json.Unmarshal(label["restricted_labels"], &restricted)
			s.add(keysOf(restricted)...)
			delete(label, "restricted_labels")
			s.global = s.global || len(label) > 0
		case "bugzilla":
			s.bugzilla(raw)
		default:
			s.global = true
		}
	}
}

func (s *scope) bugzilla(raw json.RawMessage) {
	var b struct {
		Default map[string]any `json:"default"`
		Orgs    map[string]struct {
			Default map[string]any `json:"default"`
			Repos   map[string]any `json:"repos"`
		} `json:"orgs"`
	}
	_ = json.Unmarshal(raw, &b) // of another type: loading says so
	s.global = s.global || len(b.Default) > 0
	for name, org := range b.Orgs {
		if len(org.Default) > 0 {
			s.add(name)
		}
		for repo := range org.Repos {
			s.add(name + "/" + repo)
		}
	}
}
