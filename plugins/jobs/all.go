// Package jobs holds the plugins that start jobs and bend their results.
//
// Takes: comments, changes of pull requests, pushes. Gives: ProwJobs, statuses,
// and the labels that say who may have code tested. Woken by: hook.
package jobs

import "github.com/prow-ci/prow/plugin"

// All returns the plugins of this package.
func All() []plugin.Plugin {
	return []plugin.Plugin{Override(), Skip(), Trigger()}
}
