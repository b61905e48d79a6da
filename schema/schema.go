// Package schema says what the configuration files look like, for editors and
// people.
//
// Takes: the structs that config decodes into, their comments, and the sections of
// plugins. Gives: JSON Schemas, the pages of docs/config, and answers about one
// key. Woken by: `prow schema`, and the test that keeps docs/config true.
package schema

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/prow-ci/prow/config"
)

// Section is a top-level key of plugins.yaml that plugins own.
type Section struct {
	Key     string
	Value   any      // a pointer to what it is decoded into, defaults filled in
	Plugins []string // that read it
	Snippet string   // an example
}

// File is a kind of configuration file.
type File struct {
	Kind  string // as `prow schema` names it
	Title string
	Root  *Shape
}

// Kinds lists the kinds of files.
func Kinds() []string { return []string{"config", "jobs", "plugins", "prow-yaml"} }

// configFile is the main file.
type configFile struct {
	config.JobConfig
	config.ProwConfig
	// The revision that the file was made from; deck shows it.
	ConfigVersionSHA string `json:"config_version_sha,omitempty"`
}

// pluginsFile is plugins.yaml without the sections of plugins.
type pluginsFile struct {
	// The plugins that work in an organisation or a repository, by "org" or
	// "org/repo".
	Plugins map[string]config.OrgPlugins `json:"plugins,omitempty"`
	// Plugins reached over HTTP, by "org" or "org/repo".
	ExternalPlugins map[string][]config.ExternalPlugin `json:"external_plugins,omitempty"`
	// How OWNERS files are read.
	Owners config.Owners `json:"owners,omitempty"`
}

// camelCase are keys that are let be at the top of a file of jobs: folders of jobs
// hold files of other tools, too, and homes for YAML anchors. Prow's own keys there
// have no capitals, so misspelt ones are still seen.
const camelCase = "^(prow_ignored|_.*|[.].*|x-.*|.*[A-Z].*)$"

// Of draws a kind of file. sections counts for plugins alone.
func Of(kind string, sections []Section) (*File, error) {
	d := newDrawer()
	f := &File{Kind: kind}
	draw := func(t reflect.Type, loose bool) { f.Root = d.shape(t, loose, "") }
	switch kind {
	case "config":
		f.Title = "Prow: the main file, config.yaml"
		draw(reflect.TypeFor[configFile](), true)
	case "jobs":
		f.Title = "Prow: a file of jobs"
		draw(reflect.TypeFor[config.JobConfig](), true)
		f.Root.Tolerant = camelCase
	case "plugins":
		f.Title = "Prow: plugins.yaml"
		draw(reflect.TypeFor[pluginsFile](), true)
		d.sections(f.Root, sections)
	case "prow-yaml":
		f.Title = "Prow: a repository's own jobs, .prow.yaml and .prow/*.yaml"
		draw(reflect.TypeFor[config.InRepoJobs](), true)
	default:
		return nil, fmt.Errorf("there is no schema %q: want one of %s", kind, strings.Join(Kinds(), ", "))
	}
	return f, nil
}

// sections adds the sections of plugins to root.
func (d *drawer) sections(root *Shape, sections []Section) {
	for _, s := range sections {
		k := &Key{Name: s.Key, Shape: &Shape{Kind: Anything}, Doc: "Section of a plugin that is not there yet: it is kept, and does nothing."}
		if s.Value != nil {
			k.Shape, k.Doc = d.shape(reflect.TypeOf(s.Value), true, s.Key), s.doc()
		}
		d.add(root, k)
	}
}

// doc says whose section it is.
func (s Section) doc() string {
	switch len(s.Plugins) {
	case 0:
		return "Section that all plugins read."
	case 1:
		return "Section of the plugin " + s.Plugins[0] + "."
	}
	return "Section of the plugins " + strings.Join(s.Plugins, ", ") + "."
}
