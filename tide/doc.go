// Package tide merges what may be merged, and says of everything else why not.
//
// Takes: open pull requests of the repositories that tide.queries name, their
// checks, the jobs that tested them, the configuration. Gives: test jobs,
// merges, the status `tide`, and in Memory the pool of each branch, the verdict
// on each pull request and the history of moves. Woken by: events of the forge
// (Wake), changes of jobs (Jobs.Watch), and a slow full pass as a net.
//
// The way through the package is one line: look (view.go, look.go), assess each
// pull request (assess.go), find the sets that were tested (sets.go), decide for
// the branch (decide.go), say it (verdict.go, status.go, publish.go), do it
// (act.go, merge.go). What decides is pure; it reads a value and gives a value.
package tide
