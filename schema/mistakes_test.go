package schema_test

import (
	"strings"
	"testing"
)

// What people get wrong is refused, and the refusal says where.
func TestMistakesAreRefused(t *testing.T) {
	t.Parallel()
	valid := schemas(t)
	for _, c := range []struct{ kind, text, says string }{
		{"jobs", `presubmit: {}`, "presubmit"},
		{"jobs", `presubmits: {o/r: [{name: a, alway_run: true}]}`, "alway_run"},
		{"jobs", `presubmits: {o/r: [{always_run: true}]}`, "name"},
		{"jobs", `presubmits: {o/r: [{name: a, branches: main}]}`, "branches"},
		{"jobs", `presubmits: {o/r: {name: a}}`, "presubmits"},
		{"jobs", `presubmits: {o/r: [{name: a, max_concurrency: many}]}`, "max_concurrency"},
		{"jobs", `presubmits: {o/r: [{name: a, decorate: "true"}]}`, "decorate"},
		{"jobs", `presubmits: {o/r: [{name: a, agent: kubernets}]}`, "agent"},
		{"jobs", `presubmits: {o/r: [{name: a, decoration_config: {timeout: 30 minutes}}]}`, "timeout"},
		{"jobs", `presubmits: {o/r: [{name: a, decoration_config: {gcs_configuration: {path_strategy: implicit}}}]}`, "path_strategy"},
		{"jobs", `presubmits: {o/r: [{name: a, spec: {containers: [{imagee: x}]}}]}`, "imagee"},
		{"jobs", `presubmits: {o/r: [{name: a, spec: {containers: [{imagePullPolicy: Sometimes}]}}]}`, "imagePullPolicy"},
		{"jobs", `presubmits: {o/r: [{name: a, spec: {containers: [{resources: {limits: {cpu: two}}}]}}]}`, "cpu"},
		{"jobs", `presubmits: {o/r: [{name: a, spec: {containers: [{env: [{name: A, value: 1}]}]}}]}`, "value"},
		{"jobs", `periodics: [{name: a, interval: hourly}]`, "interval"},
		{"config", `tide: {queries: [{label: [lgtm]}]}`, "label"},
		{"config", `tide: {merge_method: {org: squish}}`, "merge_method"},
		{"config", `tide: {merge_method: {org: {repo: {main: [squash]}}}}`, "merge_method"},
		{"config", `plank: {pod_pending_timeout: 10}`, "pod_pending_timeout"},
		{"config", `slack_reporter_configs: {"*": {channel: a, job_states_to_report: [failed]}}`, "job_states_to_report"},
		{"config", `log_level: loud`, "log_level"},
		{"config", `plnk: {}`, "plnk"},
		{"plugins", `plugins: {org: {plugin: [lgtm]}}`, "org"},
		{"plugins", `plugins: {org: lgtm}`, "org"},
		{"plugins", `approve: [{issue_requird: true}]`, "issue_requird"},
		{"plugins", `lgmt: []`, "lgmt"},
		{"prow-yaml", `periodics: []`, "periodics"},
		{"prow-yaml", `presubmits: {o/r: []}`, "presubmits"},
	} {
		err := validate(valid[c.kind], []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %s: want a refusal that names %s, got %v", c.kind, c.text, c.says, err)
		}
	}
}

// What Prow takes, though it looks odd, is not underlined.
func TestOddFormsAreTaken(t *testing.T) {
	t.Parallel()
	valid := schemas(t)
	for _, c := range []struct{ kind, text string }{
		{"jobs", ``},
		{"jobs", `{prow_ignored: {anchors: [1]}, presubmits: null}`},
		{"jobs", `{commonEnv: [{name: A}], _anchors: {a: 1}}`},
		{"jobs", `presubmits: {o/r: [{name: a, labels: null, spec: {containers: null}}]}`},
		{"jobs", `presubmits: {o/r: [{name: a, spec: {containers: [{env: [{NAME: A, value: b}]}]}}]}`},
		{"jobs", `presubmits: {o/r: [{name: a, spec: {containers: [{resources: {limits: {cpu: 2, memory: 4Gi}}}]}}]}`},
		{"jobs", `presets: [{labels: {a: true}, env: [{name: A, value: 1}]}]`},
		{"jobs", `presubmits: {o/r: [{name: a, decoration_config: {timeout: 7200000000000, grace_period: 1h30m}}]}`},
		{"config", `tide: {merge_method: {org: squash, org/repo: rebase, "org/repo@main": merge, other: {"*": {main: squash}, repo: rebase}}}`},
		{"config", `presubmits: {}`},
		{"plugins", `{plugins: {org: [lgtm], org/repo: {plugins: [hold]}, other: null}, bugzilla: {default: {}}, size: {}}`},
	} {
		if err := validate(valid[c.kind], []byte(c.text)); err != nil {
			t.Errorf("%s: %s: %v", c.kind, c.text, err)
		}
	}
}
