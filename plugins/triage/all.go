// Package triage holds the plugins that sort issues and pull requests.
//
// Takes: comments and changes. Gives: labels. Woken by: hook.
package triage

import "github.com/prow-ci/prow/plugin"

// All returns the plugins of this package.
func All() []plugin.Plugin {
	return []plugin.Plugin{Help(), Label(), Size()}
}
