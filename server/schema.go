package server

import (
	"slices"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/schema"
)

// Sections lists the sections of plugins.yaml with the plugins that read them,
// those of plugins that are not there at the end, without a value.
func Sections() []schema.Section {
	var out []schema.Section
	find := func(key string) int {
		return slices.IndexFunc(out, func(s schema.Section) bool { return s.Key == key })
	}
	for _, p := range Plugins() {
		for _, s := range p.Sections {
			i := find(s.Name())
			if i < 0 {
				i = len(out)
				out = append(out, schema.Section{Key: s.Name(), Value: s.Zero(), Snippet: p.Snippet})
			}
			out[i].Plugins = append(out[i].Plugins, p.Name)
		}
	}
	for _, s := range plugin.Shared() {
		if find(s.Name()) < 0 {
			out = append(out, schema.Section{Key: s.Name(), Value: s.Zero()})
		}
	}
	for _, key := range config.SectionNames() {
		if find(key) < 0 {
			out = append(out, schema.Section{Key: key})
		}
	}
	return out
}
