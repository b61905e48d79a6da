package config

import (
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// MayView reports whether the files of a bucket, by its address, may be shown: any,
// unless deck.skip_storage_path_validation is false; then those that jobs and
// defaults name, and deck.additional_allowed_buckets.
func (c *Config) MayView(address string) bool {
	if skip := c.Deck.SkipStoragePathValidation; skip == nil || *skip {
		return true
	}
	if slices.ContainsFunc(c.Deck.AdditionalAllowedBuckets, func(b string) bool { return sameBucket(b, address) }) {
		return true
	}
	named := func(d *prow.DecorationConfig) bool {
		return d != nil && d.GCSConfiguration != nil && sameBucket(d.GCSConfiguration.Bucket, address)
	}
	for _, d := range c.Plank.decorations() {
		if named(d.Config) {
			return true
		}
	}
	for _, jobs := range c.PresubmitsStatic {
		if slices.ContainsFunc(jobs, func(j Presubmit) bool { return named(j.DecorationConfig) }) {
			return true
		}
	}
	for _, jobs := range c.PostsubmitsStatic {
		if slices.ContainsFunc(jobs, func(j Postsubmit) bool { return named(j.DecorationConfig) }) {
			return true
		}
	}
	return slices.ContainsFunc(c.Periodics, func(j Periodic) bool { return named(j.DecorationConfig) })
}

// sameBucket compares what the configuration calls a bucket with an address.
func sameBucket(configured, address string) bool {
	if !strings.Contains(configured, "://") {
		if _, name, ok := strings.Cut(address, "://"); ok {
			address = name
		}
	}
	return configured != "" && strings.TrimSuffix(configured, "/") == strings.TrimSuffix(address, "/")
}
