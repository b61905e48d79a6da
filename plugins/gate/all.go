// Package gate holds the plugins that decide what may merge.
//
// Takes: comments, reviews and changes of pull requests. Gives: the labels that
// Tide asks for or forbids, and the comments that say why. Woken by: hook.
package gate

import "github.com/prow-ci/prow/plugin"

// All returns the plugins of this package.
func All() []plugin.Plugin {
	return []plugin.Plugin{Approve(), Hold(), LGTM(), WIP()}
}
