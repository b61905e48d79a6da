package lint

import (
	"maps"
	"slices"
)

// keysOf returns the keys of m, sorted.
func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
