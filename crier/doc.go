// Package crier tells what became of jobs: a status for each context of a
// commit, one comment of failures per pull request, and files in the artifacts
// where the run itself could not leave them, among them what became of its pod.
//
// Takes: jobs from prow.Jobs, pods from prow.Pods. Gives: checks and comments on prow.Forge, files in
// prow.Artifacts, and, in the job, the state it has reported. Woken by: every
// change of a job.
//
// What it has told is recorded after it was told, so a forge that is down, or
// a process that is killed, delays a report and does not lose it.
package crier
