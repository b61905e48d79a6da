// Package review holds the plugins that find people to look at a change.
//
// Takes: comments and pull requests. Gives: assignees and requests for review.
// Woken by: hook.
package review

import "github.com/prow-ci/prow/plugin"

// All returns the plugins of this package.
func All() []plugin.Plugin {
	return []plugin.Plugin{Assign()}
}
