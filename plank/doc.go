// Package plank runs jobs: it starts what is triggered, follows what runs, and
// says how it ended and why.
//
// Takes: jobs from prow.Jobs, runs from prow.Runner, limits from the
// configuration. Gives: runs started, stopped and removed, and each step of a
// job's state. Woken by: every change of a job or a run, and, should one be
// missed, by a look at everything every few minutes.
//
// It may be killed at any point. What is wanted stands in the store, what runs
// is known to the runner, and every step is such that taking it again is
// harmless.
package plank
