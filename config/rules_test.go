package config_test

import (
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What is refused, and in which words; "" loads without a word.
func TestRules(t *testing.T) {
	t.Parallel()
	pre := func(jobs ...string) string {
		return mainFile("presubmits:\n  o/r:\n  - {" + strings.Join(jobs, "}\n  - {") + "}\n")
	}
	per := func(job string) string { return mainFile("periodics: [{" + job + "}]") }
	tekton := func(job string, tasks ...string) string {
		list := ""
		for _, task := range tasks {
			list += "{name: x, taskRef: {name: " + task + "}}, "
		}
		return pre(job + ", agent: tekton-pipeline, tekton_pipeline_run_spec: {v1beta1: {pipelineSpec: {tasks: [" + list + "]}}}")
	}
	const client = "{gcp: {endpoint_api_consumer_type: PROJECT, endpoint_api_consumer_number: 12}, allowed_jobs_filters: [{tenant_id: a}]}"
	const img = "utility_images: {clonerefs: a, initupload: b, entrypoint: c, sidecar: d}, gcs_configuration: {bucket: b, path_strategy: explicit}"
	const decorated = "decorate: true, decoration_config: {" + img + "}"
	for _, c := range []struct{ name, archive, want string }{
		{"trigger alone", pre("name: a, trigger: /test x, " + pod), "trigger: is given without rerun_command"},
		{"rerun command alone", pre("name: a, rerun_command: /test x, " + pod), "rerun_command: is given without trigger"},
		{"they disagree", pre("name: a, rerun_command: /test x, trigger: /test y, " + pod), `"/test y" does not match the rerun_command "/test x"`},
		{"they agree", pre("name: a, rerun_command: /test x, trigger: '(?m)^/test x', " + pod), ""},
		{"bad trigger", pre("name: a, rerun_command: /test x, trigger: '(', " + pod), "trigger: is not a regular expression: missing closing )"},
		{"bad branch", pre("name: a, branches: [main, '*'], " + pod), "branches[1]: is not a regular expression"},
		{"both change rules", pre("name: a, run_if_changed: x, skip_if_only_changed: z, " + pod), "goes not together with run_if_changed"},
		{"always and changed", pre("name: a, always_run: true, run_if_changed: x, " + pod), "goes not together with run_if_changed"},
		{"twice, other branches", pre("name: a, branches: [main], "+pod, "name: a, skip_branches: [main], "+pod), ""},
		{"twice, only skipped", pre("name: a, skip_branches: [x], "+pod, "name: a, skip_branches: [y], "+pod), `another presubmit "a" for the same branches`},
		{"twice, like patterns", pre("name: a, branches: ['ma.*'], "+pod, "name: a, branches: [main], "+pod), `runs for the branch main, and so does another presubmit "a"`},
		{"twice, other releases", pre("name: a, branches: ['release-1\\.1$'], "+pod, "name: a, branches: ['release-1\\.2$'], "+pod), ""},
		{"one context, like patterns", pre("name: a, context: c, branches: ['^ma'], "+pod, "name: b, context: c, branches: [main], "+pod), `reports to the context "c" for the branch main, and so does "a"`},
		{"one context", pre("name: a, context: c, "+pod, "name: b, context: c, "+pod), `presubmit "b" reports to the context "c", and so does "a"`},
		{"one context, one silent", pre("name: a, context: c, "+pod, "name: b, context: c, skip_report: true, "+pod), ""},
		{"no spec", pre("name: a"), "has no spec"},
		{"other agent", pre("name: a, agent: foo"), `"foo" is none of Prow's agents`},
		{"spec for jenkins", pre("name: a, agent: jenkins, " + pod), "goes only with agent kubernetes"},
		{"jenkins name", pre("name: a/b, agent: jenkins"), ""},
		{"jenkins decorated", pre("name: a, agent: jenkins, decorate: true"), "cannot be decorated, because its agent is jenkins"},
		{"queue", pre("name: a, job_queue_name: q, " + pod), `queue "q" has no capacity`},
		{"namespace", pre("name: a, namespace: other, " + pod), "goes only with agent tekton-pipeline"},
		{"label name", pre("name: a, labels: {a b: c}, " + pod), "is not a label name"},
		{"label value", pre("name: a, labels: {a: b c}, " + pod), `"b c" is not a label value`},
		{"reserved label", pre("name: a, labels: {created-by-prow: 'true'}, " + pod), "is set by Prow itself"},
		{"negative", pre("name: a, max_concurrency: -1, " + pod), "is -1 (want 0 for no limit"},
		{"rerun auth", pre("name: a, rerun_auth_config: {allow_anyone: true, github_users: [u]}, " + pod), "allows anyone, and lists people too"},
		{"two containers", pre("name: a, spec: {containers: [{name: x}, {name: y}]}"), "are 2, but the job is not decorated"},
		{"a sidecar", pre("name: a, " + decorated + ", spec: {containers: [{name: x, args: [a]}, {name: sidecar, args: [a]}]}"), `"sidecar" is a name that decoration uses`},
		{"two containers well", pre("name: a, " + decorated + ", spec: {containers: [{name: x, args: [a]}, {name: z, command: [a]}]}"), ""},
		{"no command", pre("name: a, " + decorated + ", spec: {containers: [{image: x}]}"), "has no command"},
		{"no images", pre("name: a, decorate: true, " + pod), "lacks clonerefs, initupload, entrypoint, sidecar"},
		{"env twice", pre("name: a, spec: {containers: [{env: [{name: A}, {name: A}]}]}"), `variable "A" is there twice`},
		{"env of a pull in a periodic", per("name: a, interval: 1h, spec: {containers: [{env: [{name: PULL_NUMBER}]}]}"), ""},
		{"env of Prow", per("name: a, interval: 1h, spec: {containers: [{env: [{name: BUILD_NUMBER}]}]}"), `"BUILD_NUMBER" is set by Prow itself in a periodic`},
		{"init container", pre("name: a, spec: {initContainers: [{name: i}], containers: [{image: x}]}"), "only init containers with restartPolicy: Always"},
		{"native sidecar", pre("name: a, spec: {initContainers: [{name: i, restartPolicy: Always}], containers: [{image: x}]}"), ""},
		{"volume", pre("name: a, spec: {volumes: [{name: logs}], containers: [{image: x}]}"), `"logs" is a volume that decoration uses`},
		{"mount", pre("name: a, spec: {volumes: [{name: data}], containers: [{volumeMounts: [{name: dat, mountPath: /x}]}]}"), `there is no volume "dat" (add it to volumes; did you mean "data"?)`},
		{"mount path", pre("name: a, spec: {volumes: [{name: data}], containers: [{volumeMounts: [{name: data, mountPath: /logs}]}]}"), "/logs is a place that decoration uses"},
		{"mount of nothing there", pre("name: a, spec: {containers: [{volumeMounts: [{name: data, mountPath: /logs}]}]}"), "volumeMounts[0].name: there is no volume \"data\""},
		{"mount of nothing, and there", pre("name: a, spec: {containers: [{volumeMounts: [{name: data, mountPath: /logs}]}]}"), "volumeMounts[0].mountPath: /logs is a place that decoration uses"},
		{"clone address", pre("name: a, clone_uri: 'git@github.com:o/r.git', " + pod), ""},
		{"no address", pre("name: a, clone_uri: 'http://[', " + pod), "is not an address"},
		{"extra ref", pre("name: a, extra_refs: [{org: o}], " + pod), "names no repository"},
		{"not decorated, but configured", pre("name: a, decorate: false, decoration_config: {" + img + "}, " + pod), "has no effect, because decorate is false"},

		{"no clock", per("name: a, " + pod), "says not when it runs"},
		{"two clocks", per("name: a, interval: 1h, cron: '@daily', " + pod), "has more than one of"},
		{"bad interval", per("name: a, interval: soon, " + pod), `"soon" is not a duration`},
		{"five fields", per("name: a, cron: '5 4 * * *', " + pod), ""},
		{"six fields", per("name: a, cron: '0 5 4 * * *', " + pod), ""},
		{"a time zone", per("name: a, cron: 'CRON_TZ=Europe/Berlin 5 4 * * *', " + pod), ""},
		{"a bare zone", per("name: a, cron: 'TZ=0', " + pod), "want a time zone, a blank and a schedule"},
		{"another", per("name: a, cron: 'CRON_TZ=UTC', " + pod), "want a time zone, a blank and a schedule"},
		{"bad cron", per("name: a, cron: '61 * * * *', " + pod), "is not a schedule"},
		{"too many retries", per("name: a, interval: 1h, retry: {attempts: 11, interval: 1m}, " + pod), "is 11; want 0 to 10"},
		{"no pause", per("name: a, interval: 1h, retry: {attempts: 1}, " + pod), "has no interval"},
		{"periodic twice", mainFile("periodics: [{name: a, interval: 1h, " + pod + "}, {name: a, interval: 1h, " + pod + "}]"), `another periodic "a"`},

		{"two presets", mainFile("presets: [{labels: {a: b}}]\n-- jobs/x.yaml --\npresets: [{labels: {a: b}}]"), "another preset has the label a: b too"},
		{"two presets, one file alone", mainFile("presets: [{labels: {a: b}}, {labels: {a: b}}]"), "another preset has the label a: b too"},
		{"preset clashes", mainFile("presets: [{env: [{name: A}]}]\npresubmits: {o/r: [{name: a, spec: {containers: [{env: [{name: A}]}]}}]}"), `variable "A" is there already`},

		{"no such preset", mainFile("presets: [{labels: {preset-dind: b}}]\npresubmits: {o/r: [{name: a, labels: {preset-dnid: b}, " + pod + "}]}"), `asks for a preset that is not there (did you mean "preset-dind"?)`},

		{"decoration twice", mainFile("plank: {default_decoration_configs: {'*': {}}, default_decoration_config_entries: [{config: {}}]}"), "goes not together with default_decoration_config_entries"},
		{"template", mainFile("plank: {job_url_template: '{{.Foo'}"), "plank.job_url_template: is not a template"},
		{"two templates", mainFile("plank: {report_template: a, report_templates: {'*': b}}"), "is the older form"},
		{"buckets", mainFile("deck: {additional_allowed_buckets: [b]}"), "has no effect while any bucket may be viewed"},
		{"status URLs", mainFile("tide: {pr_status_base_urls: {o: 'https://x'}}"), `has no "*"`},
		{"target URLs", mainFile("tide: {target_url: 'https://x', target_urls: {o: 'https://x'}}"), "goes not together with target_urls"},
		{"blocks policy", mainFile("tide: {github_merge_blocks_policy: {o: never}}"), `"never" is not a policy`},
		{"query without place", mainFile("tide: {queries: [{labels: [a]}]}"), "names no organisation and no repository"},
		{"query, repo in org", mainFile("tide: {queries: [{orgs: [o], repos: [o/r]}]}"), `"o/r" belongs to an organisation of this query`},
		{"query, excluded elsewhere", mainFile("tide: {queries: [{orgs: [o], excludedRepos: [p/r]}]}"), `"p/r" belongs to no organisation`},
		{"query, both branches", mainFile("tide: {queries: [{orgs: [o], includedBranches: [a], excludedBranches: [b]}]}"), "goes not together with includedBranches"},
		{"query, twice", mainFile("tide: {queries: [{orgs: [o], labels: [a, a]}]}"), `labels[1]: "a" is there twice`},
		{"merge method", mainFile("tide: {merge_method: {o: sqash}}"), `"sqash" is not a merge method (want merge, rebase or squash; did you mean "squash"?)`},
		{"merge method of a branch", mainFile("tide: {merge_method: {o: {r: {'(': merge}}}}"), "is not a regular expression"},
		{"merge template", mainFile("tide: {merge_commit_template: {'*': {title: x}}}"), `"*" is not possible here`},
		{"optional regex", mainFile("tide: {context_options: {orgs: {o: {optional-regex-contexts: ['(']}}}}"), "is not a regular expression"},
		{"include and exclude", mainFile("branch-protection: {include: [a], orgs: {o: {exclude: [b]}}}"), "branch-protection.orgs.o: has both include and exclude"},
		{"branch undecided", mainFile("branch-protection: {orgs: {o: {repos: {r: {branches: {b: {enforce_admins: true}}}}}}}"), "does not say whether to protect"},
		{"reporter", mainFile("github_reporter: {job_types_to_report: [batch]}"), `"batch" is not reported to GitHub`},
		{"slack template", mainFile("slack_reporter_configs: {'*': {channel: c, report_template: '{{.Nope}}'}}"), "cannot be filled in"},
		{"slack template of a job", pre("name: a, reporter_config: {slack: {report_template: '{{'}}, " + pod), "is not a template"},
		{"level", mainFile("log_level: debgu"), `did you mean "debug"?`},
		{"lens", mainFile("deck: {spyglass: {lenses: [{lens: {name: a}, required_files: ['(']}]}}"), "deck.spyglass.lenses[0].required_files[0]: is not a regular expression"},
		{"half of TestGrid", mainFile("deck: {spyglass: {testgrid_root: 'https://t'}}"), "has only one of testgrid_config and testgrid_root"},
		{"selector of logs", mainFile("deck: {external_agent_logs: [{agent: jenkins, selector: 'a in'}]}"), "is not a label selector"},
		{"a pattern for a repository", mainFile("plank: {default_decoration_config_entries: [{repo: 'org/*', config: {}}]}"), "names no repository and no organisation"},
		{"owners", mainFile("owners_dir_denylist: {repos: {o/r: ['(']}}"), "owners_dir_denylist.repos.\"o/r\"[0]: is not a regular expression"},

		{"gerrit", mainFile("gerrit: {ratelimit: -1}"), "gerrit.ratelimit: is -1; want a number above 0"},
		{"gerrit host", mainFile("gerrit: {org_repos_config: [{org: foo, repos: [r]}]}"), "is no address of a host"},
		{"gerrit comments", mainFile("gerrit: {allowed_presubmit_trigger_re: '('}"), "is not a regular expression"},
		{"jenkins alone", mainFile("jenkins_operators: [{label_selector: a=b}]"), "there is one operator only"},
		{"jenkins, two", mainFile("jenkins_operators: [{label_selector: a=b}, {}]"), "jenkins_operators[1]: has no label_selector"},
		{"jenkins selector", mainFile("jenkins_operators: [{label_selector: 'a in'}, {label_selector: a}]"), "is not a label selector"},
		{"jenkins template", mainFile("jenkins_operators: [{job_url_template: '{{replace \"a\" \"b\" .Spec.Job}}'}]"), ""},
		{"jenkins goroutines", mainFile("jenkins_operators: [{max_goroutines: -1}]"), "want a number above 0"},
		{"both of pub/sub", mainFile("pubsub_triggers: [{project: p, topics: [t], allowed_clusters: [a]}]\npubsub_subscriptions: {p: [s]}"), "goes not together with pubsub_triggers"},
		{"pub/sub without topic", mainFile("pubsub_triggers: [{project: p}]"), "names no subscription"},
		{"pub/sub without project", mainFile("pubsub_triggers: [{topics: [p]}]"), "names no project"},
		{"gangway without client", mainFile("gangway: {allowed_api_clients: [{}]}"), "names no client"},
		{"gangway type", mainFile("gangway: {allowed_api_clients: [{gcp: {endpoint_api_consumer_type: USER, endpoint_api_consumer_number: '1'}, allowed_jobs_filters: [{tenant_id: a}]}]}"), `is "USER" (want PROJECT)`},
		{"gangway number", mainFile("gangway: {allowed_api_clients: [{gcp: {endpoint_api_consumer_type: PROJECT, endpoint_api_consumer_number: p1}, allowed_jobs_filters: [{tenant_id: a}]}]}"), "want the number of a project"},
		{"gangway without filter", mainFile("gangway: {allowed_api_clients: [{gcp: {endpoint_api_consumer_type: PROJECT, endpoint_api_consumer_number: 12}}]}"), "may start no job"},
		{"gangway, no tenant", mainFile("gangway: {allowed_api_clients: [{gcp: {endpoint_api_consumer_type: PROJECT, endpoint_api_consumer_number: 12}, allowed_jobs_filters: [{}]}]}"), "has no tenant_id"},
		{"gangway twice", mainFile("gangway: {allowed_api_clients: [" + client + ", " + client + "]}"), "allowed_api_clients[1]: is there twice"},
		{"scheduler without address", mainFile("scheduler: {external: {}}"), "scheduler.external: has no url"},
		{"scheduler cache", mainFile("scheduler: {external: {url: 'http://x', cache: {entry_timeout_interval: 0s}}}"), "want a time above 0"},
		{"failover", mainFile("scheduler: {failover: {mappings: {a: ''}}}"), "has no cluster to go to"},
		{"webhook of the future", mainFile("managed_webhooks: {org_repo_config: {o: {token_created_after: 2999-01-01T00:00:00Z}}}"), "is in the future"},
		{"webhook of the past", mainFile("managed_webhooks: {org_repo_config: {o: {token_created_after: 2020-01-01T00:00:00Z}}}"), ""},
		{"webhook without time", mainFile("managed_webhooks: {org_repo_config: {o: {token_created_after: today}}}"), "token_created_after: is the text \"today\"; want a time"},

		{"tekton", tekton("name: a, extra_refs: [{org: o, repo: r}]", "PROW_IMPLICIT_GIT_REF", "PROW_EXTRA_GIT_REF_0"), ""},
		{"tekton, nothing to clone", tekton("name: a", "build"), ""},
		{"tekton, a task without reference", pre("name: a, agent: tekton-pipeline, tekton_pipeline_run_spec: {v1beta1: {pipelineSpec: {tasks: [{name: x, taskSpec: {steps: []}}]}}}"), ""},
		{"tekton, unused", tekton("name: a, extra_refs: [{org: o, repo: r}]", "build"), "no task uses extra_refs[0]"},
		{"tekton, not there", tekton("name: a", "PROW_EXTRA_GIT_REF_0"), "there is no extra_refs[0]"},
		{"tekton, leading zeros", tekton("name: a, extra_refs: [{org: o, repo: r}]", "PROW_EXTRA_GIT_REF_00"), `"PROW_EXTRA_GIT_REF_00" does not end in a number`},
		{"tekton, no number", tekton("name: a, extra_refs: [{org: o, repo: r}]", "PROW_EXTRA_GIT_REF_x"), "does not end in a number"},
		{"tekton, code of a periodic", per("name: a, interval: 1h, agent: tekton-pipeline, tekton_pipeline_run_spec: {v1beta1: {pipelineSpec: {tasks: [{taskRef: {name: PROW_IMPLICIT_GIT_REF}}]}}}"), "a periodic has none"},
		{"tekton, a pipeline elsewhere", pre("name: a, agent: tekton-pipeline, extra_refs: [{org: o, repo: r}], tekton_pipeline_run_spec: {v1beta1: {pipelineRef: {name: p}}}"), ""},
		{"tekton, the newer place counts", pre("name: a, agent: tekton-pipeline, pipeline_run_spec: {pipelineSpec: {tasks: [{taskRef: {name: PROW_EXTRA_GIT_REF_3}}]}}, tekton_pipeline_run_spec: {v1beta1: {}}"), "is an older form"},
		{"tekton, no mapping", pre("name: a, agent: tekton-pipeline, pipeline_run_spec: [a]"), "pipeline_run_spec: is not a mapping"},
		{"tekton without pipeline", pre("name: a, agent: tekton-pipeline"), "has no pipeline"},
		{"slack", mainFile("slack_reporter_configs: {'*': {}}"), "has no channel"},

		{"plugin twice", "-- plugins.yaml --\nplugins: {o: {plugins: [hold]}, o/r: {plugins: [hold]}}", "hold is enabled for the organisation o already"},
		{"plugin twice, excluded", "-- plugins.yaml --\nplugins: {o: {plugins: [hold], excluded_repos: [r]}, o/r: {plugins: [hold]}}", ""},
		{"two reviewers", "-- plugins.yaml --\nplugins: {o: {plugins: [rifle]}, o/r: {plugins: [blunderbuss]}}", "enables both blunderbuss and rifle"},
		{"old and new", "-- plugins.yaml --\nplugins: {o: [hold], p: {plugins: [hold]}}", "has both the old form and the new one"},
		{"external twice", "-- plugins.yaml --\nplugins: {o: {plugins: [hold]}}\nexternal_plugins: {o: [{name: x}], o/r: [{name: x}]}", "x is enabled for the organisation o already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := problems(t, c.archive)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got\n%s\nwant it to say\n%s", got, c.want)
			}
		})
	}
}

var repo = prow.Repo{Owner: "org", Name: "repo"}

func TestBranches(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
presubmits:
  org/repo:
  - {name: everywhere, `+pod+`}
  - {name: loose, branches: [main], `+pod+`}
  - {name: strict, branches: ['^main$', '^dev$'], `+pod+`}
  - {name: skips, branches: [release], skip_branches: ['release-1.*'], `+pod+`}
`))
	for branch, want := range map[string]string{
		"main": "everywhere loose strict", "maintenance": "everywhere loose", "dev": "everywhere strict",
		"release-2": "everywhere skips", "release-1.2": "everywhere",
	} {
		var got []string
		for _, p := range c.Presubmits(repo) {
			if p.ShouldRun(branch) {
				got = append(got, p.Name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("on %s run %q; want %q", branch, got, want)
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
presubmits:
  org/repo:
  - {name: go, run_if_changed: '\.go$', `+pod+`}
  - {name: notdocs, skip_if_only_changed: '^docs/', `+pod+`}
`))
	for files, want := range map[string]string{
		"": "", "a.go": "go notdocs", "docs/x.md": "", "docs/x.go": "go", "docs/x.md b": "notdocs",
	} {
		var got []string
		for _, p := range c.Presubmits(repo) {
			if p.Matches(strings.Fields(files)) {
				got = append(got, p.Name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("for %q run %q; want %q", files, got, want)
		}
	}
}

// Decoration: entries in order, the map's general ones first, the job's on top.
func TestDecoration(t *testing.T) {
	t.Parallel()
	const base = "utility_images: {clonerefs: a, initupload: b, entrypoint: c, sidecar: d}, gcs_configuration: {bucket: b, path_strategy: explicit, mediaTypes: {log: text/plain, txt: text/x}}"
	c := load(t, mainFile(`
plank:
  default_decoration_configs:
    org/repo: {timeout: 4h, gcs_configuration: {mediaTypes: {txt: text/plain}}}
    "*": {timeout: 7200000000000, `+base+`}
    org: {timeout: 3h, skip_cloning: true, resources: {sidecar: {requests: {cpu: 1}}}}
    foo.googlesource.com: {timeout: 5h}
decorate_all_jobs: true
presubmits:
  org/repo:
  - {name: repo, decoration_config: {gcs_configuration: {bucket: own}, skip_cloning: false}, `+pod+`}
  - {name: bare, decorate: false, `+pod+`}
  org/other: [{name: org, `+pod+`}]
  else/where: [{name: all, `+pod+`}]
  https://foo-review.googlesource.com/a/b: [{name: gerrit, `+pod+`}]
periodics:
- {name: none, interval: 1h, `+pod+`}
- {name: extra, interval: 1h, extra_refs: [{org: org, repo: repo, base_ref: main}], `+pod+`}
`))
	hours := map[string]float64{}
	for _, jobs := range c.PresubmitsStatic {
		for _, j := range jobs {
			if j.DecorationConfig != nil {
				hours[j.Name] = j.DecorationConfig.Timeout.Hours()
			}
		}
	}
	for _, j := range c.Periodics {
		hours[j.Name] = j.DecorationConfig.Timeout.Hours()
	}
	for name, want := range map[string]float64{"repo": 4, "org": 3, "all": 2, "gerrit": 5, "none": 2, "extra": 4} {
		if hours[name] != want {
			t.Errorf("%s: %v hours; want %v", name, hours[name], want)
		}
	}
	if _, ok := hours["bare"]; ok {
		t.Error("decorate: false decorates")
	}
	d := c.Presubmits(repo)[0].DecorationConfig
	if g := d.GCSConfiguration; g.Bucket != "own" || g.PathStrategy != "explicit" || g.MediaTypes["txt"] != "text/plain" || g.MediaTypes["log"] != "text/plain" {
		t.Errorf("bucket settings %+v", g)
	}
	if *d.SkipCloning || d.Resources.Sidecar == nil || d.UtilityImages.Sidecar != "d" {
		t.Errorf("decoration %+v", d)
	}
	if c.Decoration(repo, "default").GCSConfiguration.Bucket != "b" {
		t.Error("the defaults changed with a job")
	}
}

// Presets are added to copies: a spec shared by an anchor stays as it was.
func TestPresets(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
presets:
- env: [{name: ALL, value: "1"}]
- labels: {preset-a: "true"}
  env: [{name: A, value: "1"}]
  volumes: [{name: v}]
  volumeMounts: [{name: v, mountPath: /v}]
  tolerations: [{key: k}]
presubmits:
  org/repo:
  - {name: plain, spec: &spec {containers: [{image: x}, {image: z}]}, agent: other}
  - {name: with, labels: {preset-a: "true"}, spec: *spec, agent: other}
  - {name: unlike, labels: {preset-a: "false"}, spec: *spec, agent: other}
`))
	for i, want := range []string{"ALL", "ALL A", "ALL"} {
		j := c.Presubmits(repo)[i]
		for _, k := range j.Spec.Containers {
			var got []string
			for _, e := range k.Env {
				got = append(got, e.Name)
			}
			if strings.Join(got, " ") != want || len(k.VolumeMounts) != len(j.Spec.Volumes) || len(j.Spec.Tolerations) != len(j.Spec.Volumes) {
				t.Errorf("%s: %v; want %s", j.Name, k, want)
			}
		}
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
periodics:
- {name: daily, cron: 'CRON_TZ=Europe/Berlin 30 6 * * *', `+pod+`}
- {name: utc, cron: '30 6 * * *', `+pod+`}
- {name: every, cron: '@every 2h', `+pod+`}
- {name: interval, interval: 90m, retry: {attempts: 2, interval: 5m}, `+pod+`}
- {name: pause, minimum_interval: 10m, `+pod+`}
`))
	at := date("2026-01-02T03:04:05Z")
	for name, want := range map[string]string{
		"daily": "2026-01-02T05:30:00Z", "utc": "2026-01-02T06:30:00Z", "every": "2026-01-02T05:04:05Z", "interval": "0001-01-01T00:00:00Z",
	} {
		if got := c.Periodic(name).Next(at); !got.Equal(date(want)) {
			t.Errorf("%s is next due %v; want %s", name, got, want)
		}
	}
	if !c.Periodic("every").Steady() || c.Periodic("utc").Steady() {
		t.Error("only @every is steady")
	}
	if p := c.Periodic("interval"); p.Every().Minutes() != 90 || p.Retry.Pause().Minutes() != 5 || c.Periodic("pause").Pause().Minutes() != 10 {
		t.Error("an interval was read wrong")
	}
}

// A job says itself who may run it again, on top of the last matching entry.
func TestRerunAuth(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`
deck:
  rerun_auth_configs:
    org: {github_users: [o]}
    "*": {github_users: [all]}
    org/repo: {github_users: [r]}
`, `
deck:
  default_rerun_auth_configs:
  - {rerun_auth_configs: {github_users: [all]}}
  - {repo: org, rerun_auth_configs: {github_users: [o]}}
  - {repo: org/repo, cluster: default, rerun_auth_configs: {github_users: [r]}}
`} {
		c := load(t, mainFile(text))
		for name, want := range map[string]string{"repo": "r", "other": "o"} {
			j := &prow.Job{Spec: prow.Spec{Cluster: "default", Refs: &prow.Refs{Org: "org", Repo: name}}}
			if got := c.Deck.RerunAuth(j); got == nil || got.GitHubUsers[0] != want {
				t.Errorf("%s: %+v; want %s", name, got, want)
			}
		}
		if got := c.Deck.RerunAuth(&prow.Job{}); got == nil || got.GitHubUsers[0] != "all" {
			t.Errorf("without refs: %+v", got)
		}
	}
}

func TestJobURL(t *testing.T) {
	t.Parallel()
	j := &prow.Job{
		Spec: prow.Spec{
			Type: prow.Periodic, Job: "j",
			DecorationConfig: &prow.DecorationConfig{GCSConfiguration: &prow.GCSConfiguration{Bucket: "gs://b"}},
			ExtraRefs:        []prow.Refs{{Org: "org", Repo: "repo"}},
		},
		Status: prow.Status{BuildID: "9"},
	}
	for text, want := range map[string]string{
		"{}": "",
		"{job_url_prefix_config: {'*': 'https://p.example/view/'}}":                                                 "https://p.example/view/gs/b/logs/j/9",
		"{job_url_prefix_config: {'*': 'https://p.example/view', org: 'https://o.example', org/repo: ''}}":          "https://o.example/gs/b/logs/j/9",
		"{jobURLPrefixDisableAppendStorageProvider: true, job_url_prefix_config: {'*': 'https://p.example/view/'}}": "https://p.example/view/b/logs/j/9",
		"{job_url_template: 'https://x/{{.Spec.Job}}/{{.Status.BuildID}}'}":                                         "https://x/j/9",
		"{job_url_template: '{{.Nothing}}'}":                                                                        "",
	} {
		if got := load(t, mainFile("plank: "+text)).JobURL(j); got != want {
			t.Errorf("%s: %q; want %q", text, got, want)
		}
	}
}

// Whoever waits for a pause of no length would never rest.
func TestPausesTakeTime(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0s", "-1h"} {
		c := load(t, mainFile("sinker: {resync_period: "+text+"}\nhorologium: {tick_interval: "+text+"}\ntide: {sync_period: "+text+", status_update_period: "+text+"}"))
		for name, d := range map[string]*metav1.Duration{
			"resync_period": c.Sinker.ResyncPeriod, "tick_interval": c.Horologium.TickInterval, "sync_period": c.Tide.SyncPeriod, "status_update_period": c.Tide.StatusUpdatePeriod,
		} {
			if d.Duration < time.Minute {
				t.Errorf("%s of %s is %v", name, text, d.Duration)
			}
		}
	}
}
