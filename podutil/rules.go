package podutil

import (
	"path"
	"strings"

	prow "github.com/prow-ci/prow"
)

// searched reports whether an artifact is searched for secrets: the job may say
// which directories are, and which are not.
func searched(o *prow.CensoringOptions, name string) bool {
	switch {
	case o == nil:
		return true
	case matches(o.ExcludeDirectories, name):
		return false
	}
	return len(o.IncludeDirectories) == 0 || matches(o.IncludeDirectories, name)
}

// matches reports whether a pattern matches the name or a directory it is in. In a
// pattern, ** is any number of directories.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		pattern := strings.Split(path.Clean(p), "/")
		for n := name; n != "." && n != "/"; n = path.Dir(n) {
			if matchParts(pattern, strings.Split(n, "/")) {
				return true
			}
		}
	}
	return false
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
