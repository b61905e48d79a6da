package plugin

import (
	"errors"
	"fmt"
	"slices"

	"github.com/prow-ci/prow/config"
)

// CheckSections loads the section of plugins.yaml that each of plugins owns, and
// those of this package. The error is config.Problems, all there are; what is only
// odd, a plugin name that nobody knows among it, is added to cfg.Warnings, so cfg
// must not be in use yet.
func CheckSections(plugins []Plugin, cfg *config.Config) error {
	var problems config.Problems
	var seen []string
	check := func(s AnySection) {
		if slices.Contains(seen, s.Name()) {
			return
		}
		seen = append(seen, s.Name())
		odd, err := s.Load(cfg.Plugins)
		cfg.Warnings = append(cfg.Warnings, odd...)
		var wrong config.Problems
		if errors.As(err, &wrong) {
			problems = append(problems, wrong...)
		}
	}
	for _, s := range Shared() {
		check(s)
	}
	for _, p := range plugins {
		for _, s := range p.Sections {
			check(s)
		}
	}
	names := make([]string, 0, len(plugins))
	for _, p := range plugins {
		names = append(names, p.Name)
	}
	cfg.Warnings = append(cfg.Warnings, cfg.Plugins.Unknown(names)...)
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// Shared returns the sections that whichever plugin may read.
func Shared() []AnySection {
	return []AnySection{&Section[Footer]{Key: footerKey}, &Section[[]Trigger]{Key: TriggersKey, Check: CheckTriggers}}
}

// CheckTriggers checks the section of Trigger entries.
func CheckTriggers(all *[]Trigger) error {
	return EachOnce(*all, func(t *Trigger) []string { return t.Repos })
}

// EachOnce reports a selector that more than one entry lists: only the first
// would count.
func EachOnce[T any](entries []T, repos func(*T) []string) error {
	seen := map[string]int{}
	for i := range entries {
		for _, r := range repos(&entries[i]) {
			if first, ok := seen[r]; ok {
				return fmt.Errorf("%s is listed in entries %d and %d: give it to one of them", r, first+1, i+1)
			}
			seen[r] = i
		}
	}
	return nil
}
