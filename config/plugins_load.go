package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// pluginFile is plugins.yaml or a shard of it, before anything is merged.
type pluginFile struct {
	Plugins         map[string]OrgPlugins       `json:"plugins,omitempty"`
	ExternalPlugins map[string][]ExternalPlugin `json:"external_plugins,omitempty"`
	Owners          *Owners                     `json:"owners,omitempty"`

	sections map[string]json.RawMessage
}

// UnmarshalJSON reads the keys that are the same for all, and keeps the rest.
func (f *pluginFile) UnmarshalJSON(b []byte) error {
	type known pluginFile
	if err := json.Unmarshal(b, (*known)(f)); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &f.sections); err != nil {
		return err
	}
	for k, v := range f.sections {
		if isFixedKey(k) || bytes.Equal(v, []byte("null")) {
			delete(f.sections, k)
		}
	}
	return nil
}

func isFixedKey(k string) bool {
	return slices.ContainsFunc([]string{"plugins", "external_plugins", "owners"}, func(f string) bool { return strings.EqualFold(f, k) })
}

// UnmarshalJSON reads the old form, a list of names, and the new one.
func (o *OrgPlugins) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &o.Plugins); err == nil {
		o.old = o.Plugins != nil
		return nil
	}
	type plain OrgPlugins
	return json.Unmarshal(b, (*plain)(o))
}

// assemblePlugins merges the shards into plugins.yaml and checks the whole.
func assemblePlugins(in *inputs, rep *report) *Plugins {
	p := &Plugins{
		Plugins: map[string]OrgPlugins{}, ExternalPlugins: map[string][]ExternalPlugin{},
		Sections: map[string]json.RawMessage{}, Where: map[string]Position{},
	}
	a := pluginAssembly{p: p, from: map[string]string{}}
	if in.plugins != nil {
		a.main(in.plugins.value.(*pluginFile), spot{rep, in.plugins.name, nil})
		for _, s := range in.pluginExtra {
			a.shard(s.value.(*pluginFile), spot{rep, s.name, nil})
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
	for k, v := range f.sections {
		a.p.Sections[k], a.p.Where[k] = v, Position{File: at.file}
	}
	if len(f.Plugins) == 0 {
		at.warn("enables no plugins", "list them under plugins, by organisation or repository")
	}
	mixed := map[bool]bool{}
	for _, k := range keysOf(f.Plugins) {
		mixed[f.Plugins[k].old] = true
	}
	if len(mixed) > 1 {
		at.at("plugins").hinted("has both the old form and the new one", "write every entry as plugins: [names]")
	} else if mixed[true] {
		at.at("plugins").warn("has the old form, a list of names", "write plugins: [names] below each entry")
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
	at := func(key, selector string) spot {
		return spot{rep, a.from[key+"\x00"+selector], trail{key, selector}}
	}
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
