// Package tekton runs jobs of the agent tekton-pipeline: it starts what is
// triggered, follows what runs, and says how it ended and why.
//
// Takes: jobs from prow.Jobs, PipelineRuns as runs of a prow.Runner. Gives: runs
// started, cancelled and removed, and each step of a job's state. Woken by: every
// change of a job or a run, and, should one be missed, the clock.
//
// It does for pipelines what plank does for pods, in Tekton's way: time limits are
// the pipeline's own, and a newer run of a job of any type takes the place of the
// older ones for the same change.
package tekton
