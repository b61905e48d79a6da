package podutil

import prow "github.com/prow-ci/prow"

// searched reports whether an artifact is searched for secrets: the job may say
// which directories are, and which are not. A pattern that is none exempts nothing.
func searched(o *prow.CensoringOptions, name string) bool {
	switch {
	case o == nil:
		return true
	case prow.MatchGlobs(o.ExcludeDirectories, name):
		return false
	}
	return len(o.IncludeDirectories) == 0 || !prow.ValidGlobs(o.IncludeDirectories) || prow.MatchGlobs(o.IncludeDirectories, name)
}
