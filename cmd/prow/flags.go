package main

import (
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/server"
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

// clusterFlags say which Kubernetes clusters there are.
func clusterFlags(f *pflag.FlagSet, o *server.ClusterOptions) {
	k := &o.Kubeconfig
	f.StringSliceVar(&k.Files, "kubeconfig", nil, "kubeconfig of the clusters; repeatable (default: where kubectl looks)")
	f.StringVar(&k.Dir, "kubeconfig-dir", "", "folder of such files")
	f.StringVar(&k.Suffix, "kubeconfig-suffix", "", "end of the names of the files in that folder")
	f.StringVar(&k.TokenFile, "projected-token-file", "", "token for the cluster that this process runs in")
	f.BoolVar(&k.NoInCluster, "no-in-cluster-config", false, "do not use the cluster that this process runs in")
}
