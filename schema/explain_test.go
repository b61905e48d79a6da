package schema_test

import (
	"strings"
	"testing"

	"github.com/prow-ci/prow/schema"
	"github.com/prow-ci/prow/server"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, want string }{
		{"tide.queries.labels", "tide.queries[].labels (config.yaml)"},
		{"tide.queries[0].labels", "type     list of text"},
		{"plank.max_goroutines", "default  20"},
		{"presubmits.org/repo.run_if_changed", "presubmits.*[].run_if_changed"},
		{"presubmits.decoration_config.gcs_configuration.path_strategy", "one of   legacy, single, explicit"},
		{"presubmits.spec.containers.imagePullPolicy", "one of   Always, IfNotPresent, Never"},
		{"skip_if_only_changed", "skip_if_only_changed: "},
		{"size.xxl", "default  1000"},
		{"decoration_config.gcs_configuration.bucket", "presubmits.*[].decoration_config.gcs_configuration.bucket ("},
		{"extra_refs.clone_uri", "[].extra_refs[].clone_uri ("},
		{"tide", "keys     sync_period, "},
	} {
		found, err := schema.Explain(c.path, server.Sections())
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		if text := found[0].Text(); !strings.Contains(text, c.want) {
			t.Errorf("%s: want %q in\n%s", c.path, c.want, text)
		}
	}
}

func TestExplainSaysWhatIsNear(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, want string }{
		{"tide.querys", `no key "tide.querys" is known; did you mean "queries"?`},
		{"alwais_run", `did you mean "always_run"?`},
		{"decoration_config.timeouts", `did you mean "timeout"?`},
		{"sinker.nothing_like_it", "sinker has resync_period, "},
		{"", "for example tide.queries.labels"},
	} {
		_, err := schema.Explain(c.path, server.Sections())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", c.path, c.want, err)
		}
	}
}
