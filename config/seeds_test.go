//go:build !acceptance

package config_test

// corporaSeeds returns what fuzzing begins with beside its own seeds: here nothing.
// With the tag acceptance it is files of real installations.
func corporaSeeds(int) []string { return nil }
