package compare_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prow-ci/prow/compare"
	"github.com/prow-ci/prow/config"
)

// load loads a configuration of one file, and plugins.yaml if there is one.
func load(t testing.TB, files ...string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	p := config.Paths{Config: filepath.Join(dir, "config.yaml")}
	write(t, p.Config, files[0])
	if len(files) > 1 {
		p.PluginConfig = filepath.Join(dir, "plugins.yaml")
		write(t, p.PluginConfig, files[1])
	}
	cfg, err := config.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range cfg.PresubmitsStatic {
		for i := range list {
			list[i].Source.File = "config.yaml"
		}
	}
	for _, list := range cfg.PostsubmitsStatic {
		for i := range list {
			list[i].Source.File = "config.yaml"
		}
	}
	for i := range cfg.Periodics {
		cfg.Periodics[i].Source.File = "config.yaml"
	}
	return cfg
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// text is what people read of two main files.
func text(t *testing.T, before, after string) string {
	t.Helper()
	return written(t, compare.Text{}, compare.Configs(load(t, before), load(t, after)))
}

func written(t *testing.T, how compare.Text, d *compare.Diff) string {
	t.Helper()
	var b strings.Builder
	if err := how.Write(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

const before = `presets:
- labels: {preset-cache: "true"}
  env: [{name: CACHE, value: /cache}]
plank:
  default_decoration_config_entries:
  - config: &d
      timeout: 1h
      gcs_configuration: {bucket: b, path_strategy: explicit}
      utility_images: {clonerefs: "c:v1", initupload: "i:v1", entrypoint: "e:v1", sidecar: "s:v1"}
presubmits:
  org/repo:
  - {name: unit, always_run: true, decorate: true, labels: {preset-cache: "true"}, spec: {containers: [{image: "go:1", args: [test, ./...]}]}}
  - {name: lint, decorate: true, labels: {preset-cache: "true"}, spec: {containers: [{image: "go:1", command: [lint]}]}}
  - {name: old, spec: {containers: [{image: x}]}}
postsubmits:
  org/repo:
  - {name: image, decorate: true, spec: {containers: [{image: "docker:1", command: [build]}]}}
tide:
  queries:
  - {repos: [org/repo], labels: [lgtm]}
  - {orgs: [other], labels: [approved]}
`

var after = strings.NewReplacer(
	"value: /cache", "value: /tmp/cache",
	`"c:v1"`, `"c:v2"`, `"e:v1"`, `"e:v2"`,
	"args: [test, ./...]", "args: [test, -race, ./...]",
	"- {name: old, spec: {containers: [{image: x}]}}", "- {name: new, branches: [main], spec: {containers: [{image: x}]}}",
	"labels: [approved]", "labels: [approved, lgtm], missingLabels: [do-not-merge/hold]",
).Replace(before)

// A changed preset and a changed default show at the jobs they reach.
func TestText(t *testing.T) {
	t.Parallel()
	equal(t, text(t, before, before), "No difference.\n")
	equal(t, text(t, before, after), `1 job added, 1 job removed, 3 jobs changed, 5 changes of configuration.

Jobs added
  + presubmit org/repo new (main)  config.yaml:14

Jobs removed
  - presubmit org/repo old  config.yaml:14

Jobs changed
  ~ 3 jobs: presubmit org/repo unit, presubmit org/repo lint, postsubmit org/repo image
      decoration_config.utility_images.clonerefs: c:v1 → c:v2
      decoration_config.utility_images.entrypoint: e:v1 → e:v2
  ~ 2 jobs: presubmit org/repo unit, presubmit org/repo lint
      spec.containers[0].env[CACHE].value: /cache → /tmp/cache
  ~ presubmit org/repo unit  config.yaml:12
      spec.containers[0].args[]: + -race

Configuration
  plank.default_decoration_config_entries[0].config.utility_images.clonerefs: c:v1 → c:v2
  plank.default_decoration_config_entries[0].config.utility_images.entrypoint: e:v1 → e:v2
  tide.queries[0].labels[]: + lgtm
  tide.queries[0].missingLabels[]: + do-not-merge/hold
  presets[preset-cache=true].env[CACHE].value: /cache → /tmp/cache
`)
}

func TestAll(t *testing.T) {
	t.Parallel()
	d := compare.Configs(load(t, before), load(t, after))
	got := written(t, compare.Text{All: true}, d)
	_, got, _ = strings.Cut(got, "Jobs changed\n")
	got, _, _ = strings.Cut(got, "\nConfiguration")
	equal(t, got, `  ~ presubmit org/repo unit  config.yaml:12
      spec.containers[0].args[]: + -race
      spec.containers[0].env[CACHE].value: /cache → /tmp/cache
      decoration_config.utility_images.clonerefs: c:v1 → c:v2
      decoration_config.utility_images.entrypoint: e:v1 → e:v2
  ~ presubmit org/repo lint  config.yaml:13
      spec.containers[0].env[CACHE].value: /cache → /tmp/cache
      decoration_config.utility_images.clonerefs: c:v1 → c:v2
      decoration_config.utility_images.entrypoint: e:v1 → e:v2
  ~ postsubmit org/repo image  config.yaml:17
      decoration_config.utility_images.clonerefs: c:v1 → c:v2
      decoration_config.utility_images.entrypoint: e:v1 → e:v2
`)
}

// Colours are for terminals, and change nothing else.
func TestColor(t *testing.T) {
	t.Parallel()
	d := compare.Configs(load(t, before), load(t, after))
	got := written(t, compare.Text{Color: true}, d)
	if !strings.Contains(got, "\x1b[32m+ presubmit org/repo new (main)\x1b[0m") {
		t.Errorf("no green in\n%q", got)
	}
	for _, c := range []string{"\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"} {
		got = strings.ReplaceAll(got, c, "")
	}
	equal(t, got, written(t, compare.Text{}, d))
}

// The keys are a promise to scripts.
func TestJSON(t *testing.T) {
	t.Parallel()
	small := "presubmits: {o/r: [{name: a, spec: {containers: [{image: '%s'}]}%s}%s]}"
	d := compare.Configs(
		load(t, fmt.Sprintf(small, "x", "", ", {name: b, skip_branches: [old], spec: {containers: [{image: x}]}}"), "plugins: {o: [lgtm]}"),
		load(t, fmt.Sprintf(small, "<y>", ", max_concurrency: 2", ""), "plugins: {o: [lgtm, hold]}"))
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		t.Fatal(err)
	}
	equal(t, got.String(), `{
  "added": [],
  "removed": [
    {
      "type": "presubmit",
      "repo": "o/r",
      "job": "b",
      "skip_branches": [
        "old"
      ],
      "file": "config.yaml",
      "line": 1
    }
  ],
  "changed": [
    {
      "type": "presubmit",
      "repo": "o/r",
      "job": "a",
      "file": "config.yaml",
      "line": 1,
      "changes": [
        {
          "path": "max_concurrency",
          "old": 0,
          "new": 2
        },
        {
          "path": "spec.containers[0].image",
          "old": "x",
          "new": "<y>"
        }
      ]
    }
  ],
  "config": [],
  "plugins": [
    {
      "path": "plugins.o.plugins[]",
      "new": "hold"
    }
  ]
}
`)
}

// Jobs of one name belong together by their branches, then in their order.
func TestIdentity(t *testing.T) {
	t.Parallel()
	config := func(jobs ...string) string {
		var b strings.Builder
		b.WriteString("presubmits:\n  o/r:\n")
		for _, j := range jobs {
			branch, image, _ := strings.Cut(j, " ")
			fmt.Fprintf(&b, "  - {name: a, branches: [%s], spec: {containers: [{image: i%s}]}}\n", branch, image)
		}
		return b.String()
	}
	jobs := func(s string) string { // of the summary and the changes only
		var out []string
		for line := range strings.SplitSeq(s, "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "Jobs") {
				line, _, _ = strings.Cut(line, "  config")
				out = append(out, line)
			}
		}
		return strings.Join(out, "\n")
	}
	for name, c := range map[string]struct {
		before, after []string
		want          string
	}{
		"other order": {[]string{"main x", "r1 y"}, []string{"r1 y", "main x"}, "No difference."},
		"by branches": {[]string{"main x", "r1 y"}, []string{"r1 z", "main x"}, "1 job changed.\n~ presubmit o/r a (r1)\nspec.containers[0].image: iy → iz"},
		"in order":    {[]string{"main x", "r1 y", "r2 y"}, []string{"main x", "r2 y", "r3 y"}, "1 job changed.\n~ presubmit o/r a (r3)\nbranches[]: r1 → r3"},
		"one more":    {[]string{"main x"}, []string{"r1 x", "main x"}, "1 job added.\n+ presubmit o/r a (r1)"},
		"one less":    {[]string{"main x", "r1 x"}, []string{"r1 x"}, "1 job removed.\n- presubmit o/r a (main)"},
	} {
		if got := jobs(text(t, config(c.before...), config(c.after...))); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
	// The same name elsewhere is another job.
	equal(t, jobs(text(t, "presubmits: {o/r: [{name: a, spec: {containers: [{image: x}]}}]}", "postsubmits: {o/r: [{name: a, spec: {containers: [{image: x}]}}]}")),
		"1 job added, 1 job removed.\n+ postsubmit o/r a\n- presubmit o/r a")
	equal(t, jobs(text(t, "presubmits: {o/r: [{name: a, spec: {containers: [{image: x}]}}]}", "presubmits: {o/s: [{name: a, spec: {containers: [{image: x}]}}]}")),
		"1 job added, 1 job removed.\n+ presubmit o/s a\n- presubmit o/r a")
}

// Each kind of value, and where it is.
func TestChanges(t *testing.T) {
	t.Parallel()
	job := func(s string) string { return "presubmits: {o/r: [{name: a, " + s + "}]}" }
	const decoration = "decoration_config: {gcs_configuration: {bucket: b, path_strategy: explicit}, utility_images: {clonerefs: c, initupload: i, entrypoint: e, sidecar: s}}"
	decorated := func(timeout string) string {
		return strings.Replace(job("decorate: true, "+decoration+", spec: {containers: [{image: x, command: [x]}]}"), "{gcs_", "{timeout: "+timeout+", gcs_", 1)
	}
	spec := func(s string) string { return job("spec: {containers: [{image: x, " + s + "}]}") }
	for name, c := range map[string]struct{ before, after, want string }{
		"text":            {job("cluster: a, spec: &s {containers: [{image: x}]}"), job("cluster: b, spec: &s {containers: [{image: x}]}"), "cluster: a → b"},
		"yes and no":      {spec("tty: true"), spec("tty: false"), "spec.containers[0].tty: true → false"},
		"a default":       {job("optional: true, spec: {containers: [{image: x}]}"), job("spec: {containers: [{image: x}]}"), "optional: true → false"},
		"added text":      {spec("workingDir: /x"), spec(""), "spec.containers[0].workingDir: - /x"},
		"a label":         {job(`labels: {a.b/c: "1"}, spec: {containers: [{image: x}]}`), job(`labels: {a.b/c: "2", d: "3"}, spec: {containers: [{image: x}]}`), "labels.\"a.b/c\": 1 → 2\nlabels.d: + 3"},
		"quantities":      {spec(`resources: {limits: {cpu: "1000m"}}`), spec(`resources: {limits: {cpu: "1"}}`), ""},
		"a quantity":      {spec(`resources: {limits: {cpu: "1"}}`), spec(`resources: {limits: {cpu: "2"}}`), "spec.containers[0].resources.limits.cpu: 1 → 2"},
		"durations":       {decorated("60m"), decorated("1h"), ""},
		"a duration":      {decorated("60m"), decorated("2h"), "decoration_config.timeout: 1h0m0s → 2h0m0s"},
		"moved variable":  {spec("env: [{name: A, value: a}, {name: B, value: b}]"), spec("env: [{name: B, value: b}, {name: A, value: a}]"), `spec.containers[0].env (order): ["A","B"] → ["B","A"]`},
		"a variable more": {spec("env: [{name: B, value: b}]"), spec("env: [{name: A, value: a}, {name: B, value: b}]"), `spec.containers[0].env[A]: + {"name":"A","value":"a"}`},
		"moved argument":  {spec("args: [a, b, c]"), spec("args: [b, c, a]"), "spec.containers[0].args[]: - a\nspec.containers[0].args[]: + a"},
		"other arguments": {spec("args: [a, b, c, d]"), spec("args: [a, x, c]"), "spec.containers[0].args[]: b → x\nspec.containers[0].args[]: - d"},
		"mounts": {
			job("spec: {volumes: [{name: v, emptyDir: {}}], containers: [{image: x, volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /b}]}]}"),
			job("spec: {volumes: [{name: v, emptyDir: {}}], containers: [{image: x, volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /b, readOnly: true}]}]}"),
			"spec.containers[0].volumeMounts[\"/b\"].readOnly: false → true",
		},
		"a container more": {
			job("decorate: true, " + decoration + ", spec: {containers: [{name: t, image: x, command: [x]}]}"),
			job("decorate: true, " + decoration + ", spec: {containers: [{name: s, image: z, command: [x]}, {name: t, image: w, command: [x]}]}"),
			"spec.containers[t].image: x → w\nspec.containers[s]: + {\"name\":\"s\",\"image\":\"z\",\"command\":[\"x\"],\"resources\":{}}",
		},
		"none and an empty list": {
			job("reporter_config: {slack: {channel: c}}, spec: {containers: [{image: x}]}"), job("reporter_config: {slack: {channel: c, job_states_to_report: []}}, spec: {containers: [{image: x}]}"),
			"reporter_config.slack.job_states_to_report: + []",
		},
		"several lines": {spec(`args: ["a\nb"]`), spec(`args: ["a\nc"]`), `spec.containers[0].args[]: "a\nb" → "a\nc"`},
		"extra refs": {
			job("extra_refs: [{org: o, repo: s, base_ref: main}], spec: {containers: [{image: x}]}"), job("extra_refs: [{org: o, repo: s, base_ref: dev}], spec: {containers: [{image: x}]}"),
			`extra_refs["o/s"].base_ref: main → dev`,
		},
	} {
		d := compare.Configs(load(t, c.before), load(t, c.after))
		var lines []string
		for line := range strings.SplitSeq(written(t, compare.Text{}, d), "\n") {
			if change, ok := strings.CutPrefix(line, "      "); ok {
				lines = append(lines, change)
			}
		}
		if got := strings.Join(lines, "\n"); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// Sections of both files, with the place of each value.
func TestSections(t *testing.T) {
	t.Parallel()
	d := compare.Configs(
		load(t, `
tide: {merge_method: {a/b: squash, c: {d: {main: rebase}}}, queries: [{repos: [a/b], author: a}, {repos: [c/d], author: c}, {repos: [e/f], author: e}]}
branch-protection: {orgs: {a: {protect: true}}}
sinker: {max_pod_age: 24h}
`, `
plugins: {a: [lgtm], a/b: [hold]}
external_plugins: {a: [{name: x, endpoint: "http://x"}]}
approve: [{repos: [a], lgtm_acts_as_approve: true}]
`),
		load(t, `
tide: {merge_method: {a/b: merge, c: {d: {main: squash}}}, queries: [{repos: [a/b], author: a}, {repos: [n/m]}, {repos: [c/d], author: c}, {repos: [e/g], author: e}]}
branch-protection: {orgs: {a: {protect: true, repos: {b: {protect: false}}}}}
sinker: {max_pod_age: 24h, max_prowjob_age: 48h}
`, `
plugins: {a: [lgtm, size], c: [hold]}
external_plugins: {a: [{name: x, endpoint: "http://y"}]}
approve: [{repos: [a], lgtm_acts_as_approve: false}]
`))
	_, got, _ := strings.Cut(written(t, compare.Text{}, d), "\n\n")
	equal(t, got, `Configuration
  sinker.max_prowjob_age: 168h0m0s → 48h0m0s
  tide.queries[0]: + {"repos":["n/m"]}
  tide.queries[2].repos[]: e/f → e/g
  tide.merge_method."a/b": squash → merge
  tide.merge_method.c.d.main: rebase → squash
  branch-protection.orgs.a.repos.b: + {"protect":false}

Plugins
  plugins.a.plugins[]: + size
  plugins."a/b": - {"plugins":["hold"]}
  plugins.c: + {"plugins":["hold"]}
  external_plugins.a[x].endpoint: http://x → http://y
  approve[0].lgtm_acts_as_approve: true → false
`)
}
