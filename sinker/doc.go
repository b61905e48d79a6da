// Package sinker forgets what nobody needs any more: old jobs, the remains of
// runs, runs without a job, and webhooks long handled.
//
// Takes: jobs, runs and ages from the configuration. Gives: deletions, one
// after another and never all at once. Woken by: every change of a run, the
// moment a run's time is up, and the clock.
package sinker
