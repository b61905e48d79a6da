package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
)

// unforeseen reports whether err tells of a panic that was caught.
func unforeseen(err error) bool {
	var p config.Problems
	errors.As(err, &p)
	for _, x := range p {
		if strings.Contains(x.Text, "should not be possible") || strings.HasPrefix(x.Text, "cannot be decoded") {
			return true
		}
	}
	return false
}

// Whatever the files say, loading ends without a panic.
func FuzzLoad(f *testing.F) {
	f.Add("plank: {default_decoration_configs: {'*': {timeout: 1h}}}\ntide: {queries: [{orgs: [o], labels: [a]}], merge_method: {o: {r: {main: squash}}}}",
		"presubmits: {o/r: [{name: a, decorate: true, "+pod+"}]}\npresets: [{labels: {a: b}, env: [{name: x}]}]", "plugins: {o: {plugins: [a]}, o/r: [b]}\nlgtm: [{repos: [o]}]")
	f.Add("branch-protection: {orgs: {o: {repos: {r: {branches: {b: {protect: true}}}}}}}\ndeck: {spyglass: {lenses: [{lens: {name: a}}]}, rerun_auth_configs: {'*': {allow_anyone: true}}}",
		"periodics: [{name: a, cron: 'TZ=0 1', retry: {interval: 1}}]", "external_plugins: {o: [{name: x}]}\nowners: {filenames: {o: {owners: X}}}")
	f.Add("presubmits: {'': [~, {name: a}]}", "postsubmits: {o: [{agent: tekton-pipeline, pipeline_run_spec: {}}]}", "plugins: [a]")
	for _, text := range corporaSeeds(100) {
		f.Add(text, text, text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, main, jobs, plugins string) {
		p := config.Paths{Config: filepath.Join(dir, "c"), JobConfig: filepath.Join(dir, "j"), PluginConfig: filepath.Join(dir, "p")}
		for name, text := range map[string]string{p.Config: main, p.JobConfig: jobs, p.PluginConfig: plugins} {
			if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		c, err := config.Load(p)
		if unforeseen(err) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		_, _ = c.MergeContexts(repo, "main", c.Presubmits(repo))
		_, _ = c.Protection(repo, "main", c.Presubmits(repo))
		c.Tide.MergeMethods.For(repo, "main")
	})
}

func FuzzInRepo(f *testing.F) {
	c := load(f, mainFile("in_repo_config: {enabled: {org: true}}\npresubmits: {org/repo: [{name: s, "+pod+"}]}"))
	f.Add("presubmits: [{name: a, branches: [a], run_if_changed: x, " + pod + "}]\npresets: [{env: [{name: a}]}]")
	f.Add("postsubmits: [{name: a, cluster: b, spec: {initContainers: [{name: a}], volumes: [{name: v}], containers: [{volumeMounts: [{name: v}]}]}}]")
	for _, text := range corporaSeeds(50) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := c.InRepo(files(".prow.yaml", text), repo); unforeseen(err) {
			t.Fatal(err)
		}
	})
}

// Whatever shards say, they merge or are refused.
func FuzzShards(f *testing.F) {
	f.Add("tide: {queries: [{orgs: [o]}], merge_method: {o: squash}}\nslack_reporter_configs: {o: {channel: c}}", "branch-protection: {protect: true, orgs: {o: {repos: {r: {branches: {b: {protect: false}}}}}}}",
		"plugins: {o: {plugins: [a]}}\nlabel: {restricted_labels: {o: [{label: a}]}}", "lgtm: [{repos: [o]}]\nbugzilla: {orgs: {o: {repos: {r: {}}}}}\nexternal_plugins: {o: [{name: a}]}")
	for _, text := range corporaSeeds(50) {
		f.Add(text, text, text, text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, main, shard, plugins, pluginShard string) {
		p := config.Paths{Config: filepath.Join(dir, "c"), PluginConfig: filepath.Join(dir, "p"), Supplemental: []string{dir}, SupplementalPlugins: []string{dir}}
		for name, text := range map[string]string{"c": main, "p": plugins, "a_prowconfig.yaml": shard, "a_pluginconfig.yaml": pluginShard} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		for _, found := range config.Check(p) {
			if unforeseen(config.Problems{found}) {
				t.Fatal(found)
			}
		}
	})
}
