// Package sinker forgets what nobody needs any more: old jobs, the remains of
// runs, runs without a job, webhooks long handled, and what was remembered of the
// comments of pull requests that have no jobs any more.
//
// Takes: jobs, runs and ages from the configuration. Gives: deletions, one
// after another and never all at once. Woken by: every change of a run, the
// moment a run's time is up, and the clock.
package sinker
