package prow

import (
	"path"
	"slices"
	"strings"
)

// maxAlternatives bounds what the braces of one pattern stand for.
const maxAlternatives = 1000

// MatchGlobs reports whether a pattern matches the name of a file below the
// artifacts, or a directory it is in. In a pattern, * is any name, ** any number of
// directories, and {a,b} is a or b. What is no pattern matches nothing.
func MatchGlobs(patterns []string, name string) bool {
	for _, p := range patterns {
		all, _ := alternatives(p)
		for _, one := range all {
			pattern := strings.Split(path.Clean(one), "/")
			for n := name; n != "." && n != "/"; n = path.Dir(n) {
				if matchParts(pattern, strings.Split(n, "/")) {
					return true
				}
			}
		}
	}
	return false
}

// ValidGlobs reports whether MatchGlobs can read all patterns.
func ValidGlobs(patterns []string) bool {
	return !slices.ContainsFunc(patterns, func(pattern string) bool {
		all, ok := alternatives(pattern)
		return !ok || slices.ContainsFunc(all, func(p string) bool {
			_, err := path.Match(p, "")
			return err != nil
		})
	})
}

// alternatives returns the patterns that one with braces stands for; not ok if the
// braces do not pair, or are too many.
func alternatives(pattern string) (all []string, ok bool) {
	todo := []string{pattern}
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		end := strings.IndexByte(p, '}')
		start := strings.LastIndexByte(p[:max(end, 0)], '{') // of the innermost pair
		if end < 0 || start < 0 {
			if strings.ContainsAny(p, "{}") {
				return nil, false
			}
			all = append(all, p)
			continue
		}
		for _, a := range strings.Split(p[start+1:end], ",") {
			todo = append(todo, p[:start]+a+p[end+1:])
		}
		if len(todo)+len(all) > maxAlternatives {
			return nil, false
		}
	}
	return all, true
}

func matchParts(pattern, name []string) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == "**" {
		for i := range len(name) + 1 {
			if matchParts(pattern[1:], name[i:]) {
				return true
			}
		}
		return false
	}
	if len(name) == 0 {
		return false
	}
	ok, err := path.Match(pattern[0], name[0])
	return ok && err == nil && matchParts(pattern[1:], name[1:])
}
