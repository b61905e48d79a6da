package main

import (
	"github.com/prow-ci/prow/config"
	"github.com/spf13/pflag"
)

// configFlags are those of every command that reads configuration. The main and
// the plugin file default to config and plugins.
func configFlags(f *pflag.FlagSet, p *config.Paths, main, plugins string) {
	f.StringVar(&p.Config, "config-path", main, "main configuration file")
	f.StringVar(&p.JobConfig, "job-config-path", "", "file or folder of job configuration")
	f.StringVar(&p.PluginConfig, "plugin-config", plugins, "plugin configuration file")
	f.StringSliceVar(&p.Supplemental, "supplemental-prow-config-dir", nil, "folder searched for further main configuration; repeatable")
	f.StringVar(&p.SupplementalSuffix, "supplemental-prow-configs-filename-suffix", "_prowconfig.yaml", "end of the names of such files")
	f.StringSliceVar(&p.SupplementalPlugins, "supplemental-plugin-config-dir", nil, "folder searched for further plugin configuration; repeatable")
	f.StringVar(&p.SupplementalPluginSuffix, "supplemental-plugin-configs-filename-suffix", "_pluginconfig.yaml", "end of the names of such files")
	// The older spelling.
	f.StringVar(&p.SupplementalSuffix, "supplemental-prow-configs-filename", "_prowconfig.yaml", "")
	f.Lookup("supplemental-prow-configs-filename").Hidden = true
}
