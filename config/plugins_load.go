package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"go.yaml.in/yaml/v4"
)

// pluginFile is plugins.yaml or a shard of it, before anything is merged.
type pluginFile struct {
	Plugins         map[string]OrgPlugins       `json:"plugins,omitempty"`
	ExternalPlugins map[string][]ExternalPlugin `json:"external_plugins,omitempty"`
	Owners          *Owners                     `json:"owners,omitempty"`

	Rest map[string]json.RawMessage `json:"-" config:"rest"`
	kept map[string]section
}

// section is a section of plugins.yaml before its plugin has decoded it.
type section struct {
	at   Position
	node *yaml.Node
	data []byte // of the file, for the lines of problems
}

func (f *pluginFile) keep(key string, at Position, n *yaml.Node, data []byte) {
	if f.kept == nil {
		f.kept = map[string]section{}
	}
	f.kept[key] = section{at, n, data}
}

// readNode reads the old form, a list of names, and the new one.
func (o *OrgPlugins) readNode(d *decoder, n *yaml.Node, at *frame) {
	if n.Kind == yaml.SequenceNode {
		o.old = true
		d.value(n, reflect.ValueOf(&o.Plugins).Elem(), true, at)
		return
	}
	type plain OrgPlugins
	d.value(n, reflect.ValueOf((*plain)(o)).Elem(), true, at)
}

// assemblePlugins merges the shards into plugins.yaml and checks the whole.
func assemblePlugins(in *inputs, rep *report) *Plugins {
	p := &Plugins{
		Plugins: map[string]OrgPlugins{}, ExternalPlugins: map[string][]ExternalPlugin{},
		Sections: map[string]json.RawMessage{}, Where: map[string]Position{}, written: map[string]section{},
	}
	a := pluginAssembly{p: p, from: map[string]string{}}
	p.from = a.from
	if in.plugins != nil {
		a.main(in.plugins.value.(*pluginFile), spot{rep: rep, file: in.plugins.name})
		for _, s := range in.pluginExtra {
			a.shard(s.value.(*pluginFile), spot{rep: rep, file: s.name})
		}
		a.check(rep)
	}
	if p.Owners.LabelsDenyList == nil {
		p.Owners.LabelsDenyList = []string{prow.Approved, prow.LGTM}
	}
	return p
}

// pluginAssembly merges files; from remembers which file set a selector.
type pluginAssembly struct {
	p    *Plugins
	from map[string]string
}

func (a *pluginAssembly) main(f *pluginFile, at spot) {
	a.selectors(f, at)
	if f.Owners != nil {
		a.p.Owners = *f.Owners
	}
	for _, k := range keysOf(f.Rest) {
		a.p.Sections[k], a.p.Where[k] = f.Rest[k], f.kept[k].at
		a.p.written[k] = f.kept[k]
		if known := SectionNames(); !slices.Contains(known, k) {
			at.at(k).warn(KindUnknown, "is not a key that means anything here", strings.TrimPrefix(didYouMean(k, known), "; "))
		}
	}
	if len(f.Plugins) == 0 && len(f.Rest)+len(f.ExternalPlugins) > 0 { // that it is empty is told elsewhere
		at.warn(KindNoEffect, "enables no plugins", "list them under plugins, by organisation or repository")
	}
	mixed := map[bool]bool{}
	for _, k := range keysOf(f.Plugins) {
		mixed[f.Plugins[k].old] = true
	}
	if len(mixed) > 1 {
		at.at("plugins").hinted("has both the old form and the new one", "write every entry as plugins: [names]")
	} else if mixed[true] {
		at.at("plugins").warn(KindDeprecated, "has the old form, a list of names", "write plugins: [names] below each entry")
	}
}

// selectors adds plugins and external_plugins, each selector once.
func (a *pluginAssembly) selectors(f *pluginFile, at spot) {
	once := func(key, selector string) bool {
		id := key + "\x00" + selector
		if first, ok := a.from[id]; ok {
			at.at(key, selector).hinted("is set in another file too", "the other is "+first)
			return false
		}
		a.from[id] = at.file
		return true
	}
	for _, k := range keysOf(f.Plugins) {
		if once("plugins", k) {
			a.p.Plugins[k] = f.Plugins[k]
		}
	}
	for _, k := range keysOf(f.ExternalPlugins) {
		if once("external_plugins", k) {
			list := slices.Clone(f.ExternalPlugins[k])
			for i := range list {
				if list[i].Endpoint == "" {
					list[i].Endpoint = "http://" + list[i].Name
				}
			}
			a.p.ExternalPlugins[k] = list
		}
	}
}

// check finds plugins enabled twice for a repository, and pairs that exclude each
// other.
func (a *pluginAssembly) check(rep *report) {
	at := func(key, selector string) spot { return a.p.spot(rep, key, selector) }
	for _, k := range keysOf(a.p.Plugins) {
		if org, name, ok := strings.Cut(k, "/"); ok {
			o := a.p.Plugins[org]
			for i, plugin := range a.p.Plugins[k].Plugins {
				if slices.Contains(o.Plugins, plugin) && !slices.Contains(o.ExcludedRepos, name) {
					at("plugins", k).at("plugins", i).hinted(fmt.Sprintf("%s is enabled for the organisation %s already", plugin, org),
						"remove it from one of the two, or add "+name+" to excluded_repos")
				}
			}
		}
		r, _ := prow.ParseRepo(k)
		if r.IsZero() {
			r.Owner = k
		}
		if all := a.p.For(r); slices.Contains(all, "blunderbuss") && slices.Contains(all, "rifle") {
			at("plugins", k).hinted("enables both blunderbuss and rifle", "keep one of the two")
		}
	}
	for _, k := range keysOf(a.p.ExternalPlugins) {
		org, _, ok := strings.Cut(k, "/")
		for i, e := range a.p.ExternalPlugins[k] {
			if ok && slices.ContainsFunc(a.p.ExternalPlugins[org], func(o ExternalPlugin) bool { return o.Name == e.Name }) {
				at("external_plugins", k).at(i).hinted(fmt.Sprintf("%s is enabled for the organisation %s already", e.Name, org), "remove it from one of the two")
			}
			if e.Name == "" {
				at("external_plugins", k).at(i).hinted("has no name", "name the external plugin")
			}
		}
	}
}

// spot is the entry of a selector.
func (p *Plugins) spot(rep *report, key, selector string) spot {
	return spot{rep: rep, file: p.from[key+"\x00"+selector], path: trail{key, selector}}
}

// Unknown returns a warning for each plugin that is enabled but not one of known.
func (p *Plugins) Unknown(known []string) Problems {
	rep, in := &report{}, &inputs{}
	for _, k := range keysOf(p.Plugins) {
		at := p.spot(rep, "plugins", k)
		if !p.Plugins[k].old {
			at = at.at("plugins")
		}
		for i, name := range p.Plugins[k].Plugins {
			if !slices.Contains(known, name) {
				at.at(i).warn(KindUnknownPlugin, fmt.Sprintf("there is no plugin %q", name), strings.TrimPrefix(didYouMean(name, known), "; "))
				in.jobs = append(in.jobs, &source{name: at.file}) // to look up the place
			}
		}
	}
	return rep.warnings(in)
}

// SectionNames lists the keys of plugins.yaml that belong to one plugin or
// several, those of plugins that are not built in too.
func SectionNames() []string {
	return []string{
		"approve", "blockades", "blunderbuss", "branch_cleaner", "bugzilla", "cat", "cherry_pick_approved", "cherry_pick_unapproved",
		"config_updater", "dco", "golint", "goose", "heart", "help", "invalid_commit_msg", "jira", "label", "lgtm", "milestone_applier",
		"override", "project_config", "project_manager", "release_note", "replies", "repo_milestone", "require_matching_label", "retitle", "rifle",
		"sigmention", "size", "slack", "triggers", "welcome",
	}
}
