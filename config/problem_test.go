package config_test

import (
	"errors"
	"testing"

	"github.com/prow-ci/prow/config"
)

// Tools and command lines choose findings by their kind.
func TestKinds(t *testing.T) {
	t.Parallel()
	for archive, want := range map[string]string{
		mainFile("a: [\n"):                config.KindSyntax,
		mainFile("plank: 5"):              config.KindType,
		mainFile("log_level: loud"):       config.KindInvalid,
		mainFile("plnk: {}"):              config.KindUnknown,
		mainFile("LOG_LEVEL: info"):       config.KindCase,
		mainFile("github: {}\ngithub: "):  config.KindDuplicate,
		"-- jobs/a.yaml --\nperiodic: []": config.KindUnknownAll,
		"-- jobs/a.yaml --\nperiodics: [{name: a, interval: 1h, labels: {preset-a: b}, " + pod + "}]":                  config.KindUnknownPreset,
		"-- jobs/a.yaml --\nperiodics: [{name: a, interval: 1h, agent: magic}]":                                        config.KindUnknownAgent,
		"-- jobs/a.yaml --\nperiodics: [{name: a, interval: 1h, decorate: false, decoration_config: {}, " + pod + "}]": config.KindNoEffect,
		"-- plugins.yaml --\nplugins: {o: [hold]}":                                                                     config.KindDeprecated,
		"-- plugins.yaml --\nplugins: {o: {plugins: [hold]}}\ntrigers: []":                                             config.KindUnknown,
	} {
		c, err := config.Load(paths(write(t, archive)))
		var found config.Problems
		if !errors.As(err, &found) {
			found = c.Warnings
		}
		if len(found) != 1 || found[0].Kind != want {
			t.Errorf("%s: found %+v; want one of kind %s", archive, found, want)
		}
	}
}
