package config

import (
	"encoding/json"
	"reflect"
	"slices"

	prow "github.com/prow-ci/prow"
)

// Plugins is plugins.yaml. Sections that belong to one plugin stay undecoded
// here: the plugin declares a struct for its own and reads it through
// plugin.Section.
type Plugins struct {
	// Plugins names the plugins that run, by "org" or "org/repo".
	Plugins map[string]OrgPlugins `json:"plugins,omitempty"`
	// ExternalPlugins are plugins that webhooks are sent on to, by "org" or "org/repo".
	ExternalPlugins map[string][]ExternalPlugin `json:"external_plugins,omitempty"`
	// Owners configures how OWNERS files are read.
	Owners Owners `json:"owners,omitempty"`

	// Sections holds every other top-level key as JSON, shards merged in.
	Sections map[string]json.RawMessage `json:"-"`
	// Where says where each section stands, for errors.
	Where map[string]Position `json:"-"`

	written map[string]section // those that stand in one file
	codec   codec
	from    map[string]string // selectors of plugins and external_plugins to their file
}

// OrgPlugins names the plugins of an organisation or repository.
type OrgPlugins struct {
	// Plugins are the names of plugins. Example: [trigger, lgtm, approve, hold]
	Plugins []string `json:"plugins,omitempty"`
	// ExcludedRepos are names of repositories of the organisation in which they do not run. Example: [sandbox]
	ExcludedRepos []string `json:"excluded_repos,omitempty"`

	old bool // written as a mere list of names
}

// ExternalPlugin is a plugin reached over HTTP.
type ExternalPlugin struct {
	// Name is the plugin's name.
	Name string `json:"name"`
	// Endpoint is the address that webhooks are sent to. Default: http:// and the name
	Endpoint string `json:"endpoint,omitempty"`
	// Events are the kinds of webhooks that are sent. Default: all Example: [pull_request, issue_comment]
	Events []string `json:"events,omitempty"`
}

// Owners configures how OWNERS files are read.
type Owners struct {
	// MDYAMLRepos are "org" or "org/repo" in which Markdown files may carry owners in their head.
	MDYAMLRepos []string `json:"mdyamlrepos,omitempty"`
	// SkipCollaborators are "org" or "org/repo" in which collaborators do not matter, only OWNERS files.
	SkipCollaborators []string `json:"skip_collaborators,omitempty"`
	// LabelsDenyList are labels that OWNERS files cannot give; an empty list permits all. Default: [approved, lgtm]
	LabelsDenyList []string `json:"labels_denylist,omitempty"`
	// Filenames are other names of the files, by "org" or "org/repo".
	Filenames map[string]OwnersFilenames `json:"filenames,omitempty"`
}

// OwnersFilenames names the files; empty members mean the defaults.
type OwnersFilenames struct {
	// Owners is the name of the files with owners. Default: OWNERS
	Owners string `json:"owners,omitempty"`
	// OwnersAliases is the name of the file with names of groups. Default: OWNERS_ALIASES
	OwnersAliases string `json:"owners_aliases,omitempty"`
}

// For returns the names of the plugins enabled for r, org's first.
func (p *Plugins) For(r prow.Repo) []string {
	var out []string
	if org, ok := p.Plugins[r.Owner]; ok && !slices.Contains(org.ExcludedRepos, r.Name) {
		out = append(out, org.Plugins...)
	}
	if r.Name != "" {
		out = append(out, p.Plugins[r.String()].Plugins...)
	}
	return out
}

// ExternalFor returns the external plugins of r that want the event.
func (p *Plugins) ExternalFor(r prow.Repo, event string) []ExternalPlugin {
	var out []ExternalPlugin
	keys := []string{r.Owner}
	if r.Name != "" {
		keys = append(keys, r.String())
	}
	for _, k := range keys {
		for _, e := range p.ExternalPlugins[k] {
			if len(e.Events) == 0 || slices.Contains(e.Events, event) {
				out = append(out, e)
			}
		}
	}
	return out
}

// Decode decodes a section into v, a pointer to a struct, by the rules of the whole
// file, and returns what is wrong with it, warnings of unknown keys included. A
// section that is not there leaves v as it is.
func (p *Plugins) Decode(key string, v any) Problems {
	raw, ok := p.Sections[key]
	if !ok {
		return nil
	}
	c := p.codec
	if c.plans == nil {
		c = newCodec()
	}
	if w, ok := p.written[key]; ok && w.at.Line > 0 {
		d := c.decoder(w.at.File, w.data, KindUnknown)
		d.value(w.node, reflect.ValueOf(v).Elem(), true, &frame{&frame{}, key, -1})
		return d.problems
	}
	found := c.decode(p.Where[key].File, raw, v, KindUnknown)
	for i := range found { // merged from several files: places are those of the merged text
		found[i].Position, found[i].Snippet = p.Where[key], ""
		found[i].Path = below(key, found[i].Path)
	}
	return found
}

// below returns the path of what is at path in the value of key.
func below(key, path string) string {
	if path == "" || path[0] == '[' {
		return key + path
	}
	return key + "." + path
}

// Wrong makes a problem of what a plugin says of its section.
func (p *Plugins) Wrong(key string, err error) Problem {
	return Problem{Kind: KindInvalid, Position: p.Where[key], Path: key, Text: err.Error()}
}

// Listed reports whether list names r or its owner.
func Listed(list []string, r prow.Repo) bool {
	return slices.Contains(list, r.String()) || slices.Contains(list, r.Owner)
}
