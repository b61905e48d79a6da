// Package sqlite keeps what Prow remembers in one SQLite file: jobs, webhooks
// not yet handled, small values and the story of each pull request.
//
// Takes: jobs, deliveries, values and notes, through the ports of the root
// package. Gives: the same, found again by a process that was killed at any
// point. Woken by: its callers; Watch wakes them in turn.
//
// All writes go through one goroutine, which puts what waits into one
// transaction, so a thousand small writes a second cost a few dozen syncs.
// Reads run beside it on connections of their own.
package sqlite
